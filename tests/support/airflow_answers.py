"""Airflow's API for answers to people's questions, as far as a review uses it; the end-to-end tests use the real one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workplace_provider.common.airflow_api import HitlDetail, TaskKey
from workplace_provider.http.body import convert_json
from workplace_provider.http.errors import Conflict, NotFound

SERVICE_USER = "slack-approvals"


@dataclass
class Answers:
    """One question, and the answers that Airflow received.

    :param reviewers: the people who are assigned
    :param state: state of the task
    :param overtaken_by: who answers in Airflow right before the next answer; empty for no one
    """

    reviewers: list[str] = field(default_factory=lambda: ["jimin", "alex"])
    state: str = "awaiting_input"
    try_number: int = 1
    options: list[str] = field(default_factory=lambda: ["Approve", "Reject"])
    overtaken_by: str = ""
    exists: bool = True
    answered: dict[str, Any] = field(default_factory=dict)
    received: list[tuple[TaskKey, str]] = field(default_factory=list)
    asked: int = 0

    def answer_as(self, user: str | None, option: str, **params_input: Any) -> None:
        self.answered = {
            "response_received": True,
            "responded_by_user": {"id": user, "name": user} if user else None,
            "responded_at": datetime(2026, 12, 1, 5, 2, tzinfo=UTC).isoformat(),
            "chosen_options": [option],
            "params_input": params_input,
        }

    def hitl_detail(self, task: TaskKey) -> HitlDetail:
        self.asked += 1
        if not self.exists:
            raise NotFound("no such task")
        body = {
            "options": self.options,
            "created_at": "2026-12-01T05:00:00Z",
            "task_instance": {"state": self.state, "try_number": self.try_number, "id": "more"},
            "assigned_users": [{"id": name, "name": name} for name in (*self.reviewers, SERVICE_USER)],
            **self.answered,
        }
        detail: HitlDetail = convert_json(body, HitlDetail)
        return detail

    def answer(self, task: TaskKey, option: str, params_input: Any = None) -> None:
        if self.overtaken_by and not self.answered:
            self.answer_as(self.overtaken_by, "Reject")
        if self.answered:
            raise Conflict("answered before")
        self.received.append((task, option))
        self.answer_as(SERVICE_USER, option, **(params_input or {}))
