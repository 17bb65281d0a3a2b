from __future__ import annotations

import io
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from support.slack_workspace import BEGIN, RATE_LIMITED, SlackWorkspace
from workplace_provider.http.client import HttpSettings
from workplace_provider.http.errors import Forbidden, RateLimited, SourceUnavailable, TooLarge, WorkplaceError
from workplace_provider.slack.client import MessagePoster, PostedMessage, SlackReader, SlackUpload, split_message
from workplace_sandbox.faults import Fault

FAULTS: list[dict[str, Any]] = [
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "truncate"},
    {"kind": "html"},
    {"kind": "status", "status": 500},
    {"kind": "status_after", "status": 500},
    {"kind": "status_after", "status": 503},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "7"}},
    {"kind": "status", "status": 200, "body": RATE_LIMITED},
    {"kind": "status", "status": 200, "body": '{"ok":false,"error":"internal_error"}'},
    {"kind": "status_after", "status": 200, "body": '{"ok":false,"error":"fatal_error"}'},
]


def post(workspace: SlackWorkspace, text: str = "주간 보고", key: str = "run-1", **more: Any) -> PostedMessage:
    return workspace.poster.post(workspace.channel, split_message(text), dedupe_key=key, since=BEGIN, **more)


def pdf(content: bytes = b"%PDF-1.7 report") -> SlackUpload:
    return SlackUpload("보고서.pdf", lambda: io.BytesIO(content))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(map(str, fault.values()))[:40])
def test_whatever_goes_wrong_the_message_is_there_once(workspace: SlackWorkspace, fault: dict[str, Any]) -> None:
    workspace.goes_wrong("chat.postMessage", **fault)
    posted = post(workspace)
    assert [message.ts for message in workspace.said] == [posted.ts]
    assert posted.permalink.endswith("/p" + posted.ts.replace(".", ""))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(map(str, fault.values()))[:40])
def test_a_task_that_fails_and_is_tried_again_posts_once(workspace: SlackWorkspace, fault: dict[str, Any]) -> None:
    workspace.goes_wrong("chat.postMessage", **{**fault, "times": None})
    for _ in range(2):
        with suppress(WorkplaceError):
            post(workspace)
    workspace.sandbox.clear_faults()
    post(workspace)
    assert workspace.texts == ["주간 보고"]


def test_a_repeated_run_posts_nothing(workspace: SlackWorkspace) -> None:
    first, second = post(workspace), post(workspace, "another text")
    assert (first.ts, first.permalink) == (second.ts, second.permalink)
    assert (first.new, second.new) == (True, False)
    assert workspace.texts == ["주간 보고"]


def test_runs_do_not_take_each_others_messages_for_their_own(workspace: SlackWorkspace) -> None:
    post(workspace, key="run-1")
    post(workspace, key="run-2")
    workspace.sandbox.slack.say("#weekly-report", "jimin", "run-3")
    post(workspace, key="run-3")
    assert len(workspace.said) == 4


@pytest.mark.parametrize("author", ["jimin", "staging-bot"])
def test_a_message_of_another_app_with_our_key_is_not_ours(workspace: SlackWorkspace, author: str) -> None:
    workspace.sandbox.slack.add_person("staging-bot", kind="bot")
    put = partial(workspace.poster.upsert, workspace.channel, split_message("status")[0], key="status")
    first, status = post(workspace), put()
    metadata = [message.payload["metadata"] for message in workspace.said]
    for message in workspace.said:
        workspace.sandbox.slack.delete(message)
    theirs = [workspace.sandbox.slack.say("#weekly-report", author, "theirs", metadata=each) for each in metadata]
    assert post(workspace).new
    assert put(remembered_ts=theirs[1].ts).new
    assert workspace.texts == ["theirs", "theirs", "주간 보고", "status"]
    assert {first.ts, status.ts}.isdisjoint(each.ts for each in theirs)


def test_a_file_of_another_person_in_the_thread_is_not_ours(workspace: SlackWorkspace) -> None:
    posted = post(workspace)
    workspace.sandbox.slack.share_file("#weekly-report", "jimin", "보고서.pdf", b"theirs", thread_ts=posted.ts)
    (file,) = post(workspace, files=[pdf()]).files
    assert [each.path.read_bytes() for each in workspace.sandbox.store.slack_files() if each.id == file.id] == [
        b"%PDF-1.7 report"
    ]


def test_keys_of_one_kind_are_none_of_another(workspace: SlackWorkspace) -> None:
    long = "\n".join(f"{number} 번째 줄입니다" for number in range(1000))
    workspace.poster.upsert(workspace.channel, split_message("status")[0], key="a")
    post(workspace, long, key="a")
    keys = [message.payload["metadata"]["event_payload"]["dedupe_key"] for message in workspace.said]
    before = len(keys)
    for key in [*keys, "key:a", "a#2", "2:a"]:
        assert post(workspace, key=key).new, key
        assert workspace.poster.upsert(workspace.channel, split_message("b")[0], key=key).new, key
    assert len(workspace.said) == before + 2 * (before + 3)


def test_the_lookup_reports_what_it_did_not_read(
    workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workspace.sandbox.slack.page_behaviour = "capped"
    monkeypatch.setattr("workplace_provider.slack.client.posting.MOST_MESSAGES", 200)
    first = post(workspace)
    for number in range(190):
        workspace.sandbox.slack.say("#weekly-report", "jimin", str(number))
    assert post(workspace).ts == first.ts, "13 pages of 15 messages"
    assert "searched only the newest" not in caplog.text
    for number in range(20):
        workspace.sandbox.slack.say("#weekly-report", "jimin", str(number))
    assert post(workspace).new
    assert "searched only the newest 210 messages" in caplog.text


def test_retry_after_is_waited_out(workspace: SlackWorkspace) -> None:
    workspace.goes_wrong("chat.postMessage", "status", status=429, headers={"Retry-After": "7"})
    post(workspace)
    assert workspace.waits == [7.0]


def test_a_limit_that_stays_is_an_error_and_nothing_was_posted(workspace: SlackWorkspace) -> None:
    workspace.goes_wrong("chat.postMessage", "status", status=200, body=RATE_LIMITED, times=None)
    with pytest.raises(RateLimited):
        post(workspace)
    assert workspace.said == []


def test_a_message_is_found_behind_many_others(workspace: SlackWorkspace) -> None:
    workspace.sandbox.slack.page_behaviour = "capped"
    first = post(workspace)
    for number in range(40):
        workspace.sandbox.slack.say("#weekly-report", "jimin", str(number))
    assert post(workspace).ts == first.ts


def test_a_reply_is_once_in_its_thread(workspace: SlackWorkspace) -> None:
    root = workspace.sandbox.slack.say("#weekly-report", "jimin", "질문")
    workspace.goes_wrong("chat.postMessage", "drop_after")
    first = post(workspace, "답", thread_ts=root.ts, broadcast=True)
    assert post(workspace, "답", thread_ts=root.ts, broadcast=True).ts == first.ts
    (_, reply) = workspace.said
    assert (reply.text, reply.thread_ts, reply.broadcast) == ("답", root.ts, True)


def test_a_long_message_goes_on_in_its_thread(workspace: SlackWorkspace) -> None:
    text = "\n".join(f"{number} 번째 줄입니다" for number in range(1500))
    posted = post(workspace, text)
    first, *rest = workspace.said
    assert "".join(message.text for message in workspace.said) == text
    assert len(rest) > 1
    assert {message.thread_ts for message in rest} == {first.ts} == {posted.ts}


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_each_part_of_a_long_message_is_there_once(workspace: SlackWorkspace, lost: int) -> None:
    text = "\n".join(f"{number} 번째 줄입니다" for number in range(1000))
    workspace.goes_wrong("chat.postMessage", "drop_before", skip=lost, times=20)
    with pytest.raises(SourceUnavailable):
        post(workspace, text)
    assert len(workspace.said) == lost
    workspace.sandbox.clear_faults()
    post(workspace, text)
    assert "".join(message.text for message in workspace.said) == text


def test_a_file_is_in_the_thread_once_and_was_looked_at(workspace: SlackWorkspace) -> None:
    workspace.sandbox.slack.share_after = 3
    posted = post(workspace, files=[pdf()])
    again = post(workspace, files=[pdf()])
    (message, shared) = workspace.said
    assert shared.thread_ts == message.ts
    (file,) = workspace.sandbox.store.slack_files()
    assert file.path.read_bytes() == b"%PDF-1.7 report"
    assert [each.id for each in posted.files] == [each.id for each in again.files] == [file.id]
    assert file.shares == ((workspace.channel, shared.ts),)


@pytest.mark.parametrize("method", ["chat.postMessage", "files.completeUploadExternal", "files.info"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status", "status_after", "truncate"])
def test_whatever_goes_wrong_the_file_is_there_once(workspace: SlackWorkspace, method: str, kind: Any) -> None:
    workspace.goes_wrong(method, kind)
    post(workspace, files=[pdf(), SlackUpload("data.csv", lambda: io.BytesIO(b"a,b"))])
    post(workspace, files=[pdf(), SlackUpload("data.csv", lambda: io.BytesIO(b"a,b"))])
    assert [len(file.shares) for file in workspace.sandbox.store.slack_files()] == [1, 1]
    assert len(workspace.said) == 2


def test_an_upload_that_breaks_off_begins_again(workspace: SlackWorkspace) -> None:
    workspace.sandbox.add_fault(Fault("^/slack/upload/", "drop_before"))
    post(workspace, files=[pdf()])
    (file,) = workspace.sandbox.store.slack_files()
    assert (file.name, len(file.shares)) == ("보고서.pdf", 1)
    assert workspace.calls("files.getUploadURLExternal") == 2


def test_a_file_that_is_never_shown_is_an_error_and_a_retry_mends_it(workspace: SlackWorkspace) -> None:
    workspace.sandbox.slack.share_after = None
    with pytest.raises(SourceUnavailable, match="1 of 1 uploaded files have not appeared in the channel"):
        post(workspace, files=[pdf()])
    workspace.sandbox.slack.share_after = 0
    post(workspace, files=[pdf()])
    assert [len(file.shares) for file in workspace.sandbox.store.slack_files()] == [1]


def test_uploads_that_slack_forgot_are_uploaded_again(workspace: SlackWorkspace) -> None:
    forgotten = '{"ok":false,"error":"file_not_found"}'
    workspace.goes_wrong("files.completeUploadExternal", "drop_before", times=20)
    with pytest.raises(SourceUnavailable):
        post(workspace, files=[pdf()])
    workspace.sandbox.clear_faults()
    workspace.goes_wrong("files.completeUploadExternal", "status", status=200, body=forgotten)
    post(workspace, files=[pdf()])
    assert [len(file.shares) for file in workspace.sandbox.store.slack_files()] == [1]


def test_files_that_came_later_are_shared_with_the_message_that_is_there(workspace: SlackWorkspace) -> None:
    post(workspace)
    first = post(workspace, files=[pdf()])
    second = post(workspace, files=[pdf()])
    message, shared = workspace.said
    assert shared.thread_ts == message.ts
    (file,) = workspace.sandbox.store.slack_files()
    assert [[each.id for each in posted.files] for posted in (first, second)] == [[file.id], [file.id]]
    assert len(file.shares) == 1


def test_a_status_message_is_changed_in_place(workspace: SlackWorkspace) -> None:
    def put(text: str, **more: Any) -> PostedMessage:
        return workspace.poster.upsert(workspace.channel, split_message(text)[0], key="상태", **more)

    first = put("1 of 3")
    second = put("2 of 3")
    third = put("3 of 3", remembered_ts=second.ts)
    assert (first.updated, second.updated, third.updated) == (False, True, True)
    assert workspace.texts == ["3 of 3"]
    other = workspace.sandbox.slack.say("#weekly-report", "jimin", "not yours")
    assert put("4", remembered_ts=other.ts).ts == first.ts
    workspace.sandbox.slack.delete(workspace.said[0])
    assert not put("5", remembered_ts=first.ts).updated
    assert workspace.texts == ["not yours", "5"]


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status_after", "truncate", "status"])
def test_a_status_message_is_one_whatever_goes_wrong(workspace: SlackWorkspace, method: str, kind: Any) -> None:
    workspace.goes_wrong(method, kind)
    for text in ("a", "b"):
        workspace.poster.upsert(workspace.channel, split_message(text)[0], key="status")
    assert workspace.texts == ["b"]


def test_a_message_that_cannot_be_changed_any_more_gets_a_successor(workspace: SlackWorkspace) -> None:
    workspace.poster.upsert(workspace.channel, split_message("a")[0], key="status")
    workspace.goes_wrong("chat.update", "status", status=200, body='{"ok":false,"error":"edit_window_closed"}')
    assert not workspace.poster.upsert(workspace.channel, split_message("b")[0], key="status").updated
    assert workspace.poster.upsert(workspace.channel, split_message("c")[0], key="status").updated
    assert workspace.texts == ["a", "c"]


def test_a_status_message_that_is_too_long_to_change_is_refused_at_once(workspace: SlackWorkspace) -> None:
    with pytest.raises(TooLarge, match="4000"):
        workspace.poster.upsert(workspace.channel, split_message("가" * 2000)[0], key="status")
    assert workspace.said == []


def test_blocks_that_are_not_given_any_more_go_away(workspace: SlackWorkspace) -> None:
    (with_blocks,) = split_message("a", [{"type": "divider"}])
    workspace.poster.upsert(workspace.channel, with_blocks, key="status")
    workspace.poster.upsert(workspace.channel, split_message("b")[0], key="status")
    (message,) = workspace.said
    assert not message.payload["blocks"]


def test_a_token_that_cannot_look_is_told_what_it_lacks(workspace: SlackWorkspace) -> None:
    token = f"{workspace.sandbox.slack_bot_token}-no-metadata"
    with (
        SlackReader(token, base_url=workspace.sandbox.slack_api_url) as reader,
        pytest.raises(Forbidden, match=r"add metadata\.message:read") as failed,
    ):
        MessagePoster(reader).post(workspace.channel, split_message("a"), dedupe_key="k", since=BEGIN)
    assert token not in str(failed.value)
    assert workspace.said == []


@pytest.mark.parametrize("files", [(), (pdf(),)], ids=["text", "with a file"])
def test_two_attempts_of_one_run_post_once(
    workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch, files: tuple[SlackUpload, ...]
) -> None:
    """Airflow took a worker for dead that goes on: it posts between our look and our post."""
    other = workspace.poster
    submit = SlackReader.submit
    overlapping = True

    def interrupted(reader: SlackReader, method: str, *args: Any, **options: Any) -> Any:
        nonlocal overlapping
        if method == "chat.postMessage" and overlapping:
            overlapping = False
            other.post(workspace.channel, split_message("주간 보고"), dedupe_key="run-1", since=BEGIN, files=files)
        return submit(reader, method, *args, **options)

    monkeypatch.setattr(SlackReader, "submit", interrupted)
    posted = post(workspace, files=files)
    assert workspace.texts.count("주간 보고") == 1
    assert posted.ts == workspace.said[0].ts
    assert not posted.new
    assert len(workspace.texts) == 1 + len(files)


def test_a_post_without_a_connection_is_retried_by_one_loop() -> None:
    slept: list[float] = []
    settings = HttpSettings(attempts=3)
    with (
        SlackReader("xoxb-1", base_url="http://127.0.0.1:9/api/", settings=settings, sleep=slept.append) as reader,
        pytest.raises(SourceUnavailable, match="No connection to Slack"),
    ):
        MessagePoster(reader).post("C1", split_message("a"), dedupe_key="k", since=BEGIN, is_first=True)
    assert len(slept) == settings.attempts - 1
