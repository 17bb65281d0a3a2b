"""Reading the list of accounts of a described service, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urljoin, urlsplit

from workplace_provider.http.errors import BadResponse, Invalid, NotFound
from workplace_provider.identity.targets.json_paths import value_at

if TYPE_CHECKING:
    from requests import Response

    from workplace_provider.identity import Account
    from workplace_provider.identity.targets.description import ListEndpoint
    from workplace_provider.identity.targets.rest_accounts import AccountParser
    from workplace_provider.identity.targets.rest_client import RestClient

MAX_PAGES: Final = 100_000


@dataclass(frozen=True)
class _Page:
    """The request for one page.

    :param path: address that the service has sent; empty for the path of the description
    :param position: number of the page, or number of accounts before it
    """

    path: str = ""
    query: Mapping[str, Any] = field(default_factory=dict)
    position: int = 0


class AccountListing:
    """The list of accounts of a service.

    :raises Invalid: the description has no list
    """

    def __init__(self, client: RestClient, parser: AccountParser) -> None:
        listing = client.description.list
        if listing is None:
            raise Invalid(
                "the description has no list",
                system=client.system,
                advice="accounts can only be looked up; plan with workplace_provider.identity.lookups",
            )
        self._client = client
        self._parser = parser
        self._endpoint: ListEndpoint = listing
        self._paging = listing.paging

    def accounts(self) -> Iterator[Account]:
        """Yield all accounts.

        :raises BadResponse: a page is repeated, or the list has fewer accounts than the service's total
        """
        seen: set[str] = set()
        total: int | None = None
        for body in self._bodies():
            total = self._total(body, total)
            items = self._parser.items(self._endpoint, body)
            before = len(seen)
            for item in items:
                account = self._parser.parse(item)
                if account.id not in seen:
                    seen.add(account.id)
                    yield account
            is_repeated = bool(items) and len(seen) == before and self._paging.style != "none"
            if is_repeated and self._paging.end != "repeated":
                raise self._client.bad_response(
                    self._endpoint,
                    "a page has the same accounts as the earlier ones. Check list.paging (end: repeated, if the service "
                    "sends the last page again)",
                )
            if is_repeated or (total is not None and len(seen) >= total):
                break
        if total is not None and len(seen) < total:
            problem = f"the list has {len(seen)} accounts, but the service's total is {total}"
            raise self._client.bad_response(self._endpoint, problem)

    def _total(self, body: Any, known: int | None) -> int | None:
        """Return the service's total; the last known one if the page does not have it."""
        value = value_at(body, self._paging.total) if self._paging.total else None
        return known if value is None else int(value)

    def _bodies(self) -> Iterator[Any]:
        """Yield the body of each page."""
        page: _Page | None = self._first_page()
        for number in range(MAX_PAGES):
            if page is None:
                return
            try:
                response = self._get(page)
            except NotFound:
                if number and self._paging.end == "missing":
                    return
                raise
            body = self._client.http.json_of(response)
            yield body
            page = self._next_page(page, body, response)
        raise self._client.bad_response(self._endpoint, f"the list does not end after {MAX_PAGES} pages")

    def _get(self, page: _Page) -> Response:
        if page.path:
            return self._client.get(page.path, page.query)
        request = self._client.requests["list"]
        return self._client.respond(request, request.payload.fill(), True, {}, page.query)

    def _first_page(self) -> _Page:
        paging = self._paging
        query: dict[str, Any] = {paging.size_parameter: paging.size} if paging.size_parameter else {}
        if paging.style not in ("page", "offset"):
            return _Page(query=query)
        position = paging.first if paging.style == "page" else 0
        return _Page(query={**query, paging.parameter: position}, position=position)

    def _next_page(self, page: _Page, body: Any, response: Response) -> _Page | None:
        """Return the next page; ``None`` after the last one."""
        paging = self._paging
        if paging.style in ("page", "offset"):
            # A page may be shorter than requested. Only an empty page is certainly the last one.
            count = len(self._parser.items(self._endpoint, body))
            position = page.position + (1 if paging.style == "page" else count)
            query = {**page.query, paging.parameter: position}
            return replace(page, query=query, position=position) if count else None
        if paging.style == "cursor":
            cursor = value_at(body, paging.next)
            return None if cursor in (None, "", False) else replace(page, query={**page.query, paging.parameter: cursor})
        if paging.style in ("next", "link"):
            address = value_at(body, paging.next) if paging.style == "next" else _next_link(response)
            return self._page_at(str(address), response.url) if address else None
        return None

    def _page_at(self, address: str, current: str) -> _Page:
        """Return the page at an address of the service. Another host must not get the credential.

        :raises BadResponse: the address is not below the base URL
        """
        base_url = self._client.http.base_url
        whole = urljoin(current, address)
        parts = urlsplit(whole)
        if not whole.startswith(f"{base_url}/"):
            problem = f"the next page is at {parts.netloc}{parts.path}, which is not below {base_url}"
            raise BadResponse(problem, system=self._client.system, retryable=False)
        query: dict[str, Any] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        return _Page(path=whole.removeprefix(base_url).partition("?")[0], query=query)


def _next_link(response: Response) -> str:
    return str(response.links.get("next", {}).get("url", ""))
