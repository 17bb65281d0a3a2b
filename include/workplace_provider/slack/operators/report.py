"""Operator that reads the messages of Slack channels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common import fields
from workplace_provider.common.arguments import none_if_blank
from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.artifacts import STORAGE
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.report_date import report_window
from workplace_provider.confluence.pages.values import escape_text
from workplace_provider.slack.operators.threads import ThreadFilter, ThreadWriter, image_name

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.artifact_store import ArtifactSink
    from workplace_provider.common.fields import Field
    from workplace_provider.slack.client import Channel, SharedFile, Thread
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

JSON_LINES = "application/jsonl"


class SlackChannelReportOperator(WorkplaceOperator):
    """Read the messages of channels in a time span, with their threads, into two files.

    ::

        SlackChannelReportOperator(task_id="messages", channels=["#analytics"], days=7, reaction="white_check_mark")

    One file has a line of JSON per message. The other has the threads in Confluence's storage format: a quote with author,
    time, a link to the message and its files, and the replies collapsed. A reply within the span to an older message is
    included, together with that message. Messages about joins and similar changes are omitted.

    The span is the ``days`` whole days before the run's report date, see
    :func:`~workplace_provider.common.report_date.report_window`, so a backfilled week reads its own messages.

    :param channels: ids or names of channels: a list, or a text with commas
    :param days: number of whole days before the report date; ``None`` for the run's data interval
    :param oldest: start of the span, instead of ``days``: a date or time, in ``timezone`` unless it has a zone
    :param latest: end of the span, exclusive; instead of ``days``
    :param timezone: time zone of the days and of the times on the page; by default the DAG's
    :param reply_lookback_days: a reply within the span is found if its thread began at most this many days before the span
    :param reaction: only threads with a message that has one of these emoji
    :param text: only threads with a message that matches this regular expression, ignoring case
    :param author: only threads with a message of one of these people or bots; ids or names
    :param min_replies: only threads with at least this many replies. If several of ``reaction``, ``text`` and ``author`` are
        set, the same message must match all of them
    :param limit: maximum threads per channel, the newest ones; ``None`` for all. The result has the number of omitted
        threads
    :param files: ``links`` shows links to the files of messages; ``download`` also downloads images and shows them on the
        page, to which they must then be attached
    :param file_name: name of the files, without extension
    :param replies_title: title of the collapsed replies, with ``{count}``
    :param empty_text: text of the page if there are no messages
    :param max_minutes: maximum duration; the task fails immediately if Slack's rate limit would make it take longer
    :param calls_per_minute: rate limit of the app, if it is low; 1 for an app distributed outside Slack's Marketplace
    :param enabled: ``False`` skips the task, so that a Param can turn it off
    :param output_path: folder or object-storage URL for the files; by default the provider's ``artifacts_path``
    :param output_conn_id: Airflow connection for the object store
    :param slack_conn_id: connection of type ``slack`` with the app's token as its password
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True}
    ui_color = "#ecf6e6"

    channels: Field[Sequence[str]] = fields.names(default=fields.REQUIRED)
    days: Field[float | None] = fields.number(default=7)
    oldest: Field[Any] = fields.template(default=None)
    latest: Field[Any] = fields.template(default=None)
    timezone: Field[str | None] = fields.optional_text(default=None)
    reply_lookback_days: Field[float | None] = fields.number(default=14)
    reaction: Field[Sequence[str]] = fields.names(default=())
    text: Field[str | None] = fields.optional_text(default=None)
    author: Field[Sequence[str]] = fields.names(default=())
    min_replies: Field[int] = fields.integer(default=0)
    limit: Field[float | None] = fields.number(default=None)
    files: Field[str] = fields.choice("links", "download", default="links")
    file_name: Field[str] = fields.text(default="slack")
    replies_title: Field[str] = fields.text(default="{count} replies")
    empty_text: Field[str] = fields.text(default="No messages")
    max_minutes: Field[float | None] = fields.number(default=60)
    calls_per_minute: Field[float | None] = fields.number(default=None)
    enabled: Field[bool] = fields.boolean(default=True)
    output_path: Field[str | None] = fields.optional_text(default=None)
    output_conn_id: Field[str | None] = fields.optional_text(default=None)
    slack_conn_id: Field[str] = fields.text(default="slack_api_default")

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the channels.

        :return: ``window`` with ``oldest`` and ``latest``; ``channels``, each with ``id``, ``name``, the numbers of
            ``threads`` and ``messages`` in the window and of threads ``left_out``; the total ``threads`` and
            ``messages``; and the artifacts ``lines``, ``storage`` and ``images``
        :raises AirflowFailException: a permanent error
        :raises AirflowSkipException: the task is not enabled
        """
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        with fail_on_permanent_error("Slack"):
            self.parse_fields()
            if not self.enabled:
                raise AirflowSkipException("not enabled")
            zone = self._zone(context)
            window = self._window(context, zone)
            self.log.info("messages from %s up to %s", window[0].isoformat(), window[1].isoformat())
            store = ArtifactStore(self.output_path, self.output_conn_id)
            hook = SlackDirectoryHook(slack_conn_id=self.slack_conn_id, calls_per_minute=self.calls_per_minute)
            with closing(hook):
                return self._report(hook, store, store.run_folder(context, self.task_id), window, zone)

    def _report(
        self,
        hook: SlackDirectoryHook,
        store: ArtifactStore,
        folder: str,
        window: tuple[datetime, datetime],
        zone: tzinfo,
    ) -> dict[str, Any]:
        workspace = hook.reader.token_owner().url
        channels = hook.find_channels(self.channels)
        if not channels:
            raise ValueError("channels is empty; name at least one channel")
        summaries: list[dict[str, Any]] = []
        images: list[dict[str, Any]] = []
        shown_images: dict[str, str] = {}
        with (
            store.publish(folder, f"{self.file_name}.jsonl", JSON_LINES) as lines,
            store.publish(folder, f"{self.file_name}.xhtml", STORAGE) as page,
        ):
            for channel in channels:
                self.record_input(f"{(workspace or 'https://slack.com').rstrip('/')}/archives/{channel.id}")
                writer = ThreadWriter(channel, hook.names, workspace, zone, self.replies_title, shown_images)
                threads, left_out = self._threads(hook, channel, window, writer)
                if self.files == "download":
                    images += self._download(hook, store, folder, threads, writer)
                if len(channels) > 1:
                    page.write(f"<h3>{escape_text('#' + channel.shown_name)}</h3>".encode())
                if not threads and self.empty_text:
                    page.write(f"<p>{escape_text(self.empty_text)}</p>".encode())
                messages = sum(_write(thread, writer, lines, page) for thread in threads)
                summaries.append(
                    {
                        "id": channel.id,
                        "name": channel.shown_name,
                        "threads": len(threads),
                        "messages": messages,
                        "left_out": left_out,
                    }
                )
        return {
            "window": {"oldest": window[0].isoformat(), "latest": window[1].isoformat()},
            "channels": summaries,
            "threads": sum(summary["threads"] for summary in summaries),
            "messages": sum(summary["messages"] for summary in summaries),
            "lines": lines.artifact.as_dict(),
            "storage": page.artifact.as_dict(),
            "images": images,
        }

    def _threads(
        self,
        hook: SlackDirectoryHook,
        channel: Channel,
        window: tuple[datetime, datetime],
        writer: ThreadWriter,
    ) -> tuple[list[Thread], int]:
        """Return the threads of the report, and the number of older threads that the limit omits."""
        from workplace_provider.slack.client import ReadingBudget

        thread_filter = ThreadFilter.of(
            reaction=self.reaction, text=self.text, author=self.author, min_replies=self.min_replies
        )
        threads = list(
            hook.iter_threads(
                channel.id,
                *window,
                reply_lookback=timedelta(days=self.reply_lookback_days or 0),
                budget=ReadingBudget(channel.shown_name, self.max_minutes),
            )
        )
        writer.learn(threads)
        selected = [thread for thread in threads if thread_filter.matches(thread, writer)]
        left_out = 0 if self.limit is None else max(0, len(selected) - int(self.limit))
        self.log.info("#%s: %d threads, %d of them in the report", channel.shown_name, len(threads), len(selected))
        if left_out:
            self.log.warning(
                "#%s: the oldest %d threads are omitted: the limit is %d", channel.shown_name, left_out, self.limit
            )
        return selected[left_out:], left_out

    def _download(
        self, hook: SlackDirectoryHook, store: ArtifactStore, folder: str, threads: Sequence[Thread], writer: ThreadWriter
    ) -> Iterator[dict[str, Any]]:
        """Download the images of some threads as artifacts. Deleted and external ones remain links."""
        from workplace_provider.http.errors import Invalid, NotFound

        for file in _images(threads):
            if file.id in writer.images:
                continue
            name = image_name(file)
            try:
                with store.publish(folder, name, file.mimetype or "") as sink:
                    hook.download_file(file, sink)
            except (NotFound, Invalid) as error:
                self.log.warning("%s", error)
                continue
            writer.images[file.id] = name
            yield sink.artifact.as_dict()

    def _window(self, context: Context, zone: tzinfo) -> tuple[datetime, datetime]:
        oldest, latest = _moment(self.oldest, "oldest", zone), _moment(self.latest, "latest", zone)
        if oldest is None or latest is None:
            begin, end = report_window(context, days=None if self.days is None else int(self.days), zone=zone)
            oldest, latest = oldest or begin, latest or end
        if oldest >= latest:
            raise ValueError(f"the span ends at {latest.isoformat()}, before it begins at {oldest.isoformat()}")
        return oldest, latest

    def _zone(self, context: Context) -> tzinfo:
        if not self.timezone:
            return context["dag"].timezone
        try:
            return ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"timezone is {self.timezone!r}; it must be a time zone such as Asia/Seoul") from None


def _write(thread: Thread, writer: ThreadWriter, lines: ArtifactSink, page: ArtifactSink) -> int:
    """Write a thread into both files.

    :return: number of its messages within the window
    """
    page.write(writer.storage(thread).encode())
    messages = [(thread.root, thread.root_in_window), *((reply, True) for reply in thread.replies)]
    for message, in_window in messages:
        lines.write(json.dumps(writer.line(message, in_window=in_window), ensure_ascii=False).encode() + b"\n")
    return sum(in_window for _, in_window in messages)


def _images(threads: Sequence[Thread]) -> Iterator[SharedFile]:
    for thread in threads:
        for message in (thread.root, *thread.replies):
            yield from (file for file in message.files or () if file.is_image)


def _moment(value: Any, what: str, zone: tzinfo) -> datetime | None:
    """Parse a date or time, or the text that a template rendered from one."""
    if none_if_blank(value) is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), zone)
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(f"{what} is {value!r}; it must be a date or time, such as 2026-11-19 or 2026-11-19T09:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
