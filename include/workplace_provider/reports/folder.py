"""The definitions of a folder: the line of an error that only the DAG shows, and titles that two of them share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.yaml_description import line_of, read_yaml
from workplace_provider.reports.reading import ReportError, read_definition

if TYPE_CHECKING:
    from workplace_provider.reports.definition import ReportDefinition

# A problem begins with the key that it is about: "schedule is …", "sources.goals: …", "page.from: …".
_KEY: Final = re.compile(r"\w+(?:\.[\w-]+)*")
_ID: Final = re.compile(r"[\w.-]{1,250}")


@dataclass
class PageTitles:
    """The titles of the pages that definitions write, so that no two write the same page."""

    _files: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def read(self, path: Path) -> ReportDefinition:
        """Return the definition in a file.

        :raises ReportError: if it is invalid, or another one has its title
        """
        if not _ID.fullmatch(path.stem):
            raise ReportError(f"{path.name}: the name of the file is no id of a DAG; use letters, digits, '-', '_' and '.'")
        definition = read_definition(path)
        page = definition.page
        other = self._files.setdefault((page.conn_id, page.space, page.title), path.name)
        if other != path.name:
            raise located(path, f"page.title is that of {other}; two reports cannot write one page. Change one of them")
        return definition


def located(path: Path, problem: str) -> ReportError:
    """Return an error with the file and the line of the key with which a problem begins.

    ::

        located(path, "schedule is 'x'; it must be …")  # weekly.yaml, line 3: schedule is 'x'; it must be …
    """
    match = _KEY.match(problem)
    try:
        plain: Any = read_yaml(path, ReportError)
    except ReportError:
        plain = None  # a definition that is in no file, such as one of a page
    return ReportError(f"{path.name}{line_of(plain, *match[0].split('.')) if match else ''}: {problem}")
