"""The users of a SCIM service, such as an identity provider, as a directory for account syncs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from workplace_provider.identity.directory import Directory, Identity

ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_ATTRIBUTES: Final = ("employeeNumber", "costCenter", "organization", "division", "department")
"""Attributes of the enterprise extension (RFC 7643, section 4.3), besides the manager."""


class ScimUsers(Protocol):
    """A client of a SCIM service, such as ``ScimHook(...).client``."""

    def users(self) -> list[dict[str, Any]]:
        """Return all users, or raise an error."""


def read_scim_directory(client: ScimUsers, source: str) -> Directory:
    """Return the users of a SCIM service as a directory.

    Groups are those that the service lists in the attribute ``groups`` of a user. The attributes of the enterprise extension
    are further attributes, such as ``attributes.department`` and ``attributes.manager``::

        directory = read_scim_directory(ScimHook("okta").client, "scim:okta")

    :param client: the client
    :param source: prefix of the marks of accounts, such as ``scim:okta``
    :raises WorkplaceError: the users could not be read completely
    :raises ValueError: two users have the same id
    """
    people = [_person(user, source) for user in client.users()]
    return Directory.of(people, source=source, taken_at=datetime.now(UTC), complete=True)


def _person(user: Mapping[str, Any], source: str) -> Identity:
    key, name, extension = str(user["id"]), _mapping(user.get("name")), _mapping(user.get(ENTERPRISE))
    groups = [group for group in _list(user.get("groups")) if isinstance(group, Mapping)]
    attributes = {field: _text(extension.get(field)) for field in _ATTRIBUTES}
    manager = extension.get("manager")
    # RFC 7643 has an object; some services send the id alone.
    attributes["manager"] = _text(_mapping(manager).get("value") if isinstance(manager, Mapping) else manager)
    return Identity(
        key=key,
        external_id=f"{source}:{key}",
        user_name=_text(user.get("userName")),
        display_name=_text(user.get("displayName")) or _text(name.get("formatted")),
        full_name=_text(name.get("formatted")),
        given=_text(name.get("givenName")),
        family=_text(name.get("familyName")),
        email=_email(user.get("emails")),
        active=_is_active(user.get("active")),
        groups=tuple(sorted({_text(group.get(part)) for group in groups for part in ("value", "display")} - {""})),
        title=_text(user.get("title")),
        tz=_text(user.get("timezone")),
        locale=_text(user.get("locale")),
        attributes={field: value for field, value in attributes.items() if value},
    )


def _is_active(value: Any) -> bool:
    """Return whether a user is active: without the attribute, and not for a text such as ``"False"``, which Entra sends."""
    return value is None or str(value).strip().lower() == "true"


def _email(emails: Any) -> str:
    """Return the primary address, else the first one."""
    listed = [email for email in _list(emails) if isinstance(email, Mapping) and _text(email.get("value"))]
    primary = [email for email in listed if str(email.get("primary")).lower() == "true"]
    return _text((primary or listed)[0]["value"]) if listed else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None or isinstance(value, list | dict) else str(value)
