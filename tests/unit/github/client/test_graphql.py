"""The API: the same calendar as the page has, over ranges that it takes, and its refusals."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from support.scripted_server import ScriptedServer, reply
from workplace_provider.github.client import GraphqlApi, PublicPage, connect, graphql_root
from workplace_provider.github.contributions import Contributions
from workplace_provider.http import errors
from workplace_provider.http.client import HttpSettings
from workplace_sandbox import Fault, Sandbox

TODAY = date(2026, 11, 28)
ONCE = HttpSettings(attempts=1, read_timeout=5)


@pytest.fixture(autouse=True)
def _octocat(sandbox: Sandbox) -> None:
    sandbox.github.set_today(TODAY)
    sandbox.github.set_days("OctoCat", {TODAY - timedelta(days=ago): ago % 7 * 100 for ago in range(500)})


def read(url: str, login: str = "octocat", *, token: str = "sandbox-token", today: date = TODAY) -> Contributions:
    source = connect(url, token=token, settings=ONCE)
    try:
        return source.contributions(login, today)
    finally:
        source.close()


def test_it_says_of_each_day_what_the_page_says(sandbox: Sandbox) -> None:
    by_api, by_page = read(sandbox.github_url), read(sandbox.github_url, token="")
    assert (by_api.source, by_api.login) == ("graphql", "OctoCat")  # as the person writes it
    assert by_api.url == f"{sandbox.github_url}/OctoCat"
    assert len(by_api.days) == 365
    assert by_api.days == by_page.days[-365:]


@pytest.mark.parametrize("today", [TODAY, date(2024, 2, 29), date(2024, 12, 31), date(2025, 3, 1), date(2027, 1, 1)])
def test_the_range_is_never_longer_than_a_year_and_ends_on_the_persons_day(sandbox: Sandbox, today: date) -> None:
    found = read(sandbox.github_url, today=today)
    assert (found.days[0].date, found.days[-1].date) == (today - timedelta(days=364), today)


def test_who_contributes_too_much_for_one_request_is_read_in_parts(sandbox: Sandbox) -> None:
    whole = read(sandbox.github_url)
    sandbox.clear_requests()
    sandbox.github.set_cost_limit(whole.total - 1)
    parts = read(sandbox.github_url)
    assert [(day.date, day.count) for day in parts.days] == [(day.date, day.count) for day in whole.days]
    assert parts.total == whole.total
    assert len(sandbox.requests("/github/api/graphql")) == 5
    sandbox.github.set_cost_limit(1)
    with pytest.raises(errors.Invalid, match="Resource limits") as refused:
        read(sandbox.github_url)
    assert (refused.value.code, refused.value.retryable) == ("RESOURCE_LIMITS_EXCEEDED", False)


def test_an_unknown_name_is_told(sandbox: Sandbox) -> None:
    with pytest.raises(errors.NotFound, match="No GitHub user 'nobody'") as unknown:
        read(sandbox.github_url, "nobody")
    assert unknown.value.code == "NOT_FOUND"


def test_a_wrong_token_is_told_and_not_shown(sandbox: Sandbox) -> None:
    with pytest.raises(errors.AuthFailed, match=r"^Bad credentials\. Check the token .*, 401\)") as refused:
        read(sandbox.github_url, token="ghp_secret")
    assert "ghp_secret" not in str(refused.value)
    assert not refused.value.retryable


@pytest.mark.parametrize(
    ("answer", "kind", "retryable"),
    [
        (reply(429, b"{}", Retry_After="30"), errors.RateLimited, True),
        (
            reply(403, b'{"message": "API rate limit exceeded"}', x_ratelimit_remaining="0", x_ratelimit_reset="1795046400"),
            errors.RateLimited,
            True,
        ),
        (reply(403, b'{"message": "You have exceeded a secondary rate limit"}', Retry_After="60"), errors.RateLimited, True),
        (reply(403, b'{"message": "Resource protected by organization SAML enforcement"}'), errors.Forbidden, False),
        (reply(200, b'{"errors": [{"type": "RATE_LIMITED", "message": "exceeded"}]}'), errors.RateLimited, True),
        (reply(200, b'{"errors": [{"type": "INSUFFICIENT_SCOPES", "message": "scope"}]}'), errors.Forbidden, False),
        (reply(200, b'{"errors": [{"message": "Something went wrong"}]}'), errors.SourceUnavailable, True),
        (reply(200, b'{"errors": [{"type": "VALIDATION", "message": "1 year"}]}'), errors.Invalid, False),
        (reply(200, b'{"errors": ["?"]}'), errors.SourceUnavailable, True),
        (reply(502, b"<html>Unicorn!</html>"), errors.SourceUnavailable, True),
        (reply(200, b"<html>Log in</html>", Content_Type="text/html"), errors.BadResponse, False),
        (reply(200, b'{"data": {"user": null}}'), errors.BadResponse, False),
        (reply(200, b'{"data": null}'), errors.BadResponse, False),
        (reply(200, b"[]"), errors.BadResponse, False),
        (reply(200, b""), errors.BadResponse, False),
    ],
)
def test_refusals_and_odd_answers(
    server: ScriptedServer, answer: Any, kind: type[errors.WorkplaceError], retryable: bool
) -> None:
    server.will(answer)
    with pytest.raises(errors.WorkplaceError) as refused:
        read(server.url)
    assert (type(refused.value), refused.value.retryable) == (kind, retryable)
    assert server.asked[0].headers["Authorization"] == "Bearer sandbox-token"


def test_when_a_limit_is_lifted_is_told(server: ScriptedServer) -> None:
    server.will(reply(403, b"{}", x_ratelimit_remaining="0", x_ratelimit_reset="1795046400"))
    with pytest.raises(errors.RateLimited, match="reset at 00:00 UTC"):
        read(server.url)


def calendar(**changes: Any) -> bytes:
    days = [
        {"date": f"2026-11-{day}", "contributionCount": 1, "contributionLevel": "FIRST_QUARTILE"} for day in (26, 27, 28)
    ]
    found = {"totalContributions": 3, "weeks": [{"contributionDays": days}], **changes}
    user = {"login": "octocat", "url": "https://x", "contributionsCollection": {"contributionCalendar": found}}
    return json.dumps({"data": {"user": user}}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"totalContributions": 4},
        {"totalContributions": None},
        {"weeks": []},
        {"weeks": None},
        {"weeks": [{"contributionDays": [{"date": "2026-11-26"}]}]},
        {"weeks": [{"contributionDays": [{"date": "gestern", "contributionCount": 3, "contributionLevel": "NONE"}]}]},
        {"weeks": [{"contributionDays": [{"date": "2026-11-26", "contributionCount": 3, "contributionLevel": "NONE"}]}]},
        {"weeks": [{"contributionDays": [{"date": "2026-11-26", "contributionCount": 3, "contributionLevel": "MUCH"}]}]},
        {"weeks": [{"contributionDays": [{"date": "2026-11-26", "contributionCount": None, "contributionLevel": "NONE"}]}]},
    ],
)
def test_a_calendar_that_does_not_fit_together_is_an_error(server: ScriptedServer, changes: dict[str, Any]) -> None:
    server.will(reply(200, calendar()))
    assert [day.count for day in read(server.url).days] == [1, 1, 1]
    server.will(reply(200, calendar(**changes)))
    with pytest.raises(errors.BadResponse, match="not a consistent calendar"):
        read(server.url)


@pytest.mark.parametrize("number", [b"1e999", b"Infinity", b"NaN"])
def test_a_count_that_is_no_whole_number_is_an_error(server: ScriptedServer, number: bytes) -> None:
    server.will(reply(200, calendar().replace(b'"totalContributions": 3', b'"totalContributions": ' + number)))
    with pytest.raises(errors.BadResponse) as refused:
        read(server.url)
    assert not refused.value.retryable


def test_a_query_is_sent_again_because_it_changes_nothing(sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault("/graphql", "drop_after"))
    source = connect(sandbox.github_url, token=sandbox.github_token, settings=HttpSettings(attempts=2))
    assert len(source.contributions("octocat", TODAY).days) == 365


@pytest.mark.parametrize(
    ("base", "root"),
    [
        ("https://github.com", "https://api.github.com"),
        ("https://api.github.com", "https://api.github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://ghe.example.com", "https://ghe.example.com/api"),
        ("https://ghe.example.com/", "https://ghe.example.com/api"),
        ("https://ghe.example.com/api/v3", "https://ghe.example.com/api"),
        ("https://ghe.example.com/api/graphql", "https://ghe.example.com/api"),
        ("http://127.0.0.1:8765/github", "http://127.0.0.1:8765/github/api"),
    ],
)
def test_where_the_api_is(base: str, root: str) -> None:
    assert graphql_root(base) == root


def test_a_token_decides_what_is_read() -> None:
    assert isinstance(connect(), PublicPage)
    assert isinstance(connect(token="x"), GraphqlApi)
