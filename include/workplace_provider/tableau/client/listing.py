"""Lists of Tableau's REST API: read whole, in parallel, and held against the number that the server says there is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar
from urllib.parse import quote

from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import BadResponse, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.tableau.client.answers import PAGE_PAST_THE_END, SYSTEM, Node
from workplace_provider.tableau.client.filters import query

Item = TypeVar("Item")

log = get_logger("workplace_provider.tableau")

LARGEST_PAGE: Final = 1000
MOST_PAGES: Final = 10_000
"""A request is queued for every page; a server that claims a billion would fill the memory."""
ALL_FIELDS: Final = "_all_"
# Without a sort the order is undefined, and pages that are read at the same time overlap; new items come last in this one.
STABLE_SORT: Final = "createdAt:asc,name:asc"
_ATTEMPTS: Final = 3
# What has a meaning in the grammar of filters, and cannot be escaped there.
_UNESCAPABLE: Final = frozenset(",&:[]")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a list: ``field:eq:value``.

    :param field: the field's name in the REST API
    :param value: the exact value; characters that cannot be escaped become the wildcard ``*``, so that more may be found
        than is meant and the caller compares
    """

    field: str
    value: str

    @property
    def exact(self) -> bool:
        """Whether it needs no wildcard."""
        return not _UNESCAPABLE.intersection(self.value)

    def __str__(self) -> str:
        """The condition in the grammar of ``filter=``."""
        return f"{self.field}:eq:{''.join('*' if each in _UNESCAPABLE else each for each in self.value)}"


@dataclass(frozen=True, slots=True)
class Listing:
    """What to list.

    :param path: path below the site
    :param item: name of the elements
    :param conditions: all of them must hold
    :param sort: ``field:asc`` or ``field:desc``, several with commas
    :param fields: ``_default_``, ``_all_``, or names with commas
    """

    path: str
    item: str
    conditions: tuple[Condition, ...] = ()
    sort: str = STABLE_SORT
    fields: str = ""

    def query(self, page: int, size: int) -> str:
        """The query of a page."""
        asked = query([("pageSize", str(size)), ("pageNumber", str(page))])
        if self.conditions:
            # The separators of the grammar stand as they are; what is within a value is encoded.
            asked += "&filter=" + ",".join(quote(str(each), safe=":*") for each in self.conditions)
        if self.sort:
            asked += f"&sort={quote(self.sort, safe=':,')}"
        if self.fields:
            asked += f"&fields={quote(self.fields, safe=',._')}"
        return asked

    def without(self, features: Collection[str]) -> Listing:
        """The same list for a server that refuses optional features."""
        return replace(
            self,
            fields="" if "fields" in features and self.fields == ALL_FIELDS else self.fields,
            conditions=() if "filter" in features else self.conditions,
            sort="" if "sort" in features else self.sort,
        )

    def features_to_do_without(self) -> Iterator[tuple[str, ...]]:
        """What a server may refuse of it while the list is still of use: one feature, then several."""
        used = {"fields": self.fields == ALL_FIELDS, "filter": bool(self.conditions), "sort": bool(self.sort)}
        names = [name for name, is_used in used.items() if is_used]
        for size in range(1, len(names) + 1):
            yield from itertools.combinations(names, size)


class _ListChanged(BadResponse):
    """The list changed while it was read."""


def _list_changed(listing: Listing, reason: str) -> _ListChanged:
    return _ListChanged(
        f"the list {listing.path} could not be read completely: {reason}",
        system=SYSTEM,
        advice="run the task again when fewer things are published or deleted",
    )


def read_list(
    listing: Listing, get: Callable[[str, str], Node], read: Callable[[Node], Item], *, page_size: int, parallel: int
) -> list[Item]:
    """Read a whole list: the first page, then the others at the same time.

    :param get: asks for a path with a query
    :param read: makes an item of its element, as soon as its page is there
    :param page_size: items per page, 1,000 at most
    :param parallel: how many pages to read at the same time
    :return: the items, each once, in the order of ``sort``
    :raises BadResponse: the pages did not hold as many items as the server said, on every attempt
    """
    for attempt in attempts(_ATTEMPTS, lambda error: isinstance(error, _ListChanged), backoff=0.0):
        with attempt:
            items = _read(listing, get, read, page_size, parallel)
    return items


def _read(
    listing: Listing, get: Callable[[str, str], Node], read: Callable[[Node], Item], size: int, parallel: int
) -> list[Item]:
    def page(number: int) -> _Page[Item]:
        try:
            answer = get(listing.path, listing.query(number, size))
        except WorkplaceError as error:
            if error.code == PAGE_PAST_THE_END and number > 1:
                raise _list_changed(listing, f"page {number} is gone") from error
            raise
        total, size_there = _length(answer, listing)
        # Without ids, as with ``fields=name``, no item can be told from another one of the same content.
        nodes = enumerate(items_of(answer, listing.item))
        return _Page(total, size_there, {node.get("id") or f"{number}/{index}": read(node) for index, node in nodes})

    first = page(1)
    pages = [first]
    number_of_pages = -(-first.total // first.size)
    if number_of_pages > MOST_PAGES:
        raise BadResponse(
            f"the list {listing.path} has {number_of_pages:,} pages: {first.total:,} items, {first.size} on a page",
            system=SYSTEM,
            advice="a proxy or another server may answer in Tableau's place; check the connection's host",
        )
    if number_of_pages > 1:
        with ThreadPoolExecutor(parallel, thread_name_prefix="tableau-list") as pool:
            pages += pool.map(page, range(2, number_of_pages + 1))
    found: dict[str, Item] = {}
    for each in pages:
        if each.total != first.total:
            raise _list_changed(listing, f"first it had {first.total} items, then {each.total}")
        found |= each.items
    if len(found) != first.total:
        raise _list_changed(listing, f"{len(found)} different items on its pages, and {first.total} by its own account")
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Page(Generic[Item]):
    total: int
    size: int
    items: dict[str, Item]


def _length(answer: Node, listing: Listing) -> tuple[int, int]:
    """How many items there are, and how many are on a page: the server may give fewer than were asked for."""
    pagination = answer.first("pagination")
    total, size = pagination.get("totalAvailable"), pagination.get("pageSize")
    if not (_is_count(total) and _is_count(size) and int(size)):
        raise BadResponse(
            f"the list {listing.path} does not say how long it is: {total[:30]!r} items, {size[:30]!r} on a page",
            system=SYSTEM,
        )
    return int(total), int(size)


def _is_count(text: str) -> bool:
    """Whether it is a number that a site may have; pages are requested by it."""
    return text.isascii() and text.isdecimal() and len(text) < 10


def items_of(answer: Node, item: str) -> list[Node]:
    """The elements of a list's answer."""
    return [node for group in answer.children for node in group.all(item)]
