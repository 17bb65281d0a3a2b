"""Answers to a slash command through its ``response_url``, which takes five within half an hour and needs no token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from workplace_provider.http.client import HttpClient
from workplace_provider.http.errors import SourceUnavailable, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.answers import SYSTEM

if TYPE_CHECKING:
    from workplace_provider.slack.client.parts import Part
    from workplace_provider.slack.client.reader import SlackReader

log = get_logger("workplace_provider.slack")

MOST_ANSWERS: Final = 5


def respond(reader: SlackReader, url: str, parts: Sequence[Part]) -> bool:
    """Answer a slash command, visible only to the person who typed it.

    :param reader: its settings hold for the request; its token is not sent
    :param parts: of :func:`~workplace_provider.slack.client.parts.split_message`
    :return: whether Slack took the answer; it does not after half an hour
    :raises WorkplaceError: Slack cannot be reached
    """
    host, _, path = url.rpartition("/")
    # Airflow tries the task again; Slack counts the uses of the address.
    settings = replace(reader.settings, attempts=1)
    with HttpClient(host, system=SYSTEM, settings=settings, sleep=reader.pause) as http:
        for part in parts[:MOST_ANSWERS]:
            body = {"response_type": "ephemeral", **part.arguments()}
            try:
                # An answer that comes twice is seen by one person for a while; one that is lost is never seen.
                http.request("POST", path, json=body, idempotent=True)
            except WorkplaceError as error:
                if error.retryable:
                    # Without the original's URL, which is all that is needed to answer.
                    message = f"the slash command could not be answered ({error.code or error.status or 'no connection'})"
                    raise SourceUnavailable(message, system=SYSTEM, method="POST") from None
                log.warning("the answer was not taken: %s", error.code or error.status)
                return False
    return True
