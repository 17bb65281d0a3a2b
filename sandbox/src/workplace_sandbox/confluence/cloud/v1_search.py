"""Searching with CQL, by REST v1.

Pages of results go by cursor: ``start`` is ignored. Content that the caller may not see is removed from a page of results
after the page was cut, so a short page, even an empty one, is not the end. Source: reference section 2.2.
"""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.cloud import represent, v1_represent
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, make_cursor, read_cursor, requires
from workplace_sandbox.confluence.cloud.clock import moment
from workplace_sandbox.confluence.cloud.errors import CloudError, v1_error
from workplace_sandbox.confluence.cloud.v1_listing import MAX_LIMIT, parse_int
from workplace_sandbox.confluence.cql import CqlError, parse_cql
from workplace_sandbox.confluence.expand import Expand
from workplace_sandbox.confluence.search_index import IndexedContent
from workplace_sandbox.model import Page

router = APIRouter()

SEARCH = requires("search:confluence", "read:content-details:confluence")


@router.get("/content/search", dependencies=[SEARCH])
def search_content(call: CloudCallDep) -> Response:
    """Find content by CQL."""
    expand = Expand.parse(call.request.query_params.getlist("expand"))
    shown, page = _search(call)
    return call.respond({"results": [_content(call, entry, expand) for entry in shown]} | page, objects=len(shown))


@router.get("/search", dependencies=[SEARCH])
def search_all(call: CloudCallDep) -> Response:
    """Find content by CQL, each with title, excerpt and address."""
    expand = Expand.parse(call.request.query_params.getlist("expand")).into("content")
    shown, page = _search(call)
    results = [_result(call, entry, expand) for entry in shown]
    more = {"cqlQuery": call.text("cql") or "", "searchDuration": 1, "archivedResultCount": 0}
    return call.respond({"results": results} | page | more, objects=len(shown))


def _search(call: CloudCall) -> tuple[list[IndexedContent], dict[str, Any]]:
    """Return the results on a page of the search, and the rest of the response."""
    text = call.text("cql")
    if text is None:
        raise v1_error(400, "CQL query parameter is required but was empty")
    results = _found(call, text)
    limit = min(max(parse_int(call, "limit", 25), 1), MAX_LIMIT)
    start = _start(call)
    cut = results[start : start + limit]
    shown = [entry for entry in cut if call.may_view(entry.page)]
    links = {"self": f"{call.base}{_path(call)}"} | v1_represent.top_links(call)
    if start + limit < len(results):
        query = {"next": "true", "cursor": make_cursor(start + limit, ""), "limit": str(limit), "cql": text}
        if expand := call.text("expand"):
            query["expand"] = expand
        links["next"] = f"{_path(call)}?{urlencode(query)}"
    return shown, {"start": start, "limit": limit, "size": len(shown), "totalSize": len(results), "_links": links}


def _found(call: CloudCall, text: str) -> list[IndexedContent]:
    try:
        query = parse_cql(text, call.user.username)
    except CqlError as error:
        raise v1_error(400, f"Could not parse cql : {text}" if error.syntax else str(error)) from error
    # The key contains the user: the same words from another caller may select other content, with currentUser().
    return call.site.index.run(query, f"{call.user.username} {text}", lambda: _pages(call), call.site.search_lag)


def _pages(call: CloudCall) -> dict[str, Page]:
    return {page.id: page for page in (*call.store.pages(), *call.store.pages(kind="blogpost"))}


def _start(call: CloudCall) -> int:
    cursor = call.text("cursor")
    if cursor is None:
        return 0
    try:
        return read_cursor(cursor)[0]
    except CloudError as error:
        raise v1_error(400, "Invalid cursor") from error


def _path(call: CloudCall) -> str:
    path = call.request.url.path
    return path[path.index("/rest/") :]


def _content(call: CloudCall, entry: IndexedContent, expand: Expand) -> dict[str, Any]:
    if entry.attachment:
        return v1_represent.attachment(call, entry.attachment, expand)
    if entry.comment:
        return v1_represent.comment(call, entry.comment, expand)
    return v1_represent.page(call, entry.page, expand)


def _result(call: CloudCall, entry: IndexedContent, expand: Expand) -> dict[str, Any]:
    return {
        "content": _content(call, entry, expand),
        "title": entry.title,
        "excerpt": entry.text[:200],
        "url": represent.web_path(call, entry.page),
        "resultGlobalContainer": {"title": entry.space_name, "displayUrl": f"/spaces/{entry.page.space_key}"},
        "breadcrumbs": [],
        "entityType": "content",
        "iconCssClass": f"aui-icon content-type-{entry.type}",
        "lastModified": moment(entry.modified),
        "friendlyLastModified": f"{entry.modified:%b %d, %Y}",
        "score": 0.0,
    }
