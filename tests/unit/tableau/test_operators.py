from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk import DAG, Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException, TaskDeferred
from openpyxl import load_workbook
from PIL import Image

from support.bi_site import DEVICES, PROJECT, USERS, BiSite, pixels
from workplace_provider.common.artifacts import MANIFEST, as_artifacts
from workplace_provider.common.rows import read_rows
from workplace_provider.http.errors import BadResponse, WorkplaceError
from workplace_provider.tableau.hooks import TableauRestHook
from workplace_provider.tableau.operators import (
    TableauCrosstabExcelOperator,
    TableauExportBatchOperator,
    TableauViewDataOperator,
    TableauViewImageOperator,
    TableauViewPdfOperator,
)
from workplace_provider.tableau.sensors import TableauViewUpdatedSensor
from workplace_sandbox import Fault

SEOUL = ZoneInfo("Asia/Seoul")


@pytest.fixture(autouse=True)
def _connection(bi: BiSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {
        "conn_type": "tableau_rest",
        "host": bi.sandbox.tableau_url,
        "login": bi.token.name,
        "password": bi.token.secret,
        "extra": {"site": bi.sandbox.tableau_site},
    }
    monkeypatch.setenv("AIRFLOW_CONN_TABLEAU_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", f"file://{tmp_path}/artifacts")


def context(**more: Any) -> Any:
    dag = SimpleNamespace(dag_id="weekly", timezone=SEOUL)
    run = SimpleNamespace(run_after=datetime(2026, 11, 19, tzinfo=UTC))
    return {"dag": dag, "run_id": "run-1", "ti": SimpleNamespace(map_index=-1), "dag_run": run, **more}


def files(tmp_path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}


def test_an_image_is_an_artifact_with_what_is_known_of_it(bi: BiSite, tmp_path: Path) -> None:
    operator = TableauViewImageOperator(
        task_id="export",
        view=USERS,
        filters={"Parameters.기준일": "2026-11-05"},
        file_name="WAU_{기준일}",
    )
    result = operator.execute(context())
    (artifact,) = as_artifacts(json.loads(json.dumps(result)))
    content = artifact.open().read()
    assert files(tmp_path) == {"WAU_2026-11-05.png": content}
    assert artifact.media_type == "image/png"
    assert (artifact.facts["width"], artifact.facts["height"]) == pixels(content)
    assert artifact.facts["view"] == "주간활성사용자"
    assert artifact.facts["filters"] == {"Parameters.기준일": "2026-11-05"}
    assert artifact.facts["updated_at"]
    assert operator.operator_extra_links[0].get_link(operator, ti_key=None) == artifact.facts["view_url"]  # type: ignore[arg-type]
    assert bi.controls.sessions == [], "it signs out"


def test_each_format_has_its_operator(tmp_path: Path) -> None:
    TableauViewDataOperator(task_id="csv", view=USERS, byte_order_mark=True).execute(context())
    TableauViewPdfOperator(task_id="pdf", view=USERS, orientation="Landscape").execute(context())
    TableauCrosstabExcelOperator(task_id="xlsx", view=USERS).execute(context())
    TableauViewImageOperator(task_id="svg", view=USERS, image_format="svg").execute(context())
    found = files(tmp_path)
    assert set(found) == {f"주간활성사용자.{end}" for end in ("csv", "pdf", "xlsx", "svg")}
    assert found["주간활성사용자.csv"].decode("utf-8-sig").startswith("날짜,")
    assert found["주간활성사용자.csv"][:3] == b"\xef\xbb\xbf"
    assert load_workbook(io.BytesIO(found["주간활성사용자.xlsx"])).active


def test_trying_again_leaves_one_file(tmp_path: Path) -> None:
    for _ in range(2):
        TableauViewImageOperator(task_id="export", view=USERS).execute(context())
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("fault", [{"kind": "html"}, {"kind": "status", "status": 200, "body": ""}])
def test_a_wrong_file_never_gets_the_name(bi: BiSite, tmp_path: Path, fault: dict[str, Any]) -> None:
    operator = TableauViewImageOperator(task_id="export", view=USERS)
    operator.execute(context())
    good = files(tmp_path)
    bi.sandbox.add_fault(Fault("/image$", times=None, **fault))
    with pytest.raises((WorkplaceError, AirflowFailException)):
        operator.execute(context())
    assert files(tmp_path) == good


def test_an_empty_view_fails_skips_or_is_kept(tmp_path: Path) -> None:
    for operator in (TableauViewDataOperator, TableauCrosstabExcelOperator):
        with pytest.raises(AirflowFailException, match="빈 시트"):
            operator(task_id="a", view="Checks/Empty").execute(context())
        with pytest.raises(AirflowSkipException):
            operator(task_id="b", view="Checks/Empty", on_empty="skip").execute(context())
    assert files(tmp_path) == {}
    TableauViewDataOperator(task_id="c", view="Checks/Empty", on_empty="keep").execute(context())
    assert len(files(tmp_path)) == 1


def test_what_a_retry_cannot_mend_is_not_retried(bi: BiSite) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"view": "WeeklyKPI/RawData"}, "hidden sheet"),
        ({"view": USERS, "filters": {"지역": ""}}, "or ALL for all values"),
        ({"view": USERS, "filters": "{'a': 1}"}, "tojson"),
        ({"view": USERS, "file_name": "x_{region}"}, r"\{region\}"),
        ({"view": USERS, "image_format": "gif"}, "one of png, svg"),
        ({"view": USERS, "width": "wide", "height": 3}, "width is 'wide'"),
        ({"view": "Checks/Disconnected"}, "Sign in to the data source"),
    ]
    for given, says in wrong:
        with pytest.raises(AirflowFailException, match=says):
            TableauViewImageOperator(task_id="export", **given).execute(context())
    bi.sandbox.add_fault(Fault("/image$", "html", times=None))
    with pytest.raises(BadResponse):
        TableauViewImageOperator(task_id="export", view=USERS).execute(context())


def test_it_can_be_turned_off(bi: BiSite) -> None:
    with pytest.raises(AirflowSkipException):
        TableauViewImageOperator(task_id="export", view=USERS, enabled="False").execute(context())
    assert bi.sandbox.requests() == []


def test_filters_may_come_through_a_template_as_json(bi: BiSite) -> None:
    operator = TableauViewDataOperator(task_id="export", view=DEVICES, filters='{"기기": ["PC", "모바일"]}')
    artifact = operator.execute(context())
    assert {row["기기"] for row in read_rows(artifact)} == {"PC", "모바일"}  # type: ignore[call-overload]


def test_tasks_that_share_a_token_wait_for_each_other_by_default() -> None:
    with DAG("d", schedule=None):
        plain = TableauViewImageOperator(task_id="a", view=USERS)
        own = TableauViewImageOperator(task_id="b", view=USERS, pool="tableau_jwt")
        mapped = TableauViewImageOperator.partial(task_id="c").expand(view=[USERS, DEVICES])
        sensor = TableauViewUpdatedSensor(task_id="d", view=USERS)
        sensors = TableauViewUpdatedSensor.partial(task_id="e").expand(view=[USERS, DEVICES])
    assert {each.pool for each in (plain, mapped, sensor, sensors)} == {"tableau_pat"}
    assert own.pool == "tableau_jwt"


def test_an_asset_hears_of_the_file() -> None:
    asset = Asset("wau")
    event = SimpleNamespace(extra={})
    operator = TableauViewImageOperator(task_id="export", view=USERS, outlets=[asset])
    result = operator.execute(context(outlet_events={asset: event}))
    assert event.extra["sha256"] == result["sha256"]
    assert event.extra["view"] == "주간활성사용자"


# --- many at once


def batch(**given: Any) -> TableauExportBatchOperator:
    return TableauExportBatchOperator(task_id="export", **{"views": DEVICES, **given})


def test_a_batch_makes_one_file_for_each_combination_in_one_session(bi: BiSite, tmp_path: Path) -> None:
    regions = ["서울", "기타, 해외", "R&D \\ Lab"]
    operator = batch(
        each={"지역": regions, "기기": ["PC", "모바일"]}, formats=["png", "csv"], file_name="image_{지역}_{기기}"
    )
    manifest = operator.execute(context())
    names = [artifact.name for artifact in as_artifacts(manifest)]
    assert names == [
        f"image_{region}_{device}.{end}"
        for end in ("png", "csv")
        for region in ("서울", "기타, 해외", "R&D _ Lab")
        for device in ("PC", "모바일")
    ]
    found = files(tmp_path)
    assert set(found) == {*names, "manifest.json"}
    assert len({content for name, content in found.items() if name.endswith("png")}) == 6, "each shows something else"
    assert manifest["media_type"] == MANIFEST
    assert manifest["facts"] == {"files": 12, "failed": 0, "left_out": 0}
    assert len(json.dumps(manifest)) < 1000
    assert bi.sign_ins() == 1
    assert operator.view_url.endswith("/views/WeeklyKPI/UsersByDevice")


def test_views_may_have_filters_formats_and_names_of_their_own(tmp_path: Path) -> None:
    views = [
        USERS,
        {"view": "채널별 매출", "workbook": "주간 지표", "project": PROJECT, "format": "csv", "file_name": "매출"},
        {"view": DEVICES, "filters": {"기기": "PC"}, "format": "png,pdf"},
    ]
    operator = batch(views=json.dumps(views), filters={"Parameters.기준일": "2026-11-05"})
    operator.execute(context())
    assert set(files(tmp_path)) == {
        "주간활성사용자.png",
        "매출.csv",
        "기기별 사용자.png",
        "기기별 사용자.pdf",
        "manifest.json",
    }


def test_the_rows_of_a_manifest_are_those_of_its_tables() -> None:
    manifest = batch(formats=["png", "csv", "pdf"], filters={"기기": "PC"}).execute(context())
    assert {row["기기"] for row in read_rows(manifest)} == {"PC"}  # type: ignore[call-overload]


@pytest.mark.parametrize("each", [{}, {"지역": ["서울", "부산"]}])
def test_two_files_of_one_name_are_refused_before_anything_is_exported(bi: BiSite, each: dict[str, Any]) -> None:
    given = {"views": [DEVICES, DEVICES]} if not each else {"each": each, "file_name": "{view}"}
    with pytest.raises(AirflowFailException, match=r"would both be the file 기기별 사용자\.png"):
        batch(**given).execute(context())
    assert bi.export_queries() == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"views": []}, "nothing to export"),
        ({"views": [{"view": DEVICES, "filter": {}}]}, "filter of the view"),
        ({"views": [3]}, "is not a view"),
        ({"formats": "gif"}, "one of png, svg, csv, pdf, xlsx"),
        ({"each": {"지역": "서울"}}, "must be a list"),
        ({"on_error": "ignore"}, "one of fail, partial"),
    ],
)
def test_a_batch_that_cannot_be_says_why(bi: BiSite, given: dict[str, Any], says: str) -> None:
    with pytest.raises(AirflowFailException, match=says):
        batch(**given).execute(context())
    assert bi.sandbox.requests() == []


def test_one_failure_does_not_keep_the_others_from_being_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    views = [USERS, "Checks/Disconnected", DEVICES, "WeeklyKPI/Gone"]
    manifest = batch(views=views, on_error="partial").execute(context())
    assert manifest["facts"] == {"files": 2, "failed": 2, "left_out": 0}
    failed = json.loads(files(tmp_path)["manifest.json"])["failed"]
    assert {each["export"] for each in failed} == {"Checks/Disconnected as png", "WeeklyKPI/Gone as png"}
    assert "data source" in failed[0]["error"]
    assert "2 files of 4 exports; 0 empty, 2 failed" in capsys.readouterr().out


def test_a_batch_fails_when_one_export_does_and_says_which(bi: BiSite, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="1 of 3 exports failed") as caught:
        batch(views=[USERS, "Checks/Disconnected", DEVICES]).execute(context())
    assert "Checks/Disconnected as png" in str(caught.value)
    assert "manifest.json" not in files(tmp_path)
    bi.sandbox.add_fault(Fault("/image$", "html", times=None))
    with pytest.raises(WorkplaceError, match="2 of 2 exports failed") as passing:
        batch(views=[USERS, DEVICES], on_error="partial").execute(context())
    assert passing.value.retryable


def test_empty_views_may_be_left_out(tmp_path: Path) -> None:
    manifest = batch(views=[USERS, "Checks/Empty"], formats="csv,xlsx", on_empty="skip").execute(context())
    assert manifest["facts"] == {"files": 2, "failed": 0, "left_out": 2}


def test_a_shut_door_is_knocked_at_once(bi: BiSite) -> None:
    bi.controls.end_session_after(exports=0, every_time=True)
    each = {"지역": ["서울", "부산", "도쿄"], "기기": ["PC", "모바일", "태블릿"]}
    with pytest.raises(WorkplaceError, match="9 of 9 exports failed") as caught:
        batch(each=each, concurrency=1, on_error="partial").execute(context())
    assert "one session at a time" in str(caught.value)
    assert len(bi.export_queries()) == 3


def test_no_more_exports_run_at_once_than_were_asked_for(bi: BiSite) -> None:
    bi.controls.render_seconds = 0.02
    batch(views=DEVICES, each={"지역": ["서울", "부산", "도쿄"]}, concurrency="2").execute(context())
    first, _, third = sorted(each.at for each in bi.sandbox.requests("/image$"))
    assert third - first >= timedelta(seconds=bi.controls.render_seconds)


def test_a_batch_expires_in_the_middle_and_is_finished(bi: BiSite) -> None:
    bi.controls.end_session_after(exports=2)
    manifest = batch(each={"지역": ["서울", "부산", "도쿄"], "기기": ["PC", "모바일"]}).execute(context())
    assert manifest["facts"]["files"] == 6
    for artifact in as_artifacts(manifest):
        Image.open(artifact.open()).verify()


# --- waiting


@pytest.fixture
def morning(bi: BiSite) -> datetime:
    """When the seeded extracts were refreshed."""
    with bi.client() as client:
        updated = client.find_view(USERS).updated_at
    assert updated is not None
    return updated


def sensor(since: Any, **more: Any) -> TableauViewUpdatedSensor:
    return TableauViewUpdatedSensor(task_id="wait", view=USERS, since=since, **more)


def test_a_refreshed_view_lets_the_dag_go_on(bi: BiSite, morning: datetime) -> None:
    found = sensor(morning.isoformat()).poke(context())
    assert found.is_done
    assert found.xcom_value["updated_at"] == morning.isoformat()
    assert not sensor((morning + timedelta(seconds=1)).isoformat()).poke(context())
    bi.controls.refresh_extract("WeeklyKPI")
    assert sensor((morning + timedelta(seconds=1)).isoformat()).poke(context())
    assert bi.controls.sessions == []


def test_a_day_begins_at_midnight_in_the_dags_time_zone(morning: datetime) -> None:
    day = morning.astimezone(SEOUL).date()
    assert sensor(day).poke(context())
    assert sensor(str(day)).poke(context())
    assert not sensor(day + timedelta(days=1)).poke(context())
    assert sensor(None).poke(context()), "by default it is the day of the report, which was before"


def test_a_server_that_sleeps_is_waited_for_and_a_missing_view_is_not(bi: BiSite, morning: datetime) -> None:
    bi.sandbox.add_fault(Fault("/serverinfo", "status", status=403))
    with pytest.raises(AirflowFailException):
        sensor(morning).poke(context())
    bi.sandbox.add_fault(Fault("/signin", "status", status=429, headers={"Retry-After": "600"}))
    assert not sensor(morning).poke(context())
    with pytest.raises(AirflowFailException, match="hidden sheet"):
        TableauViewUpdatedSensor(task_id="wait", view="WeeklyKPI/RawData").poke(context())


def test_a_deferrable_wait_is_in_the_triggerer_and_the_look_on_a_worker(bi: BiSite, morning: datetime) -> None:
    waiting = sensor(morning + timedelta(hours=1), deferrable=True, poke_interval=60, timeout=3600)
    with pytest.raises(TaskDeferred) as deferred:
        waiting.execute(context())
    assert type(deferred.value.trigger).__module__.startswith("airflow.providers.standard"), "it knows no password"
    assert deferred.value.method_name == "look_again"
    bi.controls.clock.advance(timedelta(hours=2))
    bi.controls.refresh_extract("WeeklyKPI")
    resumed = getattr(waiting, deferred.value.method_name)
    assert resumed(context(), event={}, **deferred.value.kwargs)["name"] == "주간활성사용자"


def test_a_deferrable_wait_ends(morning: datetime) -> None:
    future = morning + timedelta(days=400)
    with pytest.raises(AirflowSensorTimeout, match="was not refreshed since"):
        sensor(future, deferrable=True, timeout=10).execute(context())
    with pytest.raises(AirflowSkipException):
        sensor(future, deferrable=True, timeout=10, soft_fail=True).execute(context())


# --- the connection


def test_the_connection_test_says_who_answers(bi: BiSite) -> None:
    good, says = TableauRestHook().test_connection()
    assert good
    assert "signed in to the site analytics of Tableau 2026.2" in says
    assert bi.controls.sessions == []


@pytest.mark.parametrize(
    ("connection", "says"),
    [
        ({"host": ""}, "has no host"),
        ({"password": ""}, "the password is empty; set the name"),
        ({"login": ""}, "the login is empty; set the name"),
        ({"login": "", "password": ""}, "the login is empty; set the name"),
        ({"extra": {"auth": "magic"}}, "must be one of pat, password"),
        ({"extra": {"auth": "jwt"}, "password": ""}, "the password is empty"),
        ({"extra": {"auth": "password"}, "login": ""}, "the login is empty"),
        ({"extra": {"auth": "connected_app"}}, "client_id and secret_id"),
        ({"extra": {"pats": "airflow-2:hush-hush"}}, "the extra pats is not valid"),
        ({"extra": {"read_timeout": "long"}}, "read_timeout"),
        ({"password": "wrong-secret"}, "Check token name, secret and site"),
        ({"extra": {"site": "elsewhere"}}, "Check token name, secret and site"),
    ],
)
def test_a_connection_that_cannot_be_used_says_why(
    bi: BiSite, monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], says: str
) -> None:
    usual = {"conn_type": "tableau_rest", "host": bi.sandbox.tableau_url, "login": "airflow", "password": bi.token.secret}
    monkeypatch.setenv("AIRFLOW_CONN_TABLEAU_BROKEN", json.dumps({**usual, **connection}))
    good, said = TableauRestHook("tableau_broken").test_connection()
    assert not good
    assert says in said
    assert "hush-hush" not in said
    assert "wrong-secret" not in said


@pytest.mark.parametrize("auth", ["pats", "password", "connected_app"])
def test_each_kind_of_sign_in_is_a_connection(bi: BiSite, monkeypatch: pytest.MonkeyPatch, auth: str) -> None:
    app = bi.sandbox.tableau_connected_app
    pats = json.dumps([{"name": each.name, "secret": each.secret} for each in bi.tokens()])
    kinds: dict[str, dict[str, Any]] = {
        "pats": {"extra": {"pats": pats}},
        "password": {"login": "report-bot", "password": bi.sandbox.tableau_password, "extra": {"auth": "password"}},
        "connected_app": {
            "login": "report-bot",
            "password": app["secret_value"],
            "extra": {"auth": auth, "client_id": app["client_id"], "secret_id": app["secret_id"]},
        },
    }
    connection = {"conn_type": "tableau_rest", "host": bi.sandbox.tableau_url, **kinds[auth]}
    connection["extra"]["site"] = bi.sandbox.tableau_site
    monkeypatch.setenv("AIRFLOW_CONN_TABLEAU_OTHER", json.dumps(connection))
    result = TableauViewImageOperator(task_id="export", view=USERS, tableau_conn_id="tableau_other").execute(context())
    assert result["size"] > 1000


@pytest.mark.parametrize("operator", [TableauViewImageOperator, TableauViewPdfOperator, TableauViewDataOperator])
def test_an_empty_view_is_one_verdict_for_every_format(operator: Any, tmp_path: Path) -> None:
    view = "Checks/Empty"
    with pytest.raises(AirflowFailException, match=r"no rows|shows no data"):
        operator(task_id="t", view=view).execute(context())
    with pytest.raises(AirflowSkipException):
        operator(task_id="t", view=view, on_empty="skip").execute(context())
    assert files(tmp_path) == {}
    operator(task_id="t", view=view, on_empty="keep").execute(context())
    assert len(files(tmp_path)) == 1


def test_a_batch_asks_once_whether_a_view_is_empty(bi: BiSite, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="3 of 3 exports failed"):
        TableauExportBatchOperator(task_id="t", views="Checks/Empty", formats=["png", "svg", "pdf"]).execute(context())
    assert len(bi.sandbox.requests("/data$")) == 1
    assert files(tmp_path) == {}


@pytest.mark.parametrize("formats", ["png", "csv"])
def test_exports_with_the_same_content_warn_or_fail(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, formats: str
) -> None:
    given = {"views": DEVICES, "each": {"없는 필드": ["PC", "모바일"]}, "formats": formats, "file_name": "p_{없는 필드}"}
    manifest = TableauExportBatchOperator(task_id="t", **given).execute(context())
    assert "same content" in manifest["facts"]["warnings"][0]
    assert "'없는 필드'" in capsys.readouterr().out
    for entry in as_artifacts(manifest):
        assert entry.facts["filters_without_effect"] == ["없는 필드"]
    quiet = TableauExportBatchOperator(task_id="t", **given, on_identical="allow").execute(context())
    assert "warnings" not in quiet["facts"]
    with pytest.raises(AirflowFailException, match=r"same content.*없는 필드"):
        TableauExportBatchOperator(task_id="t", **given, on_identical="fail").execute(context())


def test_a_filter_with_an_effect_is_no_warning(tmp_path: Path) -> None:
    given = {"views": DEVICES, "each": {"지역": ["서울", "도쿄"]}, "formats": "png", "on_identical": "fail"}
    manifest = TableauExportBatchOperator(task_id="t", **given).execute(context())
    assert "warnings" not in manifest["facts"]
    assert not any("filters_without_effect" in entry.facts for entry in as_artifacts(manifest))


def test_extras_that_are_unknown_are_named(bi: BiSite, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "tableau", "host": bi.sandbox.tableau_url, "login": bi.token.name, "password": bi.token.secret}

    def test_with(**extra: str) -> tuple[bool, str]:
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({**fields, "extra": extra}))
        return TableauRestHook("other").test_connection()

    site = bi.sandbox.tableau_site
    assert test_with(site_id=site) == test_with(site=site)
    assert test_with(site_id=site)[1].startswith(f"signed in to the site {site}")
    fine, said = test_with(site=site, siteid="x", Timeout="3")
    assert fine
    assert "Timeout, siteid" in said
    fine, said = test_with(site=site, site_id="another")
    assert not fine
    assert "site_id" in said
    fine, said = test_with(site=site, timeout_attempts="0")
    assert not fine
    assert "timeout_attempts" in said
