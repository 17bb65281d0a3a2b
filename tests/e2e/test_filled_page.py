"""A page that an analyst designed, filled with 200 rows and 6 pictures, as a person sees it in a browser."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.execution_time.context import OutletEventAccessors
from PIL import Image, ImageDraw
from playwright.sync_api import Browser

from support.browser import look
from workplace_provider.common import Rows
from workplace_provider.common.artifacts import Artifact
from workplace_provider.confluence.operators import ConfluenceCreatePageOperator, ConfluenceUpdatePageOperator
from workplace_provider.confluence.pages import edits
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.e2e

ROWS = 200
PICTURES = 6
HOSTILE = "</td><script>document.title = 'broken'</script> ]]> & <b>굵게</b> 😀 \u202e"

DESIGN = (
    "<p>{{summary}}</p><h2>지표</h2>"
    '<table data-layout="wide"><tbody><tr><th><p>지표</p></th><th><p>값</p></th><th><p>비고</p></th></tr>'
    '<tr><td data-highlight-colour="#e3fcef"><p>예</p></td><td><p style="text-align: right;"><strong>0</strong></p></td>'
    "<td><p>-</p></td></tr></tbody></table>"
    + "".join(
        f'<h2>그래프 {number}</h2><ac:image ac:width="320"><ri:attachment ri:filename="지난주 {number}.png" /></ac:image>'
        for number in range(PICTURES)
    )
    + "<h2>사람의 말</h2><p>여기는 그대로&nbsp;둔다.</p>"
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=False) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _connection(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "confluence", "host": sandbox.confluence_url, "password": sandbox.confluence_token}
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps(connection))


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Any]:
    """The rows as a task hands them on: an artifact in object storage."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["지표", "값", "비고"])
    writer.writerows([f"지표 {number}", number * 1234, HOSTILE if number == 7 else ""] for number in range(ROWS))
    path = tmp_path / "table.csv"
    path.write_text(text.getvalue())
    return {"uri": str(path), "name": "표.csv", "media_type": "text/csv"}


@pytest.fixture
def pictures(tmp_path: Path) -> list[Artifact]:
    made = []
    for number in range(PICTURES):
        picture = Image.new("RGB", (320, 120), "white")
        ImageDraw.Draw(picture).line([(10 * x, 110 - (x * (number + 2) * 7) % 100) for x in range(32)], fill="navy", width=3)
        path = tmp_path / f"{number}.png"
        picture.save(path)
        made.append(Artifact(str(path), f"이번주 {number}.png", "image/png"))
    return made


def filling(table: dict[str, Any]) -> list[edits.Edit]:
    return [
        edits.FillText({"summary": "이번 주는 <좋다> & 빠르다"}),
        edits.ReplaceTableRows(Rows(table, numbers=True), table="지표", formats={"값": ",d"}),  # type: ignore[arg-type]
        *(edits.SetImage(f"이번주 {number}.png", heading=f"그래프 {number}") for number in range(PICTURES)),
    ]


def run(operator: BaseOperator) -> Any:
    context: Any = {
        "dag": SimpleNamespace(dag_id="filled"),
        "run_id": "run",
        "task": operator,
        "outlet_events": OutletEventAccessors(),
    }
    operator.render_template_fields(context)
    return operator.execute(context)


def assert_filled(browser: Browser, url: str) -> None:
    shown, text = look(browser, url)
    assert shown == PICTURES
    for words in ("이번 주는 <좋다> & 빠르다", HOSTILE.strip(" \u202e"), "여기는 그대로\u00a0둔다."):
        assert words in text
    assert "지난주" not in text
    page = browser.new_page()
    try:
        page.goto(url)
        rows = page.locator("table:has(th:has-text('비고')) tr:has(td)").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
        )
        assert [row[:2] for row in rows] == [[f"지표 {number}", f"{number * 1234:,}"] for number in range(ROWS)]
        assert page.locator("td p[style*='right'] strong").count() == ROWS
        assert "broken" not in page.title()
        sources = page.evaluate("[...document.images].map(image => decodeURIComponent(image.src))")
        assert all(f"이번주 {number}.png" in source for number, source in enumerate(sources))
    finally:
        page.close()


def test_a_page_that_is_there_is_filled(
    sandbox: Sandbox, browser: Browser, table: dict[str, Any], pictures: list[Artifact]
) -> None:
    page = sandbox.store.create_page("ANALYTICS", "주간 지표", DESIGN, author="jimin")
    with DAG("filled", schedule=None):
        task = ConfluenceUpdatePageOperator(task_id="fill", page_id=page.id, edits=filling(table), files=pictures)
    result = run(task)
    assert (result["version"], result["changed"]) == (2, True)
    assert_filled(browser, result["url"])
    assert not run(task)["changed"]


def test_a_page_is_made_of_another_and_filled(
    sandbox: Sandbox, browser: Browser, table: dict[str, Any], pictures: list[Artifact]
) -> None:
    source = sandbox.store.create_page("ANALYTICS", "디자인", DESIGN, author="jimin")
    with DAG("filled", schedule=None):
        task = ConfluenceCreatePageOperator(
            task_id="create",
            space="ANALYTICS",
            title="이번 주 지표",
            source_id=source.id,
            edits=filling(table),
            files=pictures,
        )
    assert_filled(browser, run(task)["url"])
