"""One request to Confluence Cloud: its caller, its route, its permissions and its response."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.params import Depends as DependsParameter
from fastapi.responses import JSONResponse, Response

from workplace_sandbox.confluence import access
from workplace_sandbox.confluence.call import MAX_LIMIT_WITH_BODIES, MAX_REQUEST_BYTES
from workplace_sandbox.confluence.cloud import WIKI_PATH
from workplace_sandbox.confluence.cloud.callers import Caller, gateway_caller, site_caller
from workplace_sandbox.confluence.cloud.errors import (
    CloudError,
    anonymous_v1,
    anonymous_v2,
    gateway_error,
    not_found,
    v1_error,
    v2_error,
)
from workplace_sandbox.confluence.cloud.scopes import any_of, are_sufficient
from workplace_sandbox.confluence.cloud.state import CloudState
from workplace_sandbox.confluence.cloud.tree import above
from workplace_sandbox.confluence.search_index import SearchIndex
from workplace_sandbox.model import Folder, Page, PageKind, PageStatus, Space
from workplace_sandbox.store import Store

DEFAULT_LIMIT = 25
MAX_LIMIT = 250
MAX_ID_DIGITS = 18
V2 = "/api/v2/"


@dataclass(frozen=True, slots=True)
class CloudSite:
    """One route to the Confluence of the cloud.

    :param store: its state.
    :param state: the state that is kept in memory only.
    :param way: ``site`` for the site's own address, ``gateway`` for Atlassian's gateway.
    :param context_path: where the user interface shows the wiki.
    :param search_lag: how long new content stays invisible to CQL.
    :param max_attachment_bytes: the largest accepted file; None for no limit.
    :param index: the search index.
    """

    store: Store
    state: CloudState
    way: Literal["site", "gateway"]
    context_path: str
    search_lag: timedelta
    max_attachment_bytes: int | None
    index: SearchIndex


class CloudCall:
    """A request with its caller and its parameters.

    :param request: the request.
    :raises CloudError: the credentials are wrong, or the app has no points left.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.site: CloudSite = request.app.state.site
        self.store: Store = self.site.store
        is_gateway = self.site.way == "gateway"
        self.caller = gateway_caller(request, self.store, self.site.state) if is_gateway else self._site_caller()
        self.user = self.caller.user
        request.state.app = self.caller.app
        if self.caller.app is not None:
            self.site.state.budget.check(self.caller.app)
            self.site.state.budget.take(self.caller.app, 1)

    @property
    def base(self) -> str:
        """``_links.base``: the site's address with ``/wiki``, on both routes."""
        return f"{self.request.url.scheme}://{self.request.url.netloc}{WIKI_PATH}"

    @property
    def is_v2(self) -> bool:
        """True for a call of REST v2, whose errors have another shape than those of v1."""
        return V2 in self.request.url.path

    @property
    def kind(self) -> PageKind:
        """The kind of content that the address is about, in REST v2; v1 has one address for both."""
        return "blogpost" if f"{V2}blogposts" in self.request.url.path else "page"

    def require_scopes(self, *alternatives: str) -> None:
        """Refuse a token without the required scopes.

        :param alternatives: each a text with spaces between its scopes; the token must have all scopes of one of them.
        :raises CloudError: 401, the response of the gateway.
        """
        if self.caller.scopes is not None and not are_sufficient(self.caller.scopes, any_of(*alternatives)):
            raise gateway_error(401, "Unauthorized; scope does not match", "FAILURE_CLIENT_SCOPE_CHECK")

    def _site_caller(self) -> Caller:
        caller = site_caller(self.request, self.store, self.site.state)
        if caller is None:
            raise anonymous_v2() if self.is_v2 else anonymous_v1()
        return caller

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

    def flag(self, name: str) -> bool:
        """Return whether a query parameter is ``true``."""
        return (self.text(name) or "").lower() == "true"

    def choice(self, name: str, options: Sequence[str]) -> str | None:
        """Return a query parameter with one of several values, None when it is missing.

        :raises CloudError: 400 for another value.
        """
        value = self.text(name)
        if value is not None and value not in options:
            raise wrong_type(value, name, "|".join(options))
        return value

    def number(self, name: str) -> int | None:
        """Return a query parameter that is a whole number, None when it is missing.

        :raises CloudError: 400 for anything else.
        """
        value = self.text(name)
        if value is None:
            return None
        if not is_number(value):
            raise wrong_type(value, name, "integer")
        return int(value)

    def ids(self, name: str) -> list[str]:
        """Return a query parameter with ids.

        :raises CloudError: 400 for a value that is not a number.
        """
        values = self.texts(name)
        for value in values:
            self.check_id(value, name)
        return values

    def check_id(self, value: str, name: str = "id") -> str:
        """Check that a value is an id.

        :raises CloudError: 400.
        """
        if not is_number(value):
            raise wrong_type(value, name, "long")
        return value

    def statuses(self, allowed: Sequence[str], default: Sequence[PageStatus]) -> list[PageStatus]:
        """Return the values of ``status``, which may be repeated.

        :raises CloudError: 400 for a status that the call does not know.
        """
        requested = self.texts("status")
        for status in requested:
            if status not in allowed:
                raise wrong_type(status, "status", "|".join(allowed))
        if not requested:
            return list(default)
        known: tuple[PageStatus, ...] = ("current", "archived", "trashed")
        return [status for status in known if status in requested]

    # --- access

    def may_view(self, page: Page) -> bool:
        """Return whether the caller may see a page; restrictions of everything above apply, through folders as well."""
        return access.may_view(self.store, self.user, page) and all(
            access.may_view(self.store, self.user, entry) for entry in above(self.store, page) if isinstance(entry, Page)
        )

    def may_edit(self, page: Page) -> bool:
        """Return whether the caller may change a page."""
        return self.may_view(page) and access.may_edit(self.store, self.user, page)

    def visible(self, pages: Sequence[Page]) -> list[Page]:
        """Return those of ``pages`` that the caller may see."""
        # Checking each page is slow, and most wikis hide nothing.
        if not self.store.has_view_restrictions():
            return list(pages)
        return [page for page in pages if self.may_view(page)]

    def page(self, page_id: str, statuses: Sequence[PageStatus] = ("current", "archived")) -> Page:
        """Return a page that the caller may see.

        :raises CloudError: 400 for an invalid id; 404, whether the page is missing or hidden.
        """
        if self.is_v2:
            self.check_id(page_id)
        page = self.store.page(page_id)
        is_other = page is not None and page.kind != self.kind and f"{V2}{self.kind}s/" in self.request.url.path
        if page is None or page.status not in statuses or not self.may_view(page) or is_other:
            if self.is_v2:
                raise not_found(self.kind, page_id)
            raise v1_error(404, f"No content found with id: ContentId{{id={page_id}}}")
        return page

    def editable(self, page_id: str, statuses: Sequence[PageStatus] = ("current", "archived")) -> Page:
        """Return a page that the caller may change.

        :raises CloudError: 404 when it cannot be seen, 403 when it cannot be changed.
        """
        page = self.page(page_id, statuses)
        if not self.may_edit(page):
            raise self.forbidden(f"User does not have permission to edit content with id {page_id}")
        return page

    def forbidden(self, why: str) -> CloudError:
        """Return error 403 in the shape of the called version of REST."""
        if self.is_v2:
            return v2_error(403, why)
        return v1_error(403, f"com.atlassian.confluence.api.service.exceptions.PermissionException: {why}")

    def space_by_id(self, space_id: str) -> Space:
        """Return a space.

        :raises CloudError: 404.
        """
        self.check_id(space_id)
        for space in self.store.spaces():
            if str(space.id) == space_id:
                return space
        raise not_found("space", space_id)

    def folder(self, folder_id: str) -> Folder:
        """Return a folder.

        :raises CloudError: 404.
        """
        folder = self.store.folder(self.check_id(folder_id))
        hidden = folder is not None and not all(
            access.may_view(self.store, self.user, entry) for entry in above(self.store, folder) if isinstance(entry, Page)
        )
        if folder is None or hidden:
            raise not_found("folder", folder_id)
        return folder

    # --- responses

    def respond(self, body: Any, status: int = 200, *, objects: int = 1) -> Response:
        """Return a JSON response; an app pays for the objects in a read.

        :param objects: their number.
        """
        if self.caller.app is not None and self.request.method == "GET":
            self.site.state.budget.take(self.caller.app, objects)
        return JSONResponse(body, status, headers=points_headers(self.request))

    def no_content(self) -> Response:
        """Return an empty response, 204."""
        return Response(status_code=204, headers=points_headers(self.request))

    def redirect(self, url: str) -> Response:
        """Redirect to another address, 302."""
        return Response(status_code=302, headers={"Location": url} | points_headers(self.request))

    def listing(
        self,
        items: Sequence[Any],
        represent: Callable[[Any], dict[str, Any]],
        key: Callable[[Any], str] = lambda item: str(item.id),
        *,
        default_limit: int = DEFAULT_LIMIT,
        with_bodies: bool = False,
    ) -> Response:
        """Return one page of a list of REST v2.

        ``next`` is relative to the site, not to the called address: it begins with ``/wiki`` also when the request came
        by the gateway. The cursor names the last item that was sent, so that a list that grows meanwhile is not read
        twice.

        :param items: the whole list.
        :param represent: makes the JSON of an item.
        :param key: the part of an item that a cursor contains.
        :param default_limit: the limit when the request has none.
        :param with_bodies: whether bodies are sent, which lowers the largest limit: a short page is not the end.
        """
        limit_parameter = self.number("limit")
        limit = default_limit if limit_parameter is None else limit_parameter
        if not 1 <= limit <= MAX_LIMIT:
            raise v2_error(400, f"limit must be between 1 and {MAX_LIMIT}", "INVALID_REQUEST_PARAMETER")
        size = min(limit, MAX_LIMIT_WITH_BODIES) if with_bodies else limit
        start = self._after([key(item) for item in items])
        shown = items[start : start + size]
        links = {"base": self.base}
        headers: dict[str, str] = {}
        if start + size < len(items):
            links = {"next": self._next(start + size, key(shown[-1]), limit)} | links
            headers["Link"] = f'<{links["next"]}>; rel="next", <{self.base}>; rel="base"'
        response = self.respond({"results": [represent(item) for item in shown], "_links": links}, objects=len(shown))
        response.headers.update(headers)
        return response

    def _after(self, keys: Sequence[str]) -> int:
        """Return the index at which a page of the list begins."""
        text = self.text("cursor")
        if text is None:
            return 0
        place, last = read_cursor(text)
        # If the item was removed meanwhile, continue at its old place.
        return keys.index(last) + 1 if last in keys else min(place, len(keys))

    def _next(self, place: int, last: str, limit: int) -> str:
        path = self.request.url.path
        below = path[path.index(V2) :]
        query = [(name, value) for name, value in self.request.query_params.multi_items() if name not in ("cursor", "limit")]
        query += [("limit", str(limit)), ("cursor", make_cursor(place, last))]
        return f"/wiki{below}?{urlencode(query)}"


def make_cursor(place: int, last: str) -> str:
    """Return the text of a cursor, which is opaque to clients."""
    return base64.urlsafe_b64encode(json.dumps([place, last]).encode()).decode()


def read_cursor(text: str) -> tuple[int, str]:
    """Return the place and the key of a cursor.

    :raises CloudError: 400 for anything else.
    """
    try:
        place, last = json.loads(base64.urlsafe_b64decode(text.encode()))
        return int(place), str(last)
    except (ValueError, TypeError) as error:
        raise v2_error(400, "Invalid cursor", "INVALID_REQUEST_PARAMETER") from error


def points_headers(request: Request) -> dict[str, str]:
    """Return the headers that report an app's points; none for other callers."""
    app = getattr(request.state, "app", None)
    site: CloudSite = request.app.state.site
    return {} if app is None else site.state.budget.headers(app)


CloudCallDep = Annotated[CloudCall, Depends(CloudCall)]


def requires(*alternatives: str) -> DependsParameter:
    """Make a route require scopes of the token.

    :param alternatives: each a text with spaces between its scopes.
    """

    def check(call: CloudCallDep) -> None:
        call.require_scopes(*alternatives)

    check.alternatives = alternatives  # type: ignore[attr-defined]  # for the test against the descriptions
    dependency: DependsParameter = Depends(check)
    return dependency


async def cloud_json(request: Request) -> Any:
    """Return the JSON of a request.

    :raises CloudError: 415 for another media type, 413 above 5 MiB, 400 for an invalid body.
    """
    shape = v2_error if V2 in request.url.path else v1_error
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise shape(415, "Unsupported Media Type")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_REQUEST_BYTES:
            raise shape(413, "Request too large: the limit is 5 MB")
    try:
        value = json.loads(received.decode("utf-8"))
        # "\ud800" alone is a legal escape in JSON, but not a character: it cannot be stored as UTF-8.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise shape(400, f"Could not read JSON: {error}") from error
    return value


CloudJson = Annotated[Any, Depends(cloud_json)]


def is_number(value: str) -> bool:
    """Return whether a text is an id."""
    return value.isascii() and value.isdigit() and len(value) <= MAX_ID_DIGITS


def wrong_type(value: str, name: str, expected: str) -> CloudError:
    """Return error 400 for a parameter of another type."""
    title = f"Provided value {{{value}}} for '{name}' is not the correct type. Expected type is {expected}"
    return v2_error(400, title, "INVALID_REQUEST_PARAMETER", "")
