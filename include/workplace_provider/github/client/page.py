"""The public contribution calendar: a fragment of HTML that anybody may read, and that changes its markup now and then.

The count of a day was in an attribute first, then in the square's own text (2023), and is in a tool-tip beside it now. All
three are read. What was read must fit together: the counts add up to the number in the headline, there is a square for every
day of the range, and the shade for nothing is that of days without contributions. Whatever does not is an error, because a
page that was misread looks just like a year without any contributions.
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
    """The page is not what this module knows.

    :param expected: what should be there
    :param found: what is
    """

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")


class PublicPage:
    """Calendars as everybody sees them, without a token.

    :param http: sends the requests, below GitHub's address
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def contributions(self, login: str, today: date) -> Contributions:
        """The calendar of the last year, as the page has it: ``today`` changes nothing.

        :raises NotFound: nobody has that name, or nobody could
        :raises BadResponse: the page has changed
        """
        check_login(login)
        try:
            response = self._http.request("GET", f"users/{login}/contributions", headers=_HEADERS)
        except NotFound as error:
            raise no_such_user(login, method="GET", url=error.url, status=error.status) from error
        try:
            days, total = read_calendar(response.content)
        except MarkupChanged as error:
            raise self._changed(response, error) from error
        return Contributions(login, days, total, "page", self._http.url(login))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _changed(self, response: requests.Response, error: MarkupChanged) -> WorkplaceError:
        return self._http.invalid_response(
            response,
            BadResponse,
            f"the page of contributions has changed: {error}",
            advice="a connection with a token reads them from GitHub's API instead",
            retryable=False,
        )


def read_calendar(html: bytes) -> tuple[tuple[ContributionDay, ...], int]:
    """Read the fragment.

    :param html: UTF-8
    :return: the days in their order, and how many contributions the headline says there are
    :raises MarkupChanged: something is missing, or does not fit together
    """
    root = _parsed(html)
    squares = _elements(root, "//*[@data-date]")
    if not squares:
        title = " ".join(_text(each) for each in _elements(root, "//title"))
        raise MarkupChanged("elements with data-date", f"none in {len(html)} bytes {title!r}")
    tips = {each.get("for", ""): _text(each) for each in _elements(root, "//tool-tip[@for]")}
    days = sorted((_day(square, tips) for square in squares), key=lambda day: day.date)
    total = _headline(root)
    if wrong := contradiction(days, total, _span(root)):
        raise MarkupChanged(*wrong)
    return tuple(days), total


def _parsed(html: bytes) -> etree._Element:
    try:
        root = etree.fromstring(html, etree.HTMLParser(encoding="utf-8"))
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        raise MarkupChanged("HTML", "nothing that is any")
    return root


def _day(square: etree._Element, tips: dict[str, str]) -> ContributionDay:
    day = _date(square.get("data-date", ""))
    level = square.get("data-level", "")
    if not re.fullmatch(r"[0-9]", level):
        raise MarkupChanged(f"a data-level for {day}", repr(level))
    texts = list(_texts(square, tips))
    count = next((found for text in texts if (found := _count(text)) is not None), None)
    if count is None:
        raise MarkupChanged(
            f"the number of contributions on {day}", " and ".join(repr(text[:60]) for text in texts) or "none"
        )
    return ContributionDay(day, count, int(level))


def _texts(square: etree._Element, tips: dict[str, str]) -> Iterator[str]:
    """What may say the count of a day, the newest markup first."""
    for text in (tips.get(square.get("id", ""), ""), _text(square)):
        if text:
            yield text
    if count := square.get("data-count"):
        yield f"{count} contributions"


def _headline(root: etree._Element) -> int:
    headings = [_text(each) for each in _elements(root, "//*[@id='js-contribution-activity-description'] | //h2")]
    total = next((found for text in headings if (found := _count(text)) is not None), None)
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
    """The number that a text begins with; ``None`` when it says none, which is not zero."""
    match = _COUNT.match(text)
    if match is None:
        return None
    return 0 if match[1] == "No" else int(match[1].replace(",", ""))


def _date(text: str) -> date:
    """The day that a text begins with; a time may follow."""
    match = _DAY.match(text)
    try:
        return date.fromisoformat(match[0] if match else "")
    except ValueError:
        raise MarkupChanged("a day such as 2026-11-19", repr(text[:40])) from None


def _elements(root: etree._Element, path: str) -> list[etree._Element]:
    found = root.xpath(path)
    return [each for each in found if isinstance(each, etree._Element)] if isinstance(found, list) else []


def _text(element: etree._Element) -> str:
    return " ".join("".join(map(str, element.itertext())).split())
