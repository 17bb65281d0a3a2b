"""Operator for Slack webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from workplace_provider.common import fields
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.confluence.operators.page_result import PageLink, PageResult, emit_page_event

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.fields import Field
    from workplace_provider.slack.hooks.webhook import SlackWorkflowWebhookHook

STATE_KEY: Final = "message"
SENDING: Final = "sending"
SENT: Final = "sent"


class SlackWorkflowWebhookOperator(WorkplaceOperator):
    """Announce a page through an incoming webhook or a trigger of Slack's Workflow Builder, once per run.

    ::

        SlackWorkflowWebhookOperator(task_id="announce", page=copy.output, slack_webhook_conn_id="slack_default")

    The outcome is kept in the task's state store, so a retry or a cleared task after a success sends nothing. A webhook does
    not report earlier posts: if the worker is killed or the connection breaks between the request and its response,
    ``if_unsure`` decides.

    :param page: page, as a Confluence operator returned it
    :param payload: variables of the workflow, or fields of the message; by default ``{"report_link": <the page's url>}``
    :param text: text of the message for an incoming webhook if the payload is not a message
    :param if_unsure: action if it is unknown whether an earlier attempt posted: ``skip`` logs a warning and sends nothing
        (at most one message); ``send`` sends again (at least one message)
    :param dry_run: log the message without sending it
    :param slack_webhook_conn_id: connection of type ``slackwebhook`` with the webhook's whole URL as its password
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True}
    operator_extra_links = (PageLink(),)
    ui_color = "#ecf6e6"

    page: Field[Mapping[str, Any] | None] = fields.template(default=None)
    payload: Field[Mapping[str, Any] | None] = fields.template(default=None)
    text: Field[str | None] = fields.optional_text(default=None)
    if_unsure: Field[str] = fields.choice("skip", "send", default="skip")
    is_dry_run: Field[bool] = fields.boolean(default=False, alias="dry_run")
    slack_webhook_conn_id: Field[str] = fields.text(default="slack_default")

    def __post_init__(self) -> None:
        self.page_url = ""

    @cached_property
    def hook(self) -> SlackWorkflowWebhookHook:
        """The hook of the connection."""
        from workplace_provider.slack.hooks.webhook import SlackWorkflowWebhookHook

        return SlackWorkflowWebhookHook(slack_webhook_conn_id=self.slack_webhook_conn_id)

    def execute(self, context: Context) -> PageResult:
        """Post the message.

        :return: the announced page; ``changed`` is true if this attempt posted
        :raises AirflowFailException: Slack rejects the message permanently
        """
        with fail_on_permanent_error("Slack"):
            self.parse_fields()
            result = self._page()
            self.page_url = result["url"]
            message = self.hook.message(self.payload or {"report_link": result["url"]}, self.text)
            self.log.info("message: %s", message)
            if self.is_dry_run:
                self.log.info("dry run: nothing was sent")
            else:
                result["changed"] = self._send_once(message, context)
        emit_page_event(context, self.outlets, result)
        return result

    def _page(self) -> PageResult:
        page = self.page or {}
        if not isinstance(page, Mapping):
            raise ValueError(f"page is {page!r}; pass the output of a Confluence operator, such as copy.output")
        if not page and not self.payload:
            raise ValueError("page and payload are empty; pass the page to announce, or the payload to send")
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

        state = context["task_state_store"]
        outcome = state.get(STATE_KEY)
        if outcome == SENT:
            self.log.info("an earlier attempt of this task posted the message; nothing is sent")
            return False
        if outcome == SENDING and self.if_unsure == "skip":
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
            "an earlier attempt of this task was interrupted while it posted; the message may be in the channel, so it is "
            "not sent again. Check the channel; to post again, run the task with if_unsure='send'"
        )
