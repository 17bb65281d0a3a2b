from __future__ import annotations

import json

import pytest
import requests


def post(url, body, **options):
    return requests.post(url, json=body, timeout=30, **options)


def test_an_incoming_webhook_posts_where_it_belongs(sandbox):
    payload = {"text": "주간 보고: <https://wiki.example/1|보기>", "channel": "#elsewhere", "username": "other"}
    answer = post(sandbox.incoming_webhook_url, payload)
    assert (answer.status_code, answer.text) == (200, "ok")
    message = sandbox.messages()[0]
    assert (message.channel, message.text, message.source) == ("#weekly-report", payload["text"], "incoming")
    assert message.payload == payload
    assert message.username != "other", "overrides are ignored"
    post(sandbox.alarm_webhook_url, {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "실패"}}]})
    assert [message.text for message in sandbox.messages("#data-alarms")] == ["실패"]
    form = requests.post(sandbox.incoming_webhook_url, data={"payload": json.dumps({"text": "폼"})}, timeout=30)
    assert form.text == "ok"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"not json", "invalid_payload"),
        (b"[]", "invalid_payload"),
        (b"\xff", "invalid_payload"),
        (b'{"text": 1}', "invalid_payload"),
        (b"{}", "no_text"),
        (b'{"report_link": "https://x"}', "no_text"),
        (b'{"attachments": [{"color": "good"}]}', "missing_text_or_fallback_or_attachments"),
        (b'{"attachments": "x"}', "invalid_attachments"),
        (b'{"blocks": [{"text": "x"}]}', "invalid_blocks"),
    ],
)
def test_an_incoming_webhook_says_what_is_wrong(sandbox, body, word):
    headers = {"Content-Type": "application/json"}
    answer = requests.post(sandbox.incoming_webhook_url, data=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.text) == (400, word)
    assert sandbox.messages() == []


@pytest.mark.parametrize(
    ("token", "status", "word"),
    [
        ("unknown", 404, "no_service"),
        ("sandbox-archived", 410, "channel_is_archived"),
        ("sandbox-deleted", 404, "channel_not_found"),
        ("sandbox-prohibited", 403, "action_prohibited"),
    ],
)
def test_webhooks_that_are_gone(sandbox, token, status, word):
    answer = post(sandbox.webhook_url(token), {"text": "x"})
    assert (answer.status_code, answer.text) == (status, word)


def test_a_workflow_takes_its_declared_variables(sandbox):
    answer = post(sandbox.workflow_webhook_url, {"report_link": "https://wiki.example/1"})
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    message = sandbox.messages("#weekly-report")[0]
    assert message.text == "이번 주 주간 보고가 준비됐습니다: <https://wiki.example/1>"
    assert message.source == "workflow"


@pytest.mark.parametrize(
    "body",
    [
        {"report_link": 1},
        {"report_link": ["x"]},
        {"report_link": "x", "other": "x"},
        {"report_title": "x"},
        {},
        [],
    ],
)
def test_a_workflow_refuses_everything_else(sandbox, body):
    answer = post(sandbox.workflow_webhook_url, body)
    assert answer.status_code == 400
    assert answer.json()["ok"] is False
    assert sandbox.messages() == []


def test_an_unpublished_workflow_answers_200_and_posts_nothing(sandbox):
    url = sandbox.workflow_webhook_url.replace("sandbox-workflow", "sandbox-unpublished")
    answer = post(url, {"report_link": "x"})
    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": "workflow_not_published"})
    assert sandbox.messages() == []
    gone = post(sandbox.workflow_webhook_url + "-gone", {"report_link": "x"})
    assert gone.status_code == 404
