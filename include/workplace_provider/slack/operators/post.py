"""Operator that posts to Slack."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import none_if_blank, parse_bool, parse_choice, parse_int
from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.outgoing import redact_outgoing

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey

    from workplace_provider.common.artifacts import Artifact
    from workplace_provider.http.errors import WorkplaceError
    from workplace_provider.slack.client import Part, Posted
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

STATE_KEY: Final = "slack_message"
# A message may be data of other people: it chooses no connection and no file.
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
)
# Slack's words for a channel that the app is not in, and for a message that is gone.
_NOT_THERE: Final = frozenset({"not_in_channel", "channel_not_found"})
_NOTHING_TO_ANSWER: Final = frozenset({"thread_not_found", "message_not_found"})


class SlackPostResult(TypedDict):
    """A message as tasks hand it on.

    ``thread_ts`` is what to answer it with: its own ``ts``, or that of the message that it answers itself. ``files`` have
    ``id``, ``name`` and ``permalink``. ``updated`` tells whether a message that was there was changed.
    """

    channel: str
    ts: str
    permalink: str
    thread_ts: str
    files: list[dict[str, Any]]
    updated: bool


class SlackMessageLink(BaseOperatorLink):
    """Button of a task in the UI that opens the message."""

    name = "Open the message"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The message's address, which the operator stored while it ran; empty when it did not get that far."""
        return str(getattr(operator, "message_url", ""))


class SlackPostOperator(WorkplaceOperator):
    """Post a message: exactly one per run of the task, however often that is tried again, cleared or killed.

    Each message carries a key in its metadata, made of the ids of DAG, task and run and the map index. Before anything is
    posted, the operator looks for the key in the channel. For that the app must be in the channel, and its token needs
    ``chat:write``, ``metadata.message:read`` and the history scope of the channel; see ``docs/slack.md``.

    A long message becomes several: the first in the channel, the others in its thread.

    A message that answers another one (``thread_ts``) that was deleted skips the task. So does an answer, which has a
    ``dedupe_key``, to the id of a channel that the app is not in; with ``sealed_response_url`` the person who typed the
    slash command gets it there, visible only to them.

    To post messages that another task returns, map over ``message``; nothing in them is a template::

        SlackPostOperator.partial(task_id="post", channel="#general").expand(message=questions.output)

    :param channel: id, or name with or without ``#``; optional when ``message`` has one
    :param text: in Slack's mrkdwn. Beside blocks it is what notifications say
    :param blocks: Block Kit blocks: dicts, models of ``slack_sdk``, or JSON
    :param attachments: attachments as they were in 2016, with pretext, title, fields, color and so on: dicts, or JSON
    :param attachment_style: ``keep`` sends them unchanged; ``convert`` makes blocks of them, which keep the colour
    :param thread_ts: answer this message; ``thread_ts`` of another post's result, or any message's ``ts``
    :param reply_broadcast: show an answer in the channel as well
    :param files: artifacts, a manifest, paths, or a list or name-to-file dict of those; they are shared in the message's
        thread, and looked up until they are there
    :param file_limit: how many files at the most, so that no batch floods a channel: the first ones are shared, and the log
        names the others; ``None`` for any number
    :param key: one message per key and channel, which every run changes instead of posting another; for a status that is
        kept up to date. It is found for 30 days after it was posted; the text has up to 4,000 bytes
    :param dedupe_key: one message per such key and channel, instead of per run, such as for the answer to a question that
        two runs may hear of; it holds back to the message that is answered, or else to the beginning of the run
    :param sealed_response_url: that of a slash command's event, to answer where the app is not in the channel
    :param message: a message as a dict with any of ``channel``, ``text``, ``blocks``, ``attachments``, ``thread_ts``,
        ``reply_broadcast``, ``key``, ``dedupe_key`` and ``sealed_response_url``; they override the parameters of the same
        names
    :param as_user: was for apps of the classic form; it is ignored with a warning
    :param unfurl_links: show previews of links; by default as Slack does
    :param unfurl_media: show previews of pictures and videos; by default as Slack does
    :param enabled: ``False`` skips the task, so that a Param can turn it off
    :param dry_run: log the message, and send nothing
    :param slack_conn_id: connection of type ``slack`` whose password is the app's token
    """

    template_fields: Sequence[str] = (
        "slack_conn_id",
        "channel",
        "text",
        "blocks",
        "attachments",
        "attachment_style",
        "thread_ts",
        "reply_broadcast",
        "files",
        "file_limit",
        "key",
        "dedupe_key",
        "sealed_response_url",
        "message",
        "as_user",
        "unfurl_links",
        "unfurl_media",
        "enabled",
        "is_dry_run",
    )
    operator_extra_links = (SlackMessageLink(),)
    ui_color = "#ecf6e6"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"attachment_style": ("keep", "convert")}

    def __init__(
        self,
        *,
        channel: str | None = None,
        text: str | None = None,
        blocks: Any = None,
        attachments: Any = None,
        attachment_style: str = "keep",
        thread_ts: str | None = None,
        reply_broadcast: bool | str = False,
        files: Any = None,
        file_limit: int | str | None = 20,
        key: str | None = None,
        dedupe_key: str | None = None,
        sealed_response_url: str | None = None,
        message: Mapping[str, Any] | None = None,
        as_user: bool | str | None = None,
        unfurl_links: bool | str | None = None,
        unfurl_media: bool | str | None = None,
        enabled: bool | str = True,
        dry_run: bool | str = False,
        slack_conn_id: str = "slack_api_default",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        if channel is None and message is None:
            raise TypeError("missing keyword argument 'channel' or 'message'")
        self.channel = channel or ""
        self.text = text
        self.blocks = as_dicts(blocks)
        self.attachments = as_dicts(attachments)
        self.attachment_style = attachment_style
        self.thread_ts = thread_ts
        self.reply_broadcast = reply_broadcast
        self.files = files
        self.file_limit = file_limit
        self.key = key
        self.dedupe_key = dedupe_key
        self.sealed_response_url = sealed_response_url
        self.message = message
        self.as_user = as_user
        self.unfurl_links = unfurl_links
        self.unfurl_media = unfurl_media
        self.enabled = enabled
        self.is_dry_run = dry_run  # BaseOperator.dry_run is a method
        self.slack_conn_id = slack_conn_id
        self.message_url = ""

    def execute(self, context: Context) -> SlackPostResult | None:
        """Post the message.

        :return: the message; ``None`` after a dry run, and for an answer that only the person sees
        :raises AirflowFailException: when a retry cannot help
        :raises AirflowSkipException: when it is not enabled, or there is nothing left to answer
        """
        with fail_on_permanent_error():
            if not parse_bool(self.enabled, "enabled"):
                raise AirflowSkipException("not enabled")
            self._apply_message()
            if none_if_blank(self.as_user) is not None:
                self.log.warning("as_user is ignored: only apps of Slack's classic form had it; the app posts as itself")
            files = self._artifacts()
            parts = self._parts(files)
            if parse_bool(self.is_dry_run, "dry_run"):
                for part in parts:
                    self.log.info("dry run, nothing is sent to %s: %s", self.channel, part.arguments())
                self.log.info("files: %s", ", ".join(each.name for each in files) or "none")
                return None
            return self._posted(context, parts, files)

    def _apply_message(self) -> None:
        """Take over what ``message`` says."""
        message = self.message or {}
        if not isinstance(message, Mapping):
            raise ValueError(f"message is {message!r}; it must be a dict with any of the keys {', '.join(MESSAGE_KEYS)}")
        if unknown := sorted(set(message).difference(MESSAGE_KEYS)):
            raise ValueError(f"message has the key {unknown[0]!r}; it may have {', '.join(MESSAGE_KEYS)}")
        for name, value in message.items():
            setattr(self, name, value)
        if not self.channel:
            raise ValueError("there is no channel; give the parameter channel, or a message with one")

    def _posted(self, context: Context, parts: Sequence[Part], files: Sequence[Artifact]) -> SlackPostResult | None:
        from workplace_provider.http.errors import WorkplaceError
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        state = context["task_state_store"]
        with closing(SlackDirectoryHook(slack_conn_id=self.slack_conn_id)) as hook:
            try:
                (channel,) = hook.find_channels([self.channel])
                posted = self._send(hook, channel.id, parts, files, context)
            except WorkplaceError as error:
                self._answer_elsewhere(hook, error, parts, files)
                return None
            state.set(STATE_KEY, {"channel": posted.channel, "ts": posted.ts, "key": none_if_blank(self.key)})
        self.message_url = posted.permalink
        self.log.info(
            "%s: %s", "changed" if posted.updated else "posted" if posted.new else "already there", posted.permalink
        )
        return {
            "channel": posted.channel,
            "ts": posted.ts,
            "permalink": posted.permalink,
            "thread_ts": posted.thread_ts or posted.ts,
            "files": [{"id": each.id, "name": each.name, "permalink": each.permalink} for each in posted.files],
            "updated": posted.updated,
        }

    def _answer_elsewhere(
        self, hook: SlackDirectoryHook, error: WorkplaceError, parts: Sequence[Part], files: Sequence[Artifact]
    ) -> None:
        """Answer a slash command where the app is not in the channel; skip what has nothing left to answer.

        :raises WorkplaceError: it is another error
        """
        from workplace_provider.slack.client.names import is_channel_id
        from workplace_provider.slack.client.responses import respond

        if error.code in _NOTHING_TO_ANSWER and none_if_blank(self.thread_ts) is not None:
            raise AirflowSkipException(f"the message to answer was deleted: {error}") from error
        # The id of a channel comes from an event; a name was typed by the DAG's author, who must hear that it is wrong.
        is_answer = none_if_blank(self.dedupe_key) is not None and is_channel_id(self.channel)
        if error.code not in _NOT_THERE or not is_answer:
            raise error
        sealed = none_if_blank(self.sealed_response_url)
        url = hook.unseal(sealed) if sealed is not None else None
        if url is None or not respond(hook.reader, url, parts):
            raise AirflowSkipException(f"there is no way to answer, the app is not in the channel: {error}") from error
        self.log.info("the app is not in the channel; the person has the answer, visible only to them")
        if files:
            self.log.warning("not shared, as the app is not in the channel: %s", ", ".join(each.name for each in files))

    def _send(
        self, hook: SlackDirectoryHook, channel: str, parts: Sequence[Part], files: Sequence[Artifact], context: Context
    ) -> Posted:
        from workplace_provider.slack.client import Upload

        options = {
            name: parse_bool(value, name)
            for name, value in (("unfurl_links", self.unfurl_links), ("unfurl_media", self.unfurl_media))
            if none_if_blank(value) is not None
        }
        thread_ts, key = none_if_blank(self.thread_ts), none_if_blank(self.key)
        if key is not None:
            if len(parts) > 1 or files:
                raise ValueError("a message with a key is one message without files; make it shorter, or leave out the key")
            before: Any = context["task_state_store"].get(STATE_KEY)
            known = isinstance(before, Mapping) and (before.get("key"), before.get("channel")) == (key, channel)
            return hook.poster.put(
                channel,
                parts[0],
                key=key,
                remembered_ts=str(before["ts"]) if known else None,
                thread_ts=thread_ts,
                options=options,
            )
        return hook.poster.post(
            channel,
            parts,
            dedupe_key=f"own:{own}"
            if (own := none_if_blank(self.dedupe_key))
            else f"run:{dedupe_key(context, self.task_id)}",
            since=self._since(context, thread_ts),
            thread_ts=thread_ts,
            broadcast=parse_bool(self.reply_broadcast, "reply_broadcast"),
            files=[Upload(each.name, each.open) for each in files],
            options=options,
        )

    def _since(self, context: Context, thread_ts: str | None) -> datetime:
        """No earlier can the message have been posted."""
        began = run_began(context)
        if none_if_blank(self.dedupe_key) is None or thread_ts is None:
            return began
        try:
            return min(began, datetime.fromtimestamp(float(thread_ts), UTC))
        except (ValueError, OverflowError):
            raise ValueError(
                f"thread_ts is {thread_ts!r}; it must be the id of a message, such as 1764291600.000100"
            ) from None

    def _artifacts(self) -> list[Artifact]:
        files = as_artifacts(self.files)
        limit = parse_int(self.file_limit, "file_limit", least=0)
        if limit is not None and len(files) > limit:
            left_out = ", ".join(each.name for each in files[limit:])
            self.log.info("not shared, since file_limit is %d: %s", limit, left_out)
        return files[:limit]

    def _parts(self, files: Sequence[Artifact]) -> list[Part]:
        from workplace_provider.common.mrkdwn import escape
        from workplace_provider.slack.client import convert_attachments, split_message

        parse_choice(self.attachment_style, "attachment_style", self.choices["attachment_style"])
        blocks, attachments = _objects(self.blocks, "blocks"), _objects(self.attachments, "attachments")
        if self.attachment_style == "convert":
            attachments = convert_attachments(attachments)
        # Before the cut: half a secret is not recognized.
        blocks, attachments = redact_outgoing(blocks), redact_outgoing(attachments)
        text = redact_outgoing(str(none_if_blank(self.text) or ""))
        if not (text.strip() or blocks or attachments) and files:
            text = "\n".join(escape(each.name) for each in files)
        return split_message(text, blocks, attachments)


def dedupe_key(context: Context, task_id: str) -> str:
    """What is the same whenever a task of a run is tried again, and for no other."""
    index = getattr(context.get("ti"), "map_index", -1)
    return json.dumps([context["dag"].dag_id, task_id, context["run_id"], index], ensure_ascii=False)


def run_began(context: Context) -> datetime:
    """The earliest moment at which a task of a run can have done anything.

    A run that is cleared starts anew, so the moment from which it was allowed to run counts, too.
    """
    run = context.get("dag_run")
    moments = [getattr(run, name, None) for name in ("run_after", "start_date")]
    return min((each for each in moments if isinstance(each, datetime)), default=datetime.now(UTC))


def as_dicts(value: Any) -> Any:
    """Models of ``slack_sdk`` as dicts, in lists too, which templates can be rendered in."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return [as_dicts(each) for each in value] if isinstance(value, list | tuple) else value


def _objects(value: Any, what: str) -> list[dict[str, Any]]:
    """Blocks or attachments, which may have come through a template as text."""
    if isinstance(value, str):
        value = _parsed(value, what) if none_if_blank(value) is not None else None
    if isinstance(value, Mapping):
        value = value.get(what, [value])
    found = as_dicts(list(value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise ValueError(f"{what} is {value!r}; it must be a list of dicts, or of models of slack_sdk")
    return [dict(each) for each in found]


def _parsed(text: str, what: str) -> Any:
    """JSON, or a list of dicts as Jinja writes it."""
    from workplace_provider.http.body import parse_json

    for parse in (parse_json, ast.literal_eval):
        try:
            return parse(text)
        # Python's parser gives up on text that is nested too deeply with one of the last two.
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    raise ValueError(f"{what} is a text that is no JSON: {text[:80]!r}; from a template, write {{{{ … | tojson }}}}")
