"""The scopes of each call. Source: ``x-atlassian-oauth2-scopes`` of the published descriptions.

A call is described with alternatives: a token needs every scope of one of them. Classic scopes reach the v1 calls,
granular ones v2; most v1 calls have granular alternatives as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Alternatives = tuple[frozenset[str], ...]

CLASSIC = (
    "write:confluence-content",
    "write:confluence-file",
    "write:confluence-props",
    "search:confluence",
    "readonly:content.attachment:confluence",
    "read:confluence-content.summary",
    "read:confluence-content.all",
    "read:confluence-space.summary",
    "read:confluence-user",
    "read:confluence-groups",
    "read:confluence-content.permission",
)
GRANULAR = (
    "read:page:confluence",
    "write:page:confluence",
    "delete:page:confluence",
    "read:space:confluence",
    "read:hierarchical-content:confluence",
    "read:attachment:confluence",
    "write:attachment:confluence",
    "delete:attachment:confluence",
    "read:comment:confluence",
    "write:comment:confluence",
    "delete:comment:confluence",
    "read:folder:confluence",
    "write:folder:confluence",
    "delete:folder:confluence",
    "read:label:confluence",
    "write:label:confluence",
    "read:template:confluence",
    "read:user:confluence",
    "read:group:confluence",
    "read:content-details:confluence",
    "read:content.metadata:confluence",
    "write:content.restriction:confluence",
    "read:content.restriction:confluence",
    "read:content.permission:confluence",
    "read:content:confluence",
    "write:content:confluence",
    "read:space.setting:confluence",
    "read:watcher:confluence",
    "read:user.property:confluence",
)
JIRA = (
    "read:jira-work",
    "read:jira-user",
    "read:board-scope:jira-software",
    "read:sprint:jira-software",
    "read:project:jira",
    "read:issue-details:jira",
)
OFFLINE = "offline_access"
ALL = (*GRANULAR, *CLASSIC, *JIRA)
"""Every scope that a call of the sandbox needs."""


def any_of(*alternatives: str) -> Alternatives:
    """Read alternatives, each a text with spaces between its scopes."""
    return tuple(frozenset(alternative.split()) for alternative in alternatives)


def are_sufficient(granted: Iterable[str], needed: Alternatives) -> bool:
    """Return whether scopes are enough for a call."""
    held = frozenset(granted)
    return any(alternative <= held for alternative in needed)
