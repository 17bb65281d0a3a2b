"""Operator that posts messages to Slack."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common import fields
from workplace_provider.common.arguments import parse_int
from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.outgoing import redact_outgoing
from workplace_provider.slack.authorship import parse_icon
from workplace_provider.slack.operators.answers import AnswerSender
from workplace_provider.slack.operators.base import SlackMessageOperator, run_start

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey

    from workplace_provider.common.fields import Field
    from workplace_provider.http.errors import WorkplaceError
    from workplace_provider.slack.client import MessagePart, PostedMessage, SlackUpload
    from workplace_provider.slack.client.response_url import ResponseType
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

STATE_KEY: Final = "slack_message"
# A message may be data from other people, so it cannot choose a connection or a file.
MESSAGE_KEYS: Final = (
    "channel",
    "text",
    "blocks",
    "attachments",
    "thread_ts",
    "reply_broadcast",
    "key",
    "dedupe_key",
    "sealed_response_url",
    "visible_to",
)
# Slack's error codes for a channel without the app, and for a deleted message.
_NOT_IN_CHANNEL: Final = frozenset({"not_in_channel", "channel_not_found"})
_CANNOT_SEE: Final = frozenset({"user_not_in_channel", *_NOT_IN_CHANNEL})
_MESSAGE_DELETED: Final = frozenset({"thread_not_found", "message_not_found"})


class SlackPostResult(TypedDict):
    """The output of a task that posts a message.

    ``thread_ts`` is the id to reply to: the ``ts`` of the message, or of the message that it replies to. ``files`` have
    ``id``, ``name`` and ``permalink``. ``updated`` is true if an existing message was changed.
    """

    channel: str
    ts: str
    permalink: str
    thread_ts: str
    files: list[dict[str, Any]]
    updated: bool


class SlackMessageLink(BaseOperatorLink):
    """A button of the task in the UI that opens the message."""

    name = "Open the message"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the message's URL, which the operator stores when it runs; empty if it has not posted."""
        return str(getattr(operator, "message_url", ""))


def _parse_content(value: Any, where: str) -> str | bytes | None:
    if value is None or isinstance(value, str | bytes):
        return value
    raise ValueError(f"{where} is {type(value).__name__}; it must be text or bytes, such as {{{{ … | tojson }}}}")


def _parse_limit(value: Any, where: str) -> int | None:
    return parse_int(value, where, least=0)


class SlackPostOperator(SlackMessageOperator):
    """Post a message, exactly one per run of the task, even if the task is retried, cleared or killed.

    ::

        SlackPostOperator(task_id="post", channel="#general", text="*{{ dag.dag_id }}* is done", files=image.output)

    Each message carries a dedupe key in its metadata, made of the ids of DAG, task and run and the map index. Before
    posting, the operator searches the channel for the key. So the app must be a member of the channel, and its token
    needs ``chat:write``, ``metadata.message:read`` and the history scope of the channel; see ``docs/slack.md``.

    A long message is split: the first part is posted in the channel, the others in its thread.

    The task is skipped if the message to reply to (``thread_ts``) was deleted. It is also skipped for an answer (a
    message with ``dedupe_key``) to the id of a channel of which the app is not a member; with ``sealed_response_url``,
    the answer is sent there instead, visible only to the person who typed the slash command.

    To post messages that another task returns, map over ``message``. Their content is not a template::

        SlackPostOperator.partial(task_id="post", channel="#general").expand(message=questions.output)

    :param channel: id, or name with or without ``#``; for a direct message the person's id, ``@name`` (display name or
        handle) or e-mail address; optional if ``message`` has one
    :param text: text in Slack's mrkdwn; with blocks, the text of the notification
    :param blocks: Block Kit blocks: dicts, models of ``slack_sdk``, or JSON
    :param attachments: legacy attachments with pretext, title, fields, color and so on: dicts, or JSON
    :param attachment_style: ``keep`` sends attachments unchanged; ``convert`` replaces their content by blocks
    :param thread_ts: message to reply to: ``thread_ts`` of another post's output, or the ``ts`` of any message
    :param reply_broadcast: send a reply to the channel too
    :param files: artifacts, a manifest, paths, or a list or name-to-file dict of these. They are shared in the message's
        thread, and checked until they appear
    :param file_limit: maximum number of files, so that a batch does not flood a channel: the first files are shared, and the
        log names the others; ``None`` for no limit
    :param content: text or bytes that are shared as a file too, without writing one. Secrets in a text are masked as in logs
    :param content_name: file name of ``content``, ``content.txt`` by default. Its ending decides how Slack shows the file
    :param content_type: snippet type of ``content``, such as ``sql`` or ``python``, to show up to 1 MB with its syntax
    :param rows: rows below the text, as a table: what :func:`~workplace_provider.common.rows.read_rows` reads, such as the
        output of a SQL operator or a CSV file. With blocks, the table is a further block
    :param row_limit: maximum number of rows in the table; a last line has the number of the others
    :param row_style: ``text`` shows the rows in a code block; ``block`` as Slack's table block, or as ``text`` if they do
        not fit into one, or a block is a table already
    :param username: name of the sender instead of the app's, with the scope ``chat:write.customize``; without it, the log
        has a warning
    :param icon: icon of the sender: an emoji such as ``:memo:``, or an https URL of a picture; also with that scope
    :param key: key of a message that every run updates instead of posting another one, for a status that is kept up to
        date. The message is found for 30 days after it was posted; its text has up to 4,000 bytes
    :param dedupe_key: key of one message over several runs, such as the answer to a question that two runs receive. The
        search goes back to the message that is answered, or else to the start of the run
    :param sealed_response_url: sealed response URL of a slash command's event, for channels of which the app is not a
        member, and for ``visible_to``
    :param response_type: who sees an answer through that URL: ``ephemeral`` the person who typed the command, ``in_channel``
        everyone in the channel
    :param visible_to: person who alone sees the message: id, ``@name`` or e-mail address. It goes through
        ``sealed_response_url`` if there is one, and to the channel otherwise, which must have the person and the app as
        members. Slack does not keep such a message, so a retry after a success shows nothing, and there is no output
    :param message: message as a dict with any of ``channel``, ``text``, ``blocks``, ``attachments``, ``thread_ts``,
        ``reply_broadcast``, ``key``, ``dedupe_key``, ``sealed_response_url`` and ``visible_to``; its values override the
        parameters
    :param as_user: ignored with a warning; only Slack's classic apps had it
    :param unfurl_links: show previews of links; by default Slack decides
    :param unfurl_media: show previews of images and videos; by default Slack decides
    :param enabled: ``False`` skips the task, so that a Param can turn it off
    :param dry_run: log the message without sending it
    :param slack_conn_id: connection of type ``slack`` with the app's token as its password
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True}
    operator_extra_links = (SlackMessageLink(),)
    channel: Field[str | None] = fields.optional_text(default=None)
    files: Field[Any] = fields.template(default=None)
    file_limit: Field[int | None] = fields.template(default=20, parse=_parse_limit)
    content: Field[str | bytes | None] = fields.template(default=None, parse=_parse_content)
    content_name: Field[str | None] = fields.optional_text(default=None)
    content_type: Field[str | None] = fields.optional_text(default=None)
    username: Field[str | None] = fields.optional_text(default=None)
    icon: Field[dict[str, str]] = fields.template(default=None, parse=parse_icon)
    key: Field[str | None] = fields.optional_text(default=None)
    dedupe_key: Field[str | None] = fields.optional_text(default=None)
    sealed_response_url: Field[str | None] = fields.optional_text(default=None)
    response_type: Field[ResponseType] = fields.choice("ephemeral", "in_channel", default="ephemeral")
    visible_to: Field[str | None] = fields.optional_text(default=None)
    message: Field[Mapping[str, Any] | None] = fields.template(default=None)
    as_user: Field[Any] = fields.optional_text(default=None)

    def __post_init__(self) -> None:
        if self.channel is None and self.message is None:
            raise TypeError("missing keyword argument 'channel' or 'message'")
        self.message_url = ""

    def execute(self, context: Context) -> SlackPostResult | None:
        """Post the message.

        :return: the message; ``None`` after a dry run, and for an answer that only one person can see
        :raises AirflowFailException: a permanent error
        :raises AirflowSkipException: the task is not enabled, or the message to reply to was deleted
        """
        with fail_on_permanent_error("Slack"):
            self._apply_message()
            self.parse_fields()
            if not self.enabled:
                raise AirflowSkipException("not enabled")
            if self.channel is None:
                raise ValueError("no channel; pass the parameter channel, or a message with one")
            if self.as_user is not None:
                self.log.warning("as_user is ignored: only Slack's classic apps had it; the app posts as itself")
            files = self._uploads()
            parts = self._parts(files)
            if self.is_dry_run:
                self.log_dry_run(self.channel, parts)
                self.log.info("files: %s", ", ".join(file.name for file in files) or "none")
                return None
            if self.visible_to is not None:
                self._show(context, self.channel, self.visible_to, parts)
                return None
            return self._post(context, self.channel, parts, files)

    def check_fields(self) -> None:
        """Check that a message for one person has nothing that Slack does not offer for it."""
        if self.visible_to is None:
            return
        for name in ("key", "files", "content", "reply_broadcast"):
            if getattr(self, name):
                raise ValueError(f"{name} and visible_to exclude each other; omit {name}, or send a direct message instead")

    def _apply_message(self) -> None:
        """Override the parameters with the values of ``message``."""
        message = self.message or {}
        if not isinstance(message, Mapping):
            raise ValueError(f"message is {message!r}; it must be a dict with any of the keys {', '.join(MESSAGE_KEYS)}")
        if unknown := sorted(set(message).difference(MESSAGE_KEYS)):
            raise ValueError(f"message has the unknown key {unknown[0]!r}; it may have {', '.join(MESSAGE_KEYS)}")
        for name, value in message.items():
            setattr(self, name, value)

    def _post(
        self, context: Context, channel: str, parts: Sequence[MessagePart], files: Sequence[SlackUpload]
    ) -> SlackPostResult | None:
        from workplace_provider.http.errors import WorkplaceError
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        state = context["task_state_store"]
        with closing(SlackDirectoryHook(slack_conn_id=self.slack_conn_id)) as hook:
            try:
                posted = self._send_table(hook, hook.find_recipient(channel).id, parts, files, context)
            except WorkplaceError as error:
                self._answer_elsewhere(hook, context, channel, error, parts, files)
                return None
            state.set(STATE_KEY, {"channel": posted.channel, "ts": posted.ts, "key": self.key})
        self.message_url = posted.permalink
        self.log.info(
            "%s: %s", "updated" if posted.updated else "posted" if posted.new else "already posted", posted.permalink
        )
        return {
            "channel": posted.channel,
            "ts": posted.ts,
            "permalink": posted.permalink,
            "thread_ts": posted.thread_ts or posted.ts,
            "files": [{"id": file.id, "name": file.name, "permalink": file.permalink} for file in posted.files],
            "updated": posted.updated,
        }

    def _answer_elsewhere(
        self,
        hook: SlackDirectoryHook,
        context: Context,
        channel: str,
        error: WorkplaceError,
        parts: Sequence[MessagePart],
        files: Sequence[SlackUpload],
    ) -> None:
        """Send the answer to a slash command to its response URL if the app is not a member of the channel.

        :raises AirflowSkipException: the message to reply to was deleted, or there is no response URL
        :raises WorkplaceError: any other error is raised again
        """
        if error.code in _MESSAGE_DELETED and self.thread_ts is not None:
            raise AirflowSkipException(f"the message to reply to was deleted: {error}") from error
        if error.code not in _NOT_IN_CHANNEL or not self._is_answer(channel):
            raise error
        sender = AnswerSender(hook, context["task_state_store"], parts)
        if not sender.respond(self.sealed_response_url, self.response_type):
            raise AirflowSkipException(f"no way to answer: the app is not in the channel: {error}") from error
        self.log.info("the app is not in the channel; the answer was sent through the response URL of the command")
        if files:
            self.log.warning("files not shared, since the app is not in the channel: %s", ", ".join(f.name for f in files))

    def _is_answer(self, channel: str) -> bool:
        """Return whether the message answers an event, so that the channel and the person are not those of the DAG's author.

        A channel's id comes from an event. A name was written by the author, so a wrong one must fail the task.
        """
        from workplace_provider.slack.client.names import is_channel_id

        return self.dedupe_key is not None and is_channel_id(channel)

    def _show(self, context: Context, channel: str, person: str, parts: Sequence[MessagePart]) -> None:
        """Show the message to one person.

        :raises AirflowSkipException: an answer cannot be shown, since the person or the app is not in the channel
        """
        from workplace_provider.http.errors import WorkplaceError
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        is_answer = self._is_answer(channel)
        with closing(SlackDirectoryHook(slack_conn_id=self.slack_conn_id)) as hook:
            sender = AnswerSender(hook, context["task_state_store"], parts)
            if sender.respond(self.sealed_response_url, self.response_type):
                return
            user = hook.find_member_id(person)
            where = channel if is_answer else hook.find_recipient(channel).id
            try:
                sender.show(where, user, thread_ts=self.thread_ts, options=self._authorship())
            except WorkplaceError as error:
                if error.code in _CANNOT_SEE and is_answer:
                    raise AirflowSkipException(f"no way to answer: {error}") from error
                raise

    def _authorship(self) -> dict[str, str]:
        """Return the arguments of Slack's methods for the sender's name and icon."""
        name = redact_outgoing(self.username) if self.username else None
        return {**({"username": name} if name else {}), **self.icon}

    def _send_table(
        self,
        hook: SlackDirectoryHook,
        channel: str,
        parts: Sequence[MessagePart],
        files: Sequence[SlackUpload],
        context: Context,
    ) -> PostedMessage:
        """Send the message, with the rows as text if Slack refuses the table block."""
        from workplace_provider.http.errors import WorkplaceError
        from workplace_provider.slack.client.table_block import REFUSALS

        try:
            return self._send(hook, channel, parts, files, context)
        except WorkplaceError as error:
            if self.rows is None or self.row_style != "block" or error.code not in REFUSALS:
                raise
            self.log.warning("Slack refused the message with a table block; the rows are sent as text: %s", error)
        return self._send(hook, channel, self._parts(files, row_style="text"), files, context)

    def _send(
        self,
        hook: SlackDirectoryHook,
        channel: str,
        parts: Sequence[MessagePart],
        files: Sequence[SlackUpload],
        context: Context,
    ) -> PostedMessage:
        options = {**self.unfurl_options(), **self._authorship()}
        if self.key is not None:
            if len(parts) > 1 or files:
                raise ValueError("a message with a key cannot be split or have files; shorten the text, or omit the key")
            stored: Any = context["task_state_store"].get(STATE_KEY)
            is_stored = isinstance(stored, Mapping) and (stored.get("key"), stored.get("channel")) == (self.key, channel)
            return hook.poster.upsert(
                channel,
                parts[0],
                key=self.key,
                remembered_ts=str(stored["ts"]) if is_stored else None,
                thread_ts=self.thread_ts,
                options=options,
            )
        return hook.poster.post(
            channel,
            parts,
            dedupe_key=f"own:{self.dedupe_key}" if self.dedupe_key else f"run:{dedupe_key(context, self.task_id)}",
            since=self._since(context),
            thread_ts=self.thread_ts,
            broadcast=self.reply_broadcast,
            files=files,
            options=options,
        )

    def _since(self, context: Context) -> datetime:
        """Return the earliest time at which the message can have been posted."""
        start = run_start(context)
        if self.dedupe_key is None or self.thread_ts is None:
            return start
        try:
            return min(start, datetime.fromtimestamp(float(self.thread_ts), UTC))
        except (ValueError, OverflowError):
            raise ValueError(
                f"thread_ts is {self.thread_ts!r}; it must be the id of a message, such as 1764291600.000100"
            ) from None

    def _uploads(self) -> list[SlackUpload]:
        """Return the content and the files to share, at most ``file_limit``."""
        from workplace_provider.slack.client import SlackUpload

        files = [SlackUpload(file.name, file.open) for file in as_artifacts(self.files)]
        if (content := self._content()) is not None:
            files.insert(0, content)
        limit = self.file_limit
        if limit is not None and len(files) > limit:
            self.log.info("not shared, since file_limit is %d: %s", limit, ", ".join(file.name for file in files[limit:]))
        return files[:limit]

    def _content(self) -> SlackUpload | None:
        """Return ``content`` as a file.

        :raises ValueError: it is empty, or missing although it has a name or type
        """
        from workplace_provider.slack.client import SlackUpload

        if self.content is None:
            if self.content_name is not None or self.content_type is not None:
                raise ValueError("content is missing; pass it, or omit content_name and content_type")
            return None
        text = redact_outgoing(self.content) if isinstance(self.content, str) else self.content
        data = text.encode() if isinstance(text, str) else text
        if not data:
            raise ValueError("content is empty; Slack rejects empty files, so pass None to share no file")
        return SlackUpload(
            self.content_name or "content.txt", lambda: io.BytesIO(data), snippet_type=self.content_type or ""
        )

    def _parts(self, files: Sequence[SlackUpload], *, row_style: str | None = None) -> list[MessagePart]:
        from workplace_provider.common.mrkdwn import escape

        # A file needs a message, since only that can have a key.
        return self.message_parts("\n".join(escape(file.name) for file in files), row_style=row_style)


def dedupe_key(context: Context, task_id: str) -> str:
    """Return a key that is the same for all attempts of a task instance, and for no other one."""
    index = getattr(context.get("ti"), "map_index", -1)
    return json.dumps([context["dag"].dag_id, task_id, context["run_id"], index], ensure_ascii=False)
