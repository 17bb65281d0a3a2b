"""The filters of an export: ``vf_<field>=<values>`` and ``vf_Parameters.<name>=<value>`` in the query.

After URL decoding a comma separates alternatives, a backslash escapes a comma or a backslash, and nothing else has a
meaning. Names are compared exactly, upper and lower case too. Of a repeated name the last one counts; an unknown name is
ignored. An empty value shows everything, in spite of the author's filters. Source: reference 2.4.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from workplace_sandbox.seed.numbers import latest_thursday
from workplace_sandbox.tableau.catalogue import SheetQuery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workplace_sandbox.tableau.catalogue import Sheet, SheetContents, TableauWorkbook

_PREFIX = "vf_"
_PARAMETER = "Parameters."
_PIECE = re.compile(r"\\([,\\])|(,)|(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ViewFilters:
    """The filters of an export; equal ones share a cache entry.

    :param fields: names of fields with their alternatives; None for everything.
    :param parameters: names of parameters with their values.
    """

    fields: tuple[tuple[str, frozenset[str] | None], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, query: Iterable[tuple[str, str]], prefix: str = _PREFIX) -> ViewFilters:
        """Read the filters in a query.

        :param query: names and values, URL-decoded, in their order.
        :param prefix: the beginning of a filter's name.
        """
        filters = {name.removeprefix(prefix): value for name, value in query if name.startswith(prefix)}
        fields = {name: alternatives(value) for name, value in filters.items() if not name.startswith(_PARAMETER)}
        parameters = {name[len(_PARAMETER) :]: value for name, value in filters.items() if name.startswith(_PARAMETER)}
        return cls(tuple(sorted(fields.items())), tuple(sorted(parameters.items())))

    def over(self, saved: ViewFilters) -> ViewFilters:
        """Return these filters and those of the saved ones that they do not replace.

        How a request's filters combine with those of a custom view is not documented; this is the plausible way.
        """
        fields, parameters = dict(saved.fields) | dict(self.fields), dict(saved.parameters) | dict(self.parameters)
        return ViewFilters(tuple(sorted(fields.items())), tuple(sorted(parameters.items())))

    def question(self, sheet: Sheet, contents: SheetContents, workbook: TableauWorkbook) -> SheetQuery:
        """Return the question to a sheet under these filters.

        A parameter that is not a date does not change the day of the report.
        """
        day = workbook.extract_day
        with contextlib.suppress(ValueError):
            day = date.fromisoformat(dict(self.parameters).get(contents.parameter, ""))
        chosen = {**dict(sheet.embedded), **dict(self.fields)}
        members = tuple(sorted((name, values) for name, values in chosen.items() if values is not None))
        return SheetQuery(latest_thursday(day), members)


def alternatives(value: str) -> frozenset[str] | None:
    r"""Return the members that a value names: ``서울,부산`` is two, ``기타\, 해외`` is one; None for an empty value."""
    if not value:
        return None
    members = [""]
    for escaped, separator, plain in _PIECE.findall(value):
        if separator:
            members.append("")
        else:
            members[-1] += escaped or plain
    return frozenset(members)
