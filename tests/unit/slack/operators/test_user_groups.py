"""Mentions of user groups in copied threads have the groups' names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.slack_workspace import CHANNEL, SlackWorkspace, slack_workspace
from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.slack.operators import SlackChannelReportOperator
from workplace_sandbox import Sandbox


@pytest.fixture
def workspace(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SlackWorkspace]:
    """The sandbox's Slack with an active group, and one that was disabled."""
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", f"file://{tmp_path}/artifacts")
    with slack_workspace(sandbox, monkeypatch) as workspace:
        sandbox.store.put_user_group("데이터-당번", "당번", [])
        sandbox.store.put_user_group("old-team", "Old team", [], disabled=True)
        yield workspace


def report(workspace: SlackWorkspace) -> tuple[str, str]:
    """Return the page and the first line of a report on yesterday's messages."""
    ids = {group.handle: group.id for group in workspace.sandbox.store.user_groups()}
    yesterday = datetime.now(UTC) - timedelta(days=1)
    text = (
        f"<!subteam^{ids['데이터-당번']}> <!subteam^{ids['old-team']}|@older-team> <!subteam^S0GONE|@gone> <!subteam^S0LOST>"
    )
    element = {"type": "rich_text_section", "elements": [{"type": "usergroup", "usergroup_id": ids["old-team"]}]}
    blocks = [{"type": "rich_text", "elements": [element]}]
    workspace.sandbox.slack.say(CHANNEL, "jimin", text, at=yesterday)
    workspace.sandbox.slack.say(CHANNEL, "alex", "x", at=yesterday + timedelta(seconds=1), blocks=blocks)
    context: Any = {
        "dag": SimpleNamespace(dag_id="weekly", timezone=UTC),
        "run_id": "r",
        "ti": SimpleNamespace(map_index=-1),
        "data_interval_end": datetime.now(UTC),
    }
    result = SlackChannelReportOperator(task_id="slack", channels=[CHANNEL], days=2).execute(context)
    page, lines = (read(json.loads(json.dumps(result[name]))) for name in ("storage", "lines"))
    return page, str(json.loads(lines.splitlines()[0])["text"])


def read(artifact: Any) -> str:
    (found,) = as_artifacts(artifact)
    with found.open() as stream:
        return stream.read().decode()


def test_groups_have_their_present_handles(workspace: SlackWorkspace) -> None:
    page, line = report(workspace)
    assert line == "@데이터-당번 @old-team @gone @S0LOST"
    assert line in page
    assert page.count("@old-team") == 2
    assert workspace.calls("usergroups.list") == 1


@pytest.mark.parametrize("error", ["missing_scope", "plan_upgrade_required"])
def test_without_the_list_of_groups_the_handles_of_the_messages_remain(workspace: SlackWorkspace, error: str) -> None:
    body = f'{{"ok":false,"error":"{error}","needed":"usergroups:read"}}'
    workspace.goes_wrong("usergroups.list", "status", status=200, body=body)
    _, line = report(workspace)
    group = next(group.id for group in workspace.sandbox.store.user_groups() if group.handle == "데이터-당번")
    assert line == f"@{group} @older-team @gone @S0LOST"
