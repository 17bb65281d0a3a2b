"""Users with the columns in django-scim2's documentation."""

from django.contrib.auth.models import AbstractUser
from django_scim.models import AbstractSCIMUserMixin


class User(AbstractSCIMUserMixin, AbstractUser):
    """A user; groups are not part of the proof."""

    @property
    def scim_groups(self):
        """Return no groups."""
        return self.groups.none()
