"""The filter of django-scim2, which also finds a user by ``externalId``, as its documentation shows."""

from typing import ClassVar

from django_scim.filters import UserFilterQuery


class Filter(UserFilterQuery):
    """Names, state and external id."""

    attr_map: ClassVar = {**UserFilterQuery.attr_map, ("externalId", None, None): "scim_external_id"}
