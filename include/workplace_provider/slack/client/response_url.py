"""The ``response_url`` of a slash command: replies through it, and its encrypted form.

Slack accepts five replies within 30 minutes, without a token. So the URL is a credential: it is encrypted before it goes
through Airflow's database, which stores payloads as plain text.
Source: https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from workplace_provider.http.client import HttpClient
from workplace_provider.http.errors import SourceUnavailable, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.api_response import SYSTEM

if TYPE_CHECKING:
    from workplace_provider.slack.client.parts import MessagePart
    from workplace_provider.slack.client.reader import SlackReader

log = get_logger("workplace_provider.slack")

MAX_REPLIES: Final = 5
_PURPOSE: Final = b"workplace_provider.slack.response_url"


def respond(reader: SlackReader, url: str, parts: Sequence[MessagePart]) -> bool:
    """Reply to a slash command with a message that only the person who typed it can see.

    :param reader: its HTTP settings are used; its token is not sent
    :param parts: of :func:`~workplace_provider.slack.client.parts.split_message`
    :return: whether Slack accepted the reply. It does not after 30 minutes
    :raises WorkplaceError: Slack cannot be reached
    """
    host, _, path = url.rpartition("/")
    # One attempt: each use of the URL counts, and Airflow retries the task.
    settings = replace(reader.settings, attempts=1)
    with HttpClient(host, system=SYSTEM, settings=settings, sleep=reader.pause) as http:
        for part in parts[:MAX_REPLIES]:
            body = {"response_type": "ephemeral", **part.arguments()}
            try:
                # Idempotent enough: a duplicate bothers one person for a while, a lost reply is never seen.
                http.request("POST", path, json=body, idempotent=True)
            except WorkplaceError as error:
                if error.retryable:
                    # A new error without the URL of the original one, which is a credential.
                    reason = error.code or error.status or "no connection"
                    message = f"the reply to the slash command could not be sent ({reason})"
                    raise SourceUnavailable(message, method="POST") from None
                log.warning("Slack rejected the reply to the slash command: %s", error.code or error.status)
                return False
    return True


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
