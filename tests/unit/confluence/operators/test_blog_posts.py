"""Blog posts: create, copy, update and export, on both dialects."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors

from support.team_wiki import DIALECTS, FILES, SPACE, Dialect, TeamWiki
from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.confluence.client.links import page_id_of
from workplace_provider.confluence.client.model import Scope
from workplace_provider.confluence.operators import (
    ConfluenceCopyPageOperator,
    ConfluenceCreatePageOperator,
    ConfluenceExportOperator,
    ConfluenceUpdatePageOperator,
)
from workplace_provider.confluence.pages.edits import FillText
from workplace_provider.http.errors import NotFound
from workplace_sandbox.faults import Fault
from workplace_sandbox.model import Page as StoredPage

TITLE = "20261119 릴리스 노트"
BODY = "<p>{{요약}}</p><p>사람의 말&nbsp;</p>"


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    dialect: Dialect = request.param
    return dialect


@pytest.fixture(autouse=True)
def _connection(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    connection = {"conn_type": "confluence", **wiki.connection}
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", f"file://{tmp_path}/artifacts")


def run(operator: BaseOperator, run_id: str = "run-1") -> dict[str, Any]:
    ti = SimpleNamespace(map_index=-1)
    context: Any = {"dag": SimpleNamespace(dag_id="dag"), "run_id": run_id, "ti": ti, "task": operator}
    operator.render_template_fields(context | {"outlet_events": OutletEventAccessors()})
    return dict(operator.execute(context | {"outlet_events": OutletEventAccessors()}))


def create(run_id: str = "run-1", **arguments: Any) -> dict[str, Any]:
    given = {
        "space": SPACE,
        "title": TITLE,
        "content_type": "blogpost",
        "body": BODY.replace("{{요약}}", "첫 글"),
        **arguments,
    }
    return run(ConfluenceCreatePageOperator(task_id="create", **given), run_id)


def posts(wiki: TeamWiki) -> list[StoredPage]:
    return wiki.sandbox.store.pages(SPACE, kind="blogpost")


def test_a_blog_post_is_created_once_beside_a_page_of_the_same_title(wiki: TeamWiki, tmp_path: Path) -> None:
    wiki.sandbox.store.create_page(SPACE, TITLE, "<p>페이지</p>", author="jimin")
    file = tmp_path / "표.csv"
    file.write_text("지표,값\n")
    wiki.sandbox.add_fault(Fault("/(content|blogposts)$", "drop_after", method="POST"))
    first = create(labels="릴리스", files=str(file))
    assert wiki.fault_was_met()
    again = create(labels="릴리스", files=str(file))
    (post,) = posts(wiki)
    assert (first["id"], again["id"], again["changed"]) == (post.id, post.id, False)
    assert wiki.is_body(post.body, BODY.replace("{{요약}}", "첫 글"))
    assert post.parent_id is None
    assert list(wiki.files(post.id)) == ["표.csv"]
    assert [label.name for label in wiki.sandbox.store.labels(post.id)] == ["릴리스"]
    assert "/blog/" in first["url"] or "/display/" in first["url"]
    client = wiki.client()
    assert client.find_page(SPACE, TITLE) != client.blog_posts().find_page(SPACE, TITLE)
    if wiki.dialect == "cloud":
        assert page_id_of(first["url"]) == post.id
        with pytest.raises(NotFound):
            client.get_page(post.id)


def test_the_last_blog_post_is_copied_with_its_files(wiki: TeamWiki) -> None:
    source = wiki.sandbox.store.create_page(SPACE, "20261112 릴리스 노트", BODY, author="jimin", kind="blogpost")
    for name, content in FILES.items():
        wiki.sandbox.store.add_attachment(source.id, name, "image/png", io.BytesIO(content), "", "jimin")
    wiki.sandbox.store.add_labels(source.id, ["릴리스"])
    for expected in (True, False):
        operator = ConfluenceCopyPageOperator(
            task_id="copy",
            space=SPACE,
            title=TITLE,
            source_title=source.title,
            content_type="blogpost",
            edits=[FillText({"요약": "이번 주"})],
        )
        assert run(operator)["changed"] is expected
    made = next(post for post in posts(wiki) if post.title == TITLE)
    assert wiki.is_body(made.body, BODY.replace("{{요약}}", "이번 주"))
    assert {name: content for name, (_, content) in wiki.files(made.id).items()} == FILES
    assert [label.name for label in wiki.sandbox.store.labels(made.id)] == ["릴리스"]
    assert len(posts(wiki)) == 2


def test_a_blog_post_is_updated_and_trashed(wiki: TeamWiki) -> None:
    post = wiki.sandbox.store.create_page(SPACE, TITLE, BODY, author="jimin", kind="blogpost")
    arguments = {"space": SPACE, "title": TITLE, "content_type": "blogpost", "edits": [FillText({"요약": "끝"})]}
    result = run(ConfluenceUpdatePageOperator(task_id="update", **arguments))
    assert (result["id"], result["changed"], result["version"]) == (post.id, True, 2)
    blog = wiki.client().blog_posts()
    assert blog.get_version(post.id, 2).number == 2
    assert list(blog.comments(post.id)) == []
    blog.trash_page(post.id)
    assert blog.find_page(SPACE, TITLE) is None
    assert blog.get_page(post.id).status == "trashed"
    with pytest.raises(AirflowFailException, match="No page '20261119 릴리스 노트'"):
        run(ConfluenceUpdatePageOperator(task_id="update", **arguments))


def test_the_blog_of_a_space_is_exported(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    wanted = [store.create_page(SPACE, f"글 {n}", f"<p>{n}</p>", author="jimin", kind="blogpost").id for n in range(3)]
    store.add_comment(wanted[0], "<p>좋아요</p>", "haruka")

    def export(**more: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        arguments = {"content_type": "blogpost", "bodies": ["storage", "view"], **more}
        result = run(ConfluenceExportOperator(task_id="export", **arguments))
        (lines,) = as_artifacts(result["lines"])
        return result, [json.loads(line) for line in lines.open().read().splitlines()]

    result, lines = export(space=SPACE)
    assert result["folder"].endswith("/confluence/blog-space-ANALYTICS")
    assert {line["id"] for line in lines} == set(wanted)
    first = next(line for line in lines if line["id"] == wanted[0])
    assert wiki.is_body(first["bodies"]["storage"], "<p>0</p>")
    assert len(first["comments"]) == 1
    store.update_page(wanted[1], author="jimin", body="<p>neu</p>")
    again, _ = export(space=SPACE)
    assert [again[name] for name in ("changed", "deleted", "read")] == [1, 0, 1]
    assert [line["title"] for line in export(cql="title = '글 2'")[1]] == ["글 2"]
    assert str(Scope.of(space=SPACE, content_type="blogpost")) == "the blog posts of the space ANALYTICS"
    with pytest.raises(AirflowFailException, match="blog posts are in no tree"):
        export(root=wanted[0])


@pytest.mark.parametrize("dialect", ["datacenter"], indirect=True)
@pytest.mark.parametrize(
    ("operator", "arguments", "names"),
    [
        (ConfluenceCreatePageOperator, {"body": "<p />", "parent_title": "팀"}, "parent_title"),
        (ConfluenceCreatePageOperator, {"body": "<p />", "parent_id": "1", "position": "first"}, "parent_id and position"),
        (ConfluenceCopyPageOperator, {"source_id": "1", "attachments": "reference"}, "attachments"),
        (ConfluenceCopyPageOperator, {"source_title": "1", "children": True}, "children"),
        (ConfluenceCopyPageOperator, {"source_title": "1", "if_source_missing": "latest_child"}, "if_source_missing"),
    ],
)
def test_a_blog_post_has_no_place_in_the_tree(wiki: TeamWiki, operator: Any, arguments: dict[str, Any], names: str) -> None:
    with pytest.raises(AirflowFailException, match=f"so {names} cannot be used with content_type=blogpost"):
        run(operator(task_id="task", space=SPACE, title=TITLE, content_type="blogpost", **arguments))
    assert wiki.writes() == []
