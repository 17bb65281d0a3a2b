"""The ``response_url`` of a slash command: replies through it, and its encrypted form.

Slack accepts five replies within 30 minutes, without a token. So the URL is a credential: it is encrypted before it goes
through Airflow's database, which stores payloads as plain text.
Source: https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from workplace_provider.http.client import HttpClient
from workplace_provider.http.errors import Invalid, SourceUnavailable, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.api_response import SYSTEM, parse_error

if TYPE_CHECKING:
    from workplace_provider.slack.client.parts import MessagePart
    from workplace_provider.slack.client.reader import SlackReader

log = get_logger("workplace_provider.slack")

MAX_REPLIES: Final = 5
ResponseType: TypeAlias = Literal["ephemeral", "in_channel"]
_SLACK_HOSTS: Final = ("slack.com", "slack-gov.com")
_EXPIRED: Final = frozenset({"expired_url", "used_url", "invalid_url"})
_PURPOSE: Final = b"workplace_provider.slack.response_url"


class ResponseUrl:
    """The response URL of a slash command or an interaction.

    ::

        url = ResponseUrl(reader, event["response_url"])
        url.send(MessagePart("Done"))

    :param reader: its HTTP settings are used; its token is not sent
    :param url: the URL, from an event
    :raises Invalid: the URL does not lead to the Slack of the reader
    """

    def __init__(self, reader: SlackReader, url: str) -> None:
        if not is_response_url(url, reader.http.base_url):
            # Without the URL, which may be a credential of another system.
            raise Invalid(
                "the response URL does not lead to Slack",
                system=SYSTEM,
                advice="use the URL of an event of the same app; a sandbox or gateway has the host of the connection",
            )
        self._reader = reader
        self._url = url

    def send(self, part: MessagePart, *, response_type: ResponseType = "ephemeral") -> bool:
        """Send a message; Slack accepts five in 30 minutes.

        :param response_type: ``ephemeral`` shows it to the person alone, ``in_channel`` posts it for all
        :return: whether Slack accepted it; it does not when the URL has expired or was used five times
        :raises WorkplaceError: Slack cannot be reached, or refuses the message
        """
        host, _, path = self._url.rpartition("/")
        # One attempt: each use of the URL counts, and Airflow retries the task.
        settings = replace(self._reader.settings, attempts=1)
        body = {"response_type": response_type, **{name: value for name, value in part.arguments().items() if value}}
        with HttpClient(host, system=SYSTEM, settings=settings, parse_error=parse_error, sleep=self._reader.pause) as http:
            try:
                # Idempotent enough: a duplicate bothers one person for a while, a lost reply is never seen.
                http.request("POST", path, json=body, idempotent=True)
            except WorkplaceError as error:
                # New errors without the URL of the original one, which is a credential.
                reason = error.code or error.status or "no connection"
                if error.retryable:
                    message = f"the reply to the slash command could not be sent ({reason})"
                    raise SourceUnavailable(message, method="POST") from None
                if error.code not in _EXPIRED and error.status not in (404, 410):
                    message = f"Slack refused the reply to the slash command ({reason})"
                    raise Invalid(message, system=SYSTEM, method="POST", code=error.code) from None
                log.warning("the response URL of the slash command is no longer valid: %s", reason)
                return False
        return True


def is_response_url(url: str, base_url: str) -> bool:
    """Return whether a response URL leads to the Slack of a connection.

    Slack's own are at ``hooks.slack.com``, or ``hooks.slack-gov.com`` for GovSlack. Those of a sandbox have the host of
    the connection; with a gateway in front of Slack, they are Slack's own.

    :param base_url: URL of the Web API, of the connection
    """
    try:
        target, base = urlsplit(url), urlsplit(base_url)
        origins = [(address.scheme, address.hostname, address.port) for address in (target, base)]
    except ValueError:
        return False
    if target.username or target.password or not target.path.strip("/"):
        return False
    host = (base.hostname or "").removeprefix("www.")
    if host in _SLACK_HOSTS:
        return origins[0] == ("https", f"hooks.{host}", None)
    return origins[0] == origins[1] or origins[0] in [("https", f"hooks.{name}", None) for name in _SLACK_HOSTS]


def seal(text: str, token: str) -> str:
    """Encrypt a text with a key derived from the app's bot token.

    Anyone with that token can post as the app anyway, and no one else can use the sealed URL.
    """
    from cryptography.fernet import Fernet

    return Fernet(_key(token)).encrypt(text.encode()).decode()


def unseal(sealed: str, token: str) -> str | None:
    """Decrypt a text that :func:`seal` encrypted; return ``None`` if it was sealed with another token or is damaged."""
    from cryptography.fernet import Fernet, InvalidToken

    try:
        return Fernet(_key(token)).decrypt(sealed.encode()).decode()
    except (InvalidToken, ValueError):
        return None


def _key(token: str) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(token.encode(), _PURPOSE, hashlib.sha256))
