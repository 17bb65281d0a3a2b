"""GitHub in the sandbox: the page, the API, the controls from another process, and what is there from the start."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from lxml import etree

from workplace_sandbox import Sandbox
from workplace_sandbox.github.calendar import page_range, squares
from workplace_sandbox.github.markup import CHANGES, MARKUPS, day_text
from workplace_sandbox.model import GithubUser
from workplace_sandbox.seed import contributions as seed
from workplace_sandbox.store import Store

TODAY = date(2026, 3, 6)
CALENDAR = """query ($login: String!, $from: DateTime, $to: DateTime) { user(login: $login) { login
  contributionsCollection(from: $from, to: $to) { contributionCalendar { totalContributions
    weeks { firstDay contributionDays { date weekday contributionCount contributionLevel } } } } } }"""


def act(sandbox: Sandbox, action: str, /, **arguments: Any) -> requests.Response:
    return requests.post(f"{sandbox.url}/_sandbox/github/{action}", json=arguments, timeout=30)


def ask(sandbox: Sandbox, query: str = CALENDAR, token: str = "sandbox-token", **variables: Any) -> requests.Response:
    headers = {"Authorization": f"bearer {token}"} if token else {}
    body = {"query": query, "variables": variables}
    return requests.post(f"{sandbox.github_url}/api/graphql", json=body, headers=headers, timeout=30)


def fragment(sandbox: Sandbox, login: str) -> etree._Element:
    answer = requests.get(f"{sandbox.github_url}/users/{login}/contributions", timeout=30)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers  # a browser's session is that of the wiki
    return etree.fromstring(answer.content, etree.HTMLParser(encoding="utf-8"))


def test_the_fragment_has_the_recorded_markup(sandbox: Sandbox) -> None:
    sandbox.github.set_today(TODAY)
    sandbox.github.set_days("octocat", {"2025-03-16": 0, "2026-03-05": 1, "2026-03-06": 1234, "2026-03-07": 9})
    root = fragment(sandbox, "OCTOCAT")
    (headline,) = root.xpath("//h2[@id='js-contribution-activity-description']")
    assert " ".join(headline.text.split()) == "1,235 contributions in the last year"
    (graph,) = root.xpath("//div[contains(@class, 'js-calendar-graph')]")
    assert (graph.get("data-from"), graph.get("data-to")) == ("2025-03-02 00:00:00 UTC", "2026-03-06 23:59:59 UTC")
    cells = root.xpath("//td[contains(@class, 'ContributionCalendar-day')]")
    assert len(cells) == 370
    # Rows are weekdays: a week after the first cell comes the next.
    assert [cell.get("data-date") for cell in cells[:2]] == ["2025-03-02", "2025-03-09"]
    assert [cell.get("id") for cell in cells[:2]] == ["contribution-day-component-0-0", "contribution-day-component-0-1"]
    tips = {tip.get("for"): tip.text for tip in root.xpath("//tool-tip")}
    by_day = {cell.get("data-date"): (cell.get("data-level"), tips[cell.get("id")]) for cell in cells}
    assert by_day["2025-03-16"] == ("0", "No contributions on March 16th.")
    assert by_day["2026-03-05"] == ("1", "1 contribution on March 5th.")
    assert by_day["2026-03-06"] == ("4", "1,234 contributions on March 6th.")


@pytest.mark.parametrize("markup", [markup for markup in (*MARKUPS, *CHANGES) if markup not in ("no-dates",)])
def test_other_markups_have_their_squares_too(sandbox: Sandbox, markup: str) -> None:
    sandbox.github.set_streak("octocat", 3)
    sandbox.github.set_markup(markup)
    assert len(fragment(sandbox, "octocat").xpath("//*[@data-date]")) >= 365
    sandbox.reset(seed=False)
    assert sandbox.github.behaviour.markup == "tool-tip"


@pytest.mark.parametrize(
    ("today", "first"),
    [
        (date(2026, 3, 6), date(2025, 3, 2)),
        (date(2024, 2, 29), date(2023, 2, 26)),
        (date(2025, 2, 28), date(2024, 2, 25)),
        (date(2026, 11, 28), date(2025, 11, 23)),
    ],
)
def test_the_page_begins_on_the_sunday_before_the_day_a_year_ago(today: date, first: date) -> None:
    assert page_range(today) == (first, today)


def test_the_words_of_days() -> None:
    words = [
        day_text(square)
        for square in squares(
            GithubUser("x", {date(2026, 1, 1): 1, date(2026, 1, 2): 22}), date(2026, 1, 1), date(2026, 1, 23)
        )
    ]
    assert words[:4] == [
        "1 contribution on January 1st.",
        "22 contributions on January 2nd.",
        "No contributions on January 3rd.",
        "No contributions on January 4th.",
    ]
    assert [word.split()[-1] for word in words[10:13] + words[20:]] == ["11th.", "12th.", "13th.", "21st.", "22nd.", "23rd."]


def test_an_unknown_person_is_not_found(sandbox: Sandbox) -> None:
    assert requests.get(f"{sandbox.github_url}/users/nobody/contributions", timeout=30).status_code == 404
    assert requests.get(f"{sandbox.github_url}/nobody", timeout=30).status_code == 404
    assert ask(sandbox, login="nobody").json() == {
        "data": {"user": None},
        "errors": [
            {
                "type": "NOT_FOUND",
                "message": "Could not resolve to a User with the login of 'nobody'.",
                "locations": [{"line": 1, "column": 59}],
                "path": ["user"],
            }
        ],
    }


def test_the_api_tells_the_same_days_in_weeks(sandbox: Sandbox) -> None:
    sandbox.github.set_today(TODAY)
    sandbox.github.set_days("octocat", {"2026-03-01": 4, "2026-03-05": 1})
    span = {"from": "2026-02-26T00:00:00Z", "to": "2026-03-06T23:59:59Z"}
    user = ask(sandbox, login="octocat", **span).json()["data"]["user"]
    calendar = user["contributionsCollection"]["contributionCalendar"]
    assert calendar["totalContributions"] == 5
    assert [len(week["contributionDays"]) for week in calendar["weeks"]] == [3, 6]
    assert calendar["weeks"][1]["contributionDays"][0] == {
        "date": "2026-03-01",
        "weekday": 0,
        "contributionCount": 4,
        "contributionLevel": "FOURTH_QUARTILE",
    }
    without_range = ask(sandbox, login="octocat").json()["data"]["user"]["contributionsCollection"]["contributionCalendar"]
    assert without_range["totalContributions"] == 5


def refusal(answer: requests.Response) -> tuple[str | None, str]:
    (error,) = answer.json()["errors"]
    return error.get("type"), error["message"]


def test_what_the_api_refuses(sandbox: Sandbox) -> None:
    sandbox.github.set_streak("octocat", 10)
    long = {"from": "2024-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    assert refusal(ask(sandbox, login="octocat", **long)) == (
        "VALIDATION",
        "The total time spanned by 'from' and 'to' must not exceed 1 year",
    )
    sandbox.github.set_cost_limit(9)
    assert refusal(ask(sandbox, login="octocat"))[0] == "RESOURCE_LIMITS_EXCEEDED"
    assert "Cannot query field 'streak'" in refusal(ask(sandbox, '{ user(login: "octocat") { streak } }'))[1]
    assert "Syntax Error" in refusal(ask(sandbox, "query {"))[1]
    assert "ISO 8601" in refusal(ask(sandbox, login="octocat", **{"from": "yesterday"}))[1]
    assert "$login" in refusal(ask(sandbox))[1]


def test_the_api_wants_a_token(sandbox: Sandbox) -> None:
    assert (ask(sandbox, token="").status_code, ask(sandbox, token="").json()["status"]) == (401, "401")
    assert ask(sandbox, token="wrong").json()["message"] == "Bad credentials"
    headers = {"Authorization": "token sandbox-token"}
    for body in (b"{", b"[]", b"\xff"):
        answer = requests.post(f"{sandbox.github_url}/graphql", body, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()["message"]) == (400, "Problems parsing JSON")


def test_the_controls_over_http(sandbox: Sandbox) -> None:
    assert act(sandbox, "set_today", day="2026-03-06").json() == {"result": None}
    assert act(sandbox, "set_streak", login="jimin", days=3, last="2026-03-05").json() == {"result": "jimin"}
    assert act(sandbox, "set_days", login="haruka", counts={"2026-03-06": 2}).json() == {"result": "haruka"}
    found = sandbox.store.contributor("JIMIN")
    assert found is not None
    assert list(found.counts) == [date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5)]
    assert sandbox.store.contributors() == ["haruka", "jimin"]
    act(sandbox, "remove_person", login="jimin")
    assert sandbox.store.contributor("jimin") is None
    assert isinstance(act(sandbox, "ratelimit", retry_after=7).json()["result"], int)
    busy = requests.get(f"{sandbox.github_url}/users/haruka/contributions", timeout=30)
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize(
    ("action", "arguments", "status"),
    [
        ("run", {"action": "behave_well"}, 404),
        ("set_days", {"login": "x"}, 400),
        ("set_days", {"login": "x", "counts": {"yesterday": 1}}, 400),
        ("set_markup", {"markup": "strange"}, 400),
        ("set_today", {"day": "tomorrow"}, 400),
    ],
)
def test_controls_that_do_not_exist_or_fit(sandbox: Sandbox, action: str, arguments: dict[str, Any], status: int) -> None:
    assert act(sandbox, action, **arguments).status_code == status


def test_people_see_the_calendar(sandbox: Sandbox) -> None:
    sandbox.github.set_streak("octocat", 3)
    page = requests.get(f"{sandbox.github_url}/octocat", timeout=30)
    assert page.status_code == 200
    assert page.text.count('role="gridcell"') >= 365
    assert "script-src" not in page.headers["Content-Security-Policy"]


def test_the_seed_is_the_same_each_time_and_its_streak_ends_today(tmp_path: Path) -> None:
    people = []
    for directory in ("one", "other"):
        store = Store(tmp_path / directory)
        seed.load(store, TODAY)
        people.append([store.contributor(login) for login in store.contributors()])
        store.close()
    assert people[0] == people[1]
    counts = {person.login: person.counts for person in people[0] if person}
    assert counts.keys() == {"octocat", "jimin-kim"}
    assert all(TODAY - timedelta(days=ago) in counts["octocat"] for ago in range(12))
    assert TODAY - timedelta(days=12) not in counts["octocat"]
    assert TODAY not in counts["jimin-kim"]
    assert TODAY - timedelta(days=1) in counts["jimin-kim"]


def test_days_are_kept(tmp_path: Path) -> None:
    with Sandbox(tmp_path, seed=False, today=TODAY) as sandbox:
        sandbox.github.set_streak("octocat", 2)
    with Sandbox(tmp_path, seed=False, today=TODAY) as sandbox:
        found = sandbox.store.contributor("octocat")
        assert found is not None
        assert set(found.counts) == {TODAY, TODAY - timedelta(days=1)}
        assert sandbox.github.behaviour.today == TODAY
