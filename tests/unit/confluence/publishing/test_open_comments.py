"""An edit that would orphan an open inline comment is applied, skipped or refused; resolved comments protect nothing."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors

from support.team_wiki import DIALECTS, LAST_WEEK, MARKED, SPACE, TeamWiki
from workplace_provider.confluence.client.model import Comment
from workplace_provider.confluence.operators import (
    ConfluenceCopyPageOperator,
    ConfluenceCreatePageOperator,
    ConfluenceDocumentOperator,
    ConfluenceUpdatePageOperator,
)
from workplace_provider.confluence.pages import edits
from workplace_provider.confluence.publishing.update import PageUpdater, UpdateSpec
from workplace_provider.http.errors import Forbidden, Invalid
from workplace_sandbox.faults import Fault

CONTEXT: Any = {"dag": SimpleNamespace(dag_id="d"), "run_id": "r", "outlet_events": OutletEventAccessors()}
REPLACE = edits.ReplaceSection("주간 보고", "새 글")
IMAGE = edits.SetImage("표.csv", index=0)


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def comment(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> str:
    """An open comment on a passage of last week's page, with a reply."""
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps({"conn_type": "confluence", **wiki.connection}))
    store = wiki.sandbox.store
    made = store.add_comment(
        wiki.last_week, "<p>왜 &lt;늘었나요?</p>", "haruka", location="inline", marker_ref="1", selection="늘었다"
    )
    store.add_comment(wiki.last_week, "<p>답</p>", "jimin", parent_id=made.id, location="inline")
    return made.id


def body(wiki: TeamWiki) -> str:
    page = wiki.sandbox.store.page(wiki.last_week)
    assert page is not None
    return page.body


def update(wiki: TeamWiki, policy: Any, *wanted: edits.Edit) -> bool:
    client = wiki.client()
    updater = PageUpdater(client, UpdateSpec(wanted, task="t", run="r", if_open_comments=policy))
    return updater.run(updater.plan(client.get_page(wiki.last_week, body=True)))[1]


@pytest.mark.usefixtures("comment")
def test_the_update_fails_before_anything_is_written(wiki: TeamWiki) -> None:
    before = body(wiki)
    with pytest.raises(Invalid, match=r"ReplaceSection removes the passage of 1 open comments of .*왜 &lt;늘었나요\?"):
        update(wiki, "fail", IMAGE, REPLACE)
    assert body(wiki) == before
    assert update(wiki, "fail", IMAGE)


@pytest.mark.usefixtures("comment")
def test_only_the_edit_that_orphans_is_skipped(wiki: TeamWiki, caplog: pytest.LogCaptureFixture) -> None:
    assert update(wiki, "skip", REPLACE, IMAGE)
    assert MARKED in body(wiki)
    assert 'ri:filename="표.csv"' in body(wiki)
    assert "ReplaceSection was skipped, because it removes the passage of open comments" in caplog.text
    assert not update(wiki, "skip", REPLACE, IMAGE)


def test_a_resolved_comment_protects_nothing(wiki: TeamWiki, comment: str) -> None:
    wiki.sandbox.store.update_comment(comment, author="jimin", body="<p>x</p>", resolved=True)
    assert update(wiki, "fail", REPLACE)
    assert MARKED not in body(wiki)


@pytest.mark.usefixtures("comment")
def test_comments_that_cannot_be_read_count_as_open(wiki: TeamWiki) -> None:
    path = "/comment$" if wiki.dialect == "datacenter" else "/(footer|inline)-comments$"
    wiki.sandbox.add_fault(Fault(path, "status", method="GET", status=403, times=None))
    with pytest.raises(Forbidden):
        update(wiki, "skip", REPLACE)
    assert update(wiki, "warn", REPLACE)


@pytest.mark.usefixtures("comment")
def test_a_comment_on_a_version_that_a_person_saved_in_between_is_protected(wiki: TeamWiki) -> None:
    client = wiki.client()
    updater = PageUpdater(client, UpdateSpec([REPLACE], task="t", run="r", if_open_comments="fail"))
    store = wiki.sandbox.store
    with_comment = body(wiki)
    store.update_page(wiki.last_week, body=with_comment.replace(MARKED, "늘었다"), author="jimin")
    plan = updater.plan(client.get_page(wiki.last_week, body=True))
    store.update_page(wiki.last_week, body=with_comment, author="jimin")
    with pytest.raises(Invalid, match="open comments"):
        updater.run(plan)


@pytest.mark.usefixtures("comment")
@pytest.mark.parametrize("kind", ["create", "copy"])
def test_a_body_that_replaces_another_one(wiki: TeamWiki, kind: str) -> None:
    given: dict[str, Any] = {"space": SPACE, "title": LAST_WEEK, "parent_id": wiki.parent, "if_exists": "update"}
    other = wiki.sandbox.store.create_page(SPACE, "other", "<p>새 글</p>", author="jimin")

    def task(policy: str) -> Any:
        if kind == "create":
            return ConfluenceCreatePageOperator(task_id="t", body=other.body, if_open_comments=policy, **given)
        return ConfluenceCopyPageOperator(task_id="t", source_id=other.id, if_open_comments=policy, **given)

    with pytest.raises(AirflowFailException, match="The new body removes the passage"):
        task("fail").execute(CONTEXT)
    task("skip").execute(CONTEXT)
    assert MARKED in body(wiki)
    task("warn").execute(CONTEXT)
    assert body(wiki) == other.body


@pytest.mark.usefixtures("comment")
def test_the_places_of_a_document(wiki: TeamWiki) -> None:
    def task(policy: str) -> Any:
        given: dict[str, Any] = {"space": SPACE, "title": LAST_WEEK, "places": [REPLACE, IMAGE], "if_open_comments": policy}
        return ConfluenceDocumentOperator(task_id="t", **given).execute({**CONTEXT, "ti": None})

    with pytest.raises(AirflowFailException, match="open comments"):
        task("fail")
    assert task("skip")["missing"] == []
    assert MARKED in body(wiki)
    assert 'ri:filename="표.csv"' in body(wiki)


@pytest.mark.usefixtures("comment")
def test_the_update_operator_hands_the_policy_on(wiki: TeamWiki) -> None:
    task = ConfluenceUpdatePageOperator(task_id="t", page_id=wiki.last_week, edits=[REPLACE], if_open_comments="fail")
    with pytest.raises(AirflowFailException, match="Resolve them, or set if_open_comments"):
        task.execute({**CONTEXT, "task": task})
    with pytest.raises(AirflowFailException, match="if_open_comments is 'x'; it must be one of warn, skip, fail"):
        ConfluenceUpdatePageOperator(task_id="t", page_id="1", if_open_comments="x").execute(CONTEXT)


def test_the_marker_of_a_comment_is_read_from_both_dialects(wiki: TeamWiki, comment: str) -> None:
    comments = list(wiki.client().comments(wiki.last_week))
    assert [(each.id, each.marker) for each in comments if isinstance(each, Comment) and each.parent_id is None] == [
        (comment, "1")
    ]
