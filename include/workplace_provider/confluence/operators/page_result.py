"""Results of the page operators: the value for XCom, the link in the UI, the asset event."""

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
    """A page in XCom.

    ``changed`` is true if this task has changed the page. ``audit`` names the people who triggered and approved the run,
    and the try of the task.
    """

    id: str
    title: str
    url: str
    version: int
    changed: bool
    audit: NotRequired[AuditTrail]


def page_result(page: Page, *, changed: bool) -> PageResult:
    """Return the result for a page."""
    return {"id": page.id, "title": page.title, "url": page.url, "version": page.version, "changed": changed}


def emit_page_event(context: Context, outlets: Sequence[Any], result: PageResult) -> None:
    """Add the page to the asset events of the operator's outlets.

    The event of an :class:`~airflow.sdk.Asset` gets the result as its extra. An :class:`~airflow.sdk.AssetAlias` is for a
    page that the DAG does not know in advance: it gets the asset ``confluence://<host>/<page id>`` if the page was changed.
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
    """The button of a task in the UI that opens its page."""

    name = "Open the page"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL of the page, which the running task stored; empty text if it did not."""
        return str(getattr(operator, "page_url", ""))
