"""Searching with CQL."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.call import CallDep, DataCenterCall, respond
from workplace_sandbox.confluence.cql import CqlError, parse_cql
from workplace_sandbox.confluence.errors import bad_request
from workplace_sandbox.confluence.expand import Expand
from workplace_sandbox.confluence.representation import DataCenterRepresentation, moment, web_path
from workplace_sandbox.confluence.search_index import IndexedContent
from workplace_sandbox.model import Page
from workplace_sandbox.zone import SEOUL

router = APIRouter()


@router.get("/content/search")
def search_content(call: CallDep) -> Response:
    """Find content by CQL."""
    expand = call.expand()
    represent = DataCenterRepresentation(call)
    listing = call.listing(
        _search(call),
        lambda finding: _content(represent, finding, expand),
        with_bodies="body" in expand,
    )
    return respond(listing)


@router.get("/search")
def search_all(call: CallDep) -> Response:
    """Find content by CQL, each with title, excerpt and address."""
    expand = call.expand()
    represent = DataCenterRepresentation(call)
    results = _search(call)

    def result(finding: IndexedContent) -> dict[str, Any]:
        return {
            "content": _content(represent, finding, expand.into("content")),
            "title": finding.title,
            "excerpt": finding.text[:200],
            "url": web_path(finding.page),
            "resultGlobalContainer": {
                "title": finding.space_name,
                "displayUrl": f"/display/{finding.page.space_key}",
            },
            "entityType": "content",
            "iconCssClass": f"aui-icon content-type-{finding.type}",
            "lastModified": moment(finding.modified),
            "friendlyLastModified": f"{finding.modified.astimezone(SEOUL):%b %d, %Y}",
            "timestamp": int(finding.modified.timestamp() * 1000),
        }

    listing = call.listing(results, result, with_bodies="body" in expand.into("content"))
    return respond(listing | {"totalSize": len(results), "cqlQuery": call.text("cql"), "searchDuration": 1})


def _search(call: DataCenterCall) -> list[IndexedContent]:
    text = call.text("cql")
    if text is None:
        raise bad_request("CQL query parameter is required but was empty")
    try:
        query = parse_cql(text, call.user.username if call.user else "")
    except CqlError as error:
        raise bad_request(f"Could not parse cql : {text}" if error.syntax else str(error)) from error
    if call.user is None:
        return []

    def visible() -> dict[str, Page]:
        content = (*call.store.pages(), *call.store.pages(kind="blogpost"))
        return {page.id: page for page in call.visible(content)}

    # The key contains the user: the same words from another caller may select other content, with currentUser().
    return call.site.index.run(query, f"{call.user.username} {text}", visible, call.site.search_lag)


def _content(represent: DataCenterRepresentation, finding: IndexedContent, expand: Expand) -> dict[str, Any]:
    if finding.attachment:
        return represent.attachment(finding.attachment, expand)
    if finding.comment:
        return represent.comment(finding.comment, expand)
    return represent.page(finding.page, expand)
