from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.execution_time.task_runner import _serialize_rendered_fields
from airflow.serialization.serialized_objects import DagSerialization

from support.faults import one_of_each_outcome
from support.team_wiki import COPIED_BODY, DIALECTS, FILES, LABELS, LAST_WEEK, SPACE, THIS_WEEK, Dialect, TeamWiki
from workplace_provider.common import Rows
from workplace_provider.common.artifacts import Artifact
from workplace_provider.confluence.operators import (
    ConfluenceAttachOperator,
    ConfluenceCopyPageOperator,
    ConfluenceCreatePageOperator,
    ConfluenceDocumentOperator,
    ConfluenceUpdatePageOperator,
)
from workplace_provider.confluence.operators.base import uploads_of
from workplace_provider.confluence.operators.templates import TemplatedEdits
from workplace_provider.confluence.pages import Link, PageDocument, Status, Storage
from workplace_provider.confluence.pages.edits import AppendRow, Edit, FillText, ReplaceTableRows, SetImage
from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier
from workplace_provider.confluence.publishing.create import (
    MARKER,
    PLACEHOLDER_BODY,
    PageContents,
    PageCreator,
    PageSpec,
    WriteResult,
)
from workplace_provider.confluence.publishing.parents import LIST_OF_CHILDREN
from workplace_provider.confluence.publishing.update import UPDATES, PageUpdater, UpdateSpec
from workplace_provider.http.errors import AlreadyExists, WorkplaceError
from workplace_sandbox.faults import Fault
from workplace_sandbox.model import Page as StoredPage

TABLE = (
    "<h2>지표</h2><table><tbody><tr><th>이름</th><th>값</th></tr>"
    '<tr><td data-highlight-colour="#fff"><p>가</p></td><td><p style="text-align: right;">1</p></td></tr></tbody></table>'
)
PAGE = f"<p>{{{{요약}}}}</p>\r\n{TABLE}<p>사람의 말&nbsp;</p>"
HOSTILE = "]]> </td><script>alert(1)</script> & &amp; <b>\u202e\x07{{ 7 * 7 }}{% raw %}</p>"


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    dialect: Dialect = request.param
    return dialect


@pytest.fixture(autouse=True)
def _connection(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "confluence", **wiki.connection}
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps(connection))


def context(run_id: str = "run-1", **more: Any) -> Any:
    return {"dag": SimpleNamespace(dag_id="dag"), "run_id": run_id, "outlet_events": OutletEventAccessors(), **more}


def made_page(wiki: TeamWiki, body: str = PAGE, title: str = "지표 모음") -> str:
    page = wiki.sandbox.store.create_page(SPACE, title, body, parent_id=wiki.parent, author="jimin")
    wiki.sandbox.clear_requests()
    return page.id


def stored(wiki: TeamWiki, title: str) -> StoredPage:
    (page,) = [page for page in wiki.sandbox.store.pages(SPACE) if page.title == title]
    return page


def run(operator: BaseOperator, run_id: str = "run-1", **more: Any) -> Any:
    """Run a task as Airflow does: templates first."""
    given = context(run_id, task=operator, **more)
    operator.render_template_fields(given)
    return operator.execute(given)


def update(page_id: str | None, run_id: str = "run-1", **arguments: Any) -> dict[str, Any]:
    return dict(run(ConfluenceUpdatePageOperator(task_id="update", page_id=page_id, **arguments), run_id))


def create(run_id: str = "run-1", **arguments: Any) -> dict[str, Any]:
    given = {"space": SPACE, "title": "새 페이지", **arguments}
    return dict(run(ConfluenceCreatePageOperator(task_id="create", **given), run_id))


def rows(*values: tuple[Any, ...]) -> ReplaceTableRows:
    return ReplaceTableRows([list(each) for each in values], table="지표")


def cells(storage: str) -> list[list[str]]:
    found = PageDocument(storage).select("//tr[td]")
    return [["".join(cell.itertext()) for cell in row] for row in found]


# --- update -----------------------------------------------------------------------------------------------------------


def test_edits_are_made_on_the_current_body_and_nothing_else_changes(wiki: TeamWiki) -> None:
    page_id = made_page(wiki)
    result = update(page_id, edits=[rows(("나", 2)), FillText({"요약": "좋다"})], message="자동", minor="true")
    page = stored(wiki, "지표 모음")
    expected = PAGE.replace("{{요약}}", "좋다").replace(">가<", ">나<").replace(">1<", ">2<")
    assert page.body == expected
    assert result == {"id": page_id, "title": "지표 모음", "url": result["url"], "version": 2, "changed": True}
    assert page.message.startswith("자동")
    assert page.minor is (wiki.dialect == "datacenter")  # API v2 knows no minor edits


def test_a_page_named_by_space_and_title_and_a_new_title(wiki: TeamWiki) -> None:
    made_page(wiki)
    result = update(None, space=SPACE, title="지표 모음", edits=[rows(("나", 2))], new_title="지표")
    assert (result["title"], result["version"]) == ("지표", 2)
    assert stored(wiki, "지표").version == 2


def test_the_same_update_ten_times_makes_one_version(wiki: TeamWiki, tmp_path: Path) -> None:
    page_id = made_page(wiki)
    picture = tmp_path / "그림.png"
    picture.write_bytes(b"\x89PNG")
    arguments: dict[str, Any] = {"edits": [rows(("나", 2), ("다", None))], "files": str(picture), "labels": "주간, 지표"}
    changed = [update(page_id, f"run-{number}", **arguments)["changed"] for number in range(10)]
    assert changed == [True] + [False] * 9
    assert stored(wiki, "지표 모음").version == 2
    assert wiki.files(page_id) == {"그림.png": (1, b"\x89PNG")}
    assert {label.name for label in wiki.sandbox.store.labels(page_id)} == {"주간", "지표"}


@pytest.mark.parametrize(
    "edits", [[AppendRow(["나", 2])], [FillText({"요약": "좋다"})], [FillText({"요약": "좋다"}), AppendRow(["나", 2])]]
)
def test_what_cannot_be_repeated_is_made_once_per_run(wiki: TeamWiki, edits: list[Edit]) -> None:
    page_id = made_page(wiki)
    first = update(page_id, edits=edits)
    body = stored(wiki, "지표 모음").body
    assert [update(page_id, edits=edits)["changed"] for _ in range(9)] == [False] * 9
    assert stored(wiki, "지표 모음").body == body
    assert first["version"] == 2
    if len(edits) == 1 and isinstance(edits[0], AppendRow):
        assert update(page_id, "run-2", edits=edits)["changed"]
        assert cells(stored(wiki, "지표 모음").body) == [["가", "1"], ["나", "2"], ["나", "2"]]
    else:
        with pytest.raises(AirflowFailException, match="요약"):
            update(page_id, "run-2", edits=edits)


@dataclass(frozen=True)
class Meanwhile(Edit):
    """Somebody does something while the edits are made."""

    do: Callable[[], None]

    def apply(self, document: PageDocument) -> None:
        self.do()


def person(wiki: TeamWiki, page_id: str, times: int) -> Callable[[], None]:
    """A person who adds a paragraph, the given number of times."""
    written: Iterator[int] = iter(range(times))

    def write() -> None:
        number = next(written, None)
        if number is not None:
            page = wiki.sandbox.store.page(page_id)
            assert page is not None
            wiki.sandbox.store.update_page(page_id, body=f"{page.body}<p>사람 {number}</p>", author="jimin")

    return write


@pytest.mark.parametrize("edit", [rows(("나", 2)), AppendRow(["나", 2])])
def test_a_person_who_writes_between_and_again_while_the_edit_is_made_again_loses_nothing(
    wiki: TeamWiki, edit: Edit
) -> None:
    page_id = made_page(wiki)
    # Twice while the change is planned and shown, then between our read and our write, and in both of the next rounds.
    update(page_id, edits=[edit, Meanwhile(person(wiki, page_id, 5))])
    page = stored(wiki, "지표 모음")
    assert all(page.body.count(f"<p>사람 {number}</p>") == 1 for number in range(5))
    assert [row for row in cells(page.body) if row == ["나", "2"]] == [["나", "2"]]
    assert page.version == 1 + 5 + 1
    assert page.updated_by == "report-bot"


def test_a_lost_answer_and_a_person_who_writes_at_once_make_no_second_row(wiki: TeamWiki) -> None:
    page_id = made_page(wiki)
    wiki.sandbox.add_fault(Fault(f"/{page_id}$", "drop_after", method="PUT"))
    write = person(wiki, page_id, 1)
    client = wiki.client(sleep=lambda _: write())
    updater = PageUpdater(client, UpdateSpec([AppendRow(["나", 2])], "task", "run-1"))
    _, changed = updater.run(updater.plan(client.get_page(page_id, body=True)))
    assert changed
    body = stored(wiki, "지표 모음").body
    assert cells(body) == [["가", "1"], ["나", "2"]]
    assert "<p>사람 0</p>" in body


def test_a_dry_run_shows_the_diff_and_writes_nothing(
    wiki: TeamWiki, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page_id = made_page(wiki)
    picture = tmp_path / "그림.png"
    picture.write_bytes(b"\x89PNG")
    edits = [FillText({"요약": "좋다"})]
    result = update(page_id, edits=edits, files=[picture], labels=["주간"], dry_run="True")
    assert (result["version"], result["changed"]) == (1, False)
    assert wiki.writes() == []
    log = capsys.readouterr().out
    for shown in ("좋다", "{{요약}}", "create: 그림.png", "labels: 주간", "dry run: nothing was written"):
        assert shown in log
    update(page_id, edits=edits)
    assert "좋다" in capsys.readouterr().out


def test_a_picture_is_there_before_the_body_that_shows_it(wiki: TeamWiki, tmp_path: Path) -> None:
    page_id = made_page(wiki, '<h2>추이</h2><ac:image ac:width="600"><ri:attachment ri:filename="old.png" /></ac:image>')
    picture = tmp_path / "new.png"
    picture.write_bytes(b"\x89PNG")
    update(page_id, edits=[SetImage("주간.png", replaces="old.png")], files={"주간.png": picture})
    paths = [path for _, path in wiki.writes()]
    (upload,) = [path for path in paths if path.endswith(f"/{page_id}/child/attachment")]
    (body,) = [path for path in paths if path.endswith(f"/{page_id}")]
    assert paths.index(upload) < paths.index(body)
    assert 'ri:filename="주간.png"' in stored(wiki, "지표 모음").body


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"page_id": None}, "^the page to edit is missing; set one of page_id, title"),
        ({"title": "x", "space": SPACE}, "^page_id and title are both set"),
        ({"page_id": None, "title": "없다", "space": SPACE}, "No page '없다' in the space"),
        ({"edits": [ReplaceTableRows([], table="없는 제목")]}, "없는 제목.*지표"),
        ({"edits": [FillText({"없다": 1})]}, "없다.*요약"),
        ({"edits": [{"edit": "NoSuch"}]}, "unknown edit 'NoSuch'"),
        ({"edits": [{"edit": "AppendRow", "rwo": []}]}, "unknown key 'rwo'"),
        ({"edits": "{"}, "neither JSON nor YAML"),
        ({"edits": "text"}, "they must be a list"),
        ({"edits": ["text"]}, "they must be a list"),
        ({"edits": [3]}, "3 is neither an edit nor a list of edits"),
        ({"edits": [ReplaceTableRows("없다.csv")]}, "없다.csv"),
        ({"edits": [ReplaceTableRows(None)]}, "ReplaceTableRows: there are no rows"),  # type: ignore[arg-type]
        (
            {"edits": [{"edit": "ReplaceTableRows", "rows": [], "limit": "{{ 'x' }}"}]},
            "limit is 'x'; it must be a whole number",
        ),
        ({"labels": 3}, "labels is 3"),
        ({"minor": "maybe"}, "minor is 'maybe'"),
        ({"files": "없다.png"}, "없다.png"),
    ],
)
def test_an_update_that_cannot_succeed_fails_at_once_and_says_why(
    wiki: TeamWiki, arguments: dict[str, Any], message: str
) -> None:
    page_id = made_page(wiki)
    with pytest.raises(AirflowFailException, match=message):
        update(**{"page_id": page_id, **arguments})
    assert wiki.writes() == []


def test_a_page_in_the_trash_is_not_edited(wiki: TeamWiki) -> None:
    page_id = made_page(wiki)
    wiki.sandbox.store.trash_page(page_id)
    with pytest.raises(AirflowFailException, match="The page is trashed"):
        update(page_id, edits=[rows(("나", 2))])


# --- update: every write may fail -------------------------------------------------------------------------------------

FAULTS: dict[str, dict[str, Any]] = {
    "dropped before": {"kind": "drop_before"},
    "dropped after": {"kind": "drop_after"},
    "500": {"kind": "status", "status": 500},
    "503 after": {"kind": "status_after", "status": 503},
    "429 for long": {"kind": "status", "status": 429, "headers": {"Retry-After": "3600"}},
    "409 after": {"kind": "status_after", "status": 409},
}
# Ledger, file, label, note, body, note.
UPDATE_WRITES = ["POST", "POST", "POST", "POST", "PUT", "PUT"]


def updated(wiki: TeamWiki, page_id: str, files: Any, run_id: str = "run-1") -> bool:
    """One attempt of a task that appends a row."""
    client = wiki.client()
    try:
        spec = UpdateSpec([AppendRow(["나", 2])], "dag/update", run_id, files=uploads_of(files), labels=("지표",))
        updater = PageUpdater(client, spec)
        return updater.run(updater.plan(client.get_page(page_id, body=True)))[1]
    finally:
        client.close()


@pytest.mark.parametrize("fault", one_of_each_outcome(FAULTS))
@pytest.mark.parametrize("write", range(len(UPDATE_WRITES)))
def test_any_write_of_an_update_may_fail_and_the_retry_leaves_one_row(
    wiki: TeamWiki, tmp_path: Path, write: int, fault: str
) -> None:
    page_id = made_page(wiki)
    picture = tmp_path / "그림.png"
    picture.write_bytes(b"\x89PNG")
    method = UPDATE_WRITES[write]
    wiki.sandbox.add_fault(Fault(".*", method=method, skip=UPDATE_WRITES[:write].count(method), **FAULTS[fault]))
    try:
        updated(wiki, page_id, picture)
    except WorkplaceError as error:
        assert error.retryable  # noqa: PT017 - an attempt may succeed in spite of the fault
    assert wiki.fault_was_met()
    updated(wiki, page_id, picture)
    updated(wiki, page_id, picture)
    page = stored(wiki, "지표 모음")
    assert cells(page.body) == [["가", "1"], ["나", "2"]]
    assert page.version == 2
    assert wiki.files(page_id) == {"그림.png": (1, b"\x89PNG")}
    entry = wiki.properties(page_id)[UPDATES]["dag/update"]
    # An attempt that could not note the end has noted where to look for the row: after the version before it.
    assert entry == {"run": "run-1", "version": 2 if entry["complete"] else 1, "complete": entry["complete"]}


def test_several_tasks_that_append_at_the_same_time(wiki: TeamWiki) -> None:
    page_id = made_page(wiki)

    def append(number: int) -> bool:
        client = wiki.client()
        updater = PageUpdater(client, UpdateSpec([AppendRow([f"행 {number}", number])], f"dag/update/{number}", "run-1"))
        return updater.run(updater.plan(client.get_page(page_id, body=True)))[1]

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(append, range(3)))
    assert sorted(cells(stored(wiki, "지표 모음").body)) == [
        ["가", "1"],
        *([f"행 {number}", str(number)] for number in range(3)),
    ]


# --- rows -------------------------------------------------------------------------------------------------------------

EXPECTED = [["나", "2"], ["<b>&", ""]]
TUPLES = [("나", "2"), ("<b>&", "")]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "artifact", "dict", "xcom", "sql", "rows"])
def test_rows_from_wherever_they_come(wiki: TeamWiki, tmp_path: Path, kind: str) -> None:
    page_id = made_page(wiki)
    named = [{"이름": name, "값": value} for name, value in TUPLES]
    path = tmp_path / f"a.{kind}"
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([("이름", "값"), *TUPLES])
    lines = "\n".join(json.dumps(row) for row in named)
    path.write_text({"jsonl": lines, "json": json.dumps(named)}.get(kind, text.getvalue()), encoding="utf-8-sig")
    artifact = Artifact(str(path), "표.csv", "text/csv")
    source: Any = {
        "artifact": artifact,
        "dict": asdict(artifact),
        "xcom": named,
        "sql": TUPLES,
        "rows": Rows(artifact),
    }.get(kind, str(path))
    update(page_id, edits=[ReplaceTableRows(source, table="지표")])
    body = stored(wiki, "지표 모음").body
    assert cells(body) == EXPECTED
    assert body.count('data-highlight-colour="#fff"') == 2


@pytest.mark.parametrize("as_dict", [False, True])
def test_hostile_values_are_text(wiki: TeamWiki, as_dict: bool) -> None:
    page_id = made_page(wiki)
    pulled = {"query": [[HOSTILE, HOSTILE * 1000]], "words": HOSTILE}
    with DAG("dag", schedule=None):
        query, words = BaseOperator(task_id="query"), BaseOperator(task_id="words")
        edits: list[Any] = (
            [
                {"edit": "ReplaceTableRows", "table": "지표", "rows": query.output},
                {"edit": "FillText", "values": {"요약": words.output}},
            ]
            if as_dict
            else [ReplaceTableRows(query.output, table="지표"), FillText({"요약": words.output})]  # type: ignore[arg-type]
        )
        task = ConfluenceUpdatePageOperator(task_id="update", page_id=page_id, edits=edits)
    assert task.upstream_task_ids == {"query", "words"}
    run(task, ti=pulling(pulled))
    body = stored(wiki, "지표 모음").body
    shown = HOSTILE.replace("\x07", "\u2407")
    assert cells(body) == [[shown, shown * 1000]]
    assert "".join(PageDocument(body).select("//p")[0].itertext()) == shown
    assert not PageDocument(body).select("//script")


def pulling(values: dict[str, Any]) -> Any:
    """A task instance of a run whose other tasks have returned these values."""
    return SimpleNamespace(
        map_index=-1,
        xcom_pull=lambda task_ids, key="return_value", default=None, map_indexes=None: values[task_ids],
        get_relevant_upstream_map_indexes=lambda **_: None,
    )


# --- templates in edits -----------------------------------------------------------------------------------------------


def test_templates_are_rendered_where_an_edit_names_them(wiki: TeamWiki) -> None:
    page_id = made_page(wiki)
    with DAG("dag", schedule=None):
        task = ConfluenceUpdatePageOperator(
            task_id="update",
            page_id=page_id,
            edits=[
                ReplaceTableRows([["{{ params.name }}", Status("{{ params.state }}", "Green")]], table="{{ params.table }}"),
                {"edit": "FillText", "values": {"요약": {"storage": "<b>{{ params.name }}</b>"}}},
            ],
        )
    run(task, params={"name": "R&D <팀>", "state": "DONE", "table": "지표"})
    body = stored(wiki, "지표 모음").body
    assert cells(body) == [["R&D <팀>", "GreenDONE"]]
    assert "<b>R&amp;D &lt;팀&gt;</b>" in body


@pytest.mark.parametrize(
    "text",
    [
        '[{"edit": "AppendRow", "row": ["나", 2], "table": null}]',
        "- edit: AppendRow\n  row: [나, 2]\n",
        "[{'edit': 'AppendRow', 'row': ['나', 2], 'table': None}]",
    ],
)
def test_edits_from_a_param(wiki: TeamWiki, text: str) -> None:
    page_id = made_page(wiki)
    with DAG("dag", schedule=None):
        task = ConfluenceUpdatePageOperator(task_id="update", page_id=page_id, edits="{{ params.edits }}")
    run(task, params={"edits": text})
    assert cells(stored(wiki, "지표 모음").body) == [["가", "1"], ["나", "2"]]


def test_edits_from_a_param_of_a_form(wiki: TeamWiki) -> None:
    page_id = made_page(wiki)
    with DAG("dag", schedule=None):
        task = ConfluenceUpdatePageOperator(task_id="update", page_id=page_id, edits="{{ params.edits | tojson }}")
    run(task, params={"edits": [{"edit": "AppendRow", "row": [HOSTILE, None]}]})
    assert cells(stored(wiki, "지표 모음").body)[1] == [HOSTILE.replace("\x07", "\u2407"), ""]


@pytest.mark.parametrize("native", [False, True])
def test_a_list_of_edits_from_another_task_is_data(wiki: TeamWiki, native: bool) -> None:
    page_id = made_page(wiki)
    with DAG("dag", schedule=None, render_template_as_native_obj=native):
        other = BaseOperator(task_id="other")
        task = ConfluenceUpdatePageOperator(task_id="update", page_id=page_id, edits=other.output)
    assert task.upstream_task_ids == {"other"}
    run(task, ti=pulling({"other": [{"edit": "AppendRow", "row": ["{{ 7 * 7 }}", 2]}]}))
    assert cells(stored(wiki, "지표 모음").body)[1] == ["{{ 7 * 7 }}", "2"]


def run_mapped(mapped: Any, index: int, pulled: dict[str, Any]) -> None:
    """Run one of the tasks that a mapped operator stands for."""
    ti = pulling(pulled)
    ti.map_index = index
    given = context(task=mapped, ti=ti, dag_run=SimpleNamespace(conf={})) | {"dag": mapped.dag}
    mapped.render_template_fields(given)
    given["task"].execute(given)


@pytest.mark.parametrize("kind", ["edit", "dict", "rows"])
def test_an_edit_whose_rows_were_to_come_from_a_skipped_task_is_left_out(wiki: TeamWiki, kind: str) -> None:
    page_id = made_page(wiki)
    with DAG("dag", schedule=None):
        query = BaseOperator(task_id="query")
        given = {
            "edit": ReplaceTableRows(query.output, table="지표"),  # type: ignore[arg-type]
            "dict": {"edit": "ReplaceTableRows", "rows": query.output, "table": "지표"},
            "rows": ReplaceTableRows(Rows(query.output), table="지표"),  # type: ignore[arg-type]
        }[kind]
        edits = [given, FillText({"요약": "좋다"})]
        usual = ConfluenceUpdatePageOperator(task_id="usual", page_id=page_id, edits=edits)
        always = ConfluenceUpdatePageOperator(task_id="always", page_id=page_id, edits=edits, trigger_rule="none_failed")
    with pytest.raises(AirflowFailException, match="there are no rows"):
        run(usual, ti=pulling({"query": None}))
    run(always, ti=pulling({"query": None}))
    assert stored(wiki, "지표 모음").body == PAGE.replace("{{요약}}", "좋다")


def test_mapped_tasks_know_what_their_edits_need_and_render_them(wiki: TeamWiki) -> None:
    pages = [made_page(wiki, title="첫째"), made_page(wiki, title="둘째")]
    with DAG("dag", schedule=None, params={"table": "지표"}):
        query = BaseOperator(task_id="query")
        mapped = ConfluenceUpdatePageOperator.partial(
            task_id="update",
            edits=[ReplaceTableRows(query.output, table="{{ params.table }}")],  # type: ignore[arg-type]
        ).expand(page_id=pages)
    assert mapped.upstream_task_ids == {"query"}
    for index in range(2):
        run_mapped(mapped, index, {"query": [["{{ no template }}", index]]})
    assert cells(stored(wiki, "첫째").body) == [["{{ no template }}", "0"]]
    assert cells(stored(wiki, "둘째").body) == [["{{ no template }}", "1"]]


def test_mapped_over_edits_with_outputs_of_tasks_in_them(wiki: TeamWiki) -> None:
    page_id = made_page(wiki)
    with DAG("dag", schedule=None) as dag:
        query = BaseOperator(task_id="query")
        filled = TemplatedEdits([ReplaceTableRows(query.output, table="지표")])  # type: ignore[arg-type]
        mapped = ConfluenceUpdatePageOperator.partial(task_id="update", page_id=page_id).expand(edits=[filled, []])
    assert mapped.upstream_task_ids == {"query"}
    assert "0x" not in json.dumps(DagSerialization.to_dict(dag))
    run_mapped(mapped, 0, {"query": [["나", 2]]})
    assert cells(stored(wiki, "지표 모음").body) == [["나", "2"]]


def test_mapped_over_edits_of_another_task_they_are_data(wiki: TeamWiki) -> None:
    page_id = made_page(wiki)
    with DAG("dag", schedule=None):
        query = BaseOperator(task_id="query")
        mapped = ConfluenceUpdatePageOperator.partial(task_id="update", page_id=page_id).expand(edits=query.output)
    assert mapped.upstream_task_ids == {"query"}
    run_mapped(mapped, 0, {"query": [[{"edit": "AppendRow", "row": ["{{ 7 * 7 }}", 2]}]]})
    assert cells(stored(wiki, "지표 모음").body)[1] == ["{{ 7 * 7 }}", "2"]


def weekly(many: int = 3) -> DAG:
    with DAG("dag", schedule=None) as dag:
        query = BaseOperator(task_id="query")
        ConfluenceUpdatePageOperator(
            task_id="update",
            page_id="1",
            edits=[
                ReplaceTableRows(query.output, table="지표"),  # type: ignore[arg-type]
                ReplaceTableRows([[f"행 {number}", number] for number in range(many)], limit=5),
                FillText({"요약": "가" * 5000, "링크": Link(url="https://x.example"), "함수": object()}),
                {"edit": "AppendRow", "row": ["a", "b"]},
            ],
        )
        ConfluenceUpdatePageOperator.partial(task_id="mapped", edits=[rows(("a", 1))]).expand(page_id=["1", "2"])
        ConfluenceUpdatePageOperator.partial(task_id="over_edits", page_id="1").expand(edits=[[rows(("a", 1))], []])
        ConfluenceCreatePageOperator(task_id="create", space="A", title="t", body="<p>{{ ds }}</p>")
        ConfluenceCopyPageOperator(task_id="copy", space="A", title="t", source_id="1", edits=[rows(("a", 1))])
    return dag


def test_dags_with_edits_are_serialized_the_same_every_time() -> None:
    first, second = (json.dumps(DagSerialization.to_dict(weekly()), sort_keys=True) for _ in range(2))
    assert first == second
    assert "0x" not in first
    again = DagSerialization.from_dict(json.loads(first))
    assert {task.task_id for task in again.tasks} == {"query", "update", "mapped", "over_edits", "create", "copy"}
    assert again.get_task("update").upstream_task_ids == {"query"}


def test_the_view_of_rendered_templates_is_short_and_readable() -> None:
    task = weekly(many=10_000).get_task("update")
    task.render_template_fields(context(task=task, ti=pulling({"query": [["행", HOSTILE]] * 10_000})))
    shown = _serialize_rendered_fields(task)["edits"]
    assert isinstance(shown, list)
    assert len(json.dumps(shown, ensure_ascii=False)) < 4096
    assert shown[0] == {"ReplaceTableRows": {"rows": [*[["행", HOSTILE]] * 5, "… 10000 in all"], "table": "지표"}}
    assert shown[1]["ReplaceTableRows"]["rows"][-1] == "… 10000 in all"  # type: ignore[index,call-overload]
    assert "(5000 characters)" in json.dumps(shown[2])


def test_an_edit_keeps_what_is_no_template(wiki: TeamWiki) -> None:
    page_id = made_page(wiki, "<p>{{이름}} {{값}}</p>")
    update(page_id, edits=[FillText({"이름": "가\n"}), FillText({"값": Storage("<b>{</b>")})])
    assert stored(wiki, "지표 모음").body == "<p>가<br /> <b>{</b></p>"


# --- copy -------------------------------------------------------------------------------------------------------------


def copy(run_id: str = "run-1", **arguments: Any) -> dict[str, Any]:
    given = {"space": SPACE, "title": THIS_WEEK, "source_title": LAST_WEEK, **arguments}
    return dict(run(ConfluenceCopyPageOperator(task_id="copy", **given), run_id))


COPY_EDITS: list[Edit] = [SetImage("새 그림.png", replaces="주간활성사용자.png")]
EDITED_BODY = COPIED_BODY.replace("주간활성사용자.png", "새 그림.png")


def test_a_copy_is_edited_in_the_same_write(wiki: TeamWiki) -> None:
    assert copy(edits=COPY_EDITS)["version"] == 1
    page = wiki.this_week()
    assert page.version == 1
    assert wiki.is_body(page.body, EDITED_BODY)
    assert not copy("run-2", edits=COPY_EDITS)["changed"]
    assert copy("run-3", edits=[], if_exists="update")["changed"]
    assert wiki.is_body(wiki.this_week().body, COPIED_BODY)


def test_an_edited_copy_that_died_before_its_marker_is_recognised(wiki: TeamWiki) -> None:
    client = wiki.client()
    client.create_page(SPACE, THIS_WEEK, EDITED_BODY, parent_id=wiki.parent)
    assert copy(edits=COPY_EDITS)["changed"]
    page = wiki.this_week()
    assert page.version == 1
    assert wiki.is_body(page.body, EDITED_BODY)
    assert set(wiki.files(page.id)) == set(FILES)
    assert wiki.properties(page.id)[MARKER]["complete"] is True


def test_an_edit_that_does_not_fit_the_source_makes_no_page_and_is_no_matter_when_there_is_one(wiki: TeamWiki) -> None:
    wrong = [SetImage("a.png", replaces="없는 그림.png")]
    with pytest.raises(AirflowFailException, match="없는 그림"):
        copy(edits=wrong)
    assert wiki.writes() == []
    copy()
    assert not copy("run-2", edits=wrong)["changed"]


def test_an_edited_image_of_a_copy_that_references_files_is_its_own(wiki: TeamWiki) -> None:
    copy(edits=COPY_EDITS, attachments="reference")
    body = wiki.this_week().body
    assert '<ri:attachment ri:filename="새 그림.png"' in body
    assert body.count("<ri:page ") == 1


# --- create -----------------------------------------------------------------------------------------------------------


def test_a_page_of_a_body_whose_values_are_text(wiki: TeamWiki) -> None:
    with DAG("dag", schedule=None):
        task = ConfluenceCreatePageOperator(
            task_id="create",
            space=SPACE,
            title="{{ params.name }}",
            parent_id=wiki.parent,
            labels=["주간"],
            properties={"content-appearance-published": "full-width"},
            body='<p title="{{ params.hostile }}">{{ params.hostile }}</p>{{ params.markup | storage }}{{ params.link }}'
            "<p>{{ 1000 }}{{ params.nothing }}</p>",
        )
    params = {"name": "이름 & <b>", "hostile": HOSTILE + "\"'", "markup": "<hr />", "link": Link("여기", url="/x?a=1&b=2")}
    result = run(task, params={**params, "nothing": None})
    page = stored(wiki, "이름 & <b>")
    assert (result["id"], result["version"], result["changed"]) == (page.id, 1, True)
    document = PageDocument(page.body)
    shown = HOSTILE.replace("\x07", "\u2407") + "\"'"
    assert document.select("//p")[0].text == document.select("//p")[0].get("title") == shown
    assert page.body.endswith('<hr /><a href="/x?a=1&amp;b=2">여기</a><p>1000</p>')
    assert page.parent_id == wiki.parent
    assert {label.name for label in wiki.sandbox.store.labels(page.id)} == {"주간"}
    assert wiki.properties(page.id).keys() == {MARKER, "content-appearance-published"}


def test_a_page_of_a_template_file(wiki: TeamWiki, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "row.xhtml").write_text("<tr><td><p>{{ row.name }}</p></td></tr>")
    (tmp_path / "report.xhtml").write_text(
        "{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}<h1>{{ bold(params.team) }}</h1><table><tbody>"
        "{% for row in params.rows %}{% include 'parts/row.xhtml' %}{% endfor %}</tbody></table>"
        "{% raw %}<p>{{요약}}</p>{% endraw %}\n",
        encoding="utf-8-sig",
    )
    with DAG("dag", schedule=None, template_searchpath=str(tmp_path), render_template_as_native_obj=True):
        task = ConfluenceCreatePageOperator(
            task_id="create",
            space=SPACE,
            title="새 페이지",
            template_file="{{ params.file }}.xhtml",
            edits=[FillText({"요약": "좋다"})],
        )
    run(task, params={"team": "R&D", "rows": [{"name": HOSTILE}], "file": "report"})
    body = stored(wiki, "새 페이지").body
    assert body.startswith("<h1><b>R&amp;D</b></h1><table><tbody><tr><td><p>]]&gt; &lt;/td&gt;&lt;script&gt;")
    assert body.endswith("</tbody></table><p>좋다</p>")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<p>{{ nothing }}</p>", "'nothing' is undefined"),
        ("<p>{% if %}</p>", "line 1: Expected an expression"),
        ("<p>{{ '<b>' | storage }}</p>", r"<b> is never closed \(line 1, column 1"),
        ("<p>", "the body is no storage format|line 1, column 1"),
    ],
)
def test_a_template_that_is_wrong_fails_at_once_and_says_where(wiki: TeamWiki, body: str, message: str) -> None:
    with DAG("dag", schedule=None):
        task = ConfluenceCreatePageOperator(task_id="create", space=SPACE, title="새 페이지", body=body)
    with pytest.raises(AirflowFailException, match=message):
        run(task)
    assert wiki.writes() == []


def test_a_body_from_another_task_is_taken_as_it_is(wiki: TeamWiki) -> None:
    with DAG("dag", schedule=None):
        other = BaseOperator(task_id="other")
        task = ConfluenceCreatePageOperator(task_id="create", space=SPACE, title="새 페이지", body=other.output)
    assert task.upstream_task_ids == {"other"}
    run(task, ti=pulling({"other": "<p>{{ 7 * 7 }}</p>"}))
    assert stored(wiki, "새 페이지").body == "<p>{{ 7 * 7 }}</p>"


def test_a_page_of_a_confluence_template(wiki: TeamWiki) -> None:
    body = (
        '<at:declarations><at:string at:name="date" /></at:declarations><p><at:var at:name="date" /></p>'
        "<p><ac:placeholder>적어 주세요</ac:placeholder></p>"
    )
    template = wiki.sandbox.store.add_template(SPACE, "회의록", body, labels=["meeting"])
    with pytest.raises(AirflowFailException, match=r"variables 'date' are not filled"):
        create(template_id=template.id)
    create(template_id=template.id, edits=[FillText({"date": "11월 19일"})], labels="주간")
    page = stored(wiki, "새 페이지")
    assert page.body == "<p>11월 19일</p><p><ac:placeholder>적어 주세요</ac:placeholder></p>"
    assert {label.name for label in wiki.sandbox.store.labels(page.id)} == {"meeting", "주간"}
    assert wiki.properties(page.id)[MARKER]["source"] == {"template": template.id}
    with pytest.raises(AirflowFailException, match="999"):
        create(template_id="999", title="b")


def test_a_page_of_another_page_and_edits_is_a_copy(wiki: TeamWiki, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG own")
    files = {"주간활성사용자.png": picture, "새 그림.png": picture}
    result = create(source_title=LAST_WEEK, edits=COPY_EDITS, files=files, labels=["own"], properties={"own": 1})
    page = stored(wiki, "새 페이지")
    assert wiki.is_body(page.body, EDITED_BODY)
    assert page.parent_id == wiki.parent
    own = dict.fromkeys(files, b"\x89PNG own")
    assert wiki.files(page.id) == {
        # What the site has copied along with the others is replaced by a version.
        name: (2 if wiki.dialect == "cloud" and name == "주간활성사용자.png" else 1, content)
        for name, content in {**FILES, **own}.items()
    }
    assert {label.name for label in wiki.sandbox.store.labels(page.id)} == {*LABELS, "own"}
    assert wiki.properties(page.id)["own"] == 1
    assert not create("run-2", source_id=wiki.last_week, edits=COPY_EDITS, files=files)["changed"]
    assert result["version"] == 2


@pytest.mark.parametrize("path", ["팀/보고/2026", ["팀", "보고", "2026"]])
def test_parents_by_path(wiki: TeamWiki, path: Any) -> None:
    store = wiki.sandbox.store
    team = store.create_page(SPACE, "팀", "<p />", author="jimin")
    with pytest.raises(AirflowFailException, match=r"No page '보고' under '팀'.*create_parents"):
        create(body="<p>x</p>", parent_path=path)
    create(body="<p>x</p>", parent_path=path, create_parents=True, dry_run=True)
    assert wiki.writes() == []
    create(body="<p>x</p>", parent_path=path, create_parents="yes")
    report, year = stored(wiki, "보고"), stored(wiki, "2026")
    assert (report.parent_id, year.parent_id, stored(wiki, "새 페이지").parent_id) == (team.id, report.id, year.id)
    assert wiki.is_body(year.body, LIST_OF_CHILDREN)
    create(body="<p>x</p>", title="b", parent_path=path)
    assert stored(wiki, "b").parent_id == year.id


def test_a_parent_path_that_is_elsewhere_is_refused(wiki: TeamWiki) -> None:
    wiki.sandbox.store.create_page(SPACE, "팀", "<p />", author="jimin")
    with pytest.raises(AirflowFailException, match="elsewhere than under '주간 보고' has the title of a parent: '팀'"):
        create(body="<p>x</p>", parent_path="주간 보고/팀", create_parents=True)
    with pytest.raises(AirflowFailException, match="no path of titles"):
        create(body="<p>x</p>", parent_path="팀//2026")
    assert wiki.writes() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "^the content of the page is missing; set one of body, template_file"),
        ({"body": "<p />", "source_id": "1"}, "^body and source_id are both set"),
        ({"body": "<p />", "parent_id": "1", "parent_path": "a"}, "^parent_id and parent_path are both set"),
        ({"body": "<p />", "parent_title": "없다"}, "No parent page '없다'"),
        ({"body": "<p />", "if_exists": "skip"}, "if_exists is 'skip'; it must be one of return, update, fail"),
        ({"body": "<p />", "properties": "x"}, "properties is 'x'"),
        ({"body": "<p />", "space": "NOSUCH"}, "[Nn]o space .*NOSUCH"),
        ({"body": ["<p />"]}, "it must be text in storage format"),
        ({"template_file": "no.xhtml"}, "no template file 'no.xhtml'"),
        ({"source_title": "없다"}, "No page to copy '없다'"),
    ],
)
def test_a_creation_that_cannot_succeed_fails_at_once_and_says_why(
    wiki: TeamWiki, arguments: dict[str, Any], message: str
) -> None:
    with DAG("dag", schedule=None):
        task = ConfluenceCreatePageOperator(task_id="create", **{"space": SPACE, "title": "새 페이지", **arguments})
    with pytest.raises(AirflowFailException, match=message):
        run(task)
    assert wiki.writes() == []


def test_a_dry_run_of_creating_shows_the_body_and_writes_nothing(wiki: TeamWiki, capsys: pytest.CaptureFixture[str]) -> None:
    result = create(body="<p>새 글</p>", dry_run=True)
    assert (result["id"], result["version"], result["changed"]) == ("", 0, False)
    assert wiki.writes() == []
    log = capsys.readouterr().out
    assert "create '새 페이지'" in log
    assert "새 글" in log


def test_a_page_that_is_there_is_returned_updated_or_refused(wiki: TeamWiki) -> None:
    page_id = made_page(wiki, "<p>내 초안</p>", "새 페이지")
    given: dict[str, Any] = {"body": "<p>새 글</p>", "parent_id": wiki.parent}
    assert not create(**given)["changed"]
    with pytest.raises(AirflowFailException, match="let if_exists return or update it"):
        create(**given, if_exists="fail")
    assert stored(wiki, "새 페이지").body == "<p>내 초안</p>"
    assert create(**given, if_exists="update") == {**create(**given), "changed": True}
    assert (stored(wiki, "새 페이지").id, stored(wiki, "새 페이지").body) == (page_id, "<p>새 글</p>")
    assert not create("run-2", **given, if_exists="update")["changed"]
    assert not create("run-2", **given, if_exists="fail")["changed"]


# --- create: every write may fail -------------------------------------------------------------------------------------

FILLED = '<p>그림</p><ac:image><ri:attachment ri:filename="그림.png" /></ac:image>'
# Page, marker, ledger, file, label, property, body, marker.
CREATE_WRITES = ["POST"] * 6 + ["PUT", "PUT"]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "그림.png"
    path.write_bytes(b"\x89PNG")
    return path


def created(wiki: TeamWiki, picture: Path | None, run_id: str = "run-1", **spec: Any) -> WriteResult:
    """One attempt of a task that creates a page."""
    client = wiki.client()
    try:
        page = PageSpec(SPACE, "새 페이지", wiki.parent, run_id, **spec)
        contents = PageContents(FILLED, files=uploads_of(picture), labels=("주간",), properties={"width": "full"})
        creator = PageCreator(client, page, contents)
        return creator.run(creator.plan())
    finally:
        client.close()


def assert_one_page(wiki: TeamWiki) -> None:
    page = stored(wiki, "새 페이지")
    assert (page.body, page.version, page.parent_id) == (FILLED, 2, wiki.parent)
    assert wiki.files(page.id) == {"그림.png": (1, b"\x89PNG")}
    assert {label.name for label in wiki.sandbox.store.labels(page.id)} == {"주간"}
    properties = wiki.properties(page.id)
    assert properties["width"] == "full"
    assert properties[MARKER]["complete"] is True


def test_the_writes_of_a_creation(wiki: TeamWiki, picture: Path) -> None:
    assert created(wiki, picture).changed
    assert [method for method, _ in wiki.writes()] == CREATE_WRITES
    assert_one_page(wiki)
    wiki.sandbox.clear_requests()
    assert not created(wiki, picture, "run-2").changed
    assert wiki.writes() == []


@pytest.mark.parametrize("fault", one_of_each_outcome(name for name in FAULTS if name != "409 after"))
@pytest.mark.parametrize("write", range(len(CREATE_WRITES)))
def test_any_write_of_a_creation_may_fail_and_the_retry_leaves_one_page(
    wiki: TeamWiki, picture: Path, write: int, fault: str
) -> None:
    method = CREATE_WRITES[write]
    wiki.sandbox.add_fault(Fault(".*", method=method, skip=CREATE_WRITES[:write].count(method), **FAULTS[fault]))
    try:
        created(wiki, picture)
    except WorkplaceError as error:
        assert error.retryable  # noqa: PT017 - an attempt may succeed in spite of the fault
    assert wiki.fault_was_met()
    created(wiki, picture)
    assert_one_page(wiki)


def test_creations_at_the_same_time_make_one_page(wiki: TeamWiki, picture: Path) -> None:
    wiki.sandbox.add_fault(Fault("(/rest/api/content|/api/v2/pages)$", "slow", method="POST", times=None, delay=0.2))
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda number: created(wiki, picture, f"run-{number}"), range(4)))
    assert len({made.page.id for made in pages}) == 1
    assert_one_page(wiki)


def test_a_page_without_files_has_one_version(wiki: TeamWiki) -> None:
    assert created(wiki, None).page.version == 1
    assert stored(wiki, "새 페이지").body == FILLED


def test_what_the_first_attempt_wrote_counts_though_the_data_are_others_now(wiki: TeamWiki, picture: Path) -> None:
    client = wiki.client()
    client.create_page(SPACE, "새 페이지", PLACEHOLDER_BODY, parent_id=wiki.parent)
    created(wiki, picture)
    assert_one_page(wiki)


def test_what_a_person_writes_on_a_page_that_is_being_made_is_kept(wiki: TeamWiki, picture: Path) -> None:
    wiki.sandbox.add_fault(Fault("/label", "status", method="POST", status=503, times=None))
    with pytest.raises(WorkplaceError):
        created(wiki, picture)
    wiki.sandbox.clear_faults()
    wiki.sandbox.store.update_page(stored(wiki, "새 페이지").id, body="<p>사람의 말</p>", author="jimin")
    created(wiki, picture)
    assert stored(wiki, "새 페이지").body == "<p>사람의 말</p>"


def test_an_update_puts_the_files_first(wiki: TeamWiki, picture: Path) -> None:
    page_id = made_page(wiki, "<p>내 초안</p>", "새 페이지")
    assert created(wiki, picture, if_exists="update").changed
    paths = [path for _, path in wiki.writes()]
    (upload,) = [path for path in paths if path.endswith(f"/{page_id}/child/attachment")]
    (body,) = [path for path in paths if path.endswith(f"/{page_id}")]
    assert paths.index(upload) < paths.index(body)


def test_a_title_elsewhere_is_refused(wiki: TeamWiki) -> None:
    wiki.sandbox.store.create_page(SPACE, "새 페이지", "<p>x</p>", author="jimin")
    with pytest.raises(AlreadyExists, match="elsewhere in the space"):
        created(wiki, None)


def test_our_notes_about_a_page_are_not_copied(wiki: TeamWiki) -> None:
    updated(wiki, page_id := made_page(wiki), None)
    assert UPDATES in wiki.properties(page_id)
    client = wiki.client()
    copier = PageCopier(client, CopySpec(client.get_page(page_id, body=True), "사본", wiki.parent, "run"))
    copier.run(copier.plan())
    assert UPDATES not in wiki.properties(stored(wiki, "사본").id)


# --- house rules ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operator",
    [ConfluenceAttachOperator, ConfluenceCopyPageOperator, ConfluenceCreatePageOperator, ConfluenceUpdatePageOperator],
)
def test_every_parameter_is_documented_and_a_template(operator: type[BaseOperator]) -> None:
    import inspect

    parameters = set(inspect.signature(operator.__init__).parameters) - {"self", "kwargs"} | {"confluence_conn_id"}
    for name in parameters:
        assert f":param {name}:" in (operator.__doc__ or ""), name
        assert name in operator.template_fields, name
    assert "is_dry_run" in operator.template_fields


def test_naming_operators_and_edits_in_a_dag_file_imports_nothing_heavy() -> None:
    code = (
        "import airflow.sdk, sys; before = set(sys.modules); from workplace_provider.confluence.operators import *; "
        "from workplace_provider.confluence.pages import edits; from workplace_provider.common.rows import Rows; "
        "edits.ReplaceTableRows([[1]]); "
        "print([m for m in ('lxml', 'pandas', 'pyarrow', 'requests', 'yaml') if m in set(sys.modules) - before])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "[]"


def test_edits_given_twice_wrapped_are_the_same() -> None:
    given = [rows(("a", 1))]
    assert TemplatedEdits(TemplatedEdits(given)).source is given


# --- audit trail ------------------------------------------------------------------------------------------------------


def in_a_run(**more: Any) -> dict[str, Any]:
    """What Airflow's context has in a run that Kim has triggered."""
    dag_run = SimpleNamespace(triggering_user_name="kim", run_type="manual", conf={})
    return {"dag_run": dag_run, "ti": SimpleNamespace(map_index=-1, try_number=2), **more}


AUDIT = 'try 2 of manual run run-1, triggered by "kim"'


def test_an_update_says_in_the_history_who_had_it_made(wiki: TeamWiki) -> None:
    page_id = made_page(wiki)
    task = ConfluenceUpdatePageOperator(task_id="update", page_id=page_id, edits=[rows(("나", 2))], message="자동")
    result = run(task, **in_a_run())
    assert stored(wiki, "지표 모음").message == f"자동 · dag/update, {AUDIT}"
    assert (result["audit"]["triggered_by"], result["audit"]["try_number"]) == ("kim", 2)
    assert not run(task, "run-2", **in_a_run())["changed"], "another run alone makes no version"


def test_an_edit_that_must_not_be_made_twice_is_known_by_its_comment(wiki: TeamWiki) -> None:
    page_id = made_page(wiki)
    task = ConfluenceUpdatePageOperator(
        task_id="update", page_id=page_id, edits=[{"edit": "AppendRow", "row": ["나", 2]}], message="자동"
    )
    run(task, **in_a_run())
    comment, mark, audit = stored(wiki, "지표 모음").message.split(" · ")
    assert (comment, audit) == ("자동", f"dag/update, {AUDIT}")
    assert mark.startswith("run:")
    assert run(task, **in_a_run())["version"] == 2


@pytest.mark.parametrize("with_files", [False, True], ids=["without files", "with files"])
def test_a_new_page_says_in_the_history_who_had_it_made(wiki: TeamWiki, tmp_path: Path, with_files: bool) -> None:
    (tmp_path / "a.txt").write_text("a", "utf-8")
    files = str(tmp_path / "a.txt") if with_files else None
    task = ConfluenceCreatePageOperator(task_id="create", space=SPACE, title="새 페이지", body="<p>본문</p>", files=files)
    result = run(task, **in_a_run())
    page = stored(wiki, "새 페이지")
    assert (page.body, page.message) == ("<p>본문</p>", f"dag/create, {AUDIT}")
    # API v2 of Cloud has no comment for the first version.
    assert page.version == result["version"] == (2 if with_files or wiki.dialect == "cloud" else 1)
    assert result["audit"]["task_id"] == "create"
    again = run(task, "run-2", **in_a_run())
    assert (again["version"], again["changed"]) == (page.version, False)


def test_a_copy_says_in_the_history_who_had_it_made(wiki: TeamWiki) -> None:
    task = ConfluenceCopyPageOperator(task_id="copy", space=SPACE, title=THIS_WEEK, source_id=wiki.last_week)
    result = run(task, **in_a_run())
    page = wiki.this_week()
    assert page.message == f"dag/copy, {AUDIT}"
    assert result["audit"]["run_id"] == "run-1"
    assert wiki.is_body(page.body, COPIED_BODY)
    assert page.version == (2 if wiki.dialect == "cloud" else 1)
    assert wiki.files(page.id) == {name: (1, content) for name, content in FILES.items()}
    assert not run(task, "run-2", **in_a_run())["changed"]


def test_the_version_comment_of_a_document_says_who_had_it_made(wiki: TeamWiki) -> None:
    made_page(wiki)
    task = ConfluenceDocumentOperator(
        task_id="publish", space=SPACE, title="지표 모음", places=[rows(("나", 2))], message="Refreshed by Airflow"
    )
    run(task, **in_a_run())
    assert stored(wiki, "지표 모음").message == f"Refreshed by Airflow · dag/publish, {AUDIT}"


def test_a_user_name_in_the_history_is_data(wiki: TeamWiki) -> None:
    page_id = made_page(wiki)
    task = ConfluenceUpdatePageOperator(task_id="update", page_id=page_id, edits=[rows(("나", 2))])
    given = in_a_run()
    given["dag_run"].triggering_user_name = f'"{HOSTILE}\n' + "x" * 10_000
    run(task, **given)
    message = stored(wiki, "지표 모음").message
    assert len(message) < 400
    assert message.count('"') == 2
    assert not set("\u202e\x07\n") & set(message)


def test_a_file_that_is_not_on_this_worker_fails_before_a_page_is_made(tmp_path: Path) -> None:
    from workplace_provider.confluence.operators.base import uploads_of

    gone = {"uri": str(tmp_path / "gone.png"), "name": "gone.png", "sha256": "0" * 64, "media_type": "image/png"}
    with pytest.raises(FileNotFoundError, match="artifacts_path"):
        uploads_of([gone])


@pytest.mark.parametrize("dialect", ["cloud"], indirect=True)
def test_status_and_place_are_arguments_of_the_operators(wiki: TeamWiki) -> None:
    def status_of(page_id: str) -> Any:
        state = wiki.client().content_state(page_id)  # type: ignore[attr-defined]
        return state and (state.name, state.color)

    first = create(body="<p>글</p>", parent_id=wiki.parent, position="first", content_status="verified")
    assert [page.id for page in wiki.sandbox.store.children(wiki.parent)] == [first["id"], wiki.last_week]
    assert status_of(first["id"]) == ("Verified", "#57d9a3")
    copied = {"space": SPACE, "source_id": first["id"], "parent_id": wiki.parent}
    arguments: list[tuple[dict[str, Any], Any]] = [
        ({}, ("Verified", "#57d9a3")),
        ({"content_status": "none"}, None),
        ({"content_status": {"name": "확정", "color": "#0000ff"}}, ("확정", "#0000ff")),
    ]
    for number, (more, expected) in enumerate(arguments):
        operator = ConfluenceCopyPageOperator(
            task_id="copy", title=f"사본 {number}", position="after", sibling="새 페이지", **copied, **more
        )
        page_id = run(operator)["id"]
        assert status_of(page_id) == expected
        assert [page.id for page in wiki.sandbox.store.children(wiki.parent)][1] == page_id
    assert update(first["id"], content_status="in progress")["changed"]
    assert status_of(first["id"]) == ("In progress", "#2684ff")
    assert not update(first["id"], "run-2", content_status="in progress")["changed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"position": "before"}, "position is 'before'; set sibling"),
        ({"sibling": "가"}, "sibling is set; set position"),
        ({"position": "top"}, "position is 'top'; it must be one of first, last, before, after"),
        ({"content_status": {"color": "#ffffff"}}, "must be a name, or a mapping with name and color"),
    ],
)
def test_a_status_or_a_place_that_makes_no_sense_fails_at_once(
    wiki: TeamWiki, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message):
        create(body="<p />", parent_id=wiki.parent, **arguments)
    assert wiki.writes() == []
