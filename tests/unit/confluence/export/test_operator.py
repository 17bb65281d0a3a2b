from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors

from support.team_wiki import DIALECTS, Dialect
from support.wiki_exports import PAGES, SPACE, WikiExports
from workplace_provider.common.artifacts import as_artifacts, read_manifest
from workplace_provider.confluence.operators import ConfluenceExportOperator
from workplace_provider.http.errors import WorkplaceError
from workplace_sandbox import Fault


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Either face of the wiki."""
    face: Dialect = request.param
    return face


@pytest.fixture(autouse=True)
def _connection(exports: WikiExports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps(exports.connection))
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", f"file://{tmp_path}/artifacts")


def context(run_id: str = "run-1") -> Any:
    ti = SimpleNamespace(map_index=-1)
    return {"dag": SimpleNamespace(dag_id="wiki"), "run_id": run_id, "ti": ti, "outlet_events": OutletEventAccessors()}


def export(run_id: str = "run-1", **arguments: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"space": SPACE, **arguments}
    result = ConfluenceExportOperator(task_id="export", **given).execute(context(run_id))
    return dict(json.loads(json.dumps(result)))


def test_the_export_is_described_for_the_tasks_that_follow(exports: WikiExports, pages: list[str], tmp_path: Path) -> None:
    result = export()
    assert result["folder"] == f"file://{tmp_path}/artifacts/confluence/space-ANALYTICS"
    counts = {name: result[name] for name in ("published", "notable", "pages", "new", "changed", "deleted", "read")}
    assert counts == {
        "published": True,
        "notable": True,
        "pages": len(pages),
        "new": len(pages),
        "changed": 0,
        "deleted": 0,
        "read": len(pages),
    }
    (lines,) = as_artifacts(result["lines"])
    assert lines.open().read().count(b"\n") == len(pages)
    assert [each.name for each in as_artifacts(result["manifest"])] == ["pages.jsonl", "changes.jsonl"]
    assert read_manifest(result["manifest"])["content"]["scope"] == {"space": SPACE}
    assert result["text"] == f"the space ANALYTICS: {len(pages)} pages, {len(pages)} new, 0 changed, 0 deleted"


def test_the_next_run_tells_what_has_changed(exports: WikiExports, pages: list[str]) -> None:
    export()
    exports.store.update_page(pages[-1], author="alex", title="<!channel> & 끝")
    assert export("run-2")["changed"] == 1
    exports.store.trash_page(pages[-1])
    result = export("run-3")
    assert (result["deleted"], result["read"]) == (1, 0)
    assert result["text"].endswith("1 deleted. Deleted: &lt;!channel&gt; &amp; 끝")
    quiet = export("run-4")
    assert (quiet["published"], quiet["notable"], quiet["changes"]) == (False, False, None)
    assert quiet["lines"] == result["lines"]
    assert [each.name for each in as_artifacts(quiet["manifest"])] == ["pages.jsonl"]
    assert quiet["text"] == f"the space ANALYTICS: {len(pages) - 1} pages, nothing has changed"
    assert export("run-3")["deleted"] == 1, "a run that is cleared says again what it has done"


def test_a_template_may_have_made_text_of_everything(exports: WikiExports, pages: list[str]) -> None:
    result = export(
        space="",
        root=pages[1],
        cql="None",
        bodies="storage, view",
        comments="False",
        attachments="files",
        media_types="image/*,text/plain",
        max_file_megabytes="0.05",
        concurrency="2",
        pages_per_request="10",
        folder="주간 보고/백업",
    )
    assert result["folder"].endswith("/confluence/주간 보고_백업")
    content = read_manifest(result["manifest"])["content"]
    assert content == {
        "format": 1,
        "scope": {"root": pages[1]},
        "bodies": ["storage", "view"],
        "comments": False,
        "attachments": "files",
        "media_types": ["image/*", "text/plain"],
        "max_file_bytes": 50_000,
    }


def test_who_listens_to_the_asset_is_told(exports: WikiExports) -> None:
    asset = Asset("wiki_export")
    given = context()
    ConfluenceExportOperator(task_id="export", space=SPACE, outlets=[asset]).execute(given)
    assert given["outlet_events"][asset].extra["new"] == 24
    assert given["outlet_events"][asset].extra["folder"].endswith("space-ANALYTICS")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"space": None}, "give one of space, root and cql; none was given"),
        ({"root": "1"}, "space, root was given"),
        ({"bodies": "markdown"}, "bodies has 'markdown'"),
        ({"attachments": "all"}, "attachments is 'all'"),
        ({"mode": "quick"}, "mode is 'quick'"),
        ({"concurrency": "many"}, "concurrency is 'many'"),
        ({"max_file_megabytes": "big"}, "max_file_megabytes is 'big'"),
        ({"comments": "perhaps"}, "comments is 'perhaps'"),
        ({"space": "NOWHERE"}, "NOWHERE"),
        ({"space": "", "cql": "label ="}, "Could not parse cql"),
    ],
)
def test_what_no_retry_can_mend_fails_at_once(exports: WikiExports, arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(AirflowFailException, match=problem):
        export(**arguments)


def test_what_passes_by_itself_is_left_to_the_retries(exports: WikiExports, pages: list[str]) -> None:
    exports.sandbox.add_fault(Fault(PAGES, "status", status=503, skip=2, times=None))
    with pytest.raises(WorkplaceError, match="503"):
        export(pages_per_request=5, concurrency=1)
    exports.sandbox.clear_faults()
    result = export(pages_per_request=5)
    assert 0 < result["read"] < len(pages) == result["new"]
