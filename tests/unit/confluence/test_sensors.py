from __future__ import annotations

import asyncio
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.models.trigger import Trigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException, TaskDeferred

from support.event_loop import run_apart
from support.team_wiki import DIALECTS, LAST_WEEK, SPACE, Dialect, TeamWiki
from support.wiki_exports import PAGES
from workplace_provider.confluence.hooks.confluence import ConfluenceHook
from workplace_provider.confluence.sensors import ConfluencePageSensor
from workplace_provider.confluence.triggers import ConfluencePageTrigger
from workplace_provider.http.errors import SourceUnavailable
from workplace_sandbox import Fault

STATUS = (
    "<h1>1. 상태</h1><p>{}</p><h1>2. 검토</h1><p>"
    '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">작성 중</ac:parameter></ac:structured-macro></p>'
)
DONE = '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">Done</ac:parameter></ac:structured-macro>'
# Cloud has no 401 for a token that it does not know: it takes us for anybody.
REFUSED = "401|anonymous|not permitted to use Confluence"


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Either face of the wiki."""
    face: Dialect = request.param
    return face


def connection(wiki: TeamWiki, **fields: str) -> str:
    found = {"conn_type": "confluence", **wiki.connection, **fields}
    return json.dumps({**found, "extra": {**found.get("extra", {}), "max_retry_wait": 0.01}})


@pytest.fixture(autouse=True)
def _connection(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", connection(wiki))


def sensor(**arguments: Any) -> ConfluencePageSensor:
    given: dict[str, Any] = {"space": SPACE, "title": LAST_WEEK, **arguments}
    return ConfluencePageSensor(task_id="wait", **given)


def poked(**arguments: Any) -> bool:
    return bool(sensor(**arguments).poke({}))  # type: ignore[arg-type]


def test_a_page_that_exists_is_described(wiki: TeamWiki) -> None:
    seen = sensor().poke({})  # type: ignore[arg-type]
    assert seen
    assert seen.xcom_value == {
        "id": wiki.last_week,
        "title": LAST_WEEK,
        "url": wiki.client().get_page(wiki.last_week).url,
        "version": 1,
    }
    assert poked(space=None, title=None, page_id=wiki.last_week)


def test_it_waits_for_a_page_and_not_for_one_in_the_trash(wiki: TeamWiki) -> None:
    assert not poked(title="다음 주")
    page = wiki.sandbox.store.create_page(SPACE, "다음 주", "<p>.</p>", author="jimin").id
    assert poked(title="다음 주")
    assert not poked(space=None, title=None, page_id="99999999")
    wiki.sandbox.store.archive_page(page)
    assert not poked(title="다음 주")
    wiki.sandbox.store.trash_page(page)
    assert not poked(title="다음 주")
    assert not poked(space="", title="", page_id=page)


def test_all_conditions_must_be_so_together(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    wanted: dict[str, Any] = {
        "after_version": "1",
        "labels": "weekly-report, reviewed",
        "status": "DONE",
        "heading": "1. 상태",
    }
    assert not poked(**wanted)
    store.update_page(wiki.last_week, author="jimin", body=STATUS.format(DONE))
    assert not poked(**wanted)
    store.add_labels(wiki.last_week, ["Reviewed"])
    assert poked(**wanted)
    assert not poked(**{**wanted, "after_version": 2})
    assert not poked(**{**wanted, "labels": ["weekly-report", "absent"]})


@pytest.mark.parametrize(
    ("status", "heading", "done"),
    [
        ("done", None, True),
        ("Done", "1. 상태", True),
        ("Done", "2. 검토", False),
        ("작성 중", "2. 검토", True),
        ("Done", "3. 없음", False),
        ("Dan", None, False),
    ],
)
def test_a_status_is_looked_for_where_it_should_be(wiki: TeamWiki, status: str, heading: str | None, done: bool) -> None:
    wiki.sandbox.store.update_page(wiki.last_week, author="jimin", body=STATUS.format(DONE))
    assert poked(status=status, heading=heading) == done


def test_it_says_what_is_missing(
    wiki: TeamWiki, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    wiki.sandbox.store.update_page(wiki.last_week, author="jimin", body=STATUS.format(DONE))
    poked(status="발행", heading="2. 검토")
    poked(status="발행", heading="없음")
    poked(title="없음")
    said = caplog.text + capsys.readouterr().out
    assert "no status '발행' under '2. 검토'; present: '작성 중'" in said
    assert "it has no heading '없음'" in said
    assert "no page '없음' in the space ANALYTICS" in said


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"title": None}, "name the page by page_id, or by space and title"),
        ({"page_id": "1"}, "name the page by page_id, or by space and title"),
        ({"heading": "1. 상태"}, "no status to find under it"),
        ({"after_version": "two"}, "after_version is 'two'"),
    ],
)
def test_what_cannot_be_waited_for_fails_at_once(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(AirflowFailException, match=problem):
        poked(**arguments)
    with pytest.raises(AirflowFailException, match=problem):
        sensor(deferrable=True, **arguments).execute({})  # type: ignore[arg-type]


def test_a_refused_token_fails_at_once_and_a_restart_of_the_site_does_not(
    wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiki.sandbox.add_fault(Fault(PAGES, "status", status=503, times=None))
    assert not poked()
    wiki.sandbox.clear_faults()
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", connection(wiki, password="s3cret-but-wrong"))
    with pytest.raises(AirflowFailException, match=REFUSED) as caught:
        poked()
    assert "s3cret" not in str(caught.value)


# --- in the triggerer


def deferred(**arguments: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        sensor(deferrable=True, **arguments).execute({})  # type: ignore[arg-type]
    return caught.value


def as_stored(trigger: ConfluencePageTrigger) -> ConfluencePageTrigger:
    """The trigger as a triggerer makes it from Airflow's database."""
    path, kwargs = trigger.serialize()
    assert path == "workplace_provider.confluence.triggers.ConfluencePageTrigger"
    row = Trigger(classpath=path, kwargs=kwargs)
    return ConfluencePageTrigger(**row.kwargs)


async def fired(trigger: ConfluencePageTrigger) -> dict[str, Any]:
    events = [event async for event in trigger.run()]
    (event,) = events
    payload: dict[str, Any] = json.loads(json.dumps(event.payload))
    return payload


def test_what_is_so_already_needs_no_triggerer() -> None:
    assert sensor(deferrable=True).execute({})["title"] == LAST_WEEK  # type: ignore[arg-type]


def test_the_trigger_fires_once_when_it_is_so_and_the_sensor_hands_the_page_on(wiki: TeamWiki) -> None:
    waiting = deferred(status="done", labels=["주간보고"], poke_interval=0.05)
    trigger = as_stored(waiting.trigger)  # type: ignore[arg-type]

    async def scenario() -> dict[str, Any]:
        task = asyncio.create_task(fired(trigger))
        await asyncio.sleep(0.2)
        assert not task.done()
        wiki.sandbox.store.update_page(wiki.last_week, author="jimin", body=DONE)
        return await asyncio.wait_for(task, 20)

    event = run_apart(scenario())
    assert event["state"] == "found"
    again = sensor(status="done")
    page = again.execute_complete({}, event)  # type: ignore[arg-type]
    assert (page["id"], page["version"]) == (wiki.last_week, 2)
    assert again.page_url == page["url"]


def test_a_slow_site_does_not_hold_up_the_other_triggers(wiki: TeamWiki) -> None:
    wiki.sandbox.add_fault(Fault(PAGES, "slow", delay=1.0))
    trigger = ConfluencePageTrigger(conditions={"space": SPACE, "title": LAST_WEEK})

    async def scenario() -> tuple[dict[str, Any], list[float]]:
        task = asyncio.create_task(fired(trigger))
        gaps: list[float] = []
        while not task.done():
            begun = time.monotonic()
            await asyncio.sleep(0)
            gaps.append(time.monotonic() - begun)
            await asyncio.sleep(0.01)
        return task.result(), gaps

    event, gaps = run_apart(scenario())
    assert event["state"] == "found"
    assert len(gaps) > 20, "the loop went round while the site kept it waiting"


def test_time_is_up(wiki: TeamWiki) -> None:
    waiting = deferred(labels="absent", poke_interval=0.05, timeout=0.2)
    event = run_apart(fired(as_stored(waiting.trigger)))  # type: ignore[arg-type]
    assert event["state"] == "timed out"
    with pytest.raises(AirflowSensorTimeout, match=r"not within 0\.2 seconds: it has no label absent"):
        sensor(timeout=0.2).execute_complete({}, event)  # type: ignore[arg-type]
    with pytest.raises(AirflowSkipException):
        sensor(timeout=0.2, soft_fail=True).execute_complete({}, event)  # type: ignore[arg-type]


def test_the_trigger_gets_over_what_passes_and_tells_what_does_not(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    wiki.sandbox.add_fault(Fault(PAGES, "status", status=503, times=6))
    conditions = {"space": SPACE, "title": LAST_WEEK}
    assert run_apart(fired(ConfluencePageTrigger(conditions=conditions, poke_interval=0.01)))["state"] == "found"
    wiki.sandbox.store.update_page(wiki.last_week, author="jimin", body="<p>열린")
    event = run_apart(fired(ConfluencePageTrigger(conditions={**conditions, "status": "x"})))
    assert event["state"] == "failed"
    assert "cannot be read" in event["message"]
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", connection(wiki, password="wrong"))
    event = run_apart(fired(ConfluencePageTrigger(conditions=conditions)))
    with pytest.raises(AirflowFailException, match=REFUSED):
        sensor().execute_complete({}, event)  # type: ignore[arg-type]


def test_a_missing_connection_fails_the_task_and_not_the_trigger() -> None:
    trigger = ConfluencePageTrigger(confluence_conn_id="nowhere", conditions={"page_id": "1"})
    event = run_apart(fired(trigger))
    assert event["state"] == "failed"
    assert "nowhere" in event["message"]


@pytest.mark.parametrize(
    "error", [SourceUnavailable("the token server is down", system="Confluence"), ConnectionError("reset")]
)
def test_the_trigger_gets_its_client_when_the_error_passes(
    wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    errors = [error, error]
    get_client = ConfluenceHook.aget_client

    async def unsteady(hook: ConfluenceHook) -> Any:
        if errors:
            raise errors.pop()
        return await get_client(hook)

    monkeypatch.setattr(ConfluenceHook, "aget_client", unsteady)
    trigger = ConfluencePageTrigger(conditions={"page_id": wiki.last_week}, poke_interval=0.01)
    assert run_apart(fired(trigger))["state"] == "found"
    errors += [error] * 999
    deadline = (datetime.now(UTC) + timedelta(seconds=0.2)).isoformat()
    trigger = ConfluencePageTrigger(conditions={"page_id": wiki.last_week}, poke_interval=0.05, deadline=deadline)
    assert run_apart(fired(trigger))["state"] == "timed out"


def test_the_trigger_stores_no_credential_of_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: ConfluenceHook) -> Any:
        raise ValueError("no host in https://jimin:hunter2@wiki.example.com/?token=hunter2")

    monkeypatch.setattr(ConfluenceHook, "aget_client", broken)
    event = run_apart(fired(ConfluencePageTrigger(conditions={"page_id": "1"})))
    assert event["state"] == "failed"
    assert "wiki.example.com" in event["message"]
    assert "hunter2" not in event["message"]


def test_a_trigger_that_is_cancelled_leaves_no_thread_waiting(wiki: TeamWiki) -> None:
    trigger = ConfluencePageTrigger(
        conditions={"space": SPACE, "title": "없음"},
        poke_interval=3600,
        deadline=(datetime.now(UTC) + timedelta(days=1)).isoformat(),
    )

    async def scenario() -> None:
        task = asyncio.create_task(fired(trigger))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    before = threading.active_count()
    run_apart(scenario())
    assert threading.active_count() <= before + 1
