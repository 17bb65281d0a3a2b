"""The online check of a definition: the places that it names exist in Confluence, Tableau and Slack. Nothing is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workplace_provider.confluence.publishing.current import find_current
from workplace_provider.http.errors import NotFound, WorkplaceError
from workplace_provider.reports.definition import (
    ChangesFill,
    ImageFill,
    PageSource,
    ReportDefinition,
    SectionFill,
    SlackAnnouncement,
    SlackSource,
    TableauSource,
    TableFill,
)
from workplace_provider.reports.placeholders import period_title
from workplace_provider.reports.reading import period_rule

if TYPE_CHECKING:
    from workplace_provider.confluence.client import ConfluenceClient
    from workplace_provider.confluence.pages import PageDocument
    from workplace_provider.reports.definition import Fill


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

    def problems(self) -> Iterator[str]:
        """Yield a message for each thing that does not exist, or cannot be read."""
        yield from self._connections()
        yield from self._guarded("page", self._page)
        for name, source in self.definition.sources.items():
            if isinstance(source, TableauSource):
                yield from self._guarded(f"sources.{name}", partial(self._view, source))
            elif isinstance(source, SlackSource):
                channels = [source.slack] if isinstance(source.slack, str) else source.slack
                yield from self._guarded(f"sources.{name}", partial(self._channels, channels, source.conn_id))
        for number, announcement in enumerate(self.definition.announce):
            # A message to a person would open the conversation.
            if isinstance(announcement, SlackAnnouncement) and announcement.slack.startswith("#"):
                yield from self._guarded(
                    f"announce[{number}]", partial(self._channels, [announcement.slack], announcement.conn_id)
                )

    def _guarded(self, where: str, check: Callable[[], Iterator[str] | None]) -> Iterator[str]:
        """Yield the problems of one part; an error is one of them, and the next parts are still checked."""
        from airflow.sdk.exceptions import AirflowException

        try:
            yield from (f"{where}: {problem}" for problem in check() or ())
        except (WorkplaceError, ValueError, AirflowException) as error:
            yield f"{where}: {error}"

    def _connections(self) -> Iterator[str]:
        from airflow.sdk import BaseHook
        from airflow.sdk.exceptions import AirflowException

        used = {self.definition.page.conn_id, *(source.conn_id for source in self.definition.sources.values())}
        used |= {getattr(item, "workflow", "") or getattr(item, "conn_id", "") for item in self.definition.announce}
        for conn_id in sorted(filter(None, used)):
            try:
                BaseHook.get_connection(conn_id)
            except AirflowException as error:
                yield f"connection {conn_id}: {error}"

    def _page(self) -> Iterator[str]:
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook
        from workplace_provider.confluence.pages import PageDocument

        client = ConfluenceHook(self.definition.page.conn_id).client
        with closing(client):
            page = self.definition.page
            for title in filter(None, (page.parent, page.rehearsal_parent)):
                find_current(client, page.space, title)
            body = self._body(client)
            if body is not None:
                document = PageDocument(body, client)
                yield from (problem for fill in self.definition.fill for problem in _missing(fill, document))

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
        parent = find_current(client, page.space, page.parent) if page.parent else None
        children = list(client.children(parent.id)) if parent else []
        future = period_rule(self.definition).at(dt.date(dt.date.today().year + 1, 12, 31))
        latest = latest_before(period_title(page.title, future), children)
        if latest is None:
            raise NotFound(f"no page like {page.title!r} under {page.parent!r}, to make the first report from")
        return client.get_page(latest.id, body=True).body

    def _view(self, source: TableauSource) -> None:
        from workplace_provider.tableau.hooks import TableauRestHook

        with TableauRestHook(source.conn_id).client as client:
            client.find_view(source.tableau, project=source.project)

    def _channels(self, channels: list[str], conn_id: str) -> None:
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        with closing(SlackDirectoryHook(slack_conn_id=conn_id)) as hook:
            hook.find_channels(channels)


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
