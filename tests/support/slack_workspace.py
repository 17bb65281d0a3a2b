"""The sandbox's Slack for tests of posts: its messages, its faults, and a poster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from workplace_provider.http.client import HttpSettings
from workplace_provider.slack.client import MessagePoster, SlackReader
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault, Kind
from workplace_sandbox.model import SlackMessage

CHANNEL = "#weekly-report"
BEGIN = datetime.now(UTC) - timedelta(hours=1)
RATE_LIMITED = '{"ok":false,"error":"ratelimited"}'


class State(dict[str, Any]):
    """The part of Airflow's task state store that the operator uses."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))

    def delete(self, key: str) -> None:
        self.pop(key, None)


@dataclass
class SlackWorkspace:
    """A workspace.

    :param waits: the waits so far, in seconds
    """

    sandbox: Sandbox
    reader: SlackReader
    waits: list[float]

    @property
    def poster(self) -> MessagePoster:
        return MessagePoster(self.reader)

    @property
    def channel(self) -> str:
        """Id of the channel."""
        return self.sandbox.slack.channel(CHANNEL).id

    @property
    def said(self) -> list[SlackMessage]:
        """All messages of the channel, replies included."""
        return self.sandbox.store.messages(CHANNEL)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.said]

    def goes_wrong(self, method: str, kind: Kind, **how: Any) -> None:
        """Add a fault to a method of the Web API, for one call by default."""
        self.sandbox.add_fault(Fault("^/slack/api/" + method.replace(".", r"\.") + "$", kind, **how))

    def calls(self, method: str) -> int:
        return len(self.sandbox.requests(f"/slack/api/{method}"))


def context(run_id: str = "scheduled__2026-11-19", *, map_index: int = -1, state: State | None = None, **more: Any) -> Any:
    """Return the context that Airflow gives to a task of a run; an empty state store is the worst case."""
    return {
        "dag": SimpleNamespace(dag_id="주간_보고", timezone=UTC),
        "run_id": run_id,
        "dag_run": SimpleNamespace(run_after=BEGIN, start_date=datetime.now(UTC)),
        "ti": SimpleNamespace(map_index=map_index, task_id="post"),
        "task_state_store": State() if state is None else state,
        **more,
    }


@contextmanager
def slack_workspace(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackWorkspace]:
    """Return the workspace of a sandbox, with ``slack_api_default`` leading to it."""
    waits: list[float] = []
    connection = {
        "conn_type": "slack",
        "password": sandbox.slack_bot_token,
        "extra": {"base_url": sandbox.slack_api_url, "timeout": 5},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(connection))
    settings = HttpSettings(attempts=3, read_timeout=5)
    with SlackReader(
        sandbox.slack_bot_token, base_url=sandbox.slack_api_url, settings=settings, sleep=waits.append
    ) as reader:
        yield SlackWorkspace(sandbox, reader, waits)
        sandbox.slack.behave_well()
