from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from support.scripted_server import ScriptedServer, drop, reply
from workplace_provider.http.errors import Forbidden, Invalid, NotFound, RateLimited, SourceUnavailable, WorkplaceError
from workplace_provider.slack.hooks import SlackWorkflowWebhookHook
from workplace_provider.slack.operators import SlackWorkflowWebhookOperator

PAGE = {"id": "1", "title": "20261119_주간 보고", "url": "http://wiki/1", "version": 2, "changed": True}
WORKFLOW = "/triggers/T1/2/secret-path"
INCOMING = "/services/T1/B2/secret-path"
Connect = Callable[[str], None]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    def to(url: str) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_TEST", json.dumps({"conn_type": "slackwebhook", "password": url}))

    return to


class State(dict[str, Any]):
    """The part of Airflow's task state store that the operator uses; the real one is in tests/dags."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)


def announce(state: State, **arguments: Any) -> dict[str, Any]:
    operator = SlackWorkflowWebhookOperator(
        task_id="announce", slack_webhook_conn_id="slack_test", **{"page": PAGE, **arguments}
    )
    return dict(operator.execute({"task_state_store": state, "outlet_events": {}}))  # type: ignore[typeddict-item]


def sent(server: ScriptedServer) -> list[Any]:
    return [json.loads(asked.body) for asked in server.asked]


@pytest.mark.parametrize("answer", [b'{"ok": true}', b"{}", b"", b"ok"])
def test_a_workflow_gets_the_link_and_the_page_is_handed_on(server: ScriptedServer, connect: Connect, answer: bytes) -> None:
    connect(server.url + WORKFLOW)
    server.will(reply(200, answer))
    assert announce(State()) == PAGE
    assert sent(server) == [{"report_link": "http://wiki/1"}]


def test_values_of_a_payload_are_text_in_a_message(server: ScriptedServer, connect: Connect) -> None:
    connect(server.url + INCOMING)
    server.will(reply(200, b"ok"))
    announce(State(), payload={"title": "<!channel> R&D"})
    assert sent(server) == [{"text": "title: &lt;!channel&gt; R&amp;D"}]


def test_an_incoming_webhook_gets_a_message(server: ScriptedServer, connect: Connect) -> None:
    connect(server.url + INCOMING)
    server.will(reply(200, b"ok"))
    announce(State())
    announce(State(), text="이번 주: <http://wiki/1>")
    announce(State(), payload={"blocks": [{"type": "divider"}]})
    assert sent(server) == [
        {"text": "report_link: http://wiki/1"},
        {"text": "이번 주: <http://wiki/1>"},
        {"blocks": [{"type": "divider"}]},
    ]


def test_a_workflow_takes_text_only(server: ScriptedServer, connect: Connect) -> None:
    connect(server.url + WORKFLOW)
    server.will(reply(200))
    announce(State(), payload={"n": 1.5, "yes": True, "none": None, "link": "가"})
    assert sent(server) == [{"n": "1.5", "yes": "true", "none": "", "link": "가"}]
    with pytest.raises(AirflowFailException, match="workflow variable 'rows' is a list"):
        announce(State(), payload={"rows": [1]})


@pytest.mark.parametrize(
    ("status", "body", "kind", "advice"),
    [
        (200, b'{"ok": false, "error": "workflow_not_published"}', Invalid, "Publish the workflow"),
        (200, b"<html>proxy</html>", Invalid, "Check the URL"),
        (400, b"invalid_payload", Invalid, "blocks and attachments"),
        (403, b"action_prohibited", Forbidden, "administrator restricts"),
        (404, b"no_service", NotFound, "create a new one"),
        (410, b"channel_is_archived", NotFound, "Unarchive"),
    ],
)
def test_a_refusal_says_why_and_is_not_retried(
    server: ScriptedServer, connect: Connect, status: int, body: bytes, kind: type[WorkplaceError], advice: str
) -> None:
    connect(server.url + WORKFLOW)
    server.will(reply(status, body))
    state = State()
    with pytest.raises(AirflowFailException, match=advice) as caught:
        announce(state)
    assert isinstance(caught.value.__cause__, kind)
    assert "secret-path" not in str(caught.value)
    assert state == {}


@pytest.mark.parametrize("fault", [reply(429, b"", Retry_After="30"), reply(500, b"rollup_error"), reply(503)])
def test_after_a_refusal_that_passes_the_retry_posts_once(server: ScriptedServer, connect: Connect, fault: Any) -> None:
    connect(server.url + WORKFLOW)
    server.will(fault, reply(200))
    state = State()
    with pytest.raises((RateLimited, SourceUnavailable)) as caught:
        announce(state)
    assert caught.value.retryable
    assert announce(state)["changed"]
    assert not announce(state)["changed"]
    assert len(server.asked) == 2


def test_a_lost_answer_is_not_followed_by_a_second_message(server: ScriptedServer, connect: Connect) -> None:
    connect(server.url + WORKFLOW)
    server.will(drop, reply(200))
    state = State()
    assert not announce(state)["changed"]
    assert not announce(state)["changed"]
    assert len(server.asked) == 1


def test_a_killed_worker_is_not_followed_by_a_second_message_unless_asked(server: ScriptedServer, connect: Connect) -> None:
    connect(server.url + WORKFLOW)
    server.will(reply(200))
    killed_while_sending = State(message="sending")
    assert not announce(killed_while_sending)["changed"]
    assert server.asked == []
    assert announce(killed_while_sending, if_unsure="send")["changed"]
    assert len(server.asked) == 1


def test_if_unsure_send_retries_a_lost_answer(server: ScriptedServer, connect: Connect) -> None:
    connect(server.url + WORKFLOW)
    server.will(drop, reply(200))
    state = State()
    with pytest.raises(SourceUnavailable):
        announce(state, if_unsure="send")
    assert announce(state, if_unsure="send")["changed"]


def test_a_message_that_never_left_is_retried(connect: Connect) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        connect(f"http://127.0.0.1:{unused.getsockname()[1]}{WORKFLOW}")
    state = State()
    with pytest.raises(SourceUnavailable, match="No connection") as caught:
        announce(state)
    assert "secret-path" not in str(caught.value)
    assert state == {}


def test_a_dry_run_sends_nothing(server: ScriptedServer, connect: Connect) -> None:
    connect(server.url + WORKFLOW)
    state = State()
    assert not announce(state, dry_run="True")["changed"]
    assert (server.asked, state) == ([], {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"page": None}, "page and payload are empty; pass the page"),
        ({"page": {"id": "1"}}, "has no url"),
        ({"if_unsure": "maybe"}, "if_unsure is 'maybe'"),
        ({"dry_run": "perhaps"}, "dry_run is 'perhaps'"),
    ],
)
def test_what_cannot_be_read_is_named(
    server: ScriptedServer, connect: Connect, arguments: dict[str, Any], message: str
) -> None:
    connect(server.url + WORKFLOW)
    server.will(reply(200))
    with pytest.raises(AirflowFailException, match=message):
        announce(State(), **arguments)
    assert server.asked == []


def test_the_hook_sends_once(server: ScriptedServer, connect: Connect) -> None:
    connect(server.url + WORKFLOW)
    server.will(drop)
    with pytest.raises(SourceUnavailable) as caught:
        SlackWorkflowWebhookHook(slack_webhook_conn_id="slack_test").deliver({"a": "b"})
    assert caught.value.outcome_unknown
    assert len(server.asked) == 1


DEEP = b"[" * 100_000


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("body", [DEEP, b'{"error": ' + DEEP, b"<" * 65_536, b"x" * 40_000_000])
def test_a_hostile_response_of_a_webhook_is_an_error_of_ours(
    server: ScriptedServer, connect: Connect, status: int, body: bytes
) -> None:
    connect(server.url + WORKFLOW)
    server.will(reply(status, body))
    with pytest.raises(WorkplaceError) as caught:
        SlackWorkflowWebhookHook(slack_webhook_conn_id="slack_test").deliver({"text": "x"})
    assert "secret-path" not in f"{caught.value}{caught.value.url}"
    assert len(str(caught.value)) < 1_000


def test_a_webhook_is_not_redirected(server: ScriptedServer, connect: Connect) -> None:
    connect(server.url + WORKFLOW)
    server.will(reply(307, Location="http://127.0.0.1:9/elsewhere"))
    with pytest.raises(WorkplaceError) as caught:
        SlackWorkflowWebhookHook(slack_webhook_conn_id="slack_test").deliver({"text": "x"})
    assert (len(server.asked), caught.value.retryable) == (1, False)
