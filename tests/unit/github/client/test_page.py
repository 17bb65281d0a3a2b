"""The public page: every markup that it has had is read, and one that nobody knows is never taken for a year of nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import examples
from support.scripted_server import ScriptedServer, drop, reply
from workplace_provider.github.client import connect
from workplace_provider.github.client.page import MarkupChanged, read_calendar
from workplace_provider.github.contributions import Contributions
from workplace_provider.http import errors
from workplace_provider.http.client import HttpSettings
from workplace_sandbox import Fault, Sandbox
from workplace_sandbox.github.markup import CHANGES, MARKUPS, fragment
from workplace_sandbox.model import GithubUser

TODAY = date(2026, 11, 28)
DAYS = st.dates(date(2016, 1, 1), date(2035, 12, 31))
COUNTS = st.dictionaries(st.integers(0, 400), st.integers(0, 12345), max_size=60)
ONCE = HttpSettings(attempts=1, read_timeout=5)


def person(counts: dict[int, int], today: date = TODAY) -> GithubUser:
    """Somebody with contributions so many days ago."""
    return GithubUser("octocat", {today - timedelta(days=ago): count for ago, count in counts.items()})


BUSY = person({ago: ago % 5 for ago in range(400)})
PAGE = fragment(BUSY, TODAY)
READ = read_calendar(PAGE.encode())


def read(url: str, login: str = "octocat", settings: HttpSettings = ONCE) -> Contributions:
    source = connect(url, settings=settings)
    try:
        return source.contributions(login, TODAY)
    finally:
        source.close()


@pytest.mark.parametrize("markup", MARKUPS)
@settings(max_examples=examples(12))
@given(counts=COUNTS, today=DAYS)
def test_what_somebody_did_is_what_is_read_in_every_markup(markup: str, counts: dict[int, int], today: date) -> None:
    somebody = person(counts, today)
    days, total = read_calendar(fragment(somebody, today, markup).encode())
    assert [day.date for day in days] == [days[0].date + timedelta(days=number) for number in range(len(days))]
    assert days[-1].date == today
    assert 365 < len(days) < 374
    assert {day.date: day.count for day in days if day.count} == {
        day: count for day, count in somebody.counts.items() if count and day >= days[0].date
    }
    assert total == sum(day.count for day in days)


@pytest.mark.parametrize("change", CHANGES)
def test_a_page_that_has_changed_is_an_error_that_says_what_is_missing(sandbox: Sandbox, change: str) -> None:
    sandbox.github.set_days("octocat", dict(BUSY.counts))
    sandbox.github.set_today(TODAY)
    sandbox.github.set_markup(change)
    with pytest.raises(errors.BadResponse, match=r"The contributions page has changed: expected .+, found .+") as changed:
        read(sandbox.github_url)
    assert not changed.value.retryable
    assert "token" in changed.value.advice
    assert changed.value.url == f"{sandbox.github_url}/users/octocat/contributions"


def without(pattern: str, times: int = 0) -> Callable[[str], str]:
    return lambda page: re.sub(pattern, "", page, count=times, flags=re.DOTALL)


def replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda page: page.replace(old, new)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (without("<tool-tip.*?</tool-tip>"), "the number of contributions on"),
        (without("<tool-tip.*?</tool-tip>", 1), "the number of contributions on"),
        (replaced(" contribution", " commit"), "the number of contributions on"),
        (replaced("No contributions", "None"), "the number of contributions on"),
        (lambda page: re.sub(r"(\d+) contributions? on", r"\1.5 contributions on", page), "the number of contributions on"),
        (without("<h2.*?</h2>"), "a headline such as"),
        (lambda page: re.sub(r"(?s)(<h2.*?>).*?</h2>", r"\1Contributions</h2>", page), "a headline such as"),
        (without(r"<td[^>]*data-date=\"2026-06-01\"[^>]*></td>"), "2026-06-01 after 2026-05-31"),
        (without(r"<td[^>]*data-date=\"2026-11-28\"[^>]*></td>"), "to 2026-11-28"),
        (replaced('data-date="2026-06-02"', 'data-date="2026-06-01"'), "2026-06-02 after 2026-06-01"),
        (replaced('data-date="2026-06-02"', 'data-date="June 2"'), "a day such as"),
        (replaced('data-date="2026-06-02"', 'data-date="2026-02-30"'), "a day such as"),
        (replaced('data-level="0"', 'data-level="1"'), "level 0 for days without"),
        (replaced('data-level="4"', 'data-level="5"'), "1 to 4 for others"),
        (replaced("data-level", "data-shade"), "a data-level"),
        (replaced("data-from", "data-begin"), "data-from"),
        (lambda page: "", "HTML"),
        (lambda page: '{"contributions": []}', "elements with data-date"),
        (lambda page: "<html><title>Sign in to GitHub</title></html>", "elements with data-date"),
    ],
)
def test_each_way_to_change_the_page(change: Callable[[str], str], expected: str) -> None:
    changed = change(PAGE)
    assert changed != PAGE
    with pytest.raises(MarkupChanged) as found:
        read_calendar(changed.encode())
    assert expected in str(found.value)


@settings(max_examples=examples(150))
@given(st.integers(0, len(PAGE)), st.one_of(st.integers(1, 60), st.integers(1, 20_000)))
def test_a_page_with_a_piece_missing_is_read_right_or_not_at_all(begin: int, length: int) -> None:
    try:
        found = read_calendar((PAGE[:begin] + PAGE[begin + length :]).encode())
    except MarkupChanged:
        return
    assert found == READ


def test_squares_may_be_other_elements_and_in_any_order() -> None:
    lines = PAGE.replace("<td", "<div").replace("</td", "</div").splitlines()
    squares = [line for line in lines if "data-date" in line]
    shuffled = [line for line in lines if "data-date" not in line]
    # The last line closes what the first opened.
    assert read_calendar("\n".join([*shuffled[:-1], *reversed(squares), shuffled[-1]]).encode()) == READ


def test_the_page_is_asked_for_as_a_browser_does_and_leads_to_the_profile(sandbox: Sandbox) -> None:
    sandbox.github.set_streak("OctoCat", 3)
    sandbox.github.set_today(TODAY)
    found = read(sandbox.github_url, "octocat")
    assert (found.login, found.source, found.url) == ("octocat", "page", f"{sandbox.github_url}/octocat")
    (asked,) = sandbox.requests("/github/")
    assert (asked.method, asked.headers["accept"]) == ("GET", "text/html")
    assert "authorization" not in asked.headers


def test_an_unknown_name_is_told(sandbox: Sandbox) -> None:
    with pytest.raises(errors.NotFound, match="No GitHub user 'nobody'") as unknown:
        read(sandbox.github_url, "nobody")
    assert (unknown.value.status, unknown.value.retryable) == (404, False)


@pytest.mark.parametrize(
    "login", ["", "a b", "../settings", "a/b", "옥토캣", "x" * 40, "-x", "a?x=1", "a\n", "<b>", "%2e", "٣"]
)
def test_what_cannot_be_a_name_is_never_asked_for(sandbox: Sandbox, login: str) -> None:
    for token in ("", sandbox.github_token):
        source = connect(sandbox.github_url, token=token)
        with pytest.raises(errors.NotFound, match=r"No GitHub user .*letters, digits and hyphens"):
            source.contributions(login, TODAY)
    assert sandbox.requests("/github") == []


def test_a_busy_site_is_waited_for_as_long_as_it_wishes(sandbox: Sandbox) -> None:
    sandbox.github.set_streak("octocat", 3)
    sandbox.github.ratelimit(retry_after=0)
    assert read(sandbox.github_url, settings=HttpSettings(attempts=2)).total == 3
    sandbox.github.ratelimit(retry_after=600)
    with pytest.raises(errors.RateLimited) as busy:
        read(sandbox.github_url, settings=HttpSettings(attempts=2))
    assert (busy.value.retry_after, busy.value.retryable) == (600, True)


def test_what_breaks_on_the_way_is_an_error_that_may_pass(sandbox: Sandbox, server: ScriptedServer) -> None:
    sandbox.github.set_streak("octocat", 3)
    kinds: list[tuple[Any, type[errors.WorkplaceError]]] = [
        ("truncate", errors.SourceUnavailable),
        ("drop_before", errors.SourceUnavailable),
        ("status", errors.SourceUnavailable),
    ]
    for kind, error in kinds:
        sandbox.add_fault(Fault("/contributions", kind))
        with pytest.raises(error) as failed:
            read(sandbox.github_url)
        assert failed.value.retryable
    sandbox.add_fault(Fault("/contributions", "html"))
    with pytest.raises(errors.BadResponse, match="'Log in'"):
        read(sandbox.github_url)
    server.will(drop)
    with pytest.raises(errors.SourceUnavailable):
        read(server.url)
    server.will(reply(200, b"", Content_Type="text/html"))
    with pytest.raises(errors.BadResponse, match="expected HTML"):
        read(server.url)
