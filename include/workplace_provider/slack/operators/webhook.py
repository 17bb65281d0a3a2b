"""Operator for Slack webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.arguments import parse_bool, parse_choice
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.confluence.operators.page_result import PageLink, PageResult, emit_page_event

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.slack.hooks.webhook import SlackWorkflowWebhookHook

STATE_KEY: Final = "message"
SENDING: Final = "sending"
SENT: Final = "sent"


class SlackWorkflowWebhookOperator(WorkplaceOperator):
    """Announce a page through an incoming webhook or a trigger of Slack's Workflow Builder, once per run.

    What became of the message is kept in the task's state store, so a retry or a cleared task after a success sends
    nothing. A webhook cannot be asked whether it posted: when the worker dies or the connection breaks between the request
    and its answer, ``if_unsure`` decides.

    :param page: the page as a Confluence operator returned it
    :param payload: variables of the workflow, or fields of the message; by default ``{"report_link": <the page's url>}``
    :param text: what an incoming webhook shall say when the payload is no message by itself
    :param if_unsure: when it is not known whether an earlier attempt posted: ``skip`` sends nothing and warns, so there is
        at most one message; ``send`` sends again, so there is at least one
    :param dry_run: log the message, and send nothing
    :param slack_webhook_conn_id: connection of type ``slackwebhook`` whose password is the webhook's whole URL
    """

    template_fields: Sequence[str] = (
        "slack_webhook_conn_id",
        "page",
        "payload",
        "text",
        "if_unsure",
        "is_dry_run",
    )
    operator_extra_links = (PageLink(),)
    ui_color = "#ecf6e6"

    def __init__(
        self,
        *,
        page: Mapping[str, Any] | None = None,
        payload: Mapping[str, Any] | None = None,
        text: str | None = None,
        if_unsure: str = "skip",
        dry_run: bool | str = False,
        slack_webhook_conn_id: str = "slack_default",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        self.page = page
        self.payload = payload
        self.text = text
        self.if_unsure = if_unsure
        self.is_dry_run = dry_run  # BaseOperator.dry_run is a method
        self.slack_webhook_conn_id = slack_webhook_conn_id
        self.page_url = ""

    @cached_property
    def hook(self) -> SlackWorkflowWebhookHook:
        """The hook of the connection."""
        from workplace_provider.slack.hooks.webhook import SlackWorkflowWebhookHook

        return SlackWorkflowWebhookHook(slack_webhook_conn_id=self.slack_webhook_conn_id)

    def execute(self, context: Context) -> PageResult:
        """Post the message.

        :return: the page that was announced; ``changed`` tells whether this attempt posted
        :raises AirflowFailException: when Slack refuses it for good
        """
        with fail_on_permanent_error():
            result = self._page()
            self.page_url = result["url"]
            message = self.hook.message(self.payload or {"report_link": result["url"]}, self.text)
            self.log.info("message: %s", message)
            if parse_bool(self.is_dry_run, "dry_run"):
                self.log.info("dry run: nothing was sent")
            else:
                result["changed"] = self._send_once(message, context)
        emit_page_event(context, self.outlets, result)
        return result

    def _page(self) -> PageResult:
        page = self.page or {}
        if not isinstance(page, Mapping):
            raise ValueError(f"page is {page!r}; give what a Confluence operator returned, such as copy.output")
        if not page and not self.payload:
            raise ValueError("give the page to announce, or the payload to send")
        if page and not page.get("url"):
            raise ValueError(f"the page to announce has no url: {dict(page)!r}")
        return {
            "id": str(page.get("id", "")),
            "title": str(page.get("title", "")),
            "url": str(page.get("url", "")),
            "version": int(page.get("version") or 0),
            "changed": False,
        }

    def _send_once(self, message: dict[str, Any], context: Context) -> bool:
        from workplace_provider.http.errors import WorkplaceError

        parse_choice(self.if_unsure, "if_unsure", ("skip", "send"))
        state = context["task_state_store"]
        before = state.get(STATE_KEY)
        if before == SENT:
            self.log.info("an earlier attempt of this task posted the message; nothing is sent")
            return False
        if before == SENDING and self.if_unsure == "skip":
            self._warn_unsure()
            return False
        state.set(STATE_KEY, SENDING)
        try:
            self.hook.deliver(message)
        except WorkplaceError as error:
            if not error.outcome_unknown:
                state.delete(STATE_KEY)
                raise
            if self.if_unsure == "send":
                raise
            self.log.warning("%s", error)
            self._warn_unsure()
            return False
        state.set(STATE_KEY, SENT)
        return True

    def _warn_unsure(self) -> None:
        self.log.warning(
            "an attempt of this task broke off while it posted; the message may be in the channel, so it is not sent again. "
            "Look there; to post it after all, run the task with if_unsure='send'"
        )
