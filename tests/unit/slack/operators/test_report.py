from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from support.paging_slack import PagingSlack, refusal
from support.scripted_server import reply
from workplace_provider.common.artifacts import Artifact, as_artifacts
from workplace_provider.common.report_date import report_window
from workplace_provider.confluence.pages import PageDocument
from workplace_provider.http.errors import WorkplaceError
from workplace_provider.slack.hooks import SlackDirectoryHook
from workplace_provider.slack.operators import SlackChannelReportOperator
from workplace_provider.slack.to_page.slack_text import readable

SEOUL = ZoneInfo("Asia/Seoul")
PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 100
PEOPLE = {"U1": "김민수", "U2": "박지은"}


@pytest.fixture(autouse=True)
def _connection(slack: PagingSlack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "slack", "password": "xoxb-s3cret", "extra": {"base_url": f"{slack.url}/api/", "timeout": 5}}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", f"file://{tmp_path}/artifacts")
    slack.users = [{"id": key, "name": key.lower(), "profile": {"display_name": name}} for key, name in PEOPLE.items()]
    slack.add_channel("C01", "데이터-분석")


def context(day: str = "2026-11-19", **more: Any) -> Any:
    dag = SimpleNamespace(dag_id="weekly", timezone=SEOUL)
    end = datetime.fromisoformat(f"{day}T09:00:00+09:00")
    return {"dag": dag, "run_id": f"run-{day}", "ti": SimpleNamespace(map_index=-1), "data_interval_end": end, **more}


def at(text: str, micros: int = 0) -> str:
    """A timestamp of Slack for a time in Seoul."""
    return f"{int(datetime.fromisoformat(text).replace(tzinfo=SEOUL).timestamp()):010d}.{micros:06d}"


def report(day: str = "2026-11-19", **arguments: Any) -> dict[str, Any]:
    operator = SlackChannelReportOperator(task_id="slack", **{"channels": ["#데이터-분석"], **arguments})
    result: dict[str, Any] = json.loads(json.dumps(operator.execute(context(day))))
    return result


def read(artifact: dict[str, Any]) -> str:
    (found,) = as_artifacts(artifact)
    with found.open() as stream:
        return stream.read().decode()


def lines(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read(result["lines"]).splitlines()]


def texts(result: dict[str, Any]) -> list[str]:
    return [line["text"] for line in lines(result)]


def test_a_week_of_a_channel_is_a_page_and_lines(slack: PagingSlack) -> None:
    root = at("2026-11-13T10:00")
    slack.post("C01", root, "*배포* <@U2> :tada:", reactions=[{"name": "pushpin", "count": 2, "users": ["U1"]}])
    slack.post("C01", at("2026-11-14T11:30"), "확인 &amp; 완료", user="U2", thread_ts=root)
    result = report(replies_title="답글 {count}개")
    assert result["window"] == {"oldest": "2026-11-12T00:00:00+09:00", "latest": "2026-11-19T00:00:00+09:00"}
    assert result["channels"] == [{"id": "C01", "name": "데이터-분석", "threads": 1, "messages": 2, "left_out": 0}]
    assert (result["threads"], result["messages"], result["images"]) == (1, 2, [])
    link = f"{slack.url}/archives/C01/p{root.replace('.', '')}"
    first, second = lines(result)
    assert first == {
        "channel": "C01",
        "channel_name": "데이터-분석",
        "ts": root,
        "thread_ts": root,
        "at": "2026-11-13T10:00:00+09:00",
        "author": "김민수",
        "author_id": "U1",
        "text": "배포 @박지은 🎉",
        "mrkdwn": "*배포* <@U2> :tada:",
        "permalink": link,
        "reactions": {"pushpin": 2},
        "reply_count": 1,
        "files": [],
        "in_window": True,
    }
    assert (second["author"], second["text"], second["thread_ts"]) == ("박지은", "확인 & 완료", root)
    assert second["permalink"].endswith(f"?thread_ts={root}&cid=C01")
    reply_link = second["permalink"].replace("&", "&amp;")
    assert read(result["storage"]) == (
        f'<blockquote><p><strong>김민수</strong> <a href="{link}">2026-11-13 10:00</a></p>'
        "<p><strong>배포</strong> @박지은 🎉</p></blockquote>"
        '<ac:structured-macro ac:name="expand"><ac:parameter ac:name="title">답글 1개</ac:parameter><ac:rich-text-body>'
        f'<blockquote><p><strong>박지은</strong> <a href="{reply_link}">2026-11-14 11:30</a></p>'
        "<p>확인 &amp; 완료</p></blockquote></ac:rich-text-body></ac:structured-macro>"
    )
    assert "배포" not in json.dumps(result, ensure_ascii=False)


def test_each_week_reads_its_own_messages_whenever_it_runs(slack: PagingSlack) -> None:
    said = {
        at("2026-11-04T23:59"): "two weeks ago",
        at("2026-11-05T00:00"): "begin of last week",
        at("2026-11-11T23:59", 999_999): "end of last week",
        at("2026-11-12T00:00"): "begin of this week",
        at("2026-11-18T23:59"): "end of this week",
        at("2026-11-19T08:59"): "report day",
    }
    for ts, text in said.items():
        slack.post("C01", ts, text)
    assert texts(report("2026-11-19")) == ["begin of this week", "end of this week"]
    assert texts(report("2026-11-12")) == ["begin of last week", "end of last week"]
    assert texts(report("2026-11-19", days="1")) == ["end of this week"]
    assert texts(report(oldest="2026-11-19", latest="2026-11-19T09:00")) == ["report day"]
    assert texts(report(latest="2026-11-12T00:00:01+09:00", days=14))[-1] == "begin of this week"


def test_a_week_in_which_the_clocks_change_has_all_its_days() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    run = {"dag": SimpleNamespace(timezone=berlin), "data_interval_end": datetime(2026, 10, 29, 8, tzinfo=UTC)}
    begin, end = report_window(run)
    assert (begin.isoformat(), end.isoformat()) == ("2026-10-22T00:00:00+02:00", "2026-10-29T00:00:00+01:00")


def test_the_window_may_be_the_data_interval() -> None:
    begin, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    assert report_window({"data_interval_start": begin, "data_interval_end": end}, days=None) == (begin, end)
    with pytest.raises(ValueError, match="no data interval"):
        report_window({}, days=None)
    with pytest.raises(ValueError, match="days is 0; a report covers at least one day"):
        report_window({}, days=0)


def test_a_late_reply_comes_with_its_older_message(slack: PagingSlack) -> None:
    slack.post("C01", at("2026-11-10T10:00"), "질문")
    slack.post("C01", at("2026-11-15T10:00"), "늦은 답", thread_ts=at("2026-11-10T10:00"))
    result = report()
    assert [(line["text"], line["in_window"]) for line in lines(result)] == [("질문", False), ("늦은 답", True)]
    assert result["messages"] == 1


def three_threads(slack: PagingSlack) -> None:
    slack.post("C01", at("2026-11-12T10:00"), "장애 보고", reactions=[{"name": "pushpin::skin-tone-2", "count": 1}])
    slack.post("C01", at("2026-11-13T10:00"), "점심", user="U2")
    slack.post("C01", at("2026-11-13T10:01"), "국밥", thread_ts=at("2026-11-13T10:00"))
    slack.post("C01", at("2026-11-14T10:00"), "릴리스 v2", user=None, bot_id="B1", username="배포봇")
    slack.post("C01", at("2026-11-14T11:00"), "<@U1> joined", subtype="channel_join")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["장애 보고", "점심", "국밥", "릴리스 v2"]),
        ({"reaction": ":pushpin:"}, ["장애 보고"]),
        ({"text": "V\\d"}, ["릴리스 v2"]),
        ({"text": "국밥|장애"}, ["장애 보고", "점심", "국밥"]),
        ({"author": "박지은, 배포봇"}, ["점심", "국밥", "릴리스 v2"]),
        ({"author": ["U2"]}, ["점심", "국밥"]),
        ({"author": "U2", "text": "국밥"}, []),
        ({"min_replies": "1"}, ["점심", "국밥"]),
        ({"limit": 1}, ["릴리스 v2"]),
    ],
)
def test_only_what_was_asked_for_is_reported(slack: PagingSlack, wanted: dict[str, Any], found: list[str]) -> None:
    three_threads(slack)
    assert texts(report(**wanted)) == found


def test_what_the_limit_left_out_is_told(slack: PagingSlack) -> None:
    three_threads(slack)
    assert report(limit=1)["channels"][0]["left_out"] == 2


def test_several_channels_have_headings_and_an_empty_one_says_so(slack: PagingSlack) -> None:
    slack.add_channel("C02", "quiet")
    three_threads(slack)
    page = read(report(channels="데이터-분석, C02", empty_text="메시지 없음")["storage"])
    PageDocument(page)
    assert page.endswith("<h3>#quiet</h3><p>메시지 없음</p>")
    assert page.startswith("<h3>#데이터-분석</h3><blockquote>")


def with_files(slack: PagingSlack) -> None:
    picture = {"id": "F01", "name": "차트:1.png", "mimetype": "image/png", "size": len(PNG), "permalink": "https://x/F01"}
    picture["url_private"] = f"{slack.url}/files/F01"
    gone = {"id": "F02", "mimetype": "image/png", "mode": "tombstone"}
    sheet = {"id": "F03", "name": "표 & 표.xlsx", "mimetype": "application/xlsx", "permalink": "https://x/F03"}
    slack.post("C01", at("2026-11-13T10:00"), "파일", files=[picture, gone, sheet])
    slack.post("C01", at("2026-11-14T10:00"), "다시", files=[picture])
    slack.files["/files/F01"] = reply(200, PNG, Content_Type="image/png")


def test_files_are_named_with_links(slack: PagingSlack) -> None:
    with_files(slack)
    result = report()
    page = read(result["storage"])
    assert (
        '<p><a href="https://x/F01">차트:1.png</a></p><p>F02</p><p><a href="https://x/F03">표 &amp; 표.xlsx</a></p>' in page
    )
    assert result["images"] == []


def test_a_file_whose_address_no_page_may_link_to_is_named(slack: PagingSlack) -> None:
    script = {"id": "F04", "name": "a.txt", "is_external": True, "url_private": "javascript:alert(1)"}
    slack.post("C01", at("2026-11-13T10:00"), "파일", files=[script])
    assert "<p>a.txt</p>" in read(report()["storage"])


def test_pictures_are_downloaded_once_and_shown(slack: PagingSlack) -> None:
    with_files(slack)
    result = report(files="download")
    (image,) = as_artifacts(result["images"])
    assert (image.name, image.media_type, image.open().read()) == ("F01_차트_1.png", "image/png", PNG)
    page = read(result["storage"])
    assert page.count('<ri:attachment ri:filename="F01_차트_1.png" />') == 2
    assert "표 &amp; 표.xlsx" in page


def test_a_log_in_page_fails_the_task_and_leaves_no_file(slack: PagingSlack, tmp_path: Path) -> None:
    with_files(slack)
    slack.files["/files/F01"] = reply(200, b"<!DOCTYPE html><title>Sign in</title>", Content_Type="text/html")
    with pytest.raises(AirflowFailException, match="files:read"):
        report(files="download")
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_a_failed_retry_leaves_the_files_of_the_good_run(slack: PagingSlack, tmp_path: Path) -> None:
    three_threads(slack)
    good = texts(report())
    # The first two requests are auth.test and conversations.list.
    slack.asked.clear()
    slack.faults = dict.fromkeys(range(2, 40), reply(429, Retry_After="3600"))
    with pytest.raises(WorkplaceError):
        report()
    found = {each.name: each for each in tmp_path.rglob("*") if each.is_file()}
    assert set(found) == {"slack.jsonl", "slack.xhtml"}
    assert [json.loads(line)["text"] for line in found["slack.jsonl"].read_text().splitlines()] == good


def test_the_same_run_has_the_same_files(slack: PagingSlack, tmp_path: Path) -> None:
    three_threads(slack)
    one, other = report(), report()
    assert one == other
    assert len([each for each in tmp_path.rglob("*") if each.is_file()]) == 2


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"channels": "nowhere"}, "#nowhere"),
        ({"channels": ""}, "at least one channel"),
        ({"files": "all"}, "links, download"),
        ({"text": "("}, "regular expression"),
        ({"timezone": "Mars"}, "Asia/Seoul"),
        ({"days": "many"}, "must be a number"),
        ({"oldest": "soon"}, "2026-11-19"),
        ({"oldest": "2026-11-20"}, "before it begins"),
    ],
)
def test_what_a_retry_cannot_mend_fails_at_once(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(AirflowFailException, match=says):
        report(**wrong)


def test_a_channel_the_app_is_not_in_tells_how_to_invite_it(slack: PagingSlack) -> None:
    slack.faults = {2: refusal("not_in_channel")}
    with pytest.raises(AirflowFailException, match="/invite"):
        report()


def test_a_reading_that_takes_hours_is_refused_after_one_page(slack: PagingSlack) -> None:
    start = int(float(at("2026-11-12T00:00")))
    for number in range(1500):
        slack.post("C01", f"{start + 400 * number}.000000")
    slack.largest_page = 15
    with pytest.raises(AirflowFailException, match=r"about \d+ calls, \d+ minutes.*max_minutes is 60"):
        report(channels="C01")
    assert slack.methods().count("conversations.history") == 1


def test_a_switch_skips_it() -> None:
    with pytest.raises(AirflowSkipException):
        report(enabled="False")


def test_the_hook_reads_through_airflow_s_slack_connection(slack: PagingSlack) -> None:
    slack.post("C01", at("2026-11-13T10:00"), "하나")
    hook = SlackDirectoryHook()
    assert hook.test_connection()[0]
    window = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    assert [each.text for each in hook.iter_messages("데이터-분석", *window)] == ["하나"]
    assert [each.id for each in hook.iter_users()] == ["U1", "U2"]
    assert [len(page.items) for page in hook.paginate("users.list", "members", page_size=1)] == [1, 1]
    assert "Bearer xoxb-s3cret" in slack.tokens
    hook.close()


def test_the_page_reads_as_it_was_said(slack: PagingSlack) -> None:
    three_threads(slack)
    said = readable(read(report()["storage"]))
    assert [word in said for word in ("장애 보고", "배포봇", "국밥", "1 replies", "2026-11-14 10:00")] == [True] * 5


def test_artifacts_are_dicts(slack: PagingSlack) -> None:
    result = report()
    for key, media_type in (("lines", "application/jsonl"), ("storage", "application/xhtml+xml")):
        assert Artifact(**result[key]).media_type == media_type
