"""Every argument of an operator reaches its use case: what that received is compared with what the task was given."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.execution_time.context import OutletEventAccessors

from support.provider_operators import OPERATORS
from support.team_wiki import LAST_WEEK, SPACE, TeamWiki
from workplace_provider.confluence import operators
from workplace_provider.confluence.pages import edits

USE_CASES = {
    "copy": ("workplace_provider.confluence.publishing.copy", "CopySpec"),
    "page": ("workplace_provider.confluence.publishing.create", "PageSpec"),
    "contents": ("workplace_provider.confluence.publishing.create", "TemplateContents"),
    "update": ("workplace_provider.confluence.publishing.update", "UpdateSpec"),
    "document": ("workplace_provider.confluence.publishing.document", "DocumentSpec"),
    "attacher": ("workplace_provider.confluence.publishing.attachments", "Attacher"),
    "source": ("workplace_provider.confluence.publishing.copy", "find_source"),
    "parents": ("workplace_provider.confluence.publishing.parents", "find_parents"),
    "export": ("workplace_provider.confluence.export", "ExportSpec"),
}
EDIT = edits.SetImage("표.png", index=0)
NAMES = ["표.csv"]


@pytest.fixture
def received(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the use cases were called with: ``name.parameter`` to the value of the first call."""
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps({"conn_type": "confluence", **wiki.connection}))
    found: dict[str, Any] = {}

    def recorded(name: str, real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            bound = inspect.signature(real).bind(*arguments, **named)
            found.update({f"{name}.{key}": value for key, value in bound.arguments.items() if f"{name}.{key}" not in found})
            return real(*arguments, **named)

        return call

    for name, (module, attribute) in USE_CASES.items():
        real = getattr(__import__(module, fromlist=[attribute]), attribute)
        monkeypatch.setattr(f"{module}.{attribute}", recorded(name, real))
    return found


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    path = tmp_path / "표.csv"
    path.write_text("a,b\n")
    return [str(path)]


def context() -> Any:
    task = SimpleNamespace(map_index=-1, task_id="t", dag_id="d", run_id="r", try_number=1)
    run = SimpleNamespace(run_type="manual", triggering_user_name="jimin", run_id="r", conf={})
    return {
        "dag": SimpleNamespace(dag_id="d"),
        "run_id": "r",
        "ti": task,
        "dag_run": run,
        "outlet_events": OutletEventAccessors(),
    }


def plain(value: Any) -> Any:
    """A value as it is compared: files by their names, a lookup by what it gives."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "file"):
        return value.file.name
    return value


def execute(kind: str, **given: Any) -> Any:
    return getattr(operators, kind)(task_id="t", **given).execute(context())


def test_copy(wiki: TeamWiki, received: dict[str, Any]) -> None:
    wiki.sandbox.store.add_space("OPS", "Operations")
    given = {"labels": False, "properties": ["k"], "attachments": "none", "if_exists": "fail", "edits": [EDIT]}
    execute("ConfluenceCopyPageOperator", space="OPS", title="t", source_id=wiki.last_week, restrictions=True, **given)
    expected = {**given, "space": "OPS", "title": "t", "restrictions": True, "parent_id": None}
    assert {name: plain(received[f"copy.{name}"]) for name in expected} == expected
    assert received["copy.source"].id == wiki.last_week


def test_copy_by_titles(wiki: TeamWiki, received: dict[str, Any]) -> None:
    named = {"source_title": LAST_WEEK, "parent_title": "주간 보고", "if_source_missing": "latest_child"}
    execute("ConfluenceCopyPageOperator", space=SPACE, title="t", **named)
    expected = {"space": SPACE, "title": LAST_WEEK, "new_title": "t", "parent_id": wiki.parent, "latest_child": True}
    assert {name: received[f"source.{name}"] for name in expected} == expected
    assert received["copy.parent_id"] == wiki.parent


def test_copy_under_a_parent(wiki: TeamWiki, received: dict[str, Any]) -> None:
    given = {"space": SPACE, "title": "t", "source_id": wiki.last_week, "parent_id": wiki.last_week}
    assert execute("ConfluenceCopyPageOperator", **given, dry_run=True)["changed"] is False
    assert received["copy.parent_id"] == wiki.last_week
    assert not [page for page in wiki.sandbox.store.pages(SPACE) if page.title == "t"]


def test_create(wiki: TeamWiki, received: dict[str, Any], files: list[str]) -> None:
    given = {"title": "t", "if_exists": "fail", "labels": ["l"], "properties": {"k": 1}, "files": files, "edits": [EDIT]}
    body = '<p>b</p><ac:image><ri:attachment ri:filename="x" /></ac:image>'
    execute("ConfluenceCreatePageOperator", space=SPACE, body=body, parent_path="A/B", create_parents=True, **given)
    assert (received["page.space"], received["page.title"], received["page.if_exists"]) == (SPACE, "t", "fail")
    assert (list(received["parents.path"].split("/")), received["parents.create"]) == (["A", "B"], True)
    assert list(received["contents.edits"]) == [EDIT]
    assert received["contents.storage"] == body
    assert plain(received["contents.files"]) == NAMES
    assert (list(received["contents.labels"]), received["contents.properties"]) == (["l"], {"k": 1})


@pytest.mark.parametrize("parent", ["parent_id", "parent_title"])
@pytest.mark.parametrize("source", ["source_id", "source_title"])
def test_create_of_another_page(wiki: TeamWiki, received: dict[str, Any], parent: str, source: str) -> None:
    named = {"parent_id": wiki.parent, "parent_title": "주간 보고", "source_id": wiki.last_week, "source_title": LAST_WEEK}
    given = {"space": SPACE, "title": "t", parent: named[parent], source: named[source]}
    execute("ConfluenceCreatePageOperator", **given, labels=["l"], properties={"k": 1}, edits=[EDIT], restrictions=True)
    assert (received["copy.space"], received["copy.title"], received["copy.parent_id"]) == (SPACE, "t", wiki.parent)
    assert (received["copy.source"].id, list(received["copy.edits"])) == (wiki.last_week, [EDIT])
    assert (list(received["copy.own_labels"]), received["copy.own_properties"]) == (["l"], {"k": 1})
    assert received["copy.restrictions"] is True


def test_update(wiki: TeamWiki, received: dict[str, Any], files: list[str]) -> None:
    given = {"message": "m", "minor": True, "labels": ["l"], "files": files, "edits": [EDIT]}
    named = {"space": SPACE, "title": LAST_WEEK, "new_title": "n"}
    page = execute("ConfluenceUpdatePageOperator", **named, **given)
    expected = {**given, "files": NAMES, "title": "n"}
    assert {name: plain(received[f"update.{name}"]) for name in expected} == expected
    assert page["id"] == wiki.last_week
    assert execute("ConfluenceUpdatePageOperator", page_id=wiki.last_week, edits=[EDIT])["id"] == wiki.last_week


def test_document(wiki: TeamWiki, received: dict[str, Any], files: list[str]) -> None:
    once = edits.StripCommentMarkers()
    given = {"labels": ["l"], "message": "m", "minor": True, "files": files}
    execute(
        "ConfluenceDocumentOperator",
        space=SPACE,
        title="t",
        template_title=LAST_WEEK,
        places=[EDIT],
        once=[once],
        properties={"k": 1},
        parent_title="주간 보고",
        **given,
    )
    expected = {
        **given,
        "files": NAMES,
        "space": SPACE,
        "title": "t",
        "parent_id": wiki.parent,
        "places": [EDIT],
        "once": [once],
    }
    assert {name: plain(received[f"document.{name}"]) for name in expected} == expected
    assert received["document.properties"]["k"] == 1
    assert received["document.template"].storage() == wiki.client().get_page(wiki.last_week, body=True).body


def test_attach(wiki: TeamWiki, received: dict[str, Any], files: list[str]) -> None:
    given = {"keep_manual": False, "minor": False}
    execute("ConfluenceAttachOperator", page_id=wiki.last_week, files=files, comment="note", **given)
    expected = {**given, "page_id": wiki.last_week}
    assert {name: received[f"attacher.{name}"] for name in expected} == expected
    (file,) = [each for each in wiki.sandbox.store.attachments(wiki.last_week) if each.filename == "표.csv"]
    assert file.comment.startswith("note")


def test_export(wiki: TeamWiki, received: dict[str, Any], tmp_path: Path) -> None:
    given = {"attachments": "none", "mode": "full", "keep": 3, "pages_per_request": 7, "comments": False}
    named = {"bodies": ["storage"], "media_types": ["image/png"], "max_file_megabytes": 2, "concurrency": 1}
    result = execute("ConfluenceExportOperator", space=SPACE, folder="f", output_path=str(tmp_path), **named, **given)
    expected: Mapping[str, Any] = {**given, "workers": 1, "max_file_bytes": 2_000_000}
    assert {name: received[f"export.{name}"] for name in expected} == expected
    assert (list(received["export.bodies"]), list(received["export.media_types"])) == (["storage"], ["image/png"])
    assert SPACE in str(received["export.scope"])
    assert str(tmp_path) in result["folder"]
    assert result["folder"].rstrip("/").endswith("/f")


# In the serialized DAG only, where the page Reports reads it: tests/unit/reports/web.
SERIALIZED_ONLY = {("ReportComposeOperator", "rhythm")}


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda each: each.__name__)
def test_no_parameter_is_accepted_and_dropped(operator: type[BaseOperator]) -> None:
    """What ``__init__`` keeps is read when the task runs, or is handed on to Airflow."""
    ours = [each for each in operator.__mro__ if each.__module__.startswith("workplace_provider.")]
    read: set[str] = set()
    for kind in ours:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name != "__init__":
                for node in ast.walk(function):
                    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                        read.add(node.attr)
                    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                        read.add(node.value)  # getattr(self, name)
    source = "\n".join(inspect.getsource(inspect.getmodule(kind)) for kind in ours)  # type: ignore[arg-type]
    fields = {operator.argument_of(field): field for field in operator.template_fields}  # type: ignore[attr-defined]
    for kind in ours:
        if "__init__" not in vars(kind):
            continue
        for name, parameter in inspect.signature(kind.__init__).parameters.items():
            is_serialized_only = (kind.__name__, name) in SERIALIZED_ONLY
            if name == "self" or is_serialized_only or parameter.kind is parameter.VAR_KEYWORD:
                continue
            known = {name, fields.get(name, name), f"_{name}", f"given_{name}"}
            assert known & read or f"{name}={name}" in source, f"{kind.__name__}({name}=…) is not used"
