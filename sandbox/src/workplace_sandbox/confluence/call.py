"""One request to the REST API: its caller, its parameters and its permissions."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response

from workplace_sandbox.confluence import access
from workplace_sandbox.confluence.errors import RestError, bad_request, no_content, no_space
from workplace_sandbox.confluence.expand import Expand
from workplace_sandbox.confluence.locks import AttachmentLocks
from workplace_sandbox.confluence.search_index import SearchIndex
from workplace_sandbox.model import Page, PageStatus, Space, User
from workplace_sandbox.store import Store

# Confluence limits the size of a request to its content resource (@LimitRequestSize(0x500000)).
MAX_REQUEST_BYTES = 0x500000
MAX_LIMIT = 500
# Sites limit a list with bodies to fewer items than one without: a client has to follow ``_links.next``.
MAX_LIMIT_WITH_BODIES = 50
# The statuses selected by ``status=any``, and by a missing status where all apply.
ANY_STATUS: tuple[PageStatus, ...] = ("current", "archived", "trashed")


@dataclass(frozen=True, slots=True)
class DataCenterSite:
    """The Confluence of a sandbox.

    :param store: its state.
    :param context_path: where it is mounted, e.g. ``/confluence``; empty for the root.
    :param search_lag: how long new content stays invisible to CQL, as a real search index lags behind.
    :param max_attachment_bytes: the largest accepted file; None for no limit.
    :param locks: the optimistic locking of attachments.
    :param index: the search index.
    """

    store: Store
    context_path: str
    search_lag: timedelta
    max_attachment_bytes: int | None
    locks: AttachmentLocks
    index: SearchIndex


class DataCenterCall:
    """A request with its caller and its parameters.

    :param request: the request.
    :raises AuthenticationFailedError: the credentials are wrong.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.site: DataCenterSite = request.app.state.site
        self.store: Store = self.site.store
        self.user: User | None = access.authenticate(self.store, request.headers, request.cookies)

    @property
    def base(self) -> str:
        """``_links.base``: scheme, host and context path, as the client addressed them."""
        return f"{self.request.url.scheme}://{self.request.url.netloc}{self.site.context_path}"

    # --- parameters

    def text(self, name: str) -> str | None:
        """Return a query parameter, None when it is missing or empty."""
        return self.request.query_params.get(name) or None

    def texts(self, name: str) -> list[str]:
        """Return a query parameter that may be repeated, or hold several values with commas."""
        return [
            value.strip()
            for values in self.request.query_params.getlist(name)
            for value in values.split(",")
            if value.strip()
        ]

    def number(self, name: str, default: int) -> int:
        """Return a whole number that is not negative.

        :raises RestError: 404, the response of JAX-RS to a parameter that it cannot convert.
        """
        value = self.text(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit()):
            raise RestError(404, f"For input string: {value!r}")
        return int(value)

    def expand(self, default: str = "") -> Expand:
        """Return the requested expansions; ``default`` when the parameter is missing."""
        values = self.request.query_params.getlist("expand")
        return Expand.parse(values or [default])

    def statuses(self) -> tuple[PageStatus, ...]:
        """Return the requested statuses, ``current`` by default. ``any`` selects all, but only alone."""
        requested = self.texts("status")
        if not requested:
            return ("current",)
        if requested == ["any"]:
            return ANY_STATUS
        return tuple(status for status in ANY_STATUS if status in requested)

    # --- access

    def visible(self, pages: Sequence[Page]) -> list[Page]:
        """Return those of ``pages`` that the caller may see."""
        if self.user is not None and not self.store.hides_pages():
            return list(pages)
        return [page for page in pages if access.may_view(self.store, self.user, page)]

    def page(self, page_id: str, statuses: Sequence[PageStatus] = ("current",)) -> Page:
        """Return a page that the caller may see.

        :raises RestError: 404, whether the page is missing or hidden.
        """
        page = self.store.page(page_id)
        if page is None or page.status not in statuses or not access.may_view(self.store, self.user, page):
            raise no_content(page_id)
        return page

    def space(self, key: str) -> Space:
        """Return a space that the caller may see.

        :raises RestError: 404.
        """
        space = self.store.space(key) if self.user else None
        if space is None:
            raise no_space(key)
        return space

    def require_edit(self, page: Page, refusal: str | None = None) -> User:
        """Return the caller, who may change ``page``.

        :param refusal: the message of the error otherwise.
        :raises RestError: 403.
        """
        if self.user is None or not access.may_edit(self.store, self.user, page):
            raise forbidden(refusal or update_refusal("Page", page.id))
        return self.user

    # --- responses

    def listing(
        self,
        items: Sequence[Any],
        represent: Callable[[Any], dict[str, Any]],
        *,
        default_limit: int = 25,
        with_bodies: bool = False,
    ) -> dict[str, Any]:
        """Return one page of a list, with the links to its neighbours.

        ``next`` is relative to the context path, as in the published examples: ``base`` + ``next`` is the address.

        :param items: the whole list.
        :param represent: makes the JSON of an item.
        :param default_limit: the limit when the request has none.
        :param with_bodies: whether bodies are expanded, which lowers the largest limit.
        :return: ``results``, ``start``, ``limit`` (the one in force), ``size``, ``_links``.
        """
        start = self.number("start", 0)
        largest = MAX_LIMIT_WITH_BODIES if with_bodies else MAX_LIMIT
        limit = min(self.number("limit", default_limit), largest)
        shown = items[start : start + limit]
        links = {"self": f"{self.base}{self._path(None)}"}
        if start + limit < len(items) and limit:
            links["next"] = self._path({"limit": limit, "start": start + limit})
        if start:
            links["prev"] = self._path({"limit": limit, "start": max(start - limit, 0)})
        return {
            "results": [represent(item) for item in shown],
            "start": start,
            "limit": limit,
            "size": len(shown),
            "_links": links | self.top_links(),
        }

    def top_links(self) -> dict[str, str]:
        """Return the additional entries of the outermost ``_links`` of a response."""
        return {"base": self.base, "context": self.site.context_path}

    def _path(self, change: dict[str, int] | None) -> str:
        """Return the path of this request below the context path, with other paging parameters."""
        path = self.request.url.path.removeprefix(self.site.context_path)
        query = list(self.request.query_params.multi_items())
        if change is not None:
            query = [(name, value) for name, value in query if name not in change]
            query += [(name, str(value)) for name, value in change.items()]
        return f"{path}?{urlencode(query)}" if query else path


CallDep = Annotated[DataCenterCall, Depends(DataCenterCall)]


async def json_body(request: Request) -> Any:
    """Return the JSON of a request.

    :raises RestError: 415 for another media type, 413 above 5 MiB, 400 for an invalid body.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RestError(415, "HTTP 415 Unsupported Media Type")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_REQUEST_BYTES:
            raise RestError(413, f"Request size exceeds the limit of {MAX_REQUEST_BYTES} bytes")
    try:
        value = json.loads(received.decode("utf-8"))
        # "\ud800" alone is a legal escape in JSON, but not a character: it cannot be stored as UTF-8.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise bad_request(f"Could not read JSON: {error}") from error
    return value


JsonBody = Annotated[Any, Depends(json_body)]


def respond(body: Any, status: int = 200) -> Response:
    """Return a JSON response."""
    return JSONResponse(body, status)


def no_content_response() -> Response:
    """Return an empty response, 204."""
    return Response(status_code=204)


def forbidden(what: str) -> RestError:
    """Return error 403 in the words of Confluence's permission check."""
    return RestError(403, f"com.atlassian.confluence.api.service.exceptions.PermissionException: {what}")


def update_refusal(kind: str, content_id: str) -> str:
    """Return Confluence's message about content that the caller may not, or cannot, update."""
    return f"Could not update Content of type : class com.atlassian.confluence.pages.{kind} with id {content_id}"
