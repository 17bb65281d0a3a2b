"""What the page operators leave behind: a result for XCom, a link in the UI, an asset event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from airflow.sdk import Asset, AssetAlias, BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey
    from pydantic import JsonValue

    from workplace_provider.common.audit import AuditTrail
    from workplace_provider.confluence.client import Page


class PageResult(TypedDict):
    """A page as tasks hand it on.

    ``changed`` tells whether this task wrote anything. ``audit`` has who triggered and approved it, and which try of which
    task it is.
    """

    id: str
    title: str
    url: str
    version: int
    changed: bool
    audit: NotRequired[AuditTrail]


def page_result(page: Page, *, changed: bool) -> PageResult:
    """The result for a page."""
    return {"id": page.id, "title": page.title, "url": page.url, "version": page.version, "changed": changed}


def emit_page_event(context: Context, outlets: Sequence[Any], result: PageResult) -> None:
    """Tell who listens to the operator's outlets which page it is about.

    An :class:`~airflow.sdk.Asset` gets the result as the event's extra. An :class:`~airflow.sdk.AssetAlias` stands for a
    page that is known only now: it gets the asset ``confluence://<host>/<page id>``, and only when something changed.
    """
    for outlet in outlets:
        if isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(_as_extra(result))
        elif isinstance(outlet, AssetAlias) and result["changed"]:
            host = result["url"].partition("://")[2].partition("/")[0]
            asset = Asset(uri=f"confluence://{host}/{result['id']}", name=f"{host}/{result['id']}")
            context["outlet_events"][outlet].add(asset, extra=_as_extra(result))


def _as_extra(result: PageResult) -> dict[str, JsonValue]:
    return {"id": result["id"], "title": result["title"], "url": result["url"], "version": result["version"]}


class PageLink(BaseOperatorLink):
    """Button of a task in the UI that opens the page it is about."""

    name = "Open the page"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The page's address, which the operator stored while it ran; empty when it did not get that far."""
        return str(getattr(operator, "page_url", ""))
