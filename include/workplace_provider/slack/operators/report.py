"""Operator that reads what was said in channels of Slack."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import none_if_blank, parse_bool, parse_choice, parse_list, parse_number
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
    from workplace_provider.slack.client import Channel, Estimate, SharedFile, Thread
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

JSON_LINES = "application/jsonl"


class SlackChannelReportOperator(WorkplaceOperator):
    """Read the messages of channels in a span of time, with their threads, into files.

    One file has a line of JSON for each message, the other the threads as they go onto a page of Confluence: quoted, with
    author, time, a link to the message, its files, and the replies folded away. A reply in the span to an older message is
    there, with that message. Messages such as that somebody joined are left out.

    Which span? The ``days`` whole days before the day that the run reports on, see
    :func:`~workplace_provider.common.report_date.report_window`: a backfilled week reads its own messages.

    :param channels: ids or names of channels: a list, or a text with commas
    :param days: how many whole days before the report day; ``None`` for the run's data interval
    :param oldest: beginning of the span instead: a date or time, in ``timezone`` where it names no zone
    :param latest: end of the span instead; the span is without it
    :param timezone: zone of the days, and of the times on the page; by default the DAG's
    :param reply_lookback_days: how much older than the span a message may be for replies to it to be found
    :param reaction: only threads with one of these emoji under a message
    :param text: only threads in which this regular expression is found; case does not matter
    :param author: only threads in which one of these people or bots wrote; ids or names
    :param min_replies: only threads with so many replies at least. A message of the thread must fit all that is given
    :param limit: how many threads of a channel at the most, the newest; ``None`` for all. The result tells how many were
        left out
    :param files: ``links`` for links to the files of messages; ``download`` to download pictures as well, and show them on
        the page. They must then be attached to it
    :param file_name: name of the files, without extension
    :param replies_title: what stands where replies are folded away, with ``{count}``
    :param empty_text: what the page says when nothing was found
    :param max_minutes: fails at once when Slack's limit on the app would make the reading take longer
    :param calls_per_minute: what the app's plan allows, where that is little; 1 for an app distributed outside Slack's
        Marketplace
    :param enabled: ``False`` skips the task, so that a Param can turn it off
    :param output_path: folder or object-storage URL for the files; by default the provider's ``artifacts_path``
    :param output_conn_id: Airflow connection that opens the object store
    :param slack_conn_id: connection of type ``slack`` whose password is the app's token
    """

    template_fields: Sequence[str] = (
        "slack_conn_id",
        "channels",
        "days",
        "oldest",
        "latest",
        "timezone",
        "reply_lookback_days",
        "reaction",
        "text",
        "author",
        "min_replies",
        "limit",
        "files",
        "file_name",
        "replies_title",
        "empty_text",
        "max_minutes",
        "calls_per_minute",
        "enabled",
        "output_path",
        "output_conn_id",
    )
    ui_color = "#ecf6e6"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"files": ("links", "download")}

    def __init__(
        self,
        *,
        channels: Sequence[str] | str,
        days: int | str | None = 7,
        oldest: Any = None,
        latest: Any = None,
        timezone: str | None = None,
        reply_lookback_days: int | str = 14,
        reaction: Sequence[str] | str | None = None,
        text: str | None = None,
        author: Sequence[str] | str | None = None,
        min_replies: int | str = 0,
        limit: int | str | None = None,
        files: str = "links",
        file_name: str = "slack",
        replies_title: str = "{count} replies",
        empty_text: str = "No messages",
        max_minutes: float | str | None = 60,
        calls_per_minute: float | str | None = None,
        enabled: bool | str = True,
        output_path: str | None = None,
        output_conn_id: str | None = None,
        slack_conn_id: str = "slack_api_default",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        self.channels = channels
        self.days = days
        self.oldest = oldest
        self.latest = latest
        self.timezone = timezone
        self.reply_lookback_days = reply_lookback_days
        self.reaction = reaction
        self.text = text
        self.author = author
        self.min_replies = min_replies
        self.limit = limit
        self.files = files
        self.file_name = file_name
        self.replies_title = replies_title
        self.empty_text = empty_text
        self.max_minutes = max_minutes
        self.calls_per_minute = calls_per_minute
        self.enabled = enabled
        self.output_path = output_path
        self.output_conn_id = output_conn_id
        self.slack_conn_id = slack_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the channels.

        :return: ``window`` with ``oldest`` and ``latest``; ``channels``, each with ``id``, ``name``, and how many
            ``threads`` and ``messages`` of the window there are and how many threads were ``left_out``; ``threads`` and
            ``messages`` in all; and as artifacts ``lines``, ``storage`` and ``images``
        :raises AirflowFailException: when a retry cannot help
        :raises AirflowSkipException: when it is not enabled
        """
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        with fail_on_permanent_error():
            if not parse_bool(self.enabled, "enabled"):
                raise AirflowSkipException("not enabled")
            parse_choice(self.files, "files", self.choices["files"])
            zone = self._zone(context)
            window = self._window(context, zone)
            self.log.info("messages from %s up to %s", window[0].isoformat(), window[1].isoformat())
            store = ArtifactStore(self.output_path, self.output_conn_id)
            hook = SlackDirectoryHook(
                slack_conn_id=self.slack_conn_id, calls_per_minute=parse_number(self.calls_per_minute, "calls_per_minute")
            )
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
        channels = hook.find_channels(parse_list(self.channels))
        if not channels:
            raise ValueError("give at least one channel")
        summaries: list[dict[str, Any]] = []
        images: list[dict[str, Any]] = []
        shown: dict[str, str] = {}
        with (
            store.publish(folder, f"{self.file_name}.jsonl", JSON_LINES) as lines,
            store.publish(folder, f"{self.file_name}.xhtml", STORAGE) as page,
        ):
            for channel in channels:
                writer = ThreadWriter(channel, hook.names, workspace, zone, self.replies_title, shown)
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
            "threads": sum(each["threads"] for each in summaries),
            "messages": sum(each["messages"] for each in summaries),
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
        """The threads that go into the report, and how many more there would have been."""
        wanted = ThreadFilter.of(reaction=self.reaction, text=self.text, author=self.author, min_replies=self.min_replies)
        limit = parse_number(self.limit, "limit")
        found = list(
            hook.iter_threads(
                channel.id,
                *window,
                reply_lookback=timedelta(days=parse_number(self.reply_lookback_days, "reply_lookback_days") or 0),
                estimated=lambda estimate: self._told(channel, estimate),
            )
        )
        writer.learn(found)
        kept = [thread for thread in found if wanted.keeps(thread, writer)]
        left_out = 0 if limit is None else max(0, len(kept) - int(limit))
        self.log.info("#%s: %d threads, %d of them for the report", channel.shown_name, len(found), len(kept))
        if left_out:
            self.log.warning("#%s: the oldest %d threads are left out: the limit is %d", channel.shown_name, left_out, limit)
        return kept[left_out:], left_out

    def _told(self, channel: Channel, estimate: Estimate) -> None:
        """Log what the reading takes, and stop where that is too long."""
        from workplace_provider.http.errors import Invalid

        self.log.info("reading #%s: %s", channel.shown_name, estimate)
        longest = parse_number(self.max_minutes, "max_minutes")
        if longest is not None and estimate.minutes > longest:
            raise Invalid(
                f"reading #{channel.shown_name} takes {estimate} with the app's limit; max_minutes is {longest:g}",
                system="Slack",
                advice="take a shorter span, use an app that the company made for itself, or raise max_minutes",
            )

    def _download(
        self, hook: SlackDirectoryHook, store: ArtifactStore, folder: str, threads: Sequence[Thread], writer: ThreadWriter
    ) -> Iterator[dict[str, Any]]:
        """The pictures of some threads as artifacts; those that are gone or lie elsewhere stay links."""
        from workplace_provider.http.errors import Invalid, NotFound

        for file in _pictures(threads):
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
            days = parse_number(self.days, "days")
            begin, end = report_window(context, days=None if days is None else int(days), zone=zone)
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
            raise ValueError(f"timezone is {self.timezone!r}; it must be one such as Asia/Seoul") from None


def _write(thread: Thread, writer: ThreadWriter, lines: ArtifactSink, page: ArtifactSink) -> int:
    """Write a thread into both files.

    :return: how many of its messages are of the window
    """
    page.write(writer.storage(thread).encode())
    said = [(thread.root, thread.root_in_window), *((reply, True) for reply in thread.replies)]
    for message, in_window in said:
        lines.write(json.dumps(writer.line(message, in_window=in_window), ensure_ascii=False).encode() + b"\n")
    return sum(in_window for _, in_window in said)


def _pictures(threads: Sequence[Thread]) -> Iterator[SharedFile]:
    for thread in threads:
        for message in (thread.root, *thread.replies):
            yield from (file for file in message.files or () if file.is_image)


def _moment(value: Any, what: str, zone: tzinfo) -> datetime | None:
    """A date or time that may have come through a template."""
    if none_if_blank(value) is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), zone)
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(f"{what} is {value!r}; it must be a date such as 2026-11-19, or a time of one") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
