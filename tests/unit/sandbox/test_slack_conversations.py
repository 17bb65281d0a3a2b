from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.examples import examples

NOON = datetime(2026, 11, 16, 3, tzinfo=UTC)


def talk(sandbox, channel, count, *, start=NOON):
    return [sandbox.slack.say(channel, "jimin", f"말 {n}", at=start + timedelta(minutes=n)) for n in range(count)]


def stamps(pages):
    return [message["ts"] for page in pages for message in page]


def test_channels_are_listed_by_kind(sandbox, slack, channel):
    sandbox.slack.add_channel("비밀", private=True, members=["jimin"])
    ours = sandbox.slack.add_channel("우리끼리", private=True, members=["report-bot"])
    old = sandbox.slack.add_channel("old-reports", archived=True)
    public = {c["name"]: c for c in slack.call("conversations.list")["channels"]}
    assert set(public) == {"weekly-report", "data-alarms", "data-분석", "old-reports"}
    assert (public["data-분석"]["is_member"], public["data-분석"]["num_members"]) == (True, 3)
    assert public["old-reports"]["is_archived"] is True
    private = slack.call("conversations.list", types="private_channel")["channels"]
    assert [(c["id"], c["is_private"]) for c in private] == [(ours.id, True)]
    current = slack.call("conversations.list", exclude_archived="true")["channels"]
    assert old.id not in {c["id"] for c in current}
    assert slack.refused("conversations.list", types="public") == "invalid_types"
    assert slack.with_token("no-private").refused("conversations.list", types="private_channel") == "missing_scope"
    pages = slack.pages("conversations.list", "channels", limit=1)
    assert [len(page) for page in pages] == [1, 1, 1, 1]


def test_a_private_channel_without_the_bot_does_not_exist(sandbox, slack):
    secret = sandbox.slack.add_channel("비밀", private=True, members=["jimin"])
    for method in ("conversations.info", "conversations.history", "conversations.members"):
        assert slack.refused(method, channel=secret.id) == "channel_not_found"
    assert slack.refused("chat.postMessage", channel="비밀", text="x") == "channel_not_found"


def test_history_needs_an_id_and_membership(sandbox, slack, channel):
    other = sandbox.slack.add_channel("random", members=["jimin"])
    assert slack.refused("conversations.history", channel="#data-분석") == "channel_not_found"
    assert slack.refused("conversations.history", channel=other.id) == "not_in_channel"
    assert slack.refused("conversations.history") == "invalid_arguments"
    assert slack.with_token("no-history").refused("conversations.history", channel=channel) == "missing_scope"
    assert slack.with_token("no-join").refused("conversations.join", channel=other.id) == "missing_scope"
    assert slack.call("conversations.join", channel=other.id)["channel"]["is_member"] is True
    (joined,) = slack.call("conversations.history", channel=other.id)["messages"]
    assert joined["subtype"] == "channel_join"
    assert slack.call("conversations.join", channel=other.id)["warning"] == "already_in_channel"
    assert other.id in {c["id"] for c in slack.call("users.conversations")["channels"]}
    sandbox.slack.archive("random")
    assert slack.refused("conversations.join", channel=other.id) == "is_archived"


def test_members_by_pages(sandbox, slack, channel):
    pages = slack.pages("conversations.members", "members", channel=channel, limit=2)
    assert pages == [[sandbox.slack.person(name).id for name in ("jimin", "alex")], [sandbox.slack.person("report-bot").id]]


def test_history_is_newest_first_and_by_pages(sandbox, slack, channel):
    said = talk(sandbox, channel, 7)
    pages = slack.pages("conversations.history", "messages", channel=channel, limit=3)
    assert stamps(pages) == [message.ts for message in reversed(said)]
    last = slack.call("conversations.history", channel=channel)
    assert last["has_more"] is False
    assert "response_metadata" not in last, "a last page says nothing of a cursor, unlike those of the lists"


def test_with_oldest_alone_pages_go_forward_each_newest_first(sandbox, slack, channel):
    said = [message.ts for message in talk(sandbox, channel, 5)]
    pages = slack.pages("conversations.history", "messages", channel=channel, limit=2, oldest=said[0])
    assert [[m["ts"] for m in page] for page in pages] == [[said[2], said[1]], [said[4], said[3]]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(40), deadline=None)
@given(data=st.data())
def test_every_window_and_page_size_gives_each_message_once(sandbox, slack, data):
    where = sandbox.slack.add_channel("windows", members=["report-bot"])
    said = [m.ts for m in sandbox.messages(where.id)] or [m.ts for m in talk(sandbox, where.id, 8)]
    first, last = data.draw(st.sampled_from(said)), data.draw(st.sampled_from(said))
    inclusive = data.draw(st.booleans())
    bounds = data.draw(st.sampled_from([{"oldest": first, "latest": last}, {"oldest": first}, {"latest": last}]))
    sandbox.slack.page_behaviour = data.draw(st.sampled_from(["full", "short", "empty"]))
    arguments = {"limit": data.draw(st.integers(1, 9)), "inclusive": inclusive, **bounds}
    pages = slack.pages("conversations.history", "messages", channel=where.id, **arguments)
    low, high = bounds.get("oldest", ""), bounds.get("latest", "~")
    expected = [ts for ts in said if low < ts < high or (inclusive and ts in (low, high) and low <= ts <= high)]
    assert sorted(stamps(pages)) == expected


def test_the_channel_shows_parents_and_broadcast_replies_only(sandbox, slack, channel):
    parent = sandbox.slack.say(channel, "jimin", "질문", at=NOON)
    quiet = sandbox.slack.say(channel, "alex", "answer", parent.ts, at=NOON + timedelta(minutes=1))
    loud = sandbox.slack.say(channel, "haruka", "全員へ", parent.ts, at=NOON + timedelta(minutes=2), broadcast=True)
    shown = {m["ts"]: m for m in slack.call("conversations.history", channel=channel)["messages"]}
    assert set(shown) == {parent.ts, loud.ts}
    head = shown[parent.ts]
    assert (head["reply_count"], head["reply_users_count"], head["latest_reply"]) == (2, 2, loud.ts)
    assert head["thread_ts"] == parent.ts
    assert shown[loud.ts]["subtype"] == "thread_broadcast"
    assert shown[loud.ts]["root"]["ts"] == parent.ts
    thread = slack.call("conversations.replies", channel=channel, ts=parent.ts)["messages"]
    assert [m["ts"] for m in thread] == [parent.ts, quiet.ts, loud.ts]
    assert thread[1]["parent_user_id"] == sandbox.slack.person("jimin").id


def test_replies_begin_with_the_parent_however_old_it_is(sandbox, slack, channel):
    parent, *_ = talk(sandbox, channel, 1)
    replies = [sandbox.slack.say(channel, "alex", f"r{n}", parent.ts, at=NOON + timedelta(days=n)) for n in range(1, 5)]
    late = slack.call("conversations.replies", channel=channel, ts=parent.ts, oldest=replies[2].ts, inclusive="1")
    assert [m["ts"] for m in late["messages"]] == [parent.ts, replies[2].ts, replies[3].ts]
    pages = slack.pages("conversations.replies", "messages", channel=channel, ts=parent.ts, limit=2)
    assert stamps(pages) == [parent.ts, *(reply.ts for reply in replies)]
    of_reply = slack.call("conversations.replies", channel=channel, ts=replies[0].ts)["messages"]
    assert of_reply[0]["ts"] == parent.ts, "a reply leads to its thread"


def test_a_message_without_replies_is_a_thread_of_one(sandbox, slack, channel):
    (alone,) = talk(sandbox, channel, 1)
    (found,) = slack.call("conversations.replies", channel=channel, ts=alone.ts)["messages"]
    assert "reply_count" not in found
    assert slack.refused("conversations.replies", channel=channel, ts="1700000000.000001") == "thread_not_found"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"oldest": "yesterday"}, "invalid_ts_oldest"),
        ({"latest": "abc"}, "invalid_ts_latest"),
        ({"limit": "many"}, "invalid_arguments"),
        ({"cursor": "bmV4dA=="}, "invalid_cursor"),
    ],
)
def test_arguments_that_cannot_be_read(slack, channel, arguments, word):
    assert slack.refused("conversations.history", channel=channel, **arguments) == word


def test_a_page_never_holds_more_than_999(sandbox, slack, channel):
    talk(sandbox, channel, 1001)
    assert len(slack.call("conversations.history", channel=channel, limit=5000)["messages"]) == 999
    assert len(slack.call("conversations.history", channel=channel)["messages"]) == 100
    sandbox.slack.page_behaviour = "capped"
    assert len(slack.call("conversations.history", channel=channel, limit=999)["messages"]) == 15


def test_direct_messages(sandbox, slack):
    alex, jimin = (sandbox.slack.person(name).id for name in ("alex", "jimin"))
    opened = slack.call("conversations.open", users=alex)["channel"]["id"]
    assert opened.startswith("D")
    assert slack.call("conversations.open", users=alex)["already_open"] is True
    posted = slack.call("chat.postMessage", channel=alex, text="개인 알림")
    assert posted["channel"] == opened
    listed = slack.call("conversations.list", types="im")["channels"]
    assert [(c["id"], c["user"]) for c in listed] == [(opened, alex)]
    group = slack.call("conversations.open", users=f"{alex},{jimin}", return_im="true")["channel"]
    assert group["is_mpim"] is True
    assert slack.refused("conversations.open", users="U0NOBODY") == "user_not_found"
    gone = sandbox.slack.add_person("gone", deleted=True)
    bot = sandbox.slack.add_person("helper", kind="bot")
    assert slack.refused("conversations.open", users=gone.id) == "user_disabled"
    assert slack.refused("conversations.open", users=bot.id) == "cannot_dm_bot"
