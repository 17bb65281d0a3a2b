"""Messages that Slack posts later, each scheduled once.

A scheduled message must have no metadata, since Slack then never posts it ("Bug alert" of
https://docs.slack.dev/reference/methods/chat.scheduleMessage). So it has no dedupe key: among the scheduled messages of the
channel, it is recognized by its time and its text, of which the list has no more.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workplace_provider.common.mrkdwn import escape
from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import BadResponse, Forbidden, Invalid, NotFound, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.api_response import SYSTEM, Envelope
from workplace_provider.slack.client.messages import iter_messages

if TYPE_CHECKING:
    from workplace_provider.slack.client.parts import MessagePart
    from workplace_provider.slack.client.reader import SlackReader

log = get_logger("workplace_provider.slack")

ATTEMPTS: Final = 4
_SKEW: Final = timedelta(minutes=5)
# How long after its time a message is searched for.
_DELAY: Final = timedelta(minutes=10)
_PAGE_SIZE: Final = 100
_EMOJI: Final = re.compile(r":[^\s:]+:")


class ScheduledMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that Slack will post.

    :param post_at: time, in seconds since 1970
    :param date_created: time at which it was scheduled
    """

    id: str
    post_at: int
    date_created: int = 0
    text: str | None = None


class _Scheduled(Envelope, kw_only=True):
    scheduled_message_id: str
    # A number, or a text with one.
    post_at: int | str


@dataclass(frozen=True, slots=True)
class ScheduledPost:
    """A message of a task.

    :param channel: id of the channel
    :param id: id of the scheduled message; empty if the message was found posted
    :param post_at: its time
    :param text: its text
    :param content: digest of the whole content
    :param is_posted: Slack has posted it
    :param is_new: this call scheduled it
    """

    channel: str
    id: str
    post_at: datetime
    text: str
    content: str = ""
    is_posted: bool = False
    is_new: bool = False

    def is_same(self, message: ScheduledMessage) -> bool:
        """Return whether a scheduled message has the time and the text."""
        return message.post_at == _seconds(self.post_at) and _fingerprint(message.text) == _fingerprint(self.text)


class MessageScheduler:
    """Schedules messages with one token, each exactly once.

    ::

        scheduler = MessageScheduler(reader)
        post = scheduler.schedule("C0GENERAL", MessagePart("Stand-up"), post_at=monday, since=run_start)
        scheduler.cancel(post.channel, post.id)

    The token needs ``chat:write``, and the history scope of the channel to find a message that was posted already. Two
    messages with the same text for the same second in the same channel count as one.

    :param reader: calls the methods, and has the token
    :param redact: masks secrets before they are sent
    """

    def __init__(self, reader: SlackReader, redact: Callable[[Any], Any] | None = None) -> None:
        self._reader = reader
        self._redact = redact or (lambda value: value)

    def schedule(
        self,
        channel: str,
        part: MessagePart,
        *,
        post_at: datetime,
        since: datetime,
        earlier: ScheduledPost | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ScheduledPost:
        """Schedule a message unless it was scheduled before; delete the one that it supersedes.

        :param channel: id of the channel
        :param part: its text is required, since the list of scheduled messages has nothing else to recognize it by
        :param post_at: time, rounded down to seconds; up to 120 days ahead
        :param since: earliest time at which it can have been scheduled
        :param earlier: the message of an earlier attempt, whose content or time may differ
        :param options: further arguments of ``chat.scheduleMessage``
        :raises WorkplaceError: scheduling failed, or the time is in the past and the message was not posted; scheduling
            again is safe
        """
        content = {**self._redact(part.arguments()), **(options or {})}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        moment = post_at.astimezone(UTC).replace(microsecond=0)
        post = ScheduledPost(channel, "", moment, str(content["text"] or ""), digest)
        pending = self.pending(channel)
        if earlier is not None and (kept := self._settle(earlier, post, pending)):
            return kept
        if existing := self._keep_first(post, since, pending):
            return existing
        if post.post_at <= datetime.now(UTC):
            return self._find_posted(post)
        return self._schedule_once(post, content, since)

    def pending(self, channel: str) -> list[ScheduledMessage]:
        """Return the messages that the app has scheduled for a channel.

        :raises WorkplaceError: the list could not be read
        """
        pages = self._reader.paginate(
            "chat.scheduledMessages.list",
            "scheduled_messages",
            {"channel": channel},
            page_size=_PAGE_SIZE,
            kind=ScheduledMessage,
        )
        return [message for page in pages for message in page.items]

    def cancel(self, channel: str, scheduled_id: str) -> bool:
        """Delete a scheduled message.

        :return: ``False`` if it was posted or deleted already, or is posted within a minute
        :raises WorkplaceError: the request failed
        """
        arguments = {"channel": channel, "scheduled_message_id": scheduled_id}
        try:
            self._reader.submit("chat.deleteScheduledMessage", Envelope, arguments, idempotent=True)
        except NotFound as error:
            if error.code != "invalid_scheduled_message_id":
                raise
            return False
        return True

    def _settle(self, earlier: ScheduledPost, post: ScheduledPost, pending: list[ScheduledMessage]) -> ScheduledPost | None:
        """Return the message of an earlier attempt if it remains; otherwise delete it, since the new one supersedes it."""
        message = next((message for message in pending if message.id == earlier.id), None)
        posted = replace(earlier, is_posted=True, is_new=False)
        if message is None:
            # Someone may have deleted it before its time; then it is scheduled again, as a deleted post is posted again.
            return posted if earlier.is_posted or earlier.post_at <= datetime.now(UTC) else None
        if (earlier.channel, earlier.content) == (post.channel, post.content) and post.is_same(message):
            return replace(post, id=message.id)
        if not self.cancel(earlier.channel, earlier.id):
            log.warning("the scheduled message %s is being posted; the new one is not scheduled", earlier.id)
            return posted
        log.info("deleted the scheduled message %s, which has another content or time", earlier.id)
        pending.remove(message)
        return None

    def _keep_first(self, post: ScheduledPost, since: datetime, pending: list[ScheduledMessage]) -> ScheduledPost | None:
        """Return the message if it is scheduled already, and delete copies of it by overlapping attempts."""
        earliest = _seconds(since - _SKEW)
        copies = [message for message in pending if post.is_same(message) and message.date_created >= earliest]
        if not copies:
            return None
        first, *others = sorted(copies, key=lambda message: (message.date_created, message.id))
        for other in others:
            log.warning("the message %s is scheduled twice; deleting %s", first.id, other.id)
            self.cancel(post.channel, other.id)
        return replace(post, id=first.id)

    def _schedule_once(self, post: ScheduledPost, content: Mapping[str, Any], since: datetime) -> ScheduledPost:
        """Schedule a message; after a lost response, look for it in the list before scheduling again."""
        arguments = {"channel": post.channel, "post_at": _seconds(post.post_at), **content}
        longest = self._reader.settings.max_wait

        def retry(error: WorkplaceError) -> bool | float:
            is_uncertain = error.retryable and not error.never_executed
            return is_uncertain and (min(error.retry_after or 0.0, longest) or True)

        response: _Scheduled | None = None
        for attempt in attempts(ATTEMPTS + 1, retry, backoff=1.0, sleep=self._reader.pause):
            if attempt.previous is not None:
                log.warning("the response was lost (%s); looking for the message before scheduling again", attempt.previous)
                if existing := self._keep_first(post, since, self.pending(post.channel)):
                    return existing
                if attempt.number > ATTEMPTS:
                    raise attempt.previous
            with attempt:
                response = self._reader.submit("chat.scheduleMessage", _Scheduled, arguments)
        if response is None or str(response.post_at) != str(arguments["post_at"]):
            raise BadResponse(
                f"Slack scheduled the message for {response.post_at if response else 'no time'} instead of "
                f"{arguments['post_at']}",
                system=SYSTEM,
                method="POST",
            )
        # Another attempt of the same run may have scheduled it at the same moment.
        kept = self._keep_first(post, since, self.pending(post.channel))
        if kept is not None and kept.id != response.scheduled_message_id:
            return kept
        return replace(post, id=response.scheduled_message_id, is_new=True)

    def _find_posted(self, post: ScheduledPost) -> ScheduledPost:
        """Return the message if an earlier attempt scheduled it and Slack has posted it.

        :raises Invalid: it was not posted, and its time is in the past
        """
        try:
            if self._is_posted(post):
                return replace(post, is_posted=True)
        except Forbidden as error:
            log.warning("the channel cannot be searched for the message, which may have been posted: %s", error)
        raise Invalid(
            f"{post.post_at.isoformat()} is in the past",
            system=SYSTEM,
            code="time_in_past",
            advice="choose a later time, or post the message with SlackPostOperator",
        )

    def _is_posted(self, post: ScheduledPost) -> bool:
        owner = self._reader.token_owner()
        text = _fingerprint(post.text)
        for message in iter_messages(self._reader, post.channel, post.post_at - _SKEW, post.post_at + _DELAY):
            is_own = message.bot_id == owner.bot_id if owner.bot_id else message.user == owner.user_id
            if is_own and _fingerprint(message.text) == text:
                return True
        return False


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _fingerprint(text: str | None) -> str:
    """Return a text for comparison: Slack may escape it, mark links, and write emoji as names."""
    plain = unicodedata.normalize("NFC", _EMOJI.sub("", text or ""))
    letters = "".join(character for character in plain.replace("&amp;", "&") if character.isalnum())
    return letters.casefold() or escape(plain.strip())
