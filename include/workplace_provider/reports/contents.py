"""The outputs of the source tasks, as checks and edits use them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workplace_provider.common.artifacts import Artifact, as_artifacts
from workplace_provider.common.rows import Rows, read_rows
from workplace_provider.reports.checks import SourceContent
from workplace_provider.reports.definition import FileSource, SlackSource, Source, TableauSource

_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


def source_content(source: Source, output: Any, *, has_rows: bool = True) -> SourceContent:
    """Return the content of a source.

    :param source: the source in the definition
    :param output: what its task returned
    :param has_rows: read the rows of its files; a large file that is only attached is not read
    :raises ValueError: if the rows have no names of columns
    """
    if isinstance(source, SlackSource):
        return SourceContent(files=as_artifacts(output.get("images")))
    if isinstance(source, TableauSource):
        files = as_artifacts(output)
        tables = [file for file in files if file.media_type == "text/csv"] if has_rows else []
        return SourceContent(_named(Rows(tables)) if tables else None, files, _updated(files))
    if isinstance(source, FileSource):
        files = as_artifacts(output)
        is_table = has_rows and files[0].name.lower().endswith(_TABLES)
        rows = _named(Rows(files[0], columns=source.columns or None)) if is_table else None
        return SourceContent(rows, files, _updated(files))
    return SourceContent(_named(Rows(output)))


def _named(rows: Rows) -> list[dict[str, Any]]:
    read = read_rows(rows)
    if any(not isinstance(row, Mapping) for row in read[:1]):
        raise ValueError("the rows have no names of columns; name them in the source's columns")
    return [dict(row) for row in read if isinstance(row, Mapping)]


def _updated(files: list[Artifact]) -> datetime | None:
    """Return when the oldest of the files' data was updated; ``None`` if one of them does not state it."""
    times = [str(file.facts.get("updated_at") or "") for file in files]
    if not times or not all(times):
        return None
    return min(datetime.fromisoformat(time) for time in times)
