"""The edits that fill the page of a report from its sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.artifacts import Artifact, as_artifacts
from workplace_provider.common.yaml_description import closest
from workplace_provider.confluence.operators.templates import RenderedEdits, ready_edits
from workplace_provider.confluence.pages.edits import (
    Edit,
    FillText,
    ReplaceSection,
    ReplaceTableRows,
    SetNote,
    SetStatus,
    ShowImages,
)
from workplace_provider.reports.changes import Comparison, describe_changes, no_change, no_comparison, only_news
from workplace_provider.reports.definition import (
    AttachFill,
    ChangesFill,
    FileSource,
    ImageFill,
    SectionFill,
    StatusFill,
    TableFill,
    TextFill,
)
from workplace_provider.reports.picture_changes import describe_pictures

if TYPE_CHECKING:
    from workplace_provider.reports.checks import SourceContent
    from workplace_provider.reports.definition import Fill, ReportDefinition
    from workplace_provider.reports.manifest import Manifest

NOTES: str = "airflow-checks"
LARGEST_TEXT: Final = 1024 * 1024
"""Most bytes of a file that becomes the text of a section."""
WITHDRAWN: str = "airflow-withdrawn"
"""Name of the warning on a withdrawn page."""
SOURCE_NOTE: str = "airflow-sources"


@dataclass(frozen=True)
class Filling:
    """The edits and files of one period.

    :param contents: the outputs of the sources, as rows and files
    :param outputs: the same outputs as the tasks returned them
    :param texts: texts of the definition with their placeholders filled
    :param previous: manifest of the previous period
    :param notes: warnings for the top of the page
    :param earlier_pictures: pictures of the previous period, by source
    :param source_note: warning about sources that failed; the places of a source without content are not filled
    """

    definition: ReportDefinition
    contents: Mapping[str, SourceContent]
    outputs: Mapping[str, Any]
    texts: Mapping[str, Any]
    previous: Manifest | None
    notes: Sequence[str]
    earlier_pictures: Mapping[str, Sequence[Artifact]] = field(default_factory=dict)
    source_note: str = ""

    def places(self) -> list[Edit]:
        """Return the edits of each run."""
        edits = [edit for fill in self._fills if (edit := self._edit(fill)) is not None]
        return list(ready_edits(RenderedEdits(tuple(edits))))

    def always(self) -> list[Edit]:
        """Return the warnings at the top of the page. Without a text they remove those of the page before."""
        return [SetNote(NOTES, "\n".join(self.notes)), SetNote(SOURCE_NOTE, self.source_note), SetNote(WITHDRAWN, "")]

    def once(self) -> list[Edit]:
        """Return the edits of a new page: the variables of its template."""
        values = dict(self.texts.get("variables") or {})
        return [FillText(values)] if values else []

    def files(self) -> list[Artifact]:
        """Return the files to attach, each once."""
        files: list[Artifact] = []
        for fill in self._fills:
            if isinstance(fill, AttachFill):
                files += self.contents[fill.attach].files
            elif isinstance(fill, ImageFill):
                files += self.contents[fill.source].pictures
            elif isinstance(fill, SectionFill) and not isinstance(self.definition.sources[fill.source], FileSource):
                files += self.contents[fill.source].files
        return list({(file.name, file.sha256): file for file in files}.values())

    def changes(self) -> list[str]:
        """Return the changes in words, for messages and the review."""
        return [sentence for sentences in self._changes.values() for sentence in sentences]

    @property
    def _fills(self) -> list[Fill]:
        """The places whose source has content."""
        return [fill for fill in self.definition.fill if _has_content(fill, self.contents)]

    @cached_property
    def _changes(self) -> dict[str, list[str]]:
        """The sentences of each heading."""
        return {
            fill.changes: only_news(
                [sentence for name in fill.sources if name in self.contents for sentence in self._describe(name, fill)],
                fill.language,
            )
            for fill in self._fills
            if isinstance(fill, ChangesFill)
        }

    def changing_pictures(self) -> dict[str, list[Artifact]]:
        """Return the pictures of the sources whose changes are described, which the next period needs."""
        names = [name for fill in self.definition.fill if isinstance(fill, ChangesFill) for name in fill.sources]
        return {name: pictures for name in names if (pictures := self.contents[name].pictures)}

    def _describe(self, name: str, fill: ChangesFill) -> list[str]:
        """Return the sentences about the rows and the pictures of a source."""
        sentences = [] if self.contents[name].rows is None else self._compare(name, fill)
        pictures = self.contents[name].pictures
        if self.previous is None or name not in self.earlier_pictures:
            return sentences or ([no_comparison(fill.language)] if pictures else [])
        sentences += describe_pictures(self.earlier_pictures[name], pictures, fill.language)
        return sentences or [no_change(fill.language)]

    def _compare(self, name: str, fill: ChangesFill) -> list[str]:
        tables = [table for table in self.definition.fill if isinstance(table, TableFill) and table.source == name]
        checks = [check for check in self.definition.checks if check.source == name]
        keys = [*(table.key for table in tables), *(check.key for check in checks)]
        key = next(filter(None, keys), None)
        rows = self.contents[name].rows or []
        for column in fill.columns if rows else ():
            if column not in rows[0]:
                near = closest(column, rows[0])
                raise ValueError(f"{fill.changes}: {name} has no column {column!r}{near} It has {', '.join(rows[0])}")
        columns = [key] if isinstance(key, str) else list(key or [*(rows[0] if rows else ())][:1])
        formats = next((table.formats for table in tables if table.formats), {})
        before = self.previous.rows.get(name) if self.previous else None
        comparison = Comparison(columns, formats, fill.columns, fill.top)
        return describe_changes(before, rows, comparison, fill.language)

    def _edit(self, fill: Fill) -> Edit | None:
        """Return the edit of a place; ``None`` for a place without one."""
        if isinstance(fill, TableFill):
            return ReplaceTableRows(
                rows=[dict(row) for row in self.contents[fill.source].rows or ()],
                table=fill.table,
                key=fill.key or None,
                formats=fill.formats or None,
                limit=fill.limit,
                more=fill.more,
                if_missing=fill.if_missing,
            )
        if isinstance(fill, ImageFill):
            names = [picture.name for picture in self.contents[fill.source].pictures]
            return ShowImages(fill.image, names, width=fill.width, if_missing=fill.if_missing)
        if isinstance(fill, SectionFill):
            return ReplaceSection(fill.section, self._section(fill), if_missing=fill.if_missing)
        if isinstance(fill, StatusFill):
            return SetStatus(fill.status, fill.colour, match=fill.match, if_missing=fill.if_missing)
        if isinstance(fill, ChangesFill):
            return ReplaceSection(fill.changes, self._changes[fill.changes], if_missing=fill.if_missing)
        if isinstance(fill, AttachFill | TextFill):
            return None
        raise AssertionError(f"unknown fill {fill!r}")

    def _section(self, fill: SectionFill) -> Any:
        output = self.outputs[fill.source]
        if not isinstance(self.definition.sources[fill.source], FileSource):
            return output["storage"]
        (file,) = as_artifacts(output)
        with file.open() as stream:
            text = stream.read(LARGEST_TEXT + 1)
        if len(text) > LARGEST_TEXT:
            raise ValueError(f"{file.name} has more than {LARGEST_TEXT:,} bytes, too many for the section {fill.section!r}")
        is_markdown = file.name.lower().endswith(".md")
        content = text.decode("utf-8-sig")
        return {"markdown": {"text": content, "headings": fill.headings}} if is_markdown else content


def _has_content(fill: Fill, contents: Mapping[str, SourceContent]) -> bool:
    if isinstance(fill, ChangesFill):
        return any(name in contents for name in fill.sources)
    if isinstance(fill, AttachFill):
        return fill.attach in contents
    return not isinstance(fill, TableFill | ImageFill | SectionFill) or fill.source in contents
