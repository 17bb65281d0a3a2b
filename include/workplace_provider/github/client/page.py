"""Contribution calendars from GitHub's public page, an HTML fragment whose markup changes from time to time.

The count of a day was first in an attribute, then in the text of its square (2023), and is now in a tool-tip. All three are
supported. The calendar must be consistent: the counts add up to the number in the headline, each day of the range has a
square, and exactly the days without contributions have level 0. Anything else is an error, because a page that is misread
looks like a year without contributions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Final

from lxml import etree

from workplace_provider.github.client.people import check_login, no_such_user
from workplace_provider.github.contributions.record import ContributionDay, Contributions, contradiction
from workplace_provider.http.errors import BadResponse, NotFound, WorkplaceError

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import HttpClient

_COUNT: Final = re.compile(r"(No|\d{1,3}(?:,\d{3}){1,4}|\d{1,12}) contributions?\b", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HEADERS: Final = {"Accept": "text/html", "Accept-Language": "en", "X-Requested-With": "XMLHttpRequest"}


class MarkupChanged(ValueError):
    """The markup of the page is unknown.

    :param expected: expected content
    :param found: content of the page
    """

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")


class PublicPage:
    """A reader for calendars without a token.

    :param http: client with GitHub's URL
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def contributions(self, login: str, today: date, since: date | None = None) -> Contributions:
        """Return the calendar of the last year. The page determines its days, so ``today`` and ``since`` are not used.

        :raises NotFound: the user does not exist, or the name is invalid
        :raises BadResponse: the markup of the page has changed
        """
        check_login(login)
        try:
            response = self._http.request("GET", f"users/{login}/contributions", headers=_HEADERS)
        except NotFound as error:
            raise no_such_user(login, method="GET", url=error.url, status=error.status) from error
        try:
            days, total = read_calendar(response.content)
        except MarkupChanged as error:
            raise self._changed_error(response, error) from error
        return Contributions(login, days, total, "page", self._http.url(login))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _changed_error(self, response: requests.Response, error: MarkupChanged) -> WorkplaceError:
        return self._http.invalid_response(
            response,
            BadResponse,
            f"the contributions page has changed: {error}",
            advice="use a connection with a token, which reads from GitHub's API instead",
            retryable=False,
        )


def read_calendar(html: bytes) -> tuple[tuple[ContributionDay, ...], int]:
    """Parse the calendar.

    :param html: the fragment, in UTF-8
    :return: the days in order, and the total in the headline
    :raises MarkupChanged: a part is missing, or the calendar is inconsistent
    """
    root = _parse_html(html)
    squares = _elements(root, "//*[@data-date]")
    if not squares:
        title = " ".join(map(_text, _elements(root, "//title")))
        raise MarkupChanged("elements with data-date", f"none in {len(html)} bytes {title!r}")
    tips = {tip.get("for", ""): _text(tip) for tip in _elements(root, "//tool-tip[@for]")}
    days = sorted((_day(square, tips) for square in squares), key=lambda day: day.date)
    total = _headline(root)
    if wrong := contradiction(days, total, _span(root)):
        raise MarkupChanged(*wrong)
    return tuple(days), total


def _parse_html(html: bytes) -> etree._Element:
    try:
        root = etree.fromstring(html, etree.HTMLParser(encoding="utf-8"))
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        raise MarkupChanged("HTML", "no element")
    return root


def _day(square: etree._Element, tips: dict[str, str]) -> ContributionDay:
    day = _date(square.get("data-date", ""))
    level = square.get("data-level", "")
    if not re.fullmatch(r"[0-9]", level):
        raise MarkupChanged(f"a data-level for {day}", repr(level))
    texts = list(_texts(square, tips))
    count = next((number for text in texts if (number := _count(text)) is not None), None)
    if count is None:
        raise MarkupChanged(
            f"the number of contributions on {day}", " and ".join(repr(text[:60]) for text in texts) or "none"
        )
    return ContributionDay(day, count, int(level))


def _texts(square: etree._Element, tips: dict[str, str]) -> Iterator[str]:
    """Yield the texts that may contain the count of a day, the newest markup first."""
    for text in (tips.get(square.get("id", ""), ""), _text(square)):
        if text:
            yield text
    if count := square.get("data-count"):
        yield f"{count} contributions"


def _headline(root: etree._Element) -> int:
    headings = [_text(heading) for heading in _elements(root, "//*[@id='js-contribution-activity-description'] | //h2")]
    total = next((number for text in headings if (number := _count(text)) is not None), None)
    if total is None:
        raise MarkupChanged(
            "a headline such as '542 contributions in the last year'", repr([text[:60] for text in headings])
        )
    return total


def _span(root: etree._Element) -> tuple[date, date]:
    graphs = _elements(root, "//*[@data-from and @data-to]")
    if not graphs:
        raise MarkupChanged("an element with data-from and data-to", "none")
    return _date(graphs[0].get("data-from", "")), _date(graphs[0].get("data-to", ""))


def _count(text: str) -> int | None:
    """Return the count at the beginning of a text; ``None`` if there is none, which is different from zero."""
    match = _COUNT.match(text)
    if match is None:
        return None
    return 0 if match[1] == "No" else int(match[1].replace(",", ""))


def _date(text: str) -> date:
    """Return the date at the beginning of a text, which may be followed by a time."""
    match = _DAY.match(text)
    try:
        return date.fromisoformat(match[0] if match else "")
    except ValueError:
        raise MarkupChanged("a day such as 2026-11-19", repr(text[:40])) from None


def _elements(root: etree._Element, path: str) -> list[etree._Element]:
    nodes = root.xpath(path)
    return [node for node in nodes if isinstance(node, etree._Element)] if isinstance(nodes, list) else []


def _text(element: etree._Element) -> str:
    return " ".join("".join(map(str, element.itertext())).split())
