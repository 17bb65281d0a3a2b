"""The products of Atlassian's cloud whose connections can have the consent of a person."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.auth.scopes import SCOPES as CONFLUENCE_SCOPES
from workplace_provider.confluence.client import connect
from workplace_provider.jira.client import SCOPES as JIRA_SCOPES
from workplace_provider.jira.client import JiraClient

if TYPE_CHECKING:
    from workplace_provider.common.atlassian.credentials import OAuthApp
    from workplace_provider.http.client import HttpSettings


@dataclass(frozen=True, slots=True)
class ConsentStatus:
    """The account and the site of a connection's consent.

    :param account: name of the account that Airflow acts for
    :param account_id: its id at Atlassian
    :param site: URL of the site
    """

    account: str
    account_id: str
    site: str


def _confluence_status(host: str, app: OAuthApp, settings: HttpSettings) -> ConsentStatus:
    with closing(connect(host, credential=app, deployment="cloud", settings=settings)) as client:
        user = client.current_user()
        return ConsentStatus(user.display_name, user.name, client.server().base_url)


def _jira_status(host: str, app: OAuthApp, settings: HttpSettings) -> ConsentStatus:
    with JiraClient(host, credential=app, settings=settings) as client:
        account = client.myself()
        return ConsentStatus(str(account.get("displayName", "")), str(account.get("accountId", "")), client.site_url)


@dataclass(frozen=True, slots=True)
class Product:
    """A product of Atlassian's cloud.

    :param conn_type: type of its connections
    :param scopes: scopes that the provider's calls need, besides ``offline_access``
    :param read_status: reads the account of a consent from the product
    """

    name: str
    conn_type: str
    scopes: tuple[str, ...]
    read_status: Callable[[str, OAuthApp, HttpSettings], ConsentStatus]


PRODUCTS: Final = {
    product.conn_type: product
    for product in (
        Product("Confluence", "confluence", CONFLUENCE_SCOPES, _confluence_status),
        Product("Jira", "jira", JIRA_SCOPES, _jira_status),
    )
}
"""The products by the type of their connections."""
