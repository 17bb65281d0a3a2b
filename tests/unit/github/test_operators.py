"""The operator on the sandbox: numbers, the sentence, the calendar, the picture, and what goes wrong."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from PIL import Image

from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.github import client as github
from workplace_provider.github.operators import GithubBoardOperator, GithubContributionsOperator
from workplace_provider.http import errors
from workplace_provider.http.client import HttpSettings
from workplace_sandbox import Sandbox

DUE = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
TODAY = DUE.date()


@pytest.fixture(autouse=True)
def _github(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub on that day, as the connections ``github_default`` (API) and ``github_page`` (no token)."""
    sandbox.github.set_today(TODAY)
    connection = sandbox.airflow_connections()["github_default"]
    monkeypatch.setenv("AIRFLOW_CONN_GITHUB_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_GITHUB_PAGE", json.dumps({**connection, "password": ""}))


def context(due: datetime = DUE) -> Any:
    return {
        "dag": SimpleNamespace(dag_id="봇", timezone=UTC),
        "run_id": "asset_triggered__2026-11-28T03:00:00+00:00",
        "dag_run": SimpleNamespace(run_after=due),
        "ti": SimpleNamespace(map_index=-1, task_id="streak"),
    }


def outcome(login: str = "octocat", *, due: datetime = DUE, **arguments: Any) -> dict[str, Any]:
    options = {"github_conn_id": "github_default", **arguments}
    found = GithubContributionsOperator(task_id="streak", login=login, **options).execute(context(due))
    assert json.loads(json.dumps(found)) == found
    return dict(found)


@pytest.mark.parametrize("conn_id", ["github_default", "github_page"])
def test_somebody_who_has_done_it_today(sandbox: Sandbox, conn_id: str) -> None:
    sandbox.github.set_streak("octocat", 12, count=3)
    found = outcome(" @octocat ", github_conn_id=conn_id)
    calendar = found.pop("calendar")
    assert found == {
        "found": True,
        "login": "octocat",
        "url": f"{sandbox.github_url}/octocat",
        "streak": 12,
        "at_least": False,
        "longest": 12,
        "today": 3,
        "total": 36,
        "last_day": "2026-11-28",
        "active_days": 12,
        "missed_days": 353 if conn_id == "github_default" else 359,
        "text": f"<{sandbox.github_url}/octocat|octocat> has contributed for *12 days* in a row: 3 contributions today.",
        "image": None,
    }
    assert len(calendar.splitlines()) == 8
    assert calendar.count("■") == 12


def test_somebody_who_has_not_yet(sandbox: Sandbox) -> None:
    sandbox.github.set_streak("octocat", 12, last=TODAY - timedelta(days=1))
    found = outcome()
    assert (found["streak"], found["today"]) == (12, 0)
    assert found["text"].endswith("*12 days* in a row: nothing yet today.")


def test_a_streak_that_is_older_than_the_calendar(sandbox: Sandbox) -> None:
    sandbox.github.set_streak("octocat", 1000)
    assert {(found["streak"], found["at_least"]) for found in (outcome(), outcome(github_conn_id="github_page"))} == {
        (365, True),
        (371, True),
    }
    assert "*at least 365 days*" in outcome()["text"]


def test_the_day_is_the_persons_own_at_the_time_of_the_question(sandbox: Sandbox) -> None:
    """At 15:30 UTC it is half past midnight in Seoul, where GitHub's page has no square yet, and early in Honolulu."""
    sandbox.github.set_streak("octocat", 5)
    due = datetime(2026, 11, 28, 15, 30, tzinfo=UTC)
    seoul = outcome(tz="Asia/Seoul", due=due, github_conn_id="github_page")
    assert (seoul["streak"], seoul["today"], seoul["last_day"]) == (5, None, "2026-11-28")
    assert seoul["text"].endswith("GitHub does not show today yet.")
    assert outcome(tz="Asia/Seoul", due=due)["today"] == 0  # the API is asked for that day
    early = outcome(tz="Pacific/Honolulu", due=datetime(2026, 11, 28, 8, 0, tzinfo=UTC), github_conn_id="github_page")
    assert (early["streak"], early["today"], early["last_day"]) == (4, 1, "2026-11-27")
    assert "2026-11-28" not in early["calendar"]


def test_a_run_that_is_cleared_days_later_says_what_it_said(sandbox: Sandbox) -> None:
    sandbox.github.set_streak("octocat", 5)
    before = outcome()
    sandbox.github.set_today(TODAY + timedelta(days=9))
    assert outcome() == before
    assert outcome(today="2026-11-26")["streak"] == 3
    assert (
        outcome(today=date(2026, 11, 26))["streak"] == outcome(today=datetime(2026, 11, 26, 23, tzinfo=UTC))["streak"] == 3
    )
    with pytest.raises(AirflowFailException, match=r"calendar of octocat is from .* and does not include 2030-01-01"):
        outcome(today="2030-01-01", github_conn_id="github_page")


def test_the_picture_is_an_artifact(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.github.set_streak("octocat", 12)
    found = outcome(image="True", output_path=str(tmp_path))
    (artifact,) = as_artifacts(found["image"])
    assert (artifact.name, artifact.media_type) == ("contributions_octocat_2026-11-28.png", "image/png")
    with artifact.open() as stream:
        content = stream.read()
    assert len(content) == artifact.size
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        assert (image.format, list(image.size)) == ("PNG", artifact.facts["pixels"])
    assert outcome(image=True, output_path=str(tmp_path))["image"] == found["image"]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_without_pillow_only_the_picture_is_missed(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sandbox.github.set_streak("octocat", 2)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert outcome()["streak"] == 2
    with pytest.raises(AirflowFailException, match=r"airflow-provider-workplace\[bot\]"):
        outcome(image=True, output_path=str(tmp_path))


@pytest.mark.parametrize("conn_id", ["github_default", "github_page"])
@pytest.mark.parametrize("login", ["nobody", "옥토캣 <!channel>", ""])
def test_an_unknown_name_fails_or_is_answered_kindly(sandbox: Sandbox, login: str, conn_id: str) -> None:
    with pytest.raises(AirflowFailException, match="No GitHub user"):
        outcome(login, github_conn_id=conn_id)
    found = outcome(login, github_conn_id=conn_id, on_unknown="answer")
    assert (found["found"], found["login"], found["streak"], found["url"]) == (False, login, None, None)
    assert "<!channel>" not in found["text"]
    assert found["text"].endswith("?")


def test_a_template_that_found_no_name_is_nobodys(sandbox: Sandbox) -> None:
    sandbox.github.set_streak("None", 5)
    assert outcome("None", on_unknown="answer")["text"] == "Which GitHub user do you mean?"


def test_a_page_that_has_changed_is_no_kind_answer(sandbox: Sandbox) -> None:
    sandbox.github.set_streak("octocat", 2)
    sandbox.github.set_markup("no-tool-tips")
    with pytest.raises(AirflowFailException, match=r"The contributions page has changed: expected .*, found none"):
        outcome(github_conn_id="github_page", on_unknown="answer")


def test_a_busy_site_is_asked_again_by_airflow_when_it_wishes(sandbox: Sandbox) -> None:
    sandbox.github.set_streak("octocat", 2)
    for conn_id in ("github_default", "github_page"):
        sandbox.github.ratelimit(retry_after=600)
        with pytest.raises(errors.RateLimited) as busy:
            outcome(github_conn_id=conn_id)
        assert busy.value.retry_after == 600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"on_unknown": "perhaps"}, "on_unknown is 'perhaps'; it must be one of fail, answer"),
        ({"image": "perhaps"}, "image is 'perhaps'"),
        ({"weeks": "0"}, "weeks is '0'"),
        ({"tz": "Seoul"}, "unknown time zone 'Seoul'; use a name such as Asia/Seoul"),
        ({"today": "gestern"}, "today is 'gestern'; it must be a date such as"),
    ],
)
def test_arguments_that_cannot_be(sandbox: Sandbox, arguments: dict[str, Any], message: str) -> None:
    sandbox.github.set_streak("octocat", 2)
    with pytest.raises(AirflowFailException, match=message):
        outcome(**arguments)


def test_what_is_not_enabled_is_skipped_without_a_request(sandbox: Sandbox) -> None:
    with pytest.raises(AirflowSkipException):
        outcome(enabled="False")
    assert sandbox.requests() == []


class Connected(Exception):
    """In place of a reader, what it would have been made with."""


@pytest.fixture
def _connected(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(base_url: str = github.GITHUB, *, token: str = "", settings: HttpSettings | None = None) -> None:
        raise Connected(base_url, token, (settings or HttpSettings()).read_timeout)

    monkeypatch.setattr(github, "connect", connect)


@pytest.mark.usefixtures("_connected")
@pytest.mark.parametrize("nothing", [None, "", "None"])
def test_without_a_connection_it_is_the_public_page_of_github(nothing: Any) -> None:
    with pytest.raises(Connected) as made:
        outcome(github_conn_id=nothing)
    assert made.value.args == ("https://github.com", "", 60)


@pytest.mark.usefixtures("_connected")
@pytest.mark.parametrize(
    ("fields", "base_url", "token"),
    [
        ({"conn_type": "github", "password": "t"}, "https://github.com", "t"),
        (
            {"conn_type": "github", "password": "t", "host": "https://ghe.example.com/api/v3"},
            "https://ghe.example.com/api/v3",
            "t",
        ),
        ({"conn_type": "http", "password": "t", "host": "ghe.example.com"}, "https://ghe.example.com", "t"),
        (
            {"conn_type": "http", "host": "ghe.example.com", "schema": "http", "port": 8080},
            "http://ghe.example.com:8080",
            "",
        ),
        ({"conn_type": "http"}, "https://github.com", ""),
    ],
)
def test_connections(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], base_url: str, token: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_GITHUB_OTHER", json.dumps({**fields, "extra": {"read_timeout": "7"}}))
    with pytest.raises(Connected) as made:
        outcome(github_conn_id="github_other")
    assert made.value.args == (base_url, token, 7)


def test_a_connection_with_a_wrong_extra_or_token_fails_at_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sandbox.airflow_connections()["github_default"]
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", json.dumps({**connection, "extra": {"read_timeout": "long"}}))
    with pytest.raises(AirflowFailException, match="connection wrong: read_timeout is 'long'"):
        outcome(github_conn_id="wrong")
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", json.dumps({**connection, "password": "ghp_secret"}))
    with pytest.raises(AirflowFailException, match="Check the token") as refused:
        outcome(github_conn_id="wrong")
    assert "ghp_secret" not in str(refused.value)


def test_a_streak_since_a_start_date_is_exact(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.github.set_streak("octocat", 1000)
    found = outcome(since="2026-11-19")
    assert (found["streak"], found["at_least"], found["longest"]) == (10, False, 10)
    assert (found["active_days"], found["missed_days"]) == (10, 0)
    assert found["text"].endswith("*10 days* in a row: 1 contribution today. 10 of 10 days since 2026-11-19, none missed.")
    # Earlier years are read, one request for each; the picture has the last one only.
    sandbox.clear_requests()
    old = outcome(since=date(2024, 11, 27), image=True, output_path=str(tmp_path))
    assert (old["streak"], old["at_least"], len(sandbox.requests("/graphql"))) == (732, False, 3)
    assert as_artifacts(old["image"])[0].facts["pixels"][0] < 1700


def test_missed_days_since_a_start_date(sandbox: Sandbox) -> None:
    sandbox.github.set_days("octocat", {"2026-11-20": 2, "2026-11-21": 1, "2026-11-27": 1})
    found = outcome(since="2026-11-20", github_conn_id="github_page")
    assert (found["streak"], found["longest"], found["active_days"], found["missed_days"]) == (1, 2, 3, 5)
    assert found["text"].endswith("nothing yet today. 3 of 8 days since 2026-11-20, 5 missed.")
    begun = outcome(since=TODAY)
    assert (begun["streak"], begun["missed_days"], begun["last_day"]) == (0, 0, None)
    assert "no contributions since 2026-11-28" in begun["text"]


@pytest.mark.parametrize(
    ("since", "message"),
    [
        ("2026-11-29", "he start date 2026-11-29 is after 2026-11-28"),
        ("2020-01-01", "egins on .* after the start date 2020-01-01.*connection with a token"),
        ("1999-12-31", "since is 1999-12-31; GitHub exists since 2008"),
        ("soon", "since is 'soon'; it must be a date"),
    ],
)
def test_a_start_date_that_cannot_be_used(sandbox: Sandbox, since: str, message: str) -> None:
    sandbox.github.set_streak("octocat", 1)
    with pytest.raises(AirflowFailException, match=message):
        outcome(since=since, github_conn_id="github_page")


def board(logins: Any, **arguments: Any) -> dict[str, Any]:
    options = {"github_conn_id": "github_default", **arguments}
    found = GithubBoardOperator(task_id="board", logins=logins, **options).execute(context())
    assert json.loads(json.dumps(found)) == found
    return dict(found)


def test_several_people_are_one_message(sandbox: Sandbox) -> None:
    for login, days in (("octocat", 3), ("Minsu", 5), ("jimin-kim", 3), ("haruka", 0)):
        sandbox.github.set_streak(login, days)
    found = board(["octocat", "@jimin-kim", "haruka", "Minsu", "OCTOCAT", "no such <!here>"], since="2026-11-25")
    url = sandbox.github_url
    assert found["text"].splitlines() == [
        f"1. <{url}/Minsu|Minsu>: *4 days*, 4 of 4 since 2026-11-25 (1 contribution today)",
        f"2. <{url}/jimin-kim|jimin-kim>: *3 days*, 3 of 4 since 2026-11-25 (1 contribution today)",
        f"2. <{url}/octocat|octocat>: *3 days*, 3 of 4 since 2026-11-25 (1 contribution today)",
        f"4. <{url}/haruka|haruka>: *0 days*, 0 of 3 since 2026-11-25 (nothing yet today)",
        "GitHub has no user `no such &lt;!here&gt;`. Is the user name right?",
    ]
    assert [(person["rank"], person["login"], person["streak"]) for person in found["people"]] == [
        (1, "Minsu", 4),
        (2, "jimin-kim", 3),
        (2, "octocat", 3),
        (4, "haruka", 0),
    ]
    assert found["unknown"] == ["no such <!here>"]
    without_start = board("octocat, Minsu", github_conn_id="github_page")["text"]
    assert without_start.startswith(f"1. <{url}/Minsu|Minsu>: *5 days* (1 contribution today)")


@pytest.mark.parametrize("logins", [[], " , ", [f"user-{number}" for number in range(51)]])
def test_a_board_has_between_one_and_fifty_people(logins: Any) -> None:
    with pytest.raises(AirflowFailException, match="must have 1 to 50 user names"):
        board(logins)
