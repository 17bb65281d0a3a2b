"""Reviewers come from the DAG; a run can only narrow them."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from workplace_provider.confluence.operators import ReviewOperator


def asked(monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> list[str] | None:
    """The people who are asked; ``None`` for everybody who may answer."""
    monkeypatch.setattr(ApprovalOperator, "execute", lambda self, context: self.assigned_users)
    users = ReviewOperator(task_id="review", subject="Publish?", **arguments).execute({})
    return None if users is None else [user["id"] for user in users]


@pytest.mark.parametrize(
    ("reviewers", "only", "people"),
    [
        ((), "", None),
        ([], None, None),
        (["alice", "bob"], "", ["alice", "bob"]),
        ("alice, bob", "bob", ["bob"]),
        ([["alice"], ["bob", "alice"]], ["alice"], ["alice"]),
        ([[], None], "", None),
        ([], "carol", ["carol"]),
    ],
)
def test_a_run_narrows_the_reviewers(
    monkeypatch: pytest.MonkeyPatch, reviewers: Any, only: Any, people: list[str] | None
) -> None:
    assert asked(monkeypatch, reviewers=reviewers, only=only) == people


@pytest.mark.parametrize("only", ["mallory", "alice,mallory", ["mallory"], "Alice", "['alice']"])
def test_a_run_adds_no_reviewer(monkeypatch: pytest.MonkeyPatch, only: Any) -> None:
    with pytest.raises(AirflowFailException, match="may not review this: the reviewers are alice, bob"):
        asked(monkeypatch, reviewers=["alice", "bob"], only=only)


def test_a_review_that_is_off_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowSkipException):
        asked(monkeypatch, reviewers=["alice"], enabled="False")
