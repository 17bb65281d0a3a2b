"""Confluence in plain Python: a client per dialect behind one protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workplace_provider.clients.confluence.protocol import (
    Attachment,
    Comment,
    ConfluenceClient,
    ContentProperty,
    Page,
    PageVersion,
    Restrictions,
    Server,
    Template,
    User,
)
from workplace_provider.clients.errors import Invalid

if TYPE_CHECKING:
    from workplace_provider.clients.http import HttpSettings

__all__ = [
    "Attachment",
    "Comment",
    "ConfluenceClient",
    "ContentProperty",
    "Page",
    "PageVersion",
    "Restrictions",
    "Server",
    "Template",
    "User",
    "connect",
]


def connect(
    base_url: str,
    *,
    token: str | None = None,
    user: str | None = None,
    password: str | None = None,
    settings: HttpSettings | None = None,
    sleep: Callable[[float], None] | None = None,
) -> ConfluenceClient:
    """A client for a Confluence Data Center or Server site. Nothing is sent yet.

    :param base_url: the site with its context path, such as ``https://wiki.example.com/confluence``
    :param token: personal access token
    :param user: account name, for a site without personal access tokens
    :param password: the account's password
    :param settings: time-outs, TLS and limits
    :param sleep: waits between attempts; for tests
    :raises Invalid: when the URL is none, or the credentials are incomplete
    """
    from workplace_provider.clients.confluence.datacenter import DataCenterClient
    from workplace_provider.clients.http import Basic, Bearer

    if token:
        auth: Bearer | Basic = Bearer(token)
    elif user and password:
        auth = Basic(user, password)
    else:
        raise Invalid(
            "no credential was given",
            system="Confluence",
            advice="give a personal access token, or user and password",
        )
    return DataCenterClient(base_url, auth=auth, settings=settings, sleep=sleep)
