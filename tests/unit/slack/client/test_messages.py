from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.examples import examples
from support.paging_slack import PagingSlack, refusal, ts
from support.scripted_server import reply
from unit.slack.client.test_reader import EVERY_FAULT, SETTINGS
from workplace_provider.http.errors import BadResponse, Forbidden, Invalid, WorkplaceError
from workplace_provider.slack.client import Estimate, ReadingBudget, SlackReader, Thread, iter_messages, iter_threads

DAY = 86_400
START = 1_800_000_000
END = START + 7 * DAY
OLDEST = dt.datetime.fromtimestamp(START, dt.UTC)
LATEST = dt.datetime.fromtimestamp(END, dt.UTC)


@pytest.fixture
def reader(slack: PagingSlack) -> SlackReader:
    slack.add_channel("C1", "data")
    return reading(slack)


def reading(slack: PagingSlack) -> SlackReader:
    return SlackReader("xoxb-1", base_url=slack.url, settings=SETTINGS, sleep=lambda _: None)


def texts(reader: SlackReader, **more: Any) -> list[str]:
    return [message.text or "" for message in iter_messages(reader, "C1", OLDEST, LATEST, **more)]


def threads(reader: SlackReader, **more: Any) -> list[Thread]:
    return list(iter_threads(reader, "C1", OLDEST, LATEST, **more))


def test_messages_come_in_order_with_their_replies(slack: PagingSlack, reader: SlackReader) -> None:
    slack.post("C1", ts(START + 30), "second")
    slack.post("C1", ts(START + 10), "first")
    slack.post("C1", ts(START + 20), "to the first", thread_ts=ts(START + 10))
    slack.post("C1", ts(START + 40), "to the first, late", thread_ts=ts(START + 10))
    assert texts(reader) == ["first", "to the first", "second", "to the first, late"]
    assert [[each.text for each in thread.replies] for thread in threads(reader)] == [
        ["to the first", "to the first, late"],
        [],
    ]


def test_a_late_reply_to_an_older_message_is_there(slack: PagingSlack, reader: SlackReader) -> None:
    slack.post("C1", ts(START - 3 * DAY), "asked before")
    slack.post("C1", ts(START - 3 * DAY + 5), "an old answer", thread_ts=ts(START - 3 * DAY))
    slack.post("C1", ts(START + 5), "answered now", thread_ts=ts(START - 3 * DAY))
    assert texts(reader) == ["answered now"]
    (thread,) = threads(reader)
    assert (thread.root.text, thread.root_in_window) == ("asked before", False)
    assert texts(reader, reply_lookback=dt.timedelta(days=1)) == []


def test_a_reply_sent_to_the_channel_too_is_there_once(slack: PagingSlack, reader: SlackReader) -> None:
    slack.post("C1", ts(START + 1), "question")
    slack.post("C1", ts(START + 2), "for all", thread_ts=ts(START + 1), subtype="thread_broadcast")
    assert texts(reader) == ["question", "for all"]
    assert texts(reader, replies=False) == ["question", "for all"]
    assert texts(reader, broadcasts="never") == ["question"]
    assert texts(reader, broadcasts="never", replies=False) == ["question"]


@pytest.mark.parametrize("parent_on_every_page", [True, False])
def test_a_reply_sent_to_the_channel_leads_to_its_thread_however_old_that_is(
    slack: PagingSlack, reader: SlackReader, parent_on_every_page: bool
) -> None:
    slack.parent_on_reply_pages = parent_on_every_page
    old = ts(START - 300 * DAY)
    slack.post("C1", old, "last year")
    slack.post("C1", ts(START + 2), "for all", thread_ts=old, subtype="thread_broadcast")
    slack.post("C1", ts(START + 3), "only here", thread_ts=old)
    assert texts(reader) == ["for all", "only here"]
    assert threads(reader)[0].root.text == "last year"


def test_the_window_has_its_beginning_and_not_its_end(slack: PagingSlack, reader: SlackReader) -> None:
    for at in (ts(START - 1, 999_999), ts(START), ts(END - 1, 999_999), ts(END)):
        slack.post("C1", at)
    assert texts(reader) == [f"message {ts(START)}", f"message {ts(END - 1, 999_999)}"]


def test_a_thread_deleted_meanwhile_is_its_first_message(slack: PagingSlack, reader: SlackReader) -> None:
    slack.post("C1", ts(START + 1), "gone soon")
    slack.post("C1", ts(START + 2), "reply", thread_ts=ts(START + 1))
    slack.faults = {1: refusal("thread_not_found")}
    assert texts(reader) == ["gone soon"]


def test_a_channel_without_the_app_is_an_error_and_no_empty_report(slack: PagingSlack, reader: SlackReader) -> None:
    slack.faults = {0: refusal("not_in_channel")}
    with pytest.raises(Forbidden, match="/invite"):
        texts(reader)


def test_an_answer_with_a_broken_timestamp_is_an_error(slack: PagingSlack, reader: SlackReader) -> None:
    slack.faults = {0: reply(200, b'{"ok":true,"messages":[{"ts":"yesterday"}]}')}
    with pytest.raises(BadResponse, match="yesterday"):
        texts(reader)


def test_a_window_must_end_after_it_begins(reader: SlackReader) -> None:
    with pytest.raises(ValueError, match="before it begins"):
        list(iter_messages(reader, "C1", LATEST, OLDEST))


def test_fields_that_are_absent_null_or_empty_are_read(slack: PagingSlack, reader: SlackReader) -> None:
    slack.post("C1", ts(START + 1), "a", user=None, bot_id="B1", blocks=None, files=None, reactions=None, thread_ts=None)
    slack.post("C1", ts(START + 2), "b", username="", bot_profile={"name": "알림"}, latest_reply=None, files=[{"id": "F1"}])
    bare, bot = iter_messages(reader, "C1", OLDEST, LATEST)
    assert (bare.user, bare.bot_name, bare.is_reply) == (None, "", False)
    assert (bot.bot_name, (bot.files or [])[0].shown_name) == ("알림", "F1")
    assert (bare.channel, bare.at) == ("C1", OLDEST + dt.timedelta(seconds=1))


@st.composite
def channels(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Messages around the window, some of them threads with replies at any later time, some sent to the channel, too."""
    posts: list[dict[str, Any]] = []
    moments = st.integers(START - 12 * DAY, END + 2 * DAY)
    for number, second in enumerate(draw(st.lists(moments, max_size=8, unique=True))):
        root = ts(second, number)
        posts.append({"at": root})
        for reply_number in range(draw(st.integers(0, 3))):
            at = ts(draw(st.integers(second + 1, END + 3 * DAY)), 1000 * number + reply_number + 10)
            copied = {"subtype": "thread_broadcast"} if draw(st.booleans()) else {}
            posts.append({"at": at, "thread_ts": root, **copied})
    return posts


FAULTS = st.dictionaries(st.integers(0, 20), st.sampled_from(sorted(EVERY_FAULT)), max_size=6)


@given(posts=channels(), faults=FAULTS, page=st.sampled_from([1, 2, 3, 999]), empty=st.booleans(), parent=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=examples(80))
def test_whatever_fails_the_messages_are_the_same_or_there_is_an_error(
    slack: PagingSlack, posts: list[dict[str, Any]], faults: dict[int, str], page: int, empty: bool, parent: bool
) -> None:
    slack.reset()
    slack.add_channel("C1", "data")
    for post in posts:
        slack.post("C1", **post)
    slack.largest_page, slack.empty_pages, slack.parent_on_reply_pages = page, empty, parent
    slack.faults = {number: EVERY_FAULT[fault] for number, fault in faults.items()}
    expected = sorted(post["at"] for post in posts if ts(START) <= post["at"] < ts(END))
    with reading(slack) as reader:
        try:
            found = [message.ts for message in iter_messages(reader, "C1", OLDEST, LATEST)]
        except WorkplaceError:
            assert len(faults) >= SETTINGS.attempts
        else:
            assert found == expected


class RecordingBudget(ReadingBudget):
    """Records the estimates, each with the number of requests sent before it."""

    def __init__(self, slack: PagingSlack) -> None:
        super().__init__("general")
        self.slack = slack
        self.estimates: list[tuple[Estimate, int]] = []

    def check(self, estimate: Estimate) -> None:
        super().check(estimate)
        self.estimates.append((estimate, len(self.slack.asked)))


def test_what_reading_takes_is_known_after_the_first_page(slack: PagingSlack, reader: SlackReader) -> None:
    for number in range(140):
        slack.post("C1", ts(START + number * DAY // 20))
    slack.post("C1", ts(END - 1), "reply", thread_ts=slack.messages["C1"][-1]["ts"])
    slack.largest_page = 15
    budget = RecordingBudget(slack)
    threads(reader, reply_lookback=dt.timedelta(), budget=budget)
    (first, after_calls), (rest, _) = budget.estimates
    assert after_calls == 1
    assert 10 <= first.calls <= 25
    assert first.minutes == first.calls - 1
    assert (rest.calls, rest.minutes) == (1, 1.0)
    assert str(first) == f"about {first.calls} calls, {first.calls - 1} minutes"


def test_a_budget_can_stop_the_reading(slack: PagingSlack, reader: SlackReader) -> None:
    for number in range(140):
        slack.post("C1", ts(START + number * DAY // 20))
    slack.largest_page = 15
    with pytest.raises(Invalid, match=r"Reading #general takes about \d+ calls, \d+ minutes .* max_minutes is 5"):
        threads(reader, budget=ReadingBudget("general", 5))
    assert len(slack.asked) == 1


def test_an_internal_app_is_done_in_no_time(slack: PagingSlack, reader: SlackReader) -> None:
    slack.post("C1", ts(START + 1))
    budget = RecordingBudget(slack)
    threads(reader, budget=budget)
    assert [str(estimate) for estimate, _ in budget.estimates] == ["about 1 calls, less than a minute"]
