"""Confluence in plain Python: a client for each deployment, behind one protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from workplace_provider.common.atlassian.sites import is_cloud
from workplace_provider.confluence.client.model import (
    Attachment,
    Comment,
    ContentProperty,
    Page,
    PageVersion,
    Restrictions,
    Scope,
    Server,
    Template,
    User,
)
from workplace_provider.confluence.client.protocol import ConfluenceClient
from workplace_provider.http.errors import Invalid

if TYPE_CHECKING:
    from workplace_provider.common.atlassian.credentials import CloudCredential
    from workplace_provider.http.client import HttpSettings

Deployment = Literal["auto", "datacenter", "cloud"]

__all__ = [
    "Attachment",
    "Comment",
    "ConfluenceClient",
    "ContentProperty",
    "Page",
    "PageVersion",
    "Restrictions",
    "Scope",
    "Server",
    "Template",
    "User",
    "connect",
    "is_cloud",
]


def connect(
    base_url: str,
    *,
    token: str | None = None,
    user: str | None = None,
    password: str | None = None,
    credential: CloudCredential | None = None,
    site_url: str = "",
    deployment: Deployment = "auto",
    settings: HttpSettings | None = None,
    sleep: Callable[[float], None] | None = None,
) -> ConfluenceClient:
    """Return a client for a Confluence site, Data Center or Cloud. Nothing is sent yet.

    Example::

        wiki = connect("https://wiki.example.com/confluence", token="…")
        cloud = connect("https://your-team.atlassian.net", user="me@example.com", password="API token")
        page = wiki.find_page("TEAM", "Weekly report", body=True)

    :param base_url: the site with its context path, such as ``https://wiki.example.com/confluence``, or
        ``https://your-team.atlassian.net``. May be empty when a ``credential`` belongs to one site only
    :param token: personal access token, on Data Center
    :param user: account name, for a Data Center site without personal access tokens; on Cloud the account's e-mail address
    :param password: the account's password; on Cloud an API token without scopes
    :param credential: any other credential for Cloud
    :param site_url: on Data Center, base URL of links for people, if ``base_url`` is an internal address
    :param deployment: ``auto`` treats a site of Atlassian's domain, and any site with a ``credential``, as Cloud
    :param settings: time-outs, TLS and limits
    :param sleep: sleeps between attempts; for tests
    :raises Invalid: when the URL is not valid, or the credentials are incomplete
    """
    if deployment == "auto":
        deployment = "cloud" if credential is not None or is_cloud(base_url) else "datacenter"
    if deployment == "cloud":
        from workplace_provider.common.atlassian.credentials import ApiToken
        from workplace_provider.confluence.client.cloud import CloudClient
        from workplace_provider.confluence.client.cloud_connection import CloudConnection

        if credential is None:
            if not (user and (password or token)):
                raise _no_credential("give the e-mail address of the account as user, and an API token as password")
            credential = ApiToken(user, password or token or "")
        return CloudClient(CloudConnection(base_url, credential, settings=settings, sleep=sleep))

    from workplace_provider.confluence.client.datacenter import DataCenterClient
    from workplace_provider.http.client import Basic, Bearer

    if token:
        auth: Bearer | Basic = Bearer(token)
    elif user and password:
        auth = Basic(user, password)
    else:
        raise _no_credential("give a personal access token, or user and password")
    return DataCenterClient(base_url, site_url=site_url, auth=auth, settings=settings, sleep=sleep)


def _no_credential(advice: str) -> Invalid:
    return Invalid("no credential was given", advice=advice)
