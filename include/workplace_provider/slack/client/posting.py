"""Posting to Slack exactly once.

Slack has no key against double posts. So each message carries one in its metadata, and whoever is not sure whether it was
posted, because an answer got lost or a worker died, looks for it in the channel before posting.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workplace_provider.common.mrkdwn import escape
from workplace_provider.http.errors import Forbidden, NotFound, RateLimited, TooLarge, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.answers import SYSTEM, Envelope
from workplace_provider.slack.client.messages import slack_ts, ts_microseconds
from workplace_provider.slack.client.parts import Part
from workplace_provider.slack.client.uploads import FileInfo, Upload, share_files, upload_file

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader, TokenOwner

log = get_logger("workplace_provider.slack")

EVENT_TYPE: Final = "airflow_post"
ATTEMPTS: Final = 4
MOST_MESSAGES: Final = 10_000
"""So many of the newest messages of a channel, on as many pages as Slack makes of them, a message is looked for in."""
LONGEST_CHANGE: Final = 4_000
"""Bytes of UTF-8 of an escaped text that ``chat.update`` takes."""
KEY_LIFETIME: Final = timedelta(days=30)
"""How old a message may be to be found by its key without its ts being known."""
_SKEW: Final = timedelta(minutes=5)
_EPOCH: Final = datetime(1970, 1, 2, tzinfo=UTC)
_END_OF_TIME: Final = "9999999999.000000"
_UNCHANGEABLE: Final = frozenset({"cant_update_message", "edit_window_closed", "message_not_found"})
# A key of one kind is never that of another, whatever is in it.
_POST, _STATUS, _PART = "post:", "status:", "part:"


class Metadata(msgspec.Struct):
    """What a message tells programs, and not people."""

    event_type: str = ""
    event_payload: dict[str, Any] = msgspec.field(default_factory=dict)


class MarkedMessage(msgspec.Struct):
    """A message with its metadata."""

    ts: str
    thread_ts: str | None = None
    user: str | None = None
    bot_id: str | None = None
    text: str | None = None
    blocks: list[dict[str, Any]] | None = None
    attachments: list[dict[str, Any]] | None = None
    files: list[FileInfo] | None = None
    metadata: Metadata | None = None

    @property
    def at(self) -> datetime:
        """When it was posted, in UTC."""
        return datetime.fromtimestamp(ts_microseconds(self.ts) / 1_000_000, UTC)

    @property
    def facts(self) -> dict[str, Any]:
        """What its sender noted in it. Any app can write that: see :meth:`MessagePoster.marked`."""
        return self.metadata.event_payload if self.metadata and self.metadata.event_type == EVENT_TYPE else {}


class _Posted(Envelope, kw_only=True):
    ts: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that is in the channel.

    :param channel: id of the channel
    :param ts: its id in the channel
    :param permalink: address that opens it
    :param thread_ts: id of the message that it answers; ``None`` when it begins a thread itself
    :param files: the files that were shared with it
    :param updated: a message that was there was changed
    :param new: this call posted it
    """

    channel: str
    ts: str
    permalink: str
    thread_ts: str | None = None
    files: tuple[FileInfo, ...] = ()
    updated: bool = False
    new: bool = True


class MessagePoster:
    """Posts with one token, each message exactly once.

    The token needs ``chat:write``, ``metadata.message:read`` and the scope to read the channel's history; with files
    ``files:write`` and ``files:read`` as well. The app must be in the channel.

    Only messages that the token's own app wrote count as posted: another app, such as that of a staging environment, may
    write the same keys.

    Two attempts of one run may overlap, when Airflow takes a worker for dead that is not. Each looks for the message right
    before it posts, and once more afterwards; of two messages of one key, the later one is deleted.

    What cannot be ruled out: a request that timed out and reaches Slack only after the look for its message; and that people
    see the later message for a moment.

    :param reader: reads from the workspace, and carries the token
    :param redact: masks secrets in text, blocks and attachments before they are sent
    """

    def __init__(self, reader: SlackReader, redact: Callable[[Any], Any] | None = None) -> None:
        self._reader = reader
        self._redact = redact or (lambda value: value)

    def post(
        self,
        channel: str,
        parts: Sequence[Part],
        *,
        dedupe_key: str,
        since: datetime,
        thread_ts: str | None = None,
        broadcast: bool = False,
        files: Sequence[Upload] = (),
        options: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
        is_first: bool = False,
    ) -> Posted:
        """Post a message unless it is there.

        The first part is the message, the others follow in its thread, as do the files: a message can tell its key, and a
        file that is shared alone cannot.

        :param channel: id
        :param parts: of :func:`~workplace_provider.slack.client.parts.split_message`
        :param dedupe_key: the same whenever the same message is meant
        :param since: no earlier can it have been posted
        :param thread_ts: id of the message to answer
        :param broadcast: show an answer in the channel as well
        :param files: what to share in its thread
        :param options: further arguments of ``chat.postMessage``
        :param facts: what else the metadata shall have
        :param is_first: the key was made just now, so that there is nothing to look for
        :raises WorkplaceError: it could not be posted; posting again with the same key is safe
        """
        options = dict(options or {})
        name, dedupe_key = dedupe_key, _POST + dedupe_key
        found = None if is_first else self._find(channel, dedupe_key, since, thread_ts)
        uploads: list[str] = []
        if found is None:
            # The ids go into the message: who finds it knows which files belong to it.
            uploads = [upload_file(self._reader, each) for each in files]
            if uploads and not is_first:
                # That took its time, in which an overlapping attempt may have posted.
                found = self._find(channel, dedupe_key, since, thread_ts)
        if found is None:
            noted = {**(facts or {}), **({"files": uploads} if uploads else {})}
            first_options = {**options, **({"reply_broadcast": True} if broadcast and thread_ts else {})}
            ts = self._once(channel, parts[0], dedupe_key, since, thread_ts, first_options, noted)
            found = None if is_first else self._withdraw_later(channel, ts, dedupe_key, since, thread_ts)
        if found is not None:
            ts = found.ts
            log.info("the message %s is in the channel already", ts)
        thread = thread_ts or ts
        known: set[str] = set()
        if found is not None and len(parts) > 1:
            known = {
                str(each.facts.get("dedupe_key")) for each in self._search(channel, since, thread) if self._is_own(each)
            }
        for number, part in enumerate(parts[1:], 2):
            key = f"{_PART}{number}:{name}"
            if key not in known:
                sent = self._once(channel, part, key, since, thread, options, {})
                if not is_first:
                    self._withdraw_later(channel, sent, key, since, thread)
        if not files:
            shown = []
        elif found is None:
            shown = share_files(self._reader, _titled(uploads, files), channel, thread, fresh=True)
        else:
            shown = self._share_again(channel, thread, files, [str(each) for each in found.facts.get("files") or ()])
        return Posted(channel, ts, self.permalink(channel, ts), thread_ts, tuple(shown), new=found is None)

    def put(
        self,
        channel: str,
        part: Part,
        *,
        key: str,
        remembered_ts: str | None = None,
        thread_ts: str | None = None,
        since: datetime | None = None,
        options: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Posted:
        """Change the one message of a key; post it when there is none yet.

        :param channel: id
        :param part: what it shall say from now on
        :param key: names the message in the channel
        :param remembered_ts: where it was last; it is looked at, and looked for when it is not there
        :param thread_ts: id of the message that it answers
        :param since: how far back to look for it; by default :data:`KEY_LIFETIME`
        :param options: further arguments of ``chat.postMessage``
        :param facts: what else the metadata shall have
        :raises TooLarge: the text is longer than a changed message may be
        :raises WorkplaceError: it could be neither changed nor posted
        """
        size = len(escape(part.text).encode())
        if size > LONGEST_CHANGE:
            raise TooLarge(
                f"the text has {size} bytes; a message that is changed later has up to {LONGEST_CHANGE}",
                system=SYSTEM,
                advice="make it shorter, or post it without a key",
            )
        since = since or datetime.now(UTC) - KEY_LIFETIME
        dedupe_key = _STATUS + key
        passed_over: set[str] = set()
        found = self._at(channel, remembered_ts, thread_ts, dedupe_key) if remembered_ts else None
        while found := found or self._find(channel, dedupe_key, since, thread_ts, passed_over):
            try:
                self._change(channel, found.ts, part, dedupe_key, facts or {})
            except WorkplaceError as error:
                if error.code not in _UNCHANGEABLE:
                    raise
                log.warning("the message %s cannot be changed (%s); another one takes its place", found.ts, error.code)
                passed_over.add(found.ts)
                found = None
            else:
                return Posted(channel, found.ts, self.permalink(channel, found.ts), thread_ts, updated=True, new=False)
        ts = self._once(channel, part, dedupe_key, since, thread_ts, options or {}, facts or {}, passed_over)
        if earlier := self._withdraw_later(channel, ts, dedupe_key, since, thread_ts, passed_over):
            self._change(channel, earlier.ts, part, dedupe_key, facts or {})
            return Posted(channel, earlier.ts, self.permalink(channel, earlier.ts), thread_ts, updated=True, new=False)
        return Posted(channel, ts, self.permalink(channel, ts), thread_ts)

    def permalink(self, channel: str, ts: str) -> str:
        """The address that opens a message."""
        return str(self._reader.get("chat.getPermalink", "permalink", str, {"channel": channel, "message_ts": ts}))

    def marked(self, channel: str, since: datetime, thread_ts: str | None = None) -> Iterator[MarkedMessage]:
        """The app's own messages of this module in a channel or thread, the newest of a channel first."""
        return (each for each in self._search(channel, since, thread_ts) if each.facts and self._is_own(each))

    def change(self, channel: str, message: MarkedMessage, facts: Mapping[str, Any]) -> None:
        """Note other facts in a message, which looks as before."""
        # Previews of links come as attachments, too; Slack keeps them by itself.
        own = tuple(each for each in message.attachments or () if not each.get("from_url"))
        part = Part(message.text or "", tuple(message.blocks or ()), own)
        self._change(channel, message.ts, part, str(message.facts.get("dedupe_key")), facts)

    def delete(self, channel: str, ts: str) -> None:
        """Take a message back; one that is gone already is no error."""
        try:
            self._reader.submit("chat.delete", Envelope, {"channel": channel, "ts": ts}, idempotent=True)
        except NotFound as error:
            if error.code != "message_not_found":
                raise

    def _once(
        self,
        channel: str,
        part: Part,
        dedupe_key: str,
        since: datetime,
        thread_ts: str | None,
        options: Mapping[str, Any],
        facts: Mapping[str, Any],
        passed_over: Collection[str] = (),
    ) -> str:
        """Post what is known not to be there; after a lost answer, look before posting again.

        :return: its ts
        """
        arguments = {
            "channel": channel,
            "thread_ts": thread_ts,
            **self._redact(part.arguments()),
            **options,
            "metadata": _metadata(dedupe_key, facts),
        }
        attempt = 0
        while True:
            attempt += 1
            try:
                return str(self._reader.submit("chat.postMessage", _Posted, arguments).ts)
            except WorkplaceError as error:
                # Too many requests, or no connection at all: nothing was posted, and waiting was tried already.
                if not error.retryable or isinstance(error, RateLimited):
                    raise
                failure = error
            log.warning("the answer got lost (%s); looking whether the message is there", failure)
            self._reader.pause(min(failure.retry_after or 0.5 * 2**attempt, self._reader.settings.max_wait))
            if found := self._find(channel, dedupe_key, since, thread_ts, passed_over):
                return found.ts
            if attempt == ATTEMPTS:
                raise failure

    def _withdraw_later(
        self,
        channel: str,
        ts: str,
        dedupe_key: str,
        since: datetime,
        thread_ts: str | None,
        passed_over: Collection[str] = (),
    ) -> MarkedMessage | None:
        """Look after a post whether an overlapping attempt posted the same before, and delete our message then.

        :return: the earlier message, which stays
        """
        same = self._matching(channel, dedupe_key, since, thread_ts, passed_over)
        first = min(same, key=lambda message: ts_microseconds(message.ts), default=None)
        if first is None or ts_microseconds(first.ts) >= ts_microseconds(ts):
            return None
        log.warning("an overlapping attempt posted %s before; deleting %s", first.ts, ts)
        self.delete(channel, ts)
        return first

    def _change(self, channel: str, ts: str, part: Part, dedupe_key: str, facts: Mapping[str, Any]) -> None:
        self._reader.submit(
            "chat.update",
            Envelope,
            # Without blocks and attachments, those that were there would stay.
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

    def _share_again(self, channel: str, thread_ts: str, files: Sequence[Upload], ids: Sequence[str]) -> list[FileInfo]:
        """Share what an earlier attempt uploaded and may have shared; upload what Slack has not kept, or never had."""
        if len(ids) == len(files):
            try:
                return share_files(self._reader, _titled(ids, files), channel, thread_ts, fresh=False)
            except NotFound as error:
                if error.code != "file_not_found":
                    raise
                log.warning("Slack has not kept what was uploaded before; the files are uploaded again")
        thread = [each for each in self._search(channel, _EPOCH, thread_ts) if self._is_own(each)]
        there = {_composed(file.name or ""): file for message in thread for file in message.files or ()}
        missing = [each for each in files if _composed(each.name) not in there]
        again = [upload_file(self._reader, each) for each in missing]
        shared = iter(share_files(self._reader, _titled(again, missing), channel, thread_ts, fresh=True))
        return [there.get(_composed(each.name)) or next(shared) for each in files]

    def _find(
        self,
        channel: str,
        dedupe_key: str,
        since: datetime,
        thread_ts: str | None,
        passed_over: Collection[str] = (),
    ) -> MarkedMessage | None:
        return next(self._matching(channel, dedupe_key, since, thread_ts, passed_over), None)

    def _matching(
        self, channel: str, dedupe_key: str, since: datetime, thread_ts: str | None, passed_over: Collection[str]
    ) -> Iterator[MarkedMessage]:
        """Return the app's own messages of a key, the newest of a channel first."""
        for message in self._search(channel, since, thread_ts):
            if message.facts.get("dedupe_key") != dedupe_key or message.ts in passed_over:
                continue
            if self._is_own(message):
                yield message
            else:
                log.info("the message %s has our key, but another app or person wrote it", message.ts)

    def _is_own(self, message: MarkedMessage) -> bool:
        """Whether the token's own app wrote a message.

        A bot is one app's, so its id names the app and the author; the token of a person has a user only.
        """
        me = self._me
        if me.bot_id:
            return message.bot_id == me.bot_id
        return bool(me.user_id) and message.user == me.user_id

    @cached_property
    def _me(self) -> TokenOwner:
        return self._reader.token_owner()

    def _at(self, channel: str, ts: str, thread_ts: str | None, dedupe_key: str) -> MarkedMessage | None:
        """The message of a ts, when it is the one that is meant."""
        try:
            page = next(self._pages(channel, thread_ts or ts, ts, ts, page_size=2))
        except NotFound as error:
            if error.code != "thread_not_found":
                raise
            return None
        return next(
            (each for each in page if each.ts == ts and each.facts.get("dedupe_key") == dedupe_key and self._is_own(each)),
            None,
        )

    def _search(self, channel: str, since: datetime, thread_ts: str | None) -> Iterator[MarkedMessage]:
        oldest = slack_ts(max(0, int((since - _SKEW).timestamp() * 1_000_000)))
        count = 0
        for page in self._pages(channel, thread_ts, oldest, _END_OF_TIME):
            # How many messages a page has depends on the app's plan, so they are counted, and not the pages.
            if count >= MOST_MESSAGES:
                log.warning(
                    "looked only through %d messages of %s since %s, and there are more: an earlier post may be among them,"
                    " so this one may be there twice",
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
            raise _cannot_look(error) from error


def _metadata(dedupe_key: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {**facts, "dedupe_key": dedupe_key}}


def _titled(ids: Sequence[str], files: Sequence[Upload]) -> list[tuple[str, str]]:
    return [(id_, each.title or each.name) for id_, each in zip(ids, files, strict=True)]


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _cannot_look(error: Forbidden) -> Forbidden:
    """The error, with why posting needs to read."""
    if error.code != "missing_scope":
        return error
    return Forbidden(
        error.message,
        system=error.system,
        method=error.method,
        url=error.url,
        status=error.status,
        code=error.code,
        advice="posting once needs to look for the message: add metadata.message:read and the history scope of the channel",
    )
