"""Slack's two kinds of webhooks.

An incoming webhook takes a message and returns plain text: ``ok``, or a word for the error. A Workflow Builder trigger
takes a flat object of declared variables and returns JSON, where ``"ok": false`` may come with status 200. Source:
reference section 2.7; the error words of triggers are not documented, those here are plausible ones.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from workplace_sandbox.slack.content import are_blocks
from workplace_sandbox.slack.workspace import TEAM, WEBHOOK_BOT
from workplace_sandbox.store import Store

WORKFLOW = "1"

REPORT_CHANNEL = "#weekly-report"
ALARM_CHANNEL = "#data-alarms"
CHANNELS = (REPORT_CHANNEL, ALARM_CHANNEL)

MAX_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class IncomingWebhook:
    """An incoming webhook: its channel and sender, which the payload cannot change; or the error for every payload."""

    channel: str
    username: str
    refusal: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class WorkflowWebhook:
    """A workflow that a webhook starts: the variables it declares and the message it posts."""

    channel: str
    name: str
    variables: frozenset[str]
    required: frozenset[str]
    published: bool = True


INCOMING: dict[str, IncomingWebhook] = {
    "sandbox-incoming": IncomingWebhook(REPORT_CHANNEL, "주간 보고 알림"),
    "sandbox-alarm": IncomingWebhook(ALARM_CHANNEL, "Airflow"),
    "sandbox-archived": IncomingWebhook("#old-reports", "Old", (410, "channel_is_archived")),
    "sandbox-deleted": IncomingWebhook("#gone", "Gone", (404, "channel_not_found")),
    "sandbox-prohibited": IncomingWebhook("#announcements", "Announcements", (403, "action_prohibited")),
}
WORKFLOWS: dict[str, WorkflowWebhook] = {
    "sandbox-workflow": WorkflowWebhook(
        REPORT_CHANNEL, "주간 보고", frozenset({"report_link", "report_title"}), frozenset({"report_link"})
    ),
    "sandbox-unpublished": WorkflowWebhook(REPORT_CHANNEL, "초안", frozenset({"report_link"}), frozenset(), published=False),
}


def build_router(store: Store) -> APIRouter:
    """Build the routes of both kinds of webhooks.

    :param store: receives the messages.
    :return: the routes, to be included at the root: Slack's webhooks are at ``/services`` and ``/triggers``.
    """
    router = APIRouter()

    @router.post("/services/{team}/{bot}/{token}")
    async def incoming(request: Request, team: str, bot: str, token: str) -> Response:
        raw = await _body(request)
        try:
            webhook = _incoming_webhook(team, bot, token)
            payload = _incoming_payload(raw, request.headers.get("content-type", ""))
        except _RefusedError as error:
            return PlainTextResponse(str(error), error.status)
        text = _readable(payload)
        await run_in_threadpool(store.add_message, webhook.channel, webhook.username, text, payload, "incoming")
        return PlainTextResponse("ok")

    # Older workflows have addresses under /workflows.
    @router.post("/triggers/{team}/{number}/{token}")
    @router.post("/workflows/{team}/{number}/{token}")
    async def workflow(request: Request, team: str, number: str, token: str) -> Response:
        raw = await _body(request)
        try:
            started = _published_workflow(team, number, token)
            payload = _workflow_payload(raw, started)
        except _RefusedError as error:
            return JSONResponse({"ok": False, "error": str(error)}, error.status)
        text = _workflow_text(payload)
        await run_in_threadpool(store.add_message, started.channel, started.name, text, payload, "workflow")
        return JSONResponse({"ok": True})

    return router


class _RefusedError(Exception):
    """A request that posts nothing: the status and Slack's word for the reason."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status = status


def _incoming_webhook(team: str, bot: str, token: str) -> IncomingWebhook:
    if team != TEAM:
        raise _RefusedError(404, "no_team")
    webhook = INCOMING.get(token)
    if bot != WEBHOOK_BOT or webhook is None:
        raise _RefusedError(404, "no_service")
    if webhook.refusal is not None:
        raise _RefusedError(*webhook.refusal)
    return webhook


def _published_workflow(team: str, number: str, token: str) -> WorkflowWebhook:
    workflow = WORKFLOWS.get(token)
    if team != TEAM or number != WORKFLOW or workflow is None:
        raise _RefusedError(404, "trigger_not_found")
    if not workflow.published:
        # The trap: the status is 200, and nothing is posted.
        raise _RefusedError(200, "workflow_not_published")
    return workflow


async def _body(request: Request) -> bytes:
    received = bytearray()
    async for chunk in request.stream():
        if len(received) <= MAX_BODY_BYTES:
            received += chunk
    # A body above the limit is truncated, so it cannot be parsed and is refused.
    return bytes(received)


def _incoming_payload(raw: bytes, content_type: str) -> dict[str, Any]:
    """Return the message: JSON, or a form with JSON in ``payload``."""
    if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        fields = parse_qs(raw.decode("utf-8", "replace"))
        if "payload" in fields:
            raw = fields["payload"][0].encode()
    payload = _json_object(raw)
    if problem := _incoming_problem(payload):
        raise _RefusedError(400, problem)
    return payload


def _workflow_payload(raw: bytes, workflow: WorkflowWebhook) -> dict[str, Any]:
    payload = _json_object(raw)
    if problem := _workflow_problem(workflow, payload):
        raise _RefusedError(400, problem)
    return payload


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
        # A lone surrogate cannot be stored.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _RefusedError(400, "invalid_payload") from None
    if not isinstance(value, dict):
        raise _RefusedError(400, "invalid_payload")
    return value


def _incoming_problem(payload: Mapping[str, Any]) -> str | None:
    """Return Slack's word for an invalid message, None for a valid one."""
    text, blocks, attachments = payload.get("text"), payload.get("blocks"), payload.get("attachments")
    if text is not None and not isinstance(text, str):
        return "invalid_payload"
    if blocks and not are_blocks(blocks):
        return "invalid_blocks"
    if attachments:
        if not isinstance(attachments, list) or not all(isinstance(entry, dict) for entry in attachments):
            return "invalid_attachments"
        if not text and not blocks and not any(_fallback(entry) for entry in attachments):
            return "missing_text_or_fallback_or_attachments"
        return None
    return None if text or blocks else "no_text"


def _fallback(attachment: Mapping[str, Any]) -> str:
    for name in ("fallback", "text", "pretext", "title"):
        if isinstance(attachment.get(name), str) and attachment[name]:
            return str(attachment[name])
    return "(blocks)" if attachment.get("blocks") else ""


def _readable(payload: Mapping[str, Any]) -> str:
    """Return the text of a notification: the message's own, or that of its blocks and attachments."""
    if payload.get("text"):
        return str(payload["text"])
    lines = [_block_text(block) for block in payload.get("blocks") or []]
    lines += [_fallback(entry) for entry in payload.get("attachments") or []]
    return "\n".join(filter(None, lines))


def _block_text(block: Mapping[str, Any]) -> str:
    text = block.get("text")
    if isinstance(text, dict):
        text = text.get("text")
    return text if isinstance(text, str) else ""


def _workflow_problem(workflow: WorkflowWebhook, payload: Mapping[str, Any]) -> str | None:
    """Return the error of the variables: values are strings, names are declared, required ones are present."""
    if not all(isinstance(value, str) for value in payload.values()):
        return "invalid_workflow_input"
    if not workflow.variables.issuperset(payload):
        return "undeclared_variable"
    if not workflow.required.issubset(payload):
        return "missing_required_variable"
    return None


def _workflow_text(payload: Mapping[str, str]) -> str:
    """Return the message that the workflow posts, with the link as Slack's markup."""
    link = payload.get("report_link", "")
    title = payload.get("report_title")
    return f"이번 주 주간 보고가 준비됐습니다: <{link}|{title}>" if title else f"이번 주 주간 보고가 준비됐습니다: <{link}>"
