"""Users and groups with the columns in django-scim2's documentation."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django_scim.models import AbstractSCIMGroupMixin, AbstractSCIMUserMixin


class User(AbstractSCIMUserMixin, AbstractUser):
    """A user."""

    @property
    def scim_groups(self):
        """Return the groups of the user."""
        return self.scim_group_set


class Group(AbstractSCIMGroupMixin, models.Model):
    """A group. Django's own model cannot have more columns in an application without migrations."""

    name = models.CharField(max_length=150, unique=True)
    user_set = models.ManyToManyField(User, related_name="scim_group_set")
