"""A page that is made of another one is not open to people who may not read the other."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from support.team_wiki import SPACE, TeamWiki
from workplace_provider.confluence.operators import ConfluenceCreatePageOperator, ConfluenceDocumentOperator
from workplace_provider.confluence.pages.edits import FillText
from workplace_provider.http.errors import Forbidden

FEW = {"read": {"user": ["jimin", "report-bot"], "group": []}, "update": {"user": [], "group": []}}
CONTEXT: Any = {"dag": SimpleNamespace(dag_id="d"), "run_id": "r", "ti": None, "params": {}, "outlet_events": {}}


def readers(wiki: TeamWiki, page_id: str) -> set[str]:
    return set(wiki.client().restrictions(page_id).users.get("read", ()))


@pytest.fixture
def few(wiki: TeamWiki) -> set[str]:
    """Two may read last week's page."""
    wiki.sandbox.store.set_restrictions(wiki.last_week, FEW)
    return {wiki.account("jimin"), wiki.account("report-bot")}


def test_a_copy_of_a_restricted_page_is_restricted(wiki: TeamWiki, few: set[str]) -> None:
    wiki.copy()
    page = wiki.this_week()
    assert readers(wiki, page.id) == few
    assert "⏳" not in page.body
    bodies = {version.number: version.body for version in wiki.sandbox.store.versions(page.id)}
    assert "⏳" in bodies[1], "nobody saw the content before it was restricted"


def test_everybody_may_read_a_copy_only_when_that_is_explicit(wiki: TeamWiki, few: set[str]) -> None:
    wiki.copy(restrictions=False)
    assert readers(wiki, wiki.this_week().id) == set()


def test_a_copy_that_would_leave_a_restricted_page_above_it_is_refused(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    elsewhere = store.create_page(SPACE, "Open", "<p>x</p>", author="jimin").id
    store.set_restrictions(wiki.parent, FEW)
    with pytest.raises(Forbidden, match="is restricted by"):
        wiki.copy(parent_id=elsewhere)
    wiki.copy()
    assert wiki.this_week().parent_id == wiki.parent
    assert wiki.copy(title="open copy", parent_id=elsewhere, restrictions=False).changed


@pytest.mark.parametrize("restrictions", [None, "", "False"])
def test_pages_made_of_a_restricted_page_are_restricted_too(
    wiki: TeamWiki, few: set[str], monkeypatch: pytest.MonkeyPatch, restrictions: str | None
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps({"conn_type": "confluence", **wiki.connection}))
    template = wiki.sandbox.store.page(wiki.last_week)
    usual: dict[str, Any] = {"space": SPACE, "parent_title": "주간 보고", "restrictions": restrictions}
    create = ConfluenceCreatePageOperator(task_id="create", title="created", source_title=template.title, **usual)
    document = ConfluenceDocumentOperator(
        task_id="document",
        title="document",
        template_title=template.title,
        places=[FillText({"없음": "x"}, if_missing="skip")],
        **usual,
    )
    for task in (create, document):
        page = task.execute(CONTEXT)
        assert readers(wiki, page["id"]) == (set() if restrictions else few), task.task_id


def test_restrictions_that_cannot_be_set_fail_the_copy(
    wiki: TeamWiki, few: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(
            type(wiki.client()), "set_restrictions", lambda *_: (_ for _ in ()).throw(Forbidden("no", system="C"))
        )
        with pytest.raises(Forbidden):
            wiki.copy()
    assert "⏳" in wiki.this_week().body
    wiki.copy()
    assert readers(wiki, wiki.this_week().id) == few
