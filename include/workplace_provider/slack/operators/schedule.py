"""Operators that schedule messages, and cancel them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypedDict

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common import fields
from workplace_provider.common.arguments import none_if_blank
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.outgoing import redact_outgoing
from workplace_provider.slack.operators.base import SlackMessageOperator, run_start

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.fields import Field
    from workplace_provider.slack.client import MessagePart
    from workplace_provider.slack.client.scheduled import ScheduledPost

STATE_KEY: Final = "slack_scheduled"


class SlackScheduleResult(TypedDict):
    """The output of a task that schedules a message.

    ``scheduled_message_id`` is empty if the message was found in the channel. ``post_at`` is in ISO 8601.
    """

    channel: str
    scheduled_message_id: str
    post_at: str
    is_posted: bool


def _parse_time(value: Any, where: str) -> datetime:
    """Parse a time: a datetime, ISO 8601, or seconds since 1970. It may have no time zone yet."""
    if isinstance(value, datetime):
        return value
    text = none_if_blank(value)
    try:
        if isinstance(text, int | float) or str(text).replace(".", "", 1).isdecimal():
            return datetime.fromtimestamp(float(str(text)), UTC)
        return datetime.fromisoformat(str(text))
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{where} is {value!r}; it must be a time such as 2026-12-24T09:00:00+09:00, or seconds since 1970"
        ) from None


class SlackScheduleOperator(SlackMessageOperator):
    """Schedule a message, which Slack posts later, even if Airflow is down: exactly one per run of the task.

    ::

        reminder = SlackScheduleOperator(
            task_id="remind", channel="#weekly-report", text="Numbers until noon, please",
            post_at="{{ data_interval_end.add(days=1).replace(hour=9) }}",
        )
        SlackCancelScheduledOperator(task_id="cancel", scheduled=reminder.output)

    A retried or cleared task finds its message in Slack's list of scheduled messages, by its id, or by its time and text. If
    its text or time has changed, the old message is deleted first. A message that Slack has posted is not scheduled again.

    A scheduled message is one part of up to 4,000 characters or 50 blocks, has no files, and posts under the app's own name.
    With blocks, it needs a text too. The token needs ``chat:write``; the app must be a member of the channel. Slack allows
    30 messages for a channel in five minutes, up to 120 days ahead.

    :param channel: id, or name with or without ``#``; for a direct message the person's id, ``@name`` (display name or
        handle) or e-mail address
    :param post_at: time: ISO 8601, a datetime, or seconds since 1970. Without an offset, it is in the DAG's time zone
    :param if_past: ``skip`` skips the task if the time has passed, as in a backfill; ``fail`` lets it fail
    :param text: text in Slack's mrkdwn; with blocks, the text of the notification
    :param blocks: Block Kit blocks: dicts, models of ``slack_sdk``, or JSON
    :param attachments: legacy attachments: dicts, or JSON
    :param attachment_style: ``keep`` sends attachments unchanged; ``convert`` replaces their content by blocks
    :param rows: rows below the text, as a table: what :func:`~workplace_provider.common.rows.read_rows` reads
    :param row_limit: maximum number of rows in the table; a last line has the number of the others
    :param row_style: ``text`` shows the rows in a code block; ``block`` as Slack's table block, if they fit into one
    :param thread_ts: message to reply to: ``thread_ts`` of a post's output, or the ``ts`` of any message
    :param reply_broadcast: send a reply to the channel too
    :param unfurl_links: show previews of links; by default Slack decides
    :param unfurl_media: show previews of images and videos; by default Slack decides
    :param enabled: ``False`` skips the task, so that a Param can turn it off
    :param dry_run: log the message without scheduling it
    :param slack_conn_id: connection of type ``slack`` with the app's token as its password
    """

    channel: Field[str] = fields.text()
    post_at: Field[datetime] = fields.template(parse=_parse_time)
    if_past: Field[str] = fields.choice("skip", "fail", default="skip")

    def execute(self, context: Context) -> SlackScheduleResult | None:
        """Schedule the message.

        :return: the scheduled message; ``None`` after a dry run
        :raises AirflowFailException: a permanent error
        :raises AirflowSkipException: the task is not enabled, or the time has passed
        """
        with fail_on_permanent_error("Slack"):
            self.parse_fields()
            if not self.enabled:
                raise AirflowSkipException("not enabled")
            post_at = self.post_at
            if post_at.tzinfo is None:
                post_at = post_at.replace(tzinfo=context["dag"].timezone)
            part = self._part()
            if self.is_dry_run:
                self.log_dry_run(f"{self.channel} at {post_at.isoformat()}", [part])
                return None
            post = self._schedule(context, post_at, part)
        self.log.info(
            "%s for %s: %s",
            "posted already" if post.is_posted else "scheduled" if post.is_new else "already scheduled",
            post.post_at.isoformat(),
            post.id or "found in the channel",
        )
        return {
            "channel": post.channel,
            "scheduled_message_id": post.id,
            "post_at": post.post_at.isoformat(),
            "is_posted": post.is_posted,
        }

    def _part(self) -> MessagePart:
        part, *others = self.message_parts()
        if others:
            raise ValueError("the message is too long to be scheduled; it may have 4,000 characters, or 50 blocks")
        if not part.text.strip():
            raise ValueError("text is missing; a scheduled message needs one, also with blocks, to be recognized by a retry")
        return part

    def _schedule(self, context: Context, post_at: datetime, part: MessagePart) -> ScheduledPost:
        from workplace_provider.http.errors import Invalid
        from workplace_provider.slack.client.scheduled import MessageScheduler
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        state = context["task_state_store"]
        options = {
            "thread_ts": self.thread_ts,
            **({"reply_broadcast": True} if self.reply_broadcast and self.thread_ts else {}),
            **self.unfurl_options(),
        }
        with closing(SlackDirectoryHook(slack_conn_id=self.slack_conn_id)) as hook:
            try:
                post = MessageScheduler(hook.reader, redact_outgoing).schedule(
                    hook.find_recipient(self.channel).id,
                    part,
                    post_at=post_at,
                    since=run_start(context),
                    earlier=_stored(state.get(STATE_KEY)),
                    options=options,
                )
            except Invalid as error:
                if error.code != "time_in_past" or self.if_past == "fail":
                    raise
                raise AirflowSkipException(f"nothing is scheduled: {error}") from error
            state.set(STATE_KEY, _as_state(post))
        return post


class SlackCancelScheduledOperator(WorkplaceOperator):
    """Delete a scheduled message before Slack posts it, such as a reminder of something that is done.

    ::

        reminder = SlackScheduleOperator(task_id="remind", channel="#general", text="…", post_at="{{ dag_run.run_after }}")
        SlackCancelScheduledOperator(task_id="cancel", scheduled=reminder.output)

    Slack keeps a message that it posts within a minute. The task is skipped if nothing was scheduled.

    :param scheduled: output of a ``SlackScheduleOperator``, or a dict with ``channel`` and ``scheduled_message_id``
    :param slack_conn_id: connection of type ``slack`` with the token of the app that scheduled the message
    """

    ui_color = "#ecf6e6"

    scheduled: Field[Mapping[str, Any] | None] = fields.template()
    slack_conn_id: Field[str] = fields.text(default="slack_api_default")

    def execute(self, context: Context) -> bool:
        """Delete the message.

        :return: ``False`` if Slack has posted it, or it was deleted before
        :raises AirflowSkipException: nothing was scheduled
        """
        from workplace_provider.slack.client.scheduled import MessageScheduler
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        scheduled = self.scheduled
        if not scheduled:
            raise AirflowSkipException("nothing was scheduled")
        with fail_on_permanent_error("Slack"), closing(SlackDirectoryHook(slack_conn_id=self.slack_conn_id)) as hook:
            if not isinstance(scheduled, Mapping) or not scheduled.get("channel"):
                raise ValueError(f"scheduled is {scheduled!r}; it must be the output of a SlackScheduleOperator")
            scheduled_id = scheduled.get("scheduled_message_id")
            is_deleted = bool(scheduled_id) and MessageScheduler(hook.reader).cancel(
                str(scheduled["channel"]), str(scheduled_id)
            )
        self.log.info("deleted" if is_deleted else "posted or deleted already")
        return is_deleted


def _as_state(post: ScheduledPost) -> dict[str, Any]:
    return {
        "channel": post.channel,
        "id": post.id,
        "post_at": post.post_at.isoformat(),
        "text": post.text,
        "content": post.content,
        "is_posted": post.is_posted,
    }


def _stored(state: Any) -> ScheduledPost | None:
    """Return the message that an earlier attempt has stored."""
    from workplace_provider.slack.client.scheduled import ScheduledPost

    if not isinstance(state, Mapping):
        return None
    try:
        post_at = datetime.fromisoformat(str(state["post_at"]))
        channel, id_, text, content = (str(state[name]) for name in ("channel", "id", "text", "content"))
        return ScheduledPost(channel, id_, post_at, text, content, is_posted=bool(state["is_posted"]))
    except (KeyError, ValueError):
        return None
