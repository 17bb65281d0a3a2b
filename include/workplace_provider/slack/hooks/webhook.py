"""Hook for Slack webhooks. A message counts as posted only if Slack's response confirms it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook
from airflow.sdk.log import mask_secret

from workplace_provider.common.connection_settings import check_connection, check_proxy, secrets_of
from workplace_provider.common.mrkdwn import escape
from workplace_provider.common.outgoing import redact_outgoing
from workplace_provider.http import metrics
from workplace_provider.http.body import parse_json, plain_words
from workplace_provider.http.client import ErrorDetails, ErrorResponse, HttpClient, HttpSettings
from workplace_provider.http.credentials import check_url
from workplace_provider.http.errors import Invalid, WorkplaceError

if TYPE_CHECKING:
    import requests
    from airflow.sdk import Connection

SYSTEM: Final = "Slack"
_MESSAGE_FIELDS: Final = frozenset({"text", "blocks", "attachments"})
_CHECK_URL: Final = "check the URL in the connection's password"
_WORKFLOW_PATH = re.compile(r"^/(triggers|workflows)/")
_ADVICE: Final[Mapping[str, str]] = {
    "invalid_payload": "the webhook rejects the format of the message; check blocks and attachments",
    "no_text": "pass text, blocks or attachments",
    "missing_text_or_fallback_or_attachments": "pass text, blocks or attachments",
    "invalid_blocks": "check the blocks in Slack's Block Kit Builder",
    "user_not_found": "the person is no longer in the workspace",
    "channel_not_found": "the channel was deleted; create a webhook for another one",
    "channel_is_archived": "unarchive the channel, or create a webhook for another one",
    "action_prohibited": "an administrator restricts posting to this channel",
    "no_service": "the webhook was removed or disabled; create a new one and store its URL in the connection",
    "no_service_id": "the URL is incomplete; copy the whole URL of the webhook into the connection",
    "no_team": "the workspace no longer exists; create a new webhook",
    "team_disabled": "the workspace is disabled",
    "invalid_token": "the URL is wrong or was revoked; create a new webhook and store its URL in the connection",
    "workflow_not_published": "publish the workflow in Slack's Workflow Builder",
}


class SlackWorkflowWebhookHook(SlackWebhookHook):
    """Airflow's :class:`SlackWebhookHook` for incoming webhooks and for triggers of Slack's Workflow Builder.

    ::

        hook = SlackWorkflowWebhookHook(slack_webhook_conn_id="slack_default")
        hook.deliver(hook.message({"report_link": "https://wiki.example.com/x/1"}))

    A request is sent once. The default handlers of ``slack_sdk`` retry after a broken connection, which may post twice.

    :param slack_webhook_conn_id: connection of type ``slackwebhook`` with the webhook's whole URL as its password
    :param once: ``False`` allows retries, if a duplicate is better than a lost message
    """

    def __init__(
        self, *, slack_webhook_conn_id: str, timeout: int | None = None, proxy: str | None = None, once: bool = True
    ) -> None:
        super().__init__(slack_webhook_conn_id=slack_webhook_conn_id, timeout=timeout, proxy=proxy, retry_handlers=[])
        self._once = once

    def _build_conn_params(self, conn: Connection) -> dict[str, Any]:
        """Return the parameters of a client. The URL is a credential, so it is checked before a library receives it."""
        for secret in secrets_of(conn):
            mask_secret(secret)
        check_connection(conn, self.conn_type, token=True)
        where = f"connection {conn.conn_id}"
        params: dict[str, Any] = super()._build_conn_params(conn)
        mask_secret(params["url"])
        mask_secret(urlsplit(check_url(params["url"], f"{where}: the webhook's URL in the password")).path)
        if proxy := params.get("proxy"):
            check_proxy(proxy, f"{where}: the extra proxy")
        return params

    def message(self, payload: Mapping[str, Any], text: str | None = None) -> dict[str, Any]:
        """Return the request body for a payload, in the format of the connection's webhook.

        A workflow accepts a flat object of texts; other scalars are converted. An incoming webhook accepts a message; a
        payload without text, blocks and attachments is written as text.

        :param payload: variables of the workflow, or fields of the message
        :param text: text of the message if the payload is not a message
        :raises Invalid: a workflow variable is not a scalar
        """
        if _WORKFLOW_PATH.match(urlsplit(self._url).path):
            return {name: self._variable(name, value) for name, value in payload.items()}
        if _MESSAGE_FIELDS.intersection(payload):
            return dict(payload)
        return {"text": text or "\n".join(f"{escape(name)}: {escape(value)}" for name, value in payload.items())}

    def deliver(self, message: Mapping[str, Any]) -> None:
        """Post a message once.

        :raises WorkplaceError: Slack did not accept the message. If ``outcome_unknown`` is true, it may have been posted
        """
        # The client of slack_sdk is not used: it does not limit the size and duration of a response.
        parts = urlsplit(self._url)
        proxy = self.client.proxy
        body = self._process_body(redact_outgoing(dict(message)))
        settings = HttpSettings(
            attempts=1 if self._once else 3,
            read_timeout=float(self.client.timeout),
            proxies={"http": proxy, "https": proxy} if proxy else None,
        )
        try:
            with HttpClient(
                f"{parts.scheme}://{parts.netloc}", system=SYSTEM, settings=settings, parse_error=self._parse_error
            ) as http:
                path = urlunsplit(("", "", parts.path, parts.query, ""))
                http.submit(path, lambda response: self._accept(http, response), json=body, idempotent=not self._once)
                metrics.count("slack.messages")
        except WorkplaceError as error:
            error.url = self._shown_url
            # With an error status the message was not posted; without a status it may have been.
            error.outcome_unknown = error.outcome_unknown and error.status is None
            raise error from None

    @property
    def _url(self) -> str:
        url: str = self.client.url
        return url

    @property
    def _shown_url(self) -> str:
        """The URL with a masked path, which is a credential."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{parts.path.strip('/').partition('/')[0]}/***"

    def _variable(self, name: str, value: Any) -> str:
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if isinstance(value, bool | int | float):
            return json.dumps(value)
        raise Invalid(
            f"the workflow variable {name!r} is a {type(value).__name__}",
            method="POST",
            url=self._shown_url,
            advice="a workflow accepts text only: pass one variable per value",
        )

    def _accept(self, http: HttpClient, response: requests.Response) -> None:
        """Check a response with status 200.

        Success is ``ok``, JSON without ``"ok": false``, or an empty body. Slack returns 200 for an unpublished workflow too.

        :raises WorkplaceError: the response is not a success
        """
        text = response.content.decode("utf-8", "replace").strip()
        data = _json(text)
        if response.status_code == 200 and (text in ("", "ok") or (isinstance(data, dict) and data.get("ok") is not False)):
            return
        code = _code(text, data)
        message = code or plain_words(text) or "no explanation"
        raise http.invalid_response(response, Invalid, message, code=code, advice=_ADVICE.get(code, _CHECK_URL))

    def _parse_error(self, response: ErrorResponse) -> ErrorDetails:
        """Read the error code, which is the whole body or a field of JSON."""
        code = _code(response.text.strip(), response.json)
        return ErrorDetails(message=code, code=code, advice=_ADVICE.get(code, "" if response.status >= 429 else _CHECK_URL))


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return None


def _code(text: str, data: Any) -> str:
    code = str(data.get("error") or "") if isinstance(data, dict) else text
    return code if re.fullmatch(r"[\w.-]{1,80}", code) else ""
