"""A page that is made of another one is not open to people who may not read the other."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from support.scripted_server import ScriptedServer, reply
from support.team_wiki import DIALECTS, SPACE, TeamWiki
from workplace_provider.confluence import connect
from workplace_provider.confluence.client.model import Restrictions
from workplace_provider.confluence.operators import (
    ConfluenceCopyPageOperator,
    ConfluenceCreatePageOperator,
    ConfluenceDocumentOperator,
)
from workplace_provider.confluence.pages.edits import FillText
from workplace_provider.confluence.publishing.restrictions import restrictions_of
from workplace_provider.http.errors import BadResponse, Forbidden
from workplace_sandbox.faults import Fault

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
    assert "⏳" in bodies[1], "no one saw the content before it was restricted"


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


# --- users and groups by name -----------------------------------------------------------------------------------------


def stored(wiki: TeamWiki, title: str) -> Any:
    (page,) = [page for page in wiki.sandbox.store.pages(SPACE) if page.title == title]
    return {operation: dict(subjects) for operation, subjects in wiki.sandbox.store.restrictions(page.id).items()}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", ["create", "copy", "document"])
def test_groups_by_name(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps({"conn_type": "confluence", **wiki.connection}))
    template = wiki.sandbox.store.page(wiki.last_week)
    restrictions = {"read": {"groups": "데이터분석팀, operators"}, "update": {"users": [wiki.account("jimin")]}}
    given: dict[str, Any] = {"task_id": "t", "space": SPACE, "title": "새 페이지", "restrictions": restrictions}
    tasks: dict[str, Any] = {
        "create": lambda: ConfluenceCreatePageOperator(body="<p>비밀</p>", **given),
        "copy": lambda: ConfluenceCopyPageOperator(source_id=wiki.last_week, **given),
        "document": lambda: ConfluenceDocumentOperator(
            template_title=template.title, places=[FillText({"없음": "x"}, if_missing="skip")], **given
        ),
    }
    tasks[kind]().execute(CONTEXT)
    assert stored(wiki, "새 페이지") == {
        "read": {"user": ["report-bot"], "group": ["operators", "데이터분석팀"]},
        "update": {"user": ["jimin", "report-bot"], "group": []},
    }
    page = wiki.client("alex").find_page(SPACE, "새 페이지", body=True)
    assert page is not None
    first = wiki.sandbox.store.page_version(page.id, 1)
    assert first is not None
    assert "비밀" not in first.body, "no one saw the content before it was restricted"
    given["restrictions"] = {"read": {"groups": ["없는 그룹"]}}
    given["title"] = "둘째"
    with pytest.raises(AirflowFailException, match="No group '없는 그룹' on this Confluence site"):
        tasks[kind]().execute(CONTEXT)
    assert wiki.client().find_page(SPACE, "둘째") is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_groups_that_cannot_be_read_fail_the_task(wiki: TeamWiki) -> None:
    wiki.sandbox.add_fault(Fault("/rest/api/group/", "status", status=403, times=None))
    with pytest.raises(Forbidden):
        wiki.copy(restrictions=Restrictions({}, {"read": ("analysts",)}))
    assert wiki.client().find_page(SPACE, "20261119_데이터분석팀 주간 보고") is None


def test_a_response_about_another_group_is_not_believed(server: ScriptedServer) -> None:
    client = connect(server.url, token="t", sleep=lambda _: None)
    server.will(reply(200, b'{"name": "other"}'))
    with pytest.raises(BadResponse, match="the group 'other' instead of 'analysts'"):
        client.find_group("analysts")


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("", None),
        (None, None),
        ("true", True),
        ("False", False),
        (Restrictions(), Restrictions()),
        ('{"read": {"groups": ["g"]}}', Restrictions({"read": (), "update": ()}, {"read": ("g",), "update": ()})),
    ],
)
def test_the_argument(value: Any, result: Any) -> None:
    assert restrictions_of(value) == result


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "names no users and no groups"),
        ({"read": {}}, "read names no users and no groups"),
        ({"read": {"groups": ""}}, "read names no users and no groups"),
        ({"view": {"groups": ["g"]}}, "it must have the keys read and update"),
        ({"read": ["g"]}, "each with users, groups or both"),
        ({"read": {"group": ["g"]}}, "each with users, groups or both"),
        ({"read": {"groups": 1}}, "restrictions: read: groups is 1"),
        ("perhaps", "it must be true or false"),
    ],
)
def test_an_argument_that_would_leave_the_page_open_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        restrictions_of(value)
