from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, AssetAlias
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors

from support.team_wiki import COPIED_BODY, DIALECTS, LAST_WEEK, SPACE, THIS_WEEK, Dialect, TeamWiki
from workplace_provider.confluence.client import Scope
from workplace_provider.confluence.hooks import ConfluenceHook
from workplace_provider.confluence.operators import ConfluenceAttachOperator, ConfluenceCopyPageOperator
from workplace_provider.confluence.operators.page_result import PageLink
from workplace_provider.http.errors import RateLimited
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    dialect: Dialect = request.param
    return dialect


@pytest.fixture(autouse=True)
def _connection(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, **wiki.connection)


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str = "confluence_default", **fields: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": "confluence", **fields}))


def context(run_id: str = "run-1") -> Any:
    return {"dag": SimpleNamespace(dag_id="dag"), "run_id": run_id, "outlet_events": OutletEventAccessors()}


def copy(run_id: str = "run-1", **arguments: Any) -> dict[str, Any]:
    given = {"space": SPACE, "title": THIS_WEEK, "source_title": LAST_WEEK, "parent_title": "주간 보고", **arguments}
    return dict(ConfluenceCopyPageOperator(task_id="copy", **given).execute(context(run_id)))


def test_the_copy_is_described_for_the_tasks_that_follow(wiki: TeamWiki) -> None:
    result = copy()
    page = wiki.this_week()
    url = result.pop("url")
    assert result == {"id": page.id, "title": THIS_WEEK, "version": 1, "changed": True}
    assert url.startswith(wiki.url)
    assert page.id in url
    wiki.assert_one_complete_copy()
    assert copy("run-2") == {**result, "url": url, "changed": False}


def test_the_same_place_is_the_default(wiki: TeamWiki) -> None:
    copy(source_title=None, source_id=wiki.last_week, parent_title=None)
    assert wiki.this_week().parent_id == wiki.parent


def test_a_dry_run_shows_the_diff_and_writes_nothing(wiki: TeamWiki, capsys: pytest.CaptureFixture[str]) -> None:
    assert not copy(dry_run="True")["changed"]
    assert wiki.writes() == []
    log = capsys.readouterr().out
    assert "활성 사용자가 늘었다.: inline-comment-marker" in log
    assert "표.csv" in log


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source_id": "1"}, "^source_id and source_title are both set; set only one of them: the page to copy"),
        ({"source_title": None}, "^the page to copy is missing; set one of source_id, source_title"),
        ({"parent_id": "1"}, "^parent_id and parent_title are both set"),
        ({"if_exists": "skip"}, "if_exists is 'skip'; it must be one of return, update, fail"),
        ({"attachments": "all"}, "attachments is 'all'; it must be one of copy, reference, none"),
        ({"labels": "maybe"}, "labels is 'maybe'; it must be true or false"),
        ({"parent_title": "없는 부모"}, "No parent page '없는 부모'"),
        ({"source_title": "없는 보고"}, "No page '없는 보고'.*last: '20261112"),
        ({"title": "가" * 256}, "more than 255"),
        ({"space": "NOSUCH"}, "[Nn]o space .*NOSUCH.*Check "),
    ],
)
def test_what_cannot_succeed_fails_at_once_and_says_why(wiki: TeamWiki, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        copy(**arguments)
    assert wiki.writes() == []


def test_a_missing_source_may_be_skipped_or_replaced_by_the_latest(wiki: TeamWiki) -> None:
    with pytest.raises(AirflowSkipException):
        copy(source_title="없는 보고", if_source_missing="skip")
    copy(source_title="없는 보고", if_source_missing="latest_child")
    assert wiki.is_body(wiki.this_week().body, COPIED_BODY)


def test_a_source_in_the_trash_is_missing(wiki: TeamWiki) -> None:
    wiki.sandbox.store.trash_page(wiki.last_week)
    with pytest.raises(AirflowFailException, match="The page to copy is trashed"):
        copy(source_title=None, source_id=wiki.last_week)


def test_a_wrong_token_fails_at_once_without_it(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, host=wiki.sandbox.confluence_url, password="s3cret-but-wrong")
    with pytest.raises(AirflowFailException, match="make a new one") as caught:
        copy()
    assert "s3cret" not in str(caught.value)


def test_what_passes_is_left_to_the_retries(wiki: TeamWiki) -> None:
    busy = {"kind": "status", "status": 429, "headers": {"Retry-After": "900"}}
    wiki.sandbox.add_fault(Fault("(/rest/api/content|/pages)$", method="GET", **busy))  # type: ignore[arg-type]
    with pytest.raises(RateLimited) as caught:
        copy()
    assert caught.value.retryable
    assert caught.value.retry_after == 900


def test_the_button_opens_the_page(wiki: TeamWiki) -> None:
    operator = ConfluenceCopyPageOperator(
        task_id="copy", space=SPACE, title=THIS_WEEK, source_id=wiki.last_week, outlets=[Asset("weekly_report")]
    )
    assert PageLink().get_link(operator, ti_key=None) == ""  # type: ignore[arg-type]
    result = operator.execute(context())
    assert PageLink().get_link(operator, ti_key=None) == result["url"]  # type: ignore[arg-type]


def test_outlets_tell_which_page_it_is(wiki: TeamWiki) -> None:
    asset, alias = Asset("weekly_report"), AssetAlias("pages")
    operator = ConfluenceCopyPageOperator(
        task_id="copy", space=SPACE, title=THIS_WEEK, source_id=wiki.last_week, outlets=[asset, alias]
    )
    given = context()
    result = operator.execute(given)
    assert given["outlet_events"][asset].extra == {key: result[key] for key in ("id", "title", "url", "version")}  # type: ignore[literal-required]
    (event,) = given["outlet_events"][alias].asset_alias_events
    assert event.dest_asset_key.uri.endswith(f"/{result['id']}")
    again = context("run-2")
    operator.execute(again)
    assert again["outlet_events"][alias].asset_alias_events == []


def test_every_text_is_a_template() -> None:
    with DAG("templates", schedule=None):
        operator = ConfluenceCopyPageOperator(
            task_id="copy",
            space="{{ params.space }}",
            title="{{ day }}_보고",
            source_title="{{ day }}",
            confluence_conn_id="wiki_{{ params.space }}",
            dry_run="{{ params.dry }}",
        )
    operator.render_template_fields({"params": {"space": "A", "dry": True}, "day": "20261119"})
    assert (operator.space, operator.title, operator.confluence_conn_id) == ("A", "20261119_보고", "wiki_A")
    assert operator.is_dry_run == "True"


def test_pages_may_be_named_by_links(wiki: TeamWiki) -> None:
    client = wiki.client()
    source, parent = client.get_page(wiki.last_week).url, client.get_page(wiki.parent).url
    result = copy(source_title=None, source_id=source, parent_title=None, parent_id=parent)
    wiki.assert_one_complete_copy()
    assert not attach(result["url"], {})["changed"]


def attach(page_id: str, files: Any, **arguments: Any) -> dict[str, Any]:
    return dict(ConfluenceAttachOperator(task_id="attach", page_id=page_id, files=files, **arguments).execute(context()))


def test_files_of_every_form_are_attached_once(wiki: TeamWiki, tmp_path: Path) -> None:
    picture, table = tmp_path / "주간활성사용자.png", tmp_path / "table.csv"
    picture.write_bytes(b"png")
    table.write_text("값")
    files = [str(picture), {"uri": f"file://{table}", "name": "표.csv", "media_type": "text/csv"}]
    result = attach(wiki.parent, files, comment="자동")
    assert (result["id"], result["changed"]) == (wiki.parent, True)
    assert wiki.files(wiki.parent) == {picture.name: (1, b"png"), "표.csv": (1, "값".encode())}
    assert not attach(wiki.parent, files)["changed"]
    picture.write_bytes(b"png of this week")
    assert attach(wiki.parent, {"주간활성사용자.png": picture})["changed"]
    assert wiki.files(wiki.parent)[picture.name] == (2, b"png of this week")


def test_a_dry_run_of_attaching_writes_nothing(wiki: TeamWiki, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"png")
    assert not attach(wiki.parent, file, dry_run=True)["changed"]
    assert wiki.writes() == []
    assert "create: a.png" in capsys.readouterr().out


def test_a_file_that_is_not_there_fails_at_once_and_is_named(wiki: TeamWiki, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="없는 파일"):
        attach(wiki.parent, str(tmp_path / "없는 파일.png"))
    assert wiki.writes() == []


# --- the connection ---------------------------------------------------------------------------------------------------


def test_the_connection_test_names_user_and_deployment(wiki: TeamWiki) -> None:
    works, message = ConfluenceHook().test_connection()
    assert works, message
    deployment = "Data Center 10" if wiki.dialect == "datacenter" else f"Cloud at {wiki.url}/wiki"
    assert f"보고봇 ({wiki.account('report-bot')}) on Confluence {deployment}" in message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"password": "wrong"}, "make a new one"),
        ({"password": None}, "No credential"),
        ({"host": ""}, "has no host"),
        ({"host": "http://127.0.0.1:9/confluence"}, "Check host, port and proxy"),
        ({"extra": {"space_key": "NOSUCH"}}, "sees no page in the space NOSUCH"),
        ({"extra": {"deployment": "mainframe"}}, "deployment is 'mainframe'"),
        ({"extra": {"deployment": "cloud", "auth": "cookie"}}, "auth is 'cookie'"),
        ({"extra": {"deployment": "cloud"}}, "login and password must be the account's e-mail address and an API token"),
        ({"extra": {"auth": "service_account"}}, "login and password must be client id and secret"),
        ({"extra": {"verify": "perhaps"}}, "verify is 'perhaps'; it must be true or false"),
        ({"extra": {"site_url": "wiki.example.com"}}, "the extra site_url must begin with http:// or https://"),
        ({"extra": {"read_timeout": "soon"}}, "read_timeout is 'soon'; it must be a number of seconds above 0"),
    ],
)
def test_the_connection_test_says_what_is_missing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], message: str
) -> None:
    connect(monkeypatch, **{"host": sandbox.confluence_url, "password": sandbox.confluence_token, **fields})
    works, said = ConfluenceHook().test_connection()
    assert not works
    assert message in said


def test_links_for_people_are_on_the_site_url(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    site = "https://wiki.example.com/wiki"
    connect(monkeypatch, host=sandbox.confluence_url, password=sandbox.confluence_token, extra={"site_url": f"{site}/"})
    page = sandbox.store.create_page(SPACE, "내부 주소", "<p>a</p>", author="jimin")
    with closing(ConfluenceHook().client) as client:
        assert client.get_page(page.id).url.startswith(f"{site}/")
        listed = {found.id: found.url for found in client.reader().pages(Scope.of(space=SPACE))}
    assert listed[page.id].startswith(f"{site}/")


def test_a_connection_survives_the_way_through_a_uri(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.models.connection import Connection

    original = Connection(
        conn_id="x",
        conn_type="confluence",
        host=sandbox.confluence_url,
        password=sandbox.confluence_token,
        extra=json.dumps({"space_key": SPACE, "legacy_tls": False, "read_timeout": 5}),
    )
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", original.get_uri())
    works, message = ConfluenceHook().test_connection()
    assert works, message


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "https://w.example/confluence/"}, "https://w.example/confluence"),
        ({"host": "w.example", "schema": "http", "port": 8090}, "http://w.example:8090"),
        ({"host": "w.example", "extra": {"context_path": "/wiki/"}}, "https://w.example/wiki"),
        ({"host": "https://w.example/wiki", "extra": {"context_path": "wiki"}}, "https://w.example/wiki"),
    ],
)
def test_the_parts_of_a_connection_become_the_base_url(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], url: str
) -> None:
    connect(monkeypatch, **{"password": "t", **fields})
    assert ConfluenceHook().get_conn().base_url == url
