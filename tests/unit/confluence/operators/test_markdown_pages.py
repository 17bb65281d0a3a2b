"""Markdown as the body of a page and in edits, with templates in it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.execution_time.context import OutletEventAccessors

from support.team_wiki import SPACE, TeamWiki
from workplace_provider.confluence.operators import ConfluenceCreatePageOperator, ConfluenceUpdatePageOperator
from workplace_provider.confluence.operators.base import ConfluenceOperator
from workplace_provider.confluence.pages import Markdown, PageDocument
from workplace_provider.confluence.pages.edits import FillText, ReplaceSection, SetImage, SetMacroParameter

HOSTILE = "**x** [y](javascript:alert(1)) | <script>\n# {{ 7 * 7 }}"
SHOWN = "**x** [y](javascript:alert(1)) | &lt;script&gt;<br /># {{ 7 * 7 }}"


@pytest.fixture(autouse=True)
def _connection(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps({"conn_type": "confluence", **wiki.connection}))


def run(operator: ConfluenceOperator, **params: Any) -> Any:
    context: Any = {
        "dag": operator.get_dag() or SimpleNamespace(dag_id="dag"),
        "run_id": "run-1",
        "task": operator,
        "outlet_events": OutletEventAccessors(),
        "params": params,
    }
    operator.render_template_fields(context)
    return operator.execute(context)


def body(wiki: TeamWiki, page_id: str) -> str:
    page = wiki.sandbox.store.page(page_id)
    assert page is not None
    return page.body


def create(**arguments: Any) -> ConfluenceCreatePageOperator:
    return ConfluenceCreatePageOperator(task_id="create", space=SPACE, title="새 페이지", **arguments)


@pytest.mark.parametrize("form", [Markdown, lambda text: {"markdown": text}])
def test_values_in_a_markdown_body_are_text_and_markdown_only_on_request(wiki: TeamWiki, form: Any) -> None:
    template = "# {{ params.title }}\n\n{{ params.text }}\n\n{{ params.notes | markdown }}\n\n`{{ params.missing }}`"
    page = run(create(body=form(template)), title="요약", text=HOSTILE, notes="- [ ] 하나", missing=None)
    assert body(wiki, page["id"]) == (
        f"<h1>요약</h1><p>{SHOWN}</p><ac:task-list><ac:task><ac:task-status>incomplete</ac:task-status>"
        "<ac:task-body>하나</ac:task-body></ac:task></ac:task-list><p>``</p>"
    )


def test_a_markdown_file_is_a_template(wiki: TeamWiki, tmp_path: Path) -> None:
    (tmp_path / "문서.md").write_text("## {{ params.text }}\n{% for n in [1, 2] %}\n- **{{ n }}**{% endfor %}\n")
    with DAG("markdown", schedule=None, start_date=datetime.datetime(2026, 1, 1), template_searchpath=str(tmp_path)):
        operator = create(template_file="문서.md")
    page = run(operator, text="<b>")
    expected = "<h2>&lt;b&gt;</h2><ul><li><strong>1</strong></li><li><strong>2</strong></li></ul>"
    assert body(wiki, page["id"]) == expected


def test_markdown_in_edits(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    page = store.create_page(SPACE, "p", "<h2>요약</h2><p>x</p><h2>b</h2><p>{{메모}} {{글}}</p>", author="jimin")
    edits = [
        ReplaceSection("요약", Markdown("- {{ params.text }}")),
        FillText({"메모": {"markdown": "*{{ params.text }}*"}}),
        {"edit": "FillText", "values": {"글": {"markdown": "**글**"}}},
    ]
    result = run(ConfluenceUpdatePageOperator(task_id="update", page_id=page.id, edits=edits), text="**<x>**")
    assert result["changed"]
    assert body(wiki, page.id) == (
        "<h2>요약</h2><ul><li>**&lt;x&gt;**</li></ul><h2>b</h2><p><em>**&lt;x&gt;**</em> <strong>글</strong></p>"
    )


def test_the_output_of_a_task_as_markdown_is_not_a_template(wiki: TeamWiki) -> None:
    operator = create(body="x")
    operator.body = operator._as_data({"markdown": "**{{ 7 * 7 }}**"}, {})  # type: ignore[arg-type]
    context: Any = {"dag": SimpleNamespace(dag_id="dag"), "run_id": "r", "outlet_events": OutletEventAccessors()}
    assert body(wiki, operator.execute(context)["id"]) == "<p><strong>{{ 7 * 7 }}</strong></p>"


def test_markdown_in_a_body_in_storage_format(wiki: TeamWiki) -> None:
    template = "<h1>a</h1>{{ params.notes | markdown }}{{ params.none | markdown }}<p>{{ params.value }}</p>"
    page = run(create(body=template), notes="- **<b>**", none=None, value=Markdown("*x*"))
    assert body(wiki, page["id"]) == "<h1>a</h1><ul><li><strong>&lt;b&gt;</strong></li></ul><p><em>x</em></p>"


def test_markdown_in_macros_and_captions() -> None:
    macro = '<ac:structured-macro ac:name="m"><ac:parameter ac:name="p">x</ac:parameter></ac:structured-macro>'
    image = '<ac:image><ri:attachment ri:filename="a.png" /></ac:image>'
    edits = [SetMacroParameter("m", "p", Markdown("a & b")), SetImage("a.png", index=0, caption=Markdown("*x*"))]
    page = PageDocument(macro + image).apply(edits).storage
    assert '<ac:parameter ac:name="p">a &amp; b</ac:parameter>' in page
    assert "<ac:caption><p><em>x</em></p></ac:caption>" in page
    blocks = SetImage("a.png", index=0, caption=Markdown("x\n\ny"))
    assert "<ac:caption><p>x</p><p>y</p></ac:caption>" in PageDocument(image).apply([blocks]).storage
