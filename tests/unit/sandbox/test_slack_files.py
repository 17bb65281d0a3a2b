from __future__ import annotations

import requests


def upload(slack, content=b"\x89PNG 1", name="표 분석.png", **share):
    length = share.pop("length", len(content))
    asked = slack.call("files.getUploadURLExternal", filename=name, length=str(length))
    sent = requests.post(asked["upload_url"], data=content, timeout=30)
    assert sent.status_code == 200, sent.text
    files = [{"id": asked["file_id"], "title": "표"}]
    slack.call("files.completeUploadExternal", files=files, **share)
    return asked["file_id"]


def get(url, token=None):
    return requests.get(url, headers={"Authorization": f"Bearer {token}"} if token else {}, timeout=30)


def test_a_file_is_uploaded_and_shared(sandbox, slack, channel):
    parent = sandbox.slack.say(channel, "jimin", "표 주세요")
    file_id = upload(slack, channel_id=channel, thread_ts=parent.ts, initial_comment="여기요")
    shown = slack.call("files.info", file=file_id)["file"]
    (share,) = shown["shares"]["public"][channel]
    assert (share["thread_ts"], shown["title"], shown["size"]) == (parent.ts, "표", 6)
    _, message = slack.call("conversations.replies", channel=channel, ts=parent.ts)["messages"]
    assert (message["ts"], message["text"], message["files"][0]["id"]) == (share["ts"], "여기요", file_id)


def test_sharing_takes_a_while(sandbox, slack, channel):
    sandbox.slack.share_after = 2
    file_id = upload(slack, channel_id=channel)
    seen = [bool(slack.call("files.info", file=file_id)["file"]["shares"]) for _ in range(4)]
    assert seen == [False, False, True, True]
    assert len(sandbox.messages(channel)) == 1


def test_sharing_may_never_happen(sandbox, slack, channel):
    sandbox.slack.share_after = None
    file_id = upload(slack, channel_id=channel)
    assert [slack.call("files.info", file=file_id)["file"]["shares"] for _ in range(5)] == [{}] * 5
    assert sandbox.messages(channel) == []


def test_bytes_need_the_token(sandbox, slack, channel):
    file_id = upload(slack, b"bytes", channel_id=channel)
    shown = slack.call("files.info", file=file_id)["file"]
    for url in (shown["url_private"], shown["url_private_download"]):
        allowed = get(url, sandbox.slack_bot_token)
        assert (allowed.content, allowed.headers["content-type"]) == (b"bytes", "image/png")
        for token in (None, "xoxb-wrong"):
            answer = get(url, token)
            assert answer.status_code == 200, "the trap: a log-in page looks like success"
            assert answer.headers["content-type"].startswith("text/html")
            assert answer.content != b"bytes"
    in_browser = requests.Session()
    in_browser.get(f"{sandbox.url}/slack/archives/data-분석", timeout=30)
    assert in_browser.get(shown["permalink"], timeout=30).content == b"bytes"


def test_uploads_that_go_wrong(sandbox, slack, channel):
    asked = slack.call("files.getUploadURLExternal", filename="a.txt", length="5")
    assert requests.post(asked["upload_url"], data=b"1234", timeout=30).status_code == 400
    early = [{"id": asked["file_id"]}]
    assert slack.refused("files.completeUploadExternal", files=early, channel_id=channel) == "file_not_found"
    assert requests.post(asked["upload_url"], files={"file": ("a.txt", b"12345")}, timeout=30).status_code == 200
    assert requests.post(asked["upload_url"], data=b"12345", timeout=30).status_code == 404, "it has arrived"
    assert slack.refused("files.completeUploadExternal", files=early, channel_id="#data-분석") == "channel_not_found"
    other = sandbox.slack.add_channel("random").id
    assert slack.refused("files.completeUploadExternal", files=early, channel_id=other) == "not_in_channel"
    assert slack.refused("files.getUploadURLExternal", filename="a.txt") == "invalid_arguments"
    assert slack.refused("files.info", file=asked["file_id"]) == "file_not_found", "it was not completed"


def test_files_are_listed_by_pages(sandbox, slack, channel):
    made = [upload(slack, name=f"{n}.png", channel_id=channel) for n in range(5)]
    other = sandbox.slack.share_file("weekly-report", "alex", "week.png", b"x").id
    body = slack.call("files.list", channel=channel, count=2, page=2)
    assert [shown["id"] for shown in body["files"]] == [made[2], made[1]]
    assert body["paging"] == {"count": 2, "total": 5, "page": 2, "pages": 3}
    mine = slack.call("files.list", user=sandbox.slack.person("alex").id)["files"]
    assert [shown["id"] for shown in mine] == [other]


def test_a_reset_forgets_the_files(sandbox, slack, channel):
    upload(slack, channel_id=channel)
    sandbox.reset(seed=False)
    assert slack.call("files.list")["files"] == []
    assert not [path for path in (sandbox.store.directory / "slack-files").rglob("*") if path.is_file()]
