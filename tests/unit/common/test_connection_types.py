"""A credential is sent only to the system that its connection is for."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from workplace_provider.common.http_connection import http_connection
from workplace_provider.confluence.hooks import ConfluenceHook
from workplace_provider.github.hooks import contribution_source
from workplace_provider.identity.hooks import ScimHook
from workplace_provider.jira.hooks import jira_client
from workplace_provider.slack.hooks import SlackDirectoryHook, SlackSocketModeHook, SlackWorkflowWebhookHook
from workplace_provider.tableau.hooks import TableauRestHook

SECRET = "xoxb-S3CRET"
USES: dict[str, tuple[Callable[[str], Any], set[str]]] = {
    "confluence": (lambda conn_id: ConfluenceHook(conn_id).get_conn(), {"confluence"}),
    "confluence, in a trigger": (lambda conn_id: asyncio.run(ConfluenceHook(conn_id).aget_client()), {"confluence"}),
    "tableau": (lambda conn_id: TableauRestHook(conn_id).get_conn(), {"tableau_rest", "tableau"}),
    "scim": (lambda conn_id: ScimHook(conn_id).get_conn(), {"scim"}),
    "jira": (jira_client, {"jira"}),
    "github": (contribution_source, {"github", "http", "https"}),
    "http": (lambda conn_id: http_connection(conn_id, "https://members.example.com"), {"http", "https"}),
    "slack": (lambda conn_id: SlackDirectoryHook(slack_conn_id=conn_id).reader, {"slack"}),
    "slack, Airflow's client": (lambda conn_id: SlackDirectoryHook(slack_conn_id=conn_id).client, {"slack"}),
    "slack_app": (lambda conn_id: SlackSocketModeHook(conn_id).get_conn(), {"slack_app"}),
    "slack_app, its bot": (lambda conn_id: SlackSocketModeHook(conn_id).bot(), {"slack_app"}),
    "slackwebhook": (lambda conn_id: SlackWorkflowWebhookHook(slack_webhook_conn_id=conn_id).client, {"slackwebhook"}),
}
TYPES = sorted({name for _, accepted in USES.values() for name in accepted} | {"", "generic", "postgres", "Slack"})


@pytest.mark.parametrize("system", USES)
def test_a_hook_refuses_a_connection_of_another_type(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    use, accepted = USES[system]
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("something was sent"))
    for conn_type in TYPES:
        connection = {"conn_type": conn_type, "host": "https://elsewhere.example", "login": "n", "password": SECRET}
        monkeypatch.setenv("AIRFLOW_CONN_CHOSEN", json.dumps(connection))
        problem = ""
        try:
            use("chosen")
        except Exception as error:
            problem = str(error)
        assert ("connection chosen" in problem and "must be of type" in problem) is (conn_type not in accepted), (
            f"{conn_type!r}: {problem}"
        )
        assert SECRET not in problem
