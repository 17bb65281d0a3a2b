"""Scopes of the calls to Confluence Cloud, from ``x-atlassian-oauth2-scopes`` of Atlassian's API descriptions."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

_NEEDED: Final = tuple(
    (method, re.compile(pattern), tuple(frozenset(alternative.split()) for alternative in alternatives))
    for method, pattern, alternatives in (
        ("GET", r"api/v2/pages/\d+/(direct-children|descendants)", ("read:hierarchical-content:confluence",)),
        ("GET", r"api/v2/folders/\d+/(direct-children|descendants)", ("read:hierarchical-content:confluence",)),
        ("GET", r"api/v2/folders/\d+", ("read:folder:confluence",)),
        ("GET", r"api/v2/((pages|blogposts)/\d+/)?attachments", ("read:attachment:confluence",)),
        ("GET", r"api/v2/((pages|blogposts)/\d+/)?(footer|inline)-comments", ("read:comment:confluence",)),
        ("POST", r"api/v2/footer-comments$", ("write:comment:confluence",)),
        ("DELETE", r"api/v2/footer-comments/\d+$", ("delete:comment:confluence",)),
        ("GET", r"api/v2/comments/\d+/properties", ("read:comment:confluence",)),
        ("POST", r"api/v2/comments/\d+/properties", ("read:comment:confluence write:comment:confluence",)),
        ("GET", r"api/v2/spaces", ("read:space:confluence",)),
        ("POST", r"api/v2/users-bulk", ("read:user:confluence",)),
        ("GET", r"api/v2/(pages|blogposts)", ("read:page:confluence",)),
        ("DELETE", r"api/v2/(pages|blogposts)/\d+$", ("delete:page:confluence",)),
        ("(POST|PUT)", r"api/v2/(pages|blogposts)/\d+/properties", ("read:page:confluence write:page:confluence",)),
        ("(POST|PUT)", r"api/v2/(pages|blogposts)", ("write:page:confluence",)),
        (
            "GET",
            r"rest/api/content/\w+/child/attachment/\w+/download",
            ("readonly:content.attachment:confluence", "read:attachment:confluence"),
        ),
        (
            "(POST|PUT)",
            r"rest/api/content/\w+/child/attachment",
            ("write:confluence-file", "read:content-details:confluence write:attachment:confluence"),
        ),
        (
            "POST",
            r"rest/api/content/\w+/copy",
            ("write:confluence-content", "read:content-details:confluence write:page:confluence"),
        ),
        (
            "POST",
            r"rest/api/content/archive",
            ("write:confluence-content", "read:content.metadata:confluence write:page:confluence"),
        ),
        (
            "POST",
            r"rest/api/content/\w+/label",
            ("write:confluence-content", "read:label:confluence write:label:confluence"),
        ),
        ("DELETE", r"rest/api/content/\w+/label", ("write:confluence-content", "write:label:confluence")),
        (
            "GET",
            r"rest/api/content/\w+/restriction",
            ("read:confluence-content.all", "read:content-details:confluence"),
        ),
        (
            "(PUT|DELETE)",
            r"rest/api/content/\w+/restriction",
            ("write:confluence-content", "read:content-details:confluence write:content.restriction:confluence"),
        ),
        ("PUT", r"rest/api/content/\w+/move", ("write:confluence-content", "write:page:confluence")),
        ("GET", r"rest/api/content/\w+/state/available", ("write:confluence-content", "write:content:confluence")),
        (
            "GET",
            r"rest/api/content/\w+/state",
            ("read:confluence-content.summary", "read:content-details:confluence"),
        ),
        (
            "PUT",
            r"rest/api/content/\w+/state",
            ("write:confluence-content", "write:content:confluence read:content-details:confluence"),
        ),
        (
            "POST",
            r"rest/api/content/\w+/permission/check",
            ("read:confluence-content.permission", "read:content.permission:confluence"),
        ),
        ("GET", r"rest/api/group/picker", ("read:confluence-groups", "read:group:confluence")),
        ("GET", r"rest/api/content/search", ("search:confluence", "read:content-details:confluence")),
        ("GET", r"rest/api/longtask", ("read:confluence-space.summary", "read:content.metadata:confluence")),
        (
            "GET",
            r"rest/api/template",
            ("read:confluence-content.summary", "read:template:confluence read:content-details:confluence"),
        ),
        ("GET", r"rest/api/user/current", ("read:confluence-user", "read:content-details:confluence")),
    )
)

SCOPE: Final = "scope"
"""Code of the error for a token without the needed scope."""

SCOPES: Final = (
    "read:page:confluence",
    "write:page:confluence",
    "delete:page:confluence",
    "read:space:confluence",
    "read:hierarchical-content:confluence",
    "read:folder:confluence",
    "read:attachment:confluence",
    "write:attachment:confluence",
    "read:comment:confluence",
    "write:comment:confluence",
    "delete:comment:confluence",
    "read:group:confluence",
    "read:label:confluence",
    "write:label:confluence",
    "read:user:confluence",
    "read:template:confluence",
    "read:content.metadata:confluence",
    "read:content-details:confluence",
    "read:content.permission:confluence",
    "write:content.restriction:confluence",
    "write:content:confluence",
)
"""The granular scopes for all calls of the provider; classic scopes do not give access to API v2."""


def needed_for(method: str, path: str) -> tuple[frozenset[str], ...]:
    """Return the alternative sets of scopes for a call; a token needs one whole set.

    :param path: below ``/wiki/``
    """
    for methods, pattern, alternatives in _NEEDED:
        if re.fullmatch(methods, method) and pattern.match(path):
            return alternatives
    return ()


def missing_scope_advice(method: str, path: str, granted: Collection[str]) -> str:
    """Return the advice for a token without the scope that a call needs.

    :param granted: the scopes that the token has, as far as they are known
    """
    alternatives = needed_for(method, path)
    if not alternatives:
        return "the token does not have the scope for this; docs/cloud.md lists all scopes"
    missing = [" and ".join(sorted(scopes - set(granted))) for scopes in alternatives if scopes - set(granted)]
    return f"the token does not have the scope {', or '.join(missing)}; add it to the app or the token, and consent again"
