"""The online check of a definition: the places that it names exist in Confluence, Tableau and Slack. Nothing is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.yaml_description import closest, key_text, line_of
from workplace_provider.confluence.publishing.current import find_current
from workplace_provider.confluence.publishing.parents import find_parent
from workplace_provider.http.errors import NotFound, WorkplaceError
from workplace_provider.reports.contents import source_content
from workplace_provider.reports.definition import (
    ChangesFill,
    FileSource,
    ImageFill,
    PageSource,
    ReportDefinition,
    SectionFill,
    SlackAnnouncement,
    SlackSource,
    SqlSource,
    TableauSource,
    TableauWait,
    TableFill,
    TableSource,
)
from workplace_provider.reports.local_run import LocalRun, artifacts_in
from workplace_provider.reports.params import default_values, render_value
from workplace_provider.reports.placeholders import PeriodView, period_title
from workplace_provider.reports.placing import wanted_place
from workplace_provider.reports.reading import ReportError, columns_of, period_rule
from workplace_provider.reports.row_lines import columns_in
from workplace_provider.reports.texts import source_task

if TYPE_CHECKING:
    from workplace_provider.confluence.client import ConfluenceClient
    from workplace_provider.confluence.pages import PageDocument
    from workplace_provider.reports.definition import Fill

PERIODS: Final = 3
"""Periods in which the online check looks for rows of a source: the present one may have none yet."""


@dataclass(frozen=True)
class Problem:
    """A thing that a definition names wrongly.

    :param keys: path to its place in the file
    :param text: what is wrong, and what to do
    """

    keys: tuple[Any, ...]
    text: str

    def describe(self, plain: Any, where: str) -> str:
        """Return the problem with its file, line and key.

        :param plain: the content of the file, with the lines of its keys
        :param where: name of the file
        """
        return f"{where}{line_of(plain, *self.keys)}: {key_text(self.keys)}: {self.text}"


@dataclass(frozen=True)
class OnlineCheck:
    """Looks up what a definition names.

    ::

        for problem in OnlineCheck(report, folder).problems():
            print(problem)

    :param definition: the report
    :param folder: folder of its file
    """

    definition: ReportDefinition
    folder: Path

    def problems(self) -> Iterator[Problem]:
        """Yield each thing that does not exist, or cannot be read."""
        missing = list(self._connections())
        yield from missing
        yield from self._guarded(("page",), self._page)
        for name, source in self.definition.sources.items():
            if isinstance(source, TableauSource):
                yield from self._guarded(("sources", name, "tableau"), partial(self._view, source))
            elif isinstance(source, SlackSource):
                channels = self._filled(source.slack)
                yield from self._guarded(("sources", name, "slack"), partial(self._channels, channels, source.conn_id))
        for number, wait in enumerate(self.definition.wait_for):
            yield from self._guarded(("wait_for", number, "tableau"), partial(self._view, wait))
        for keys, text, conn_id in self._announced():
            # A message to a person would open the conversation.
            channels = [channel for channel in self._filled(text) if channel.startswith("#")]
            yield from self._guarded(keys, partial(self._channels, channels, conn_id))
        if not missing:
            yield from SourceColumns(self.definition, self.folder).problems()

    def _filled(self, value: str | list[str]) -> list[str]:
        """Return a text or a list of texts as in a run of today with an untouched form; without empty ones."""
        period = PeriodView(period_rule(self.definition).at(dt.date.today()))
        texts: list[str] = render_value([value], {"params": default_values(self.definition), "period": period})
        return texts

    def _announced(self) -> Iterator[tuple[tuple[Any, ...], str, str]]:
        """Yield each channel to which the report writes, with its keys and its connection."""
        for number, announcement in enumerate(self.definition.announce):
            if isinstance(announcement, SlackAnnouncement):
                yield ("announce", number, "slack"), announcement.slack, announcement.conn_id
        if notice := self.definition.on_failure:
            yield ("on_failure", "slack"), notice.slack, notice.conn_id
        review = self.definition.review
        yield ("review", "channel"), review.channel, review.conn_id

    def _guarded(self, keys: tuple[Any, ...], check: Callable[[], Iterator[Problem] | None]) -> Iterator[Problem]:
        """Yield the problems of one part; an error is one of them, and the next parts are still checked."""
        from airflow.sdk.exceptions import AirflowException

        try:
            yield from check() or ()
        except (WorkplaceError, ValueError, AirflowException) as error:
            yield Problem(keys, str(error))

    def _connections(self) -> Iterator[Problem]:
        from airflow.sdk import BaseHook
        from airflow.sdk.exceptions import AirflowException

        checked = set()
        for keys, conn_id in _connections_of(self.definition):
            if not conn_id or conn_id in checked:
                continue
            checked.add(conn_id)
            try:
                BaseHook.get_connection(conn_id)
            except AirflowException as error:
                yield Problem(keys, f"connection {conn_id}: {error}")

    def _page(self) -> Iterator[Problem]:
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook
        from workplace_provider.confluence.pages import PageDocument

        client = ConfluenceHook(self.definition.page.conn_id).client
        with closing(client):
            page = self.definition.page
            problems = [
                problem
                for key, named in (("parent", page.parent), ("rehearsal_parent", page.rehearsal_parent))
                if named
                for problem in self._guarded(("page", key), partial(self._parent, client, key, named))
            ]
            yield from problems
            if problems:
                return
            body = self._body(client)
            if body is not None:
                document = PageDocument(body, client)
                for number, fill in enumerate(self.definition.fill):
                    yield from (Problem(("fill", number), problem) for problem in _missing(fill, document))

    def _parent(self, client: ConfluenceClient, key: str, named: str) -> Iterator[Problem]:
        page = self.definition.page
        parent = find_parent(client, page.space, named)
        # A new page after the previous one may be the first of its series; that is no problem.
        place = wanted_place(client, page, parent.id, "", rehearsal=key != "parent")
        if place is not None:
            yield from self._guarded(("page", "place"), partial(place.check, client, parent.id))

    def _body(self, client: ConfluenceClient) -> str | None:
        """Return the body that the report will fill: that of the template, the page, or the latest page of the series."""
        from workplace_provider.confluence.publishing.copy import latest_before

        page = self.definition.page
        if isinstance(page.source, PageSource):
            if page.source.file:
                from workplace_provider.reports.collecting import read_beside

                return read_beside(self.folder, page.source.file)
            return find_current(client, page.space, page.source.template).body
        if page.source == "existing":
            return find_current(client, page.space, page.title).body
        parent = find_parent(client, page.space, page.parent) if page.parent else None
        children = list(client.children(parent.id)) if parent else []
        future = period_rule(self.definition).at(dt.date(dt.date.today().year + 1, 12, 31))
        latest = latest_before(period_title(page.title, future), children)
        if latest is None:
            raise NotFound(f"no page like {page.title!r} under {page.parent!r}, to make the first report from")
        return client.get_page(latest.id, body=True).body

    def _view(self, source: TableauSource | TableauWait) -> None:
        from workplace_provider.tableau.hooks import TableauRestHook

        with TableauRestHook(source.conn_id).client as client:
            for view in self._filled(source.tableau):
                client.find_view(view, project=source.project)

    def _channels(self, channels: list[str], conn_id: str) -> None:
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        if not channels:
            return
        with closing(SlackDirectoryHook(slack_conn_id=conn_id)) as hook:
            hook.find_channels(channels)


@dataclass(frozen=True)
class SourceColumns:
    """Looks up the columns that checks and fills name. For that it reads the sources; their files are temporary."""

    definition: ReportDefinition
    folder: Path

    def problems(self) -> Iterator[Problem]:
        """Yield each column that a source does not have. A source without rows has unknown columns."""
        used: dict[str, list[tuple[tuple[Any, ...], list[str]]]] = {}
        for keys, name, columns in self._used():
            if columns and self._has_columns(name):
                used.setdefault(name, []).append((keys, columns))
        if not used:
            return
        with TemporaryDirectory() as work, artifacts_in(work):
            for name, places in used.items():
                yield from self._of_source(name, places)

    def _of_source(self, name: str, places: Sequence[tuple[tuple[Any, ...], list[str]]]) -> Iterator[Problem]:
        try:
            known = self._columns(name)
        except (ReportError, ValueError) as error:
            yield Problem(("sources", name), str(error))
            return
        for keys, columns in places:
            for column in columns if known else ():
                if column not in known:
                    near = closest(column, known)
                    yield Problem(keys, f"{name} has no column {column!r}{near} It has {', '.join(known)}")

    def _used(self) -> Iterator[tuple[tuple[Any, ...], str, list[str]]]:
        for number, check in enumerate(self.definition.checks):
            yield ("checks", number), check.source, [*check.columns, *columns_of(check)]
            if check.sum:
                yield ("checks", number, "sum"), check.sum.equals.source, [check.sum.equals.column]
        for number, fill in enumerate(self.definition.fill):
            if isinstance(fill, TableFill):
                key = [fill.key] if isinstance(fill.key, str) else fill.key
                yield ("fill", number), fill.source, [*filter(None, key), *fill.formats]
            elif isinstance(fill, ChangesFill):
                for name in fill.sources:
                    yield ("fill", number), name, fill.columns
        for number, announcement in enumerate(self.definition.announce):
            if isinstance(announcement, SlackAnnouncement) and (rows := announcement.rows):
                yield ("announce", number, "rows"), rows.source, columns_in(rows)

    def _has_columns(self, name: str) -> bool:
        source = self.definition.sources[name]
        return isinstance(source, SqlSource | TableSource | FileSource) or (
            isinstance(source, TableauSource) and bool({"csv", "xlsx"} & set(source.formats))
        )

    def _columns(self, name: str) -> list[str]:
        """Return the columns of a source, from the latest period of which it has rows; none without rows."""
        for ago in range(PERIODS):
            output = self._run(ago).run(source_task(name))
            if output is None:  # left out, because a param is empty
                return []
            content = source_content(self.definition.sources[name], output)
            if content.rows:
                return [str(column) for column in content.rows[0]]
        return []

    def _run(self, ago: int) -> LocalRun:
        """Return a run for a period before today's."""
        from workplace_provider.reports.factory import build_dag

        if ago not in self._runs:
            now = dt.datetime.now(dt.UTC)
            day = period_rule(self.definition).at(now.date()).shift(-ago).day
            # Tasks keep the texts that were rendered in a run, so each run has a DAG of its own.
            dag = build_dag(self.definition, self.folder)
            self._runs[ago] = LocalRun(dag, now, {"report_date": day.isoformat()})
        return self._runs[ago]

    @cached_property
    def _runs(self) -> dict[int, LocalRun]:
        return {}


def _connections_of(definition: ReportDefinition) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield the connections that a report uses, each with the place that names it."""
    yield ("page", "conn_id"), definition.page.conn_id
    for name, source in definition.sources.items():
        yield ("sources", name, "conn_id"), source.conn_id
    for number, announcement in enumerate(definition.announce):
        if isinstance(announcement, SlackAnnouncement):
            yield ("announce", number), announcement.conn_id
        else:
            yield ("announce", number), announcement.workflow
    if definition.review.channel:
        yield ("review", "channel"), definition.review.conn_id
    if definition.on_failure:
        yield ("on_failure",), definition.on_failure.conn_id


def _missing(fill: Fill, document: PageDocument) -> Iterator[str]:
    """Yield a message if a page does not have the place of a fill."""
    from workplace_provider.confluence.pages.edits import EditError, ReplaceSection, ReplaceTableRows
    from workplace_provider.confluence.pages.selectors import find_sections

    heading = {ImageFill: "image", SectionFill: "section", ChangesFill: "changes"}.get(type(fill))
    try:
        if isinstance(fill, TableFill) and fill.if_missing == "fail":
            ReplaceTableRows(rows=[], table=fill.table).find(document)
        elif heading and getattr(fill, "if_missing", "fail") == "fail":
            edit: Any = ReplaceSection(getattr(fill, heading), "")
            find_sections(edit, document, edit.heading, None, 1)
    except EditError as error:
        yield str(error)
