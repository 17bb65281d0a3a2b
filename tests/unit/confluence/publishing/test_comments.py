"""A comment below a page: once for each key, whatever fails, and text that people typed stays text."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors

from support.team_wiki import DIALECTS, LAST_WEEK, SPACE, TeamWiki
from workplace_provider.confluence.operators import ConfluenceCommentOperator
from workplace_provider.confluence.pages import Markdown
from workplace_provider.confluence.publishing.comments import MARKER, CommentSpec, PageCommenter
from workplace_provider.http.errors import Invalid, WorkplaceError
from workplace_sandbox.faults import Fault
from workplace_sandbox.model import Comment

HOSTILE = "</p><script>alert(1)</script> & ]]> {{ 7 * 7 }}\n\n둘째 \x07"
SHOWN = "<p>&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; ]]&gt; {{ 7 * 7 }}</p><p>둘째 \u2407</p>"


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Any:
    return request.param


def comments(wiki: TeamWiki) -> list[Comment]:
    return wiki.sandbox.store.comments(wiki.last_week)


def comment(wiki: TeamWiki, key: str = "k", body: str = "<p>확인</p>", user: str = "report-bot") -> tuple[str, bool]:
    made, created = PageCommenter(wiki.client(user), CommentSpec(wiki.last_week, body, key)).run()
    return made.id, created


def test_each_key_gets_one_comment(wiki: TeamWiki) -> None:
    wiki.sandbox.store.add_comment(wiki.last_week, "<p>사람</p>", "jimin")
    before = wiki.sandbox.store.page(wiki.last_week)
    first = comment(wiki)
    assert first[1]
    assert comment(wiki) == (first[0], False)
    assert comment(wiki, body="<p>other words</p>") == (first[0], False), "the key decides, not the text"
    assert comment(wiki, "other", "<p>확인</p>")[1]
    assert comment(wiki, user="haruka")[1], "comments of other accounts are not ours"
    assert [each.body for each in comments(wiki)] == ["<p>사람</p>", *["<p>확인</p>"] * 3]
    stored = wiki.sandbox.store.property(first[0], MARKER)
    assert stored is not None
    assert stored.value == {"key": "k"}
    assert wiki.sandbox.store.page(wiki.last_week) == before, "the page has no new version"


FAULTS: list[dict[str, Any]] = [
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "status", "status": 500},
    {"kind": "status_after", "status": 503},
    {"kind": "status", "status": 403},
]


@pytest.mark.parametrize("write", [0, 1])
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_any_write_may_fail_and_the_retry_leaves_one_comment(wiki: TeamWiki, fault: dict[str, Any], write: int) -> None:
    wiki.sandbox.add_fault(Fault(".*", method="POST", skip=write, **fault))
    try:
        comment(wiki)
    except WorkplaceError:
        comment(wiki)
    assert wiki.fault_was_met()
    comment(wiki)
    (made,) = comments(wiki)
    assert wiki.sandbox.store.property(made.id, MARKER) is not None


def test_overlapping_attempts_leave_one_comment(wiki: TeamWiki) -> None:
    wiki.sandbox.add_fault(Fault(".*", "slow", method="POST", times=None, delay=0.2))
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: comment(wiki), range(3)))
    assert len({comment_id for comment_id, _ in made}) == 1
    assert [each.id for each in comments(wiki)] == [made[0][0]]


def test_a_repetition_that_cannot_be_removed_is_reported(wiki: TeamWiki, caplog: pytest.LogCaptureFixture) -> None:
    commenter = PageCommenter(wiki.client(), CommentSpec(wiki.last_week, "<p>확인</p>", "k"))
    first, _ = commenter.run()
    second = wiki.client().create_comment(wiki.last_week, "<p>확인</p>")
    wiki.sandbox.add_fault(Fault(".*", "status", method="DELETE", status=403))
    assert commenter._without_repetition(second).id == first.id
    assert f"the comment {second.id} repeats {first.id}, and could not be removed" in caplog.text


@pytest.mark.parametrize("body", ["", "  ", "<p>"])
def test_a_comment_without_text_or_with_broken_markup_is_refused(wiki: TeamWiki, body: str) -> None:
    with pytest.raises(Invalid):
        comment(wiki, body=body)
    assert comments(wiki) == []


def test_the_operator(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps({"conn_type": "confluence", **wiki.connection}))

    def run(run_id: str = "run-1", **arguments: Any) -> Any:
        operator = ConfluenceCommentOperator(task_id="comment", **{"page_id": wiki.last_week, **arguments})
        context: Any = {
            "dag": SimpleNamespace(dag_id="dag"),
            "run_id": run_id,
            "task": operator,
            "params": {"text": HOSTILE},
            "outlet_events": OutletEventAccessors(),
        }
        operator.render_template_fields(context)
        return operator.execute(context)

    given: dict[str, Any] = {"text": "{{ params.text }}"}
    assert run(**given, dry_run=True)["comment_id"] == ""
    first = run(**given)
    assert (first["id"], first["changed"]) == (wiki.last_week, True)
    assert run(**given) == {**first, "changed": False}
    assert run(**given, dry_run=True) == {**first, "changed": False}
    named = {"page_id": None, "space": SPACE, "title": LAST_WEEK}
    assert run("run-2", **named, body=Markdown("**{{ params.text }}**"))["changed"]
    bodies = [each.body for each in comments(wiki)]
    assert bodies[0] == SHOWN
    assert "<script>" not in bodies[1]
    for wrong, message in (
        ({"text": "a", "body": "b"}, "text and body are both set"),
        ({"page_id": None, "title": "x", "text": "a"}, "space and title belong together"),
        ({}, "the comment is missing"),
    ):
        with pytest.raises(AirflowFailException, match=message):
            run(**wrong)
