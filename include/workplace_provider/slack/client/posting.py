"""Idempotent posting to Slack.

Slack has no idempotency key. So each message carries a dedupe key in its metadata. When it is unknown whether a message was
posted, because a response was lost or a worker was killed, the channel is searched for the key before posting.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workplace_provider.common.mrkdwn import escape
from workplace_provider.http import metrics
from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import Forbidden, NotFound, TooLarge, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.api_response import Envelope
from workplace_provider.slack.client.messages import slack_ts, ts_microseconds
from workplace_provider.slack.client.parts import MessagePart
from workplace_provider.slack.client.uploads import FileInfo, SlackUpload, share_files, upload_file

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader, TokenOwner

log = get_logger("workplace_provider.slack")

EVENT_TYPE: Final = "airflow_post"
ATTEMPTS: Final = 4
MOST_MESSAGES: Final = 10_000
"""The number of newest messages in a channel that are searched for a key, on any number of pages."""
LONGEST_CHANGE: Final = 4_000
"""Maximum UTF-8 bytes of an escaped text in ``chat.update``."""
KEY_LIFETIME: Final = timedelta(days=30)
"""Maximum age of a message that is found by its key alone, without its ts."""
_SKEW: Final = timedelta(minutes=5)
_EPOCH: Final = datetime(1970, 1, 2, tzinfo=UTC)
_END_OF_TIME: Final = "9999999999.000000"
AUTHORSHIP: Final = ("username", "icon_emoji", "icon_url")
_CUSTOMIZE_SCOPE: Final = "chat:write.customize"
_UNCHANGEABLE: Final = frozenset({"cant_update_message", "edit_window_closed", "message_not_found"})
# Prefixes keep the keys of different kinds apart.
_POST, _STATUS, _PART = "post:", "status:", "part:"


class MessageMetadata(msgspec.Struct):
    """The metadata of a message, which people do not see."""

    event_type: str = ""
    event_payload: dict[str, Any] = msgspec.field(default_factory=dict)


class MarkedMessage(msgspec.Struct):
    """A message and its metadata."""

    ts: str
    thread_ts: str | None = None
    user: str | None = None
    bot_id: str | None = None
    text: str | None = None
    blocks: list[dict[str, Any]] | None = None
    attachments: list[dict[str, Any]] | None = None
    files: list[FileInfo] | None = None
    metadata: MessageMetadata | None = None

    @property
    def at(self) -> datetime:
        """The time of the message, in UTC."""
        return datetime.fromtimestamp(ts_microseconds(self.ts) / 1_000_000, UTC)

    @property
    def facts(self) -> dict[str, Any]:
        """The payload of the metadata. Any app can write it: see :meth:`MessagePoster.own_messages`."""
        return self.metadata.event_payload if self.metadata and self.metadata.event_type == EVENT_TYPE else {}


class _PostedContent(msgspec.Struct):
    username: str | None = None


class _PostResponse(Envelope, kw_only=True):
    ts: str
    message: _PostedContent | None = None


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A message in a channel.

    :param channel: id of the channel
    :param ts: id of the message in the channel
    :param permalink: URL that opens the message
    :param thread_ts: id of the message it replies to; ``None`` if it starts a thread
    :param files: files shared with it
    :param updated: an existing message was changed
    :param new: this call posted the message
    """

    channel: str
    ts: str
    permalink: str
    thread_ts: str | None = None
    files: tuple[FileInfo, ...] = ()
    updated: bool = False
    new: bool = True


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in a channel or thread that one message with a dedupe key may take.

    :param dedupe_key: key with its prefix
    :param since: earliest time at which the message can have been posted
    :param passed_over: ids of messages with the key that cannot be changed any more
    """

    channel: str
    thread_ts: str | None
    dedupe_key: str
    since: datetime
    passed_over: frozenset[str] = frozenset()


class MessagePoster:
    """Posts messages with one token, each exactly once.

    ::

        poster = MessagePoster(reader)
        poster.post("C0GENERAL", split_message("Done"), dedupe_key="run-42", since=run_start)

    The token needs ``chat:write``, ``metadata.message:read`` and the history scope of the channel; for files,
    ``files:write`` and ``files:read`` too. The app must be a member of the channel.

    Only messages of the token's own app count as posted: another app, such as that of a staging environment, may use the
    same keys.

    Two attempts of one run may overlap if Airflow assumes that a running worker is dead. Each attempt searches for the
    message right before it posts, and again afterwards; of two messages with the same key, the later one is deleted.

    Two cases cannot be excluded: a request that timed out may reach Slack after the search for its message, and people
    may see the later message for a moment.

    :param reader: reads from the workspace, and has the token
    :param redact: masks secrets in text, blocks and attachments before they are sent
    """

    def __init__(self, reader: SlackReader, redact: Callable[[Any], Any] | None = None) -> None:
        self._reader = reader
        self._redact = redact or (lambda value: value)
        self._may_customize = True

    def post(
        self,
        channel: str,
        parts: Sequence[MessagePart],
        *,
        dedupe_key: str,
        since: datetime,
        thread_ts: str | None = None,
        broadcast: bool = False,
        files: Sequence[SlackUpload] = (),
        options: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
        is_first: bool = False,
    ) -> PostedMessage:
        """Post a message unless it was posted before.

        The first part is the message. The other parts and the files follow in its thread, because a message can have a key,
        and a file that is shared without a message cannot.

        :param channel: id of the channel
        :param parts: of :func:`~workplace_provider.slack.client.parts.split_message`
        :param dedupe_key: identifies the message; the same for every attempt to post it
        :param since: earliest time at which the message can have been posted
        :param thread_ts: id of the message to reply to
        :param broadcast: send a reply to the channel too
        :param files: files to share in the thread
        :param options: further arguments of ``chat.postMessage``
        :param facts: further fields of the metadata
        :param is_first: the key is new, so there is no earlier message to search for
        :raises WorkplaceError: posting failed; posting again with the same key is safe
        """
        slot = _Slot(channel, thread_ts, _POST + dedupe_key, since)
        existing = None if is_first else self._find(slot)
        uploads: list[str] = []
        if existing is None and files:
            # The ids go into the metadata, so that a later attempt knows which files belong to the message.
            uploads = [upload_file(self._reader, file) for file in files]
            # The uploads took time, in which an overlapping attempt may have posted.
            existing = None if is_first else self._find(slot)
        ts = existing.ts if existing else ""
        if existing is None:
            metadata = {**(facts or {}), **({"files": uploads} if uploads else {})}
            first_options = {**(options or {}), **({"reply_broadcast": True} if broadcast and thread_ts else {})}
            ts = self._post_once(slot, parts[0], first_options, metadata)
            existing = None if is_first else self._withdraw_later(slot, ts)
        if existing is not None:
            ts = existing.ts
            log.info("the message %s is in the channel already", ts)
        thread = thread_ts or ts
        self._post_more_parts(replace(slot, thread_ts=thread), parts, dedupe_key, options or {}, existing, is_first=is_first)
        shared = self._share_files(channel, thread, files, uploads, existing)
        return PostedMessage(channel, ts, self.permalink(channel, ts), thread_ts, tuple(shared), new=existing is None)

    def _post_more_parts(
        self,
        thread: _Slot,
        parts: Sequence[MessagePart],
        dedupe_key: str,
        options: Mapping[str, Any],
        existing: MarkedMessage | None,
        *,
        is_first: bool,
    ) -> None:
        """Post the parts after the first one, except those that an earlier attempt has posted."""
        posted: set[str] = set()
        if existing is not None and len(parts) > 1:
            messages = self._search(thread.channel, thread.since, thread.thread_ts)
            posted = {str(message.facts.get("dedupe_key")) for message in messages if self._is_own(message)}
        for number, part in enumerate(parts[1:], 2):
            slot = replace(thread, dedupe_key=f"{_PART}{number}:{dedupe_key}")
            if slot.dedupe_key in posted:
                continue
            ts = self._post_once(slot, part, options, {})
            if not is_first:
                self._withdraw_later(slot, ts)

    def _share_files(
        self,
        channel: str,
        thread: str,
        files: Sequence[SlackUpload],
        uploads: Sequence[str],
        existing: MarkedMessage | None,
    ) -> list[FileInfo]:
        if not files:
            return []
        if existing is None:
            return share_files(self._reader, _with_titles(uploads, files), channel, thread, fresh=True)
        return self._share_again(channel, thread, files, [str(id_) for id_ in existing.facts.get("files") or ()])

    def upsert(
        self,
        channel: str,
        part: MessagePart,
        *,
        key: str,
        remembered_ts: str | None = None,
        thread_ts: str | None = None,
        since: datetime | None = None,
        options: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> PostedMessage:
        """Update the message with a key, or post it if there is none yet.

        :param channel: id of the channel
        :param part: new content of the message
        :param key: identifies the message in the channel
        :param remembered_ts: last known id of the message; if it is not found there, the channel is searched
        :param thread_ts: id of the message to reply to
        :param since: how far back to search; by default :data:`KEY_LIFETIME`
        :param options: further arguments of ``chat.postMessage``
        :param facts: further fields of the metadata
        :raises TooLarge: the text exceeds the limit of ``chat.update``
        :raises WorkplaceError: the message could be neither updated nor posted
        """
        size = len(escape(part.text).encode())
        if size > LONGEST_CHANGE:
            raise TooLarge(
                f"the text has {size} bytes; a message that is updated later has up to {LONGEST_CHANGE}",
                advice="shorten it, or post it without a key",
            )
        slot = _Slot(channel, thread_ts, _STATUS + key, since or datetime.now(UTC) - KEY_LIFETIME)
        facts = facts or {}
        existing = self._find_at(slot, remembered_ts) if remembered_ts else None
        while existing := existing or self._find(slot):
            try:
                self._update(channel, existing.ts, part, slot.dedupe_key, facts)
            except WorkplaceError as error:
                if error.code not in _UNCHANGEABLE:
                    raise
                log.warning("the message %s cannot be updated (%s); a new message replaces it", existing.ts, error.code)
                slot = replace(slot, passed_over=slot.passed_over | {existing.ts})
                existing = None
            else:
                return self._update_result(slot, existing.ts)
        ts = self._post_once(slot, part, options or {}, facts)
        if earlier := self._withdraw_later(slot, ts):
            self._update(channel, earlier.ts, part, slot.dedupe_key, facts)
            return self._update_result(slot, earlier.ts)
        return PostedMessage(channel, ts, self.permalink(channel, ts), thread_ts)

    def _update_result(self, slot: _Slot, ts: str) -> PostedMessage:
        link = self.permalink(slot.channel, ts)
        return PostedMessage(slot.channel, ts, link, slot.thread_ts, updated=True, new=False)

    def permalink(self, channel: str, ts: str) -> str:
        """Return the URL that opens a message."""
        return str(self._reader.get("chat.getPermalink", "permalink", str, {"channel": channel, "message_ts": ts}))

    def own_messages(self, channel: str, since: datetime, thread_ts: str | None = None) -> Iterator[MarkedMessage]:
        """Iterate over the messages that this module posted with the app, newest first in a channel."""
        for message in self._search(channel, since, thread_ts):
            if message.facts and self._is_own(message):
                yield message

    def own_message(self, channel: str, ts: str, thread_ts: str | None = None) -> MarkedMessage | None:
        """Return a message by its id if this module posted it with the app.

        :param thread_ts: id of the message it replies to
        """
        try:
            page = next(self._pages(channel, thread_ts or ts, ts, ts, page_size=2))
        except NotFound as error:
            if error.code != "thread_not_found":
                raise
            return None
        matches = (message for message in page if message.ts == ts and message.facts and self._is_own(message))
        return next(matches, None)

    def rewrite(self, channel: str, message: MarkedMessage, part: MessagePart) -> None:
        """Replace the appearance of a message without changing its metadata."""
        facts = {name: value for name, value in message.facts.items() if name != "dedupe_key"}
        self._update(channel, message.ts, part, str(message.facts.get("dedupe_key")), facts)

    def change(self, channel: str, message: MarkedMessage, facts: Mapping[str, Any]) -> None:
        """Replace the metadata of a message without changing its appearance."""
        # Link previews are attachments too; Slack adds them again on its own.
        own = tuple(attachment for attachment in message.attachments or () if not attachment.get("from_url"))
        part = MessagePart(message.text or "", tuple(message.blocks or ()), own)
        self._update(channel, message.ts, part, str(message.facts.get("dedupe_key")), facts)

    def delete(self, channel: str, ts: str) -> None:
        """Delete a message. A message that no longer exists is not an error."""
        try:
            self._reader.submit("chat.delete", Envelope, {"channel": channel, "ts": ts}, idempotent=True)
        except NotFound as error:
            if error.code != "message_not_found":
                raise

    def _post_once(self, slot: _Slot, part: MessagePart, options: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
        """Post a message that is not in the channel; after a lost response, search for it before posting again.

        :return: its ts
        """
        arguments = {
            "channel": slot.channel,
            "thread_ts": slot.thread_ts,
            **self._redact(part.arguments()),
            **options,
            "metadata": _metadata(slot.dedupe_key, facts),
        }
        longest = self._reader.settings.max_wait

        def retry(error: WorkplaceError) -> bool | float:
            is_uncertain = error.retryable and not error.never_executed
            return is_uncertain and (min(error.retry_after or 0.0, longest) or True)

        # One attempt more than requests: after a lost response, the last one only searches.
        for attempt in attempts(ATTEMPTS + 1, retry, backoff=1.0, sleep=self._reader.pause):
            if attempt.previous is not None:
                log.warning("the response was lost (%s); searching for the message before posting again", attempt.previous)
                if existing := self._find(slot):
                    return existing.ts
                if attempt.number > ATTEMPTS:
                    raise attempt.previous
            with attempt:
                ts = self._submit(arguments)
        metrics.count("slack.messages")
        return ts

    def _submit(self, arguments: Mapping[str, Any]) -> str:
        """Post a message; without the scope for another name and icon, it has the app's own.

        :return: its ts
        """
        plain = {name: value for name, value in arguments.items() if name not in AUTHORSHIP}
        response: _PostResponse
        if self._may_customize:
            try:
                response = self._reader.submit("chat.postMessage", _PostResponse, arguments)
            except Forbidden as error:
                if error.code != "missing_scope" or _CUSTOMIZE_SCOPE not in error.message or plain == arguments:
                    raise
                self._may_customize = False
            else:
                # Some apps without the scope get no error (linyows/dewy PR 362).
                name = response.message and response.message.username
                if arguments.get("username") and name != arguments["username"]:
                    self._warn_of_plain_name()
                return response.ts
            self._warn_of_plain_name()
        response = self._reader.submit("chat.postMessage", _PostResponse, plain)
        return response.ts

    def _warn_of_plain_name(self) -> None:
        log.warning("the message has the app's own name and icon: the token needs the scope %s", _CUSTOMIZE_SCOPE)

    def _withdraw_later(self, slot: _Slot, ts: str) -> MarkedMessage | None:
        """Delete our message if an overlapping attempt posted the same one earlier.

        :return: the earlier message, which remains
        """
        first = min(self._matching(slot), key=lambda message: ts_microseconds(message.ts), default=None)
        if first is None or ts_microseconds(first.ts) >= ts_microseconds(ts):
            return None
        log.warning("an overlapping attempt posted %s earlier; deleting %s", first.ts, ts)
        self.delete(slot.channel, ts)
        return first

    def _update(self, channel: str, ts: str, part: MessagePart, dedupe_key: str, facts: Mapping[str, Any]) -> None:
        self._reader.submit(
            "chat.update",
            Envelope,
            # Empty blocks and attachments are sent too: if they are omitted, Slack keeps the old ones.
            {
                "channel": channel,
                "ts": ts,
                "text": self._redact(part.text),
                "blocks": self._redact(list(part.blocks)),
                "attachments": self._redact(list(part.attachments)),
                "metadata": _metadata(dedupe_key, facts),
            },
            idempotent=True,
        )

    def _share_again(self, channel: str, thread_ts: str, files: Sequence[SlackUpload], ids: Sequence[str]) -> list[FileInfo]:
        """Share the uploads of an earlier attempt; upload again what Slack has discarded or never received."""
        if len(ids) == len(files):
            try:
                return share_files(self._reader, _with_titles(ids, files), channel, thread_ts, fresh=False)
            except NotFound as error:
                if error.code != "file_not_found":
                    raise
                log.warning("Slack has discarded the earlier uploads; the files are uploaded again")
        messages = [message for message in self._search(channel, _EPOCH, thread_ts) if self._is_own(message)]
        present = {_compose(file.name or ""): file for message in messages for file in message.files or ()}
        missing = [file for file in files if _compose(file.name) not in present]
        uploads = [upload_file(self._reader, file) for file in missing]
        shared = iter(share_files(self._reader, _with_titles(uploads, missing), channel, thread_ts, fresh=True))
        return [present.get(_compose(file.name)) or next(shared) for file in files]

    def _find(self, slot: _Slot) -> MarkedMessage | None:
        return next(self._matching(slot), None)

    def _matching(self, slot: _Slot) -> Iterator[MarkedMessage]:
        """Iterate over the app's own messages with the key, newest first in a channel."""
        for message in self._search(slot.channel, slot.since, slot.thread_ts):
            if message.facts.get("dedupe_key") != slot.dedupe_key or message.ts in slot.passed_over:
                continue
            if self._is_own(message):
                yield message
            else:
                log.info("the message %s has the same key, but was posted by another app or person", message.ts)

    def _is_own(self, message: MarkedMessage) -> bool:
        """Return whether the token's own app posted a message.

        A bot id identifies the app and the author. The token of a person has only a user id.
        """
        owner = self._owner
        if owner.bot_id:
            return message.bot_id == owner.bot_id
        return bool(owner.user_id) and message.user == owner.user_id

    @cached_property
    def _owner(self) -> TokenOwner:
        return self._reader.token_owner()

    def _find_at(self, slot: _Slot, ts: str) -> MarkedMessage | None:
        """Return the message with an id if it has the key of the slot."""
        message = self.own_message(slot.channel, ts, slot.thread_ts)
        return message if message is not None and message.facts.get("dedupe_key") == slot.dedupe_key else None

    def _search(self, channel: str, since: datetime, thread_ts: str | None) -> Iterator[MarkedMessage]:
        oldest = slack_ts(max(0, int((since - _SKEW).timestamp() * 1_000_000)))
        count = 0
        for page in self._pages(channel, thread_ts, oldest, _END_OF_TIME):
            # Messages are counted instead of pages, since the size of a page depends on the app's plan.
            if count >= MOST_MESSAGES:
                log.warning(
                    "searched only the newest %d messages of %s since %s: an earlier post may be among the older ones, so"
                    " this message may be a duplicate",
                    count,
                    channel,
                    since.isoformat(),
                )
                return
            count += len(page)
            yield from page

    def _pages(
        self, channel: str, thread_ts: str | None, oldest: str, latest: str, page_size: int = 999
    ) -> Iterator[list[MarkedMessage]]:
        params: dict[str, Any] = {"channel": channel, "oldest": oldest, "latest": latest, "inclusive": True}
        params["include_all_metadata"] = True
        method = "conversations.history"
        if thread_ts:
            method, params = "conversations.replies", {**params, "ts": thread_ts}
        try:
            for page in self._reader.paginate(method, "messages", params, page_size=page_size, kind=MarkedMessage):
                yield page.items
        except Forbidden as error:
            raise _cannot_search(error) from error


def _metadata(dedupe_key: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {**facts, "dedupe_key": dedupe_key}}


def _with_titles(ids: Sequence[str], files: Sequence[SlackUpload]) -> list[tuple[str, str]]:
    return [(id_, file.title or file.name) for id_, file in zip(ids, files, strict=True)]


def _compose(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _cannot_search(error: Forbidden) -> Forbidden:
    """Return the error with the reason why posting needs to read."""
    if error.code != "missing_scope":
        return error
    return Forbidden(
        error.message,
        system=error.system,
        method=error.method,
        url=error.url,
        status=error.status,
        code=error.code,
        advice="posting searches the channel to avoid duplicates: add metadata.message:read and the channel's history scope",
    )
