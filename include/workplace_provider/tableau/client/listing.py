"""Lists of Tableau's REST API: all pages are read in parallel, and their number of items is checked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar
from urllib.parse import quote

from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import BadResponse, WorkplaceError
from workplace_provider.tableau.client.filters import query
from workplace_provider.tableau.client.responses import PAGE_PAST_THE_END, ResponseNode

Item = TypeVar("Item")

LARGEST_PAGE: Final = 1000
MOST_PAGES: Final = 10_000
"""Limit of pages. The client queues a request for every page, and a wrong total would fill the memory."""
ALL_FIELDS: Final = "_all_"
# Without a sort, the order is undefined, and pages read in parallel may overlap. In this order, new items come last.
STABLE_SORT: Final = "createdAt:asc,name:asc"
_ATTEMPTS: Final = 3
# Characters with a meaning in the grammar of filters, which has no escapes.
_UNESCAPABLE: Final = frozenset(",&:[]")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a list: ``field:eq:value``.

    :param field: name of the field in the REST API
    :param value: the exact value. Characters that cannot be escaped become the wildcard ``*``, so the server may return
        other items, too, and the caller must compare
    """

    field: str
    value: str

    @property
    def exact(self) -> bool:
        """Return whether the condition needs no wildcard."""
        return not _UNESCAPABLE.intersection(self.value)

    def __str__(self) -> str:
        """Return the condition in the grammar of ``filter=``."""
        return f"{self.field}:eq:{''.join('*' if character in _UNESCAPABLE else character for character in self.value)}"


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A request for a list of items.

    :param path: path below the site
    :param item: name of the elements
    :param conditions: conditions that all items must meet
    :param sort: ``field:asc`` or ``field:desc``, several separated by commas
    :param fields: ``_default_``, ``_all_``, or names separated by commas
    """

    path: str
    item: str
    conditions: tuple[Condition, ...] = ()
    sort: str = STABLE_SORT
    fields: str = ""

    def query(self, page: int, size: int) -> str:
        """Return the query string of a page."""
        text = query([("pageSize", str(size)), ("pageNumber", str(page))])
        if self.conditions:
            # The separators of the grammar must not be encoded, only the values.
            text += "&filter=" + ",".join(quote(str(condition), safe=":*") for condition in self.conditions)
        if self.sort:
            text += f"&sort={quote(self.sort, safe=':,')}"
        if self.fields:
            text += f"&fields={quote(self.fields, safe=',._')}"
        return text

    def without(self, features: Collection[str]) -> ListRequest:
        """Return the same request without optional features, for a server that rejects them."""
        return replace(
            self,
            fields="" if "fields" in features and self.fields == ALL_FIELDS else self.fields,
            conditions=() if "filter" in features else self.conditions,
            sort="" if "sort" in features else self.sort,
        )

    def removable_features(self) -> Iterator[tuple[str, ...]]:
        """Yield the combinations of features that can be omitted for a server that rejects them, the smallest first."""
        used = {"fields": self.fields == ALL_FIELDS, "filter": bool(self.conditions), "sort": bool(self.sort)}
        names = [name for name, is_used in used.items() if is_used]
        for size in range(1, len(names) + 1):
            yield from itertools.combinations(names, size)


class _ListChanged(BadResponse):
    """The list changed while its pages were read."""


def read_list(
    request: ListRequest,
    get: Callable[[str, str], ResponseNode],
    read: Callable[[ResponseNode], Item],
    *,
    page_size: int,
    parallel: int,
) -> list[Item]:
    """Read a whole list: the first page, then the others in parallel.

    :param get: sends a request for a path with a query string
    :param read: converts an element to an item, as soon as its page was received
    :param page_size: items per page, at most 1,000
    :param parallel: number of pages to read in parallel
    :return: the items without duplicates, in the order of ``sort``
    :raises BadResponse: the number of items differed from the server's total on every attempt
    """
    for attempt in attempts(_ATTEMPTS, lambda error: isinstance(error, _ListChanged), backoff=0.0):
        with attempt:
            items = _read(request, get, read, page_size, parallel)
    return items


def _read(
    request: ListRequest,
    get: Callable[[str, str], ResponseNode],
    read: Callable[[ResponseNode], Item],
    size: int,
    parallel: int,
) -> list[Item]:
    def read_page(number: int) -> _Page[Item]:
        try:
            response = get(request.path, request.query(number, size))
        except WorkplaceError as error:
            if error.code == PAGE_PAST_THE_END and number > 1:
                raise _list_changed(request, f"page {number} no longer exists") from error
            raise
        total, page_size = _pagination(response, request)
        # Without ids, as with ``fields=name``, items with the same content are different items.
        nodes = enumerate(list_elements(response, request.item))
        return _Page(total, page_size, {node.get("id") or f"{number}/{index}": read(node) for index, node in nodes})

    first = read_page(1)
    pages = [first]
    number_of_pages = -(-first.total // first.size)
    if number_of_pages > MOST_PAGES:
        raise BadResponse(
            f"the list {request.path} has {number_of_pages:,} pages: {first.total:,} items, {first.size} on a page",
            advice="check the connection's host; a proxy or another server may respond instead of Tableau",
        )
    if number_of_pages > 1:
        with ThreadPoolExecutor(parallel, thread_name_prefix="tableau-list") as pool:
            pages += pool.map(read_page, range(2, number_of_pages + 1))
    items: dict[str, Item] = {}
    for page in pages:
        if page.total != first.total:
            raise _list_changed(request, f"the total changed from {first.total} to {page.total} items")
        items |= page.items
    if len(items) != first.total:
        raise _list_changed(request, f"its pages have {len(items)} different items, but the total is {first.total}")
    return list(items.values())


def _list_changed(request: ListRequest, change: str) -> _ListChanged:
    return _ListChanged(
        f"the list {request.path} changed while it was read: {change}",
        advice="retry when fewer items are published or deleted",
    )


@dataclass(frozen=True, slots=True)
class _Page(Generic[Item]):
    total: int
    size: int
    items: dict[str, Item]


def _pagination(response: ResponseNode, request: ListRequest) -> tuple[int, int]:
    """Return the total number of items, and the number on a page, which may be smaller than requested."""
    pagination = response.first("pagination")
    total, size = pagination.get("totalAvailable"), pagination.get("pageSize")
    if not (_is_count(total) and _is_count(size) and int(size)):
        raise BadResponse(
            f"the list {request.path} has no valid pagination: total {total[:30]!r}, page size {size[:30]!r}",
        )
    return int(total), int(size)


def _is_count(text: str) -> bool:
    """Return whether the text is a plausible number of items; the client requests pages by it."""
    return text.isascii() and text.isdecimal() and len(text) < 10


def list_elements(response: ResponseNode, item: str) -> list[ResponseNode]:
    """Return the elements with this name in the response for a list."""
    return [node for group in response.children for node in group.all(item)]
