from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.examples import examples
from support.paging_slack import PagingSlack, refusal, ts
from support.scripted_server import Reply, ScriptedServer, cut, drop, reply
from workplace_provider.http.client import HttpSettings
from workplace_provider.http.errors import (
    AuthFailed,
    BadResponse,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    SourceUnavailable,
    WorkplaceError,
)
from workplace_provider.slack.client import SlackReader, directory_snapshot, iter_users
from workplace_provider.slack.client import reader as slack_reader

TOKEN = "xoxb-s3cret"
SETTINGS = HttpSettings(connect_timeout=2, read_timeout=0.5, attempts=8, max_wait=120)
EVERY_FAULT: dict[str, Reply] = {
    "429": reply(429, b'{"ok":false,"error":"ratelimited"}', Retry_After="30"),
    "500": reply(500, b"oops"),
    "503 as HTML": reply(503, b"<html>down</html>", Content_Type="text/html"),
    "dropped": drop,
    "cut": cut(b'{"ok":true,"members":[', 5000),
    "log-in page": reply(200, b"<!DOCTYPE html><title>Sign in</title>", Content_Type="text/html"),
    "half an object": reply(200, b'{"ok":true,"messages":[{"ts":"1'),
    "nothing": reply(200, b""),
    "a list": reply(200, b"[]"),
    "no list in it": reply(200, b'{"ok":true}'),
    "more, but not where": reply(200, b'{"ok":true,"members":[],"messages":[],"has_more":true}'),
    **{code: refusal(code) for code in ("internal_error", "fatal_error", "request_timeout", "service_unavailable")},
    "limit_required": refusal("limit_required"),
}


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def reader(slack: PagingSlack, slept: list[float]) -> SlackReader:
    return SlackReader(TOKEN, base_url=f"{slack.url}/api/", settings=SETTINGS, sleep=slept.append)


def member(number: int, **more: Any) -> dict[str, Any]:
    profile = {"real_name": f"사람 {number}", "email": f"p{number}@example.com"}
    return {"id": f"U{number:05d}", "team_id": "T1", "name": f"p{number}", "profile": profile, **more}


def ids(reader: SlackReader) -> list[str]:
    return [user.id for user in iter_users(reader)]


def test_every_page_is_read_over_one_connection(slack: PagingSlack, reader: SlackReader) -> None:
    slack.users = [member(n) for n in range(2500)]
    assert ids(reader) == [each["id"] for each in slack.users]
    assert [query["limit"] for _, query in slack.asked] == ["999"] * 3
    assert len(slack.connections) == 1
    assert set(slack.tokens) == {f"Bearer {TOKEN}"}


def test_a_short_or_empty_page_is_not_the_end(slack: PagingSlack, reader: SlackReader) -> None:
    slack.users = [member(n) for n in range(7)]
    slack.largest_page, slack.empty_pages = 2, True
    assert ids(reader) == [each["id"] for each in slack.users]
    assert len(slack.asked) == 8


def test_a_listing_goes_on_behind_a_cursor(slack: PagingSlack, reader: SlackReader) -> None:
    slack.users = [member(n) for n in range(5)]
    first = next(reader.paginate("users.list", "members", page_size=2))
    rest = reader.paginate("users.list", "members", page_size=2, cursor=first.next_cursor)
    assert [each["id"] for page in rest for each in page.items] == ["U00002", "U00003", "U00004"]


@pytest.mark.parametrize("fault", EVERY_FAULT)
@pytest.mark.parametrize("position", range(3))
def test_a_page_that_fails_is_asked_for_again(slack: PagingSlack, reader: SlackReader, position: int, fault: str) -> None:
    slack.users = [member(n) for n in range(6)]
    slack.largest_page = 2
    slack.faults = {position: EVERY_FAULT[fault]}
    assert ids(reader) == [each["id"] for each in slack.users]
    cursors = [query.get("cursor") for _, query in slack.asked]
    assert cursors[position] == cursors[position + 1]
    assert reader.calls == len(slack.asked) == 4


def snapshot_ids(reader: SlackReader) -> list[str]:
    return [user.id for user in directory_snapshot(reader).users]


@pytest.mark.parametrize(("listed", "before"), [(ids, 0), (snapshot_ids, 1)], ids=["iterated", "snapshot"])
@given(faults=st.dictionaries(st.integers(0, 14), st.sampled_from(sorted(EVERY_FAULT)), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=examples(60))
def test_no_fault_makes_the_list_shorter(
    slack: PagingSlack, listed: Callable[[SlackReader], list[str]], before: int, faults: dict[int, str]
) -> None:
    slack.reset()
    slack.users = [member(n) for n in range(9)]
    slack.largest_page = 2
    slack.faults = {before + number: EVERY_FAULT[fault] for number, fault in faults.items()}
    with SlackReader(TOKEN, base_url=slack.url, settings=SETTINGS, sleep=lambda _: None) as reader:
        try:
            found = listed(reader)
        except WorkplaceError:
            assert len(faults) >= SETTINGS.attempts
        else:
            assert found == [each["id"] for each in slack.users]


def test_a_fault_that_stays_is_an_error(slack: PagingSlack, reader: SlackReader) -> None:
    slack.users = [member(n) for n in range(6)]
    slack.largest_page = 2
    slack.faults = dict.fromkeys(range(1, 20), refusal("internal_error"))
    with pytest.raises(SourceUnavailable, match="internal_error") as caught:
        ids(reader)
    assert caught.value.retryable
    assert len(slack.asked) == 1 + SETTINGS.attempts


def test_it_waits_as_long_as_slack_says(slack: PagingSlack, reader: SlackReader, slept: list[float]) -> None:
    slack.users = [member(1)]
    slack.faults = {0: EVERY_FAULT["429"]}
    assert ids(reader) == ["U00001"]
    assert slept == [30.0]
    assert reader.waited == 30.0


def test_a_wait_beyond_the_cap_is_an_error_with_its_length(
    slack: PagingSlack, reader: SlackReader, slept: list[float]
) -> None:
    slack.faults = {0: reply(429, b"{}", Retry_After="600")}
    with pytest.raises(RateLimited) as caught:
        ids(reader)
    assert caught.value.retry_after == 600.0
    assert slept == []


@pytest.mark.parametrize("fault", ["limit_required", "500", "request_timeout"])
def test_pages_become_smaller_when_that_helps(slack: PagingSlack, reader: SlackReader, fault: str) -> None:
    slack.users = [member(n) for n in range(400)]
    slack.faults = dict.fromkeys(range(2), EVERY_FAULT[fault])
    assert len(ids(reader)) == 400
    assert [query["limit"] for _, query in slack.asked] == ["999", "499", "249", "249"]


def test_pages_become_smaller_after_a_time_out(slack: PagingSlack, reader: SlackReader) -> None:
    answered = threading.Event()
    slack.users = [member(1)]

    def silent(_: object) -> None:
        answered.wait(10)

    slack.faults = {0: silent}
    assert ids(reader) == ["U00001"]
    answered.set()
    assert [query["limit"] for _, query in slack.asked] == ["999", "499"]


def test_pages_keep_their_size_when_the_network_fails(slack: PagingSlack, reader: SlackReader) -> None:
    slack.users = [member(1)]
    slack.faults = {0: drop, 1: EVERY_FAULT["503 as HTML"], 2: EVERY_FAULT["429"]}
    ids(reader)
    assert {query["limit"] for _, query in slack.asked} == {"999"}


@pytest.mark.parametrize("circle", [["a", "a"], ["a", "b", "a"]])
def test_a_circle_of_pages_is_an_error(slack: PagingSlack, reader: SlackReader, circle: list[str]) -> None:
    pages = [{"ok": True, "members": [member(1)], "response_metadata": {"next_cursor": each}} for each in circle]
    slack.faults = {number: reply(200, json.dumps(page).encode()) for number, page in enumerate(pages)}
    with pytest.raises(BadResponse, match="The server repeated a cursor"):
        ids(reader)


def _pages(slack: PagingSlack, users: list[dict[str, Any]]) -> None:
    for number in range(20):
        page = {"ok": True, "members": users, "response_metadata": {"next_cursor": f"cursor-{number}"}}
        slack.faults[number] = reply(200, json.dumps(page).encode())


def test_empty_pages_without_end_are_an_error(
    slack: PagingSlack, reader: SlackReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_reader, "MAX_EMPTY_PAGES", 5)
    _pages(slack, [])
    with pytest.raises(BadResponse, match="5 empty pages in a row"):
        ids(reader)
    assert len(slack.asked) == 5


def test_a_listing_without_end_is_an_error(slack: PagingSlack, reader: SlackReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_reader, "MAX_PAGES", 7)
    _pages(slack, [member(1)])
    with pytest.raises(BadResponse, match="more than 7 pages"):
        ids(reader)
    assert len(slack.asked) == 7


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (refusal("invalid_auth"), AuthFailed, "token"),
        (refusal("account_inactive"), AuthFailed, "deactivated"),
        (refusal("token_revoked"), AuthFailed, "new token"),
        (
            refusal("missing_scope", needed="users:read", provided="chat:write"),
            Forbidden,
            "needs the scope users:read and has chat:write",
        ),
        (refusal("not_in_channel"), Forbidden, "/invite"),
        (refusal("channel_not_found"), NotFound, "/invite"),
        (refusal("invalid_cursor"), Invalid, "start the listing again"),
        (refusal("something_new"), Invalid, "something_new"),
        (reply(403, b'{"ok":false,"error":"invalid_auth"}'), AuthFailed, "token"),
        (reply(404, b"no such page"), NotFound, "found nothing at this address: no such page"),
    ],
)
def test_what_slack_refuses_is_told_at_once(
    slack: PagingSlack, reader: SlackReader, answer: Reply, kind: type[WorkplaceError], says: str
) -> None:
    slack.faults = {0: answer}
    with pytest.raises(kind) as caught:
        ids(reader)
    assert says in str(caught.value)
    assert not caught.value.retryable
    assert TOKEN not in repr(caught.value)
    assert len(slack.asked) == 1


def test_an_answer_of_another_shape_names_the_place(slack: PagingSlack, reader: SlackReader) -> None:
    slack.users = [member(1), member(2, name=["not", "a", "text"])]
    with pytest.raises(BadResponse, match=r"members\[1\]\.name"):
        ids(reader)


def test_a_slow_plan_is_paced(slack: PagingSlack) -> None:
    now = [0.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    channel = slack.add_channel("C1", "slow")
    for second in range(40):
        slack.post(channel, ts(1000 + second))
    slack.largest_page = 15
    reader = SlackReader(TOKEN, base_url=slack.url, calls_per_minute=1, sleep=sleep, clock=lambda: now[0])
    pages = list(reader.paginate("conversations.history", "messages", {"channel": channel}))
    assert [len(page.items) for page in pages] == [15, 15, 10]
    assert slept == [60.0, 60.0]
    list(reader.paginate("users.list", "members"))
    assert slept == [60.0, 60.0]


def test_the_token_s_owner_and_scopes(slack: PagingSlack, reader: SlackReader) -> None:
    owner = reader.token_owner()
    assert (owner.team_id, owner.url) == ("T1", f"{slack.url}/")
    assert "users:read.email" in (owner.scopes or ())
    slack.scopes = None
    assert reader.token_owner().scopes is None


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"ok": false, "error": ' + b"[" * 100_000, b'{"ok":true,"members":[' + b"[" * 900]
)
@pytest.mark.parametrize("status", [200, 500])
def test_a_response_that_is_nested_too_deeply_is_an_error_of_ours(server: ScriptedServer, status: int, body: bytes) -> None:
    server.will(reply(status, body))
    reader = SlackReader(TOKEN, base_url=server.url, settings=HttpSettings(attempts=1))
    with pytest.raises(WorkplaceError):
        ids(reader)


def test_a_wait_of_years_is_an_error(server: ScriptedServer, slept: list[float]) -> None:
    server.will(reply(429, b'{"ok":false,"error":"ratelimited"}', Retry_After="9" * 400))
    with pytest.raises(WorkplaceError) as caught:
        ids(SlackReader(TOKEN, base_url=server.url, settings=SETTINGS, sleep=slept.append))
    assert slept == []
    assert not caught.value.retryable
