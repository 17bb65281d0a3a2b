"""Placeholders in the texts of a definition: ``{{ period.day }}``, ``{{ params.region }}``, ``{{ page.url }}``.

A text is rendered once, with these three names only: there is no ``var``, ``conn`` or macro, and what is filled in is not
rendered again. The period is known in each text; the page only after it is published.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.report_date import format_date, names_day, title_on
from workplace_provider.common.yaml_description import closest

if TYPE_CHECKING:
    import jinja2

    from workplace_provider.common.periods import Period

PERIOD_ATTRIBUTES: Final = (
    "day", "start", "end", "since", "until", "label", "year", "quarter", "month", "week", "previous",
)  # fmt: skip
PAGE_ATTRIBUTES: Final = ("title", "url", "link", "id", "version")

# {{ period.day }} or {period.day}: by far the most texts need no template engine.
_SIMPLE: Final = re.compile(r"\{\{-?\s*(\w+(?:\.\w+)+)\s*-?\}\}|\{((?:period|params|page)(?:\.\w+)+)\}")
_TEMPLATE: Final = re.compile(r"\{\{|\{%|\{#")
_TITLE_NAMES: Final = re.compile(r"\{(quarter|week|month|year)\}")


@dataclass(frozen=True, slots=True)
class PeriodView:
    """A report period, as texts see it.

    ``day`` is the report day. ``start`` and ``end`` are the first and the last day of the calendar period. ``since`` is the
    report day before this one, and ``until`` the day before this report day: the days that a report covers which is written
    in the morning of its report day.
    """

    period: Period

    @property
    def day(self) -> dt.date:
        """The report day."""
        return self.period.day

    @property
    def start(self) -> dt.date:
        """The first day of the calendar period."""
        return self.period.start

    @property
    def end(self) -> dt.date:
        """The last day of the calendar period."""
        return self.period.end

    @property
    def since(self) -> dt.date:
        """The report day of the period before."""
        return self.period.shift(-1).day

    @property
    def until(self) -> dt.date:
        """The day before the report day."""
        return self.period.day - dt.timedelta(days=1)

    @property
    def label(self) -> str:
        """The sortable name of the period, such as ``2026-W47``."""
        return self.period.label

    @property
    def year(self) -> int:
        """The year of the period."""
        return self.period.year

    @property
    def quarter(self) -> int:
        """The number of the quarter, 1 to 4."""
        return self.period.quarter

    @property
    def month(self) -> str:
        """The month of the report day with two digits."""
        return f"{self.period.planned_day:%m}"

    @property
    def week(self) -> str:
        """The number of the ISO week with two digits."""
        return f"{self.period.planned_day:%V}"

    @property
    def previous(self) -> PeriodView:
        """The period before."""
        return PeriodView(self.period.shift(-1))


def period_title(pattern: str, period: Period) -> str:
    """Return a title with the dates of a period.

    ::

        period_title("%Y년 {quarter}분기 매출", PeriodRule("quarter").at(date(2026, 11, 19)))  # 2026년 4분기 매출

    :param pattern: text with directives such as ``%Y%m%d``, and ``{quarter}``, ``{week}``, ``{month}`` or ``{year}``
    :raises ValueError: if the pattern has no date, so that all periods would have the same title
    """
    view = PeriodView(period)
    filled = _TITLE_NAMES.sub(lambda match: str(getattr(view, match[1])), pattern)
    # A report day that has moved into another month must not give two periods one title.
    day = period.day if names_day(pattern) else period.planned_day
    return title_on(pattern, day) if filled == pattern else format_date(filled, day)


def has_placeholder(text: str) -> bool:
    """Return whether a text has placeholders or other template syntax."""
    return bool(_SIMPLE.search(text) or _TEMPLATE.search(text))


def check_text(text: str, names: Collection[str], *, simple: bool = False) -> None:
    """Raise an error for a text whose placeholders cannot be filled.

    :param names: the names that are known where the text is used: ``period``, ``params``, ``page``
    :param simple: the text is from other people, and may have only placeholders, no other template syntax
    :raises ValueError: for an unknown name or attribute, or invalid syntax; the message names the valid ones
    """
    for path in _paths(text):
        _check_path(path, names)
    rest = _SIMPLE.sub("", text)
    if not _TEMPLATE.search(rest):
        return
    if simple:
        raise ValueError(f"{text!r} has more than placeholders; use only {{{{ period.day }}}} and the like")
    import jinja2
    import jinja2.meta

    try:
        unknown = jinja2.meta.find_undeclared_variables(_environment().parse(text)) - set(names)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"{text!r} is no valid template: {error}") from error
    for name in sorted(unknown):
        raise ValueError(f"{text!r} uses {name}{closest(name, names)} The names are {', '.join(names)}")


def render_text(text: str, values: Mapping[str, Any], escape: Callable[[Any], str] = str) -> str:
    """Return a text with its placeholders filled.

    :param values: the values of ``period``, ``params`` and ``page``
    :param escape: makes text of a value, such as a page's title for a message; the text around it is not escaped
    :raises ValueError: if a value is missing
    """
    rest = _SIMPLE.sub("", text)
    if not _TEMPLATE.search(rest):
        return _SIMPLE.sub(lambda match: escape(_shown(_value(match[1] or match[2], values))), text)
    import jinja2

    try:
        finalize = lambda value: escape(_shown(value))  # noqa: E731
        return _environment().overlay(finalize=finalize).from_string(text).render(values)
    except (jinja2.TemplateError, TypeError, ArithmeticError) as error:
        raise ValueError(f"{text!r} cannot be filled: {error}") from error


def name_placeholders(query: str) -> tuple[str, dict[str, str]]:
    """Return a query with ``{name}`` for its placeholders, and the placeholder of each name.

    The values are then inserted by the function of the query language, which quotes them::

        name_placeholders("created >= {{ period.since }}")
        # ("created >= {period_since}", {"period_since": "{{ period.since }}"})
    """
    texts: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        path = match[1] or match[2]
        texts[path.replace(".", "_")] = f"{{{{ {path} }}}}"
        return "{" + path.replace(".", "_") + "}"

    return _SIMPLE.sub(name, query), texts


def _paths(text: str) -> list[str]:
    return [match[1] or match[2] for match in _SIMPLE.finditer(text)]


def _check_path(path: str, names: Collection[str]) -> None:
    name, *attributes = path.split(".")
    if name not in names:
        raise ValueError(f"{{{{ {path} }}}}: there is no {name}{closest(name, names)} The names are {', '.join(names)}")
    known = {"period": PERIOD_ATTRIBUTES, "page": PAGE_ATTRIBUTES}.get(name)
    if known is not None:
        if name == "period":
            while attributes[0] == "previous" and len(attributes) > 1:
                del attributes[0]
        if attributes[0] not in known:
            raise ValueError(
                f"{{{{ {path} }}}}: {name} has no {attributes[0]}{closest(attributes[0], known)} It has {', '.join(known)}"
            )


def _value(path: str, values: Mapping[str, Any]) -> Any:
    name, *attributes = path.split(".")
    value = values.get(name)
    for attribute in attributes:
        value = value.get(attribute) if isinstance(value, Mapping) else getattr(value, attribute, None)
        if value is None or attribute.startswith("_"):
            raise ValueError(f"{{{{ {path} }}}} has no value in this run")
    return value


def _shown(value: Any) -> Any:
    """Return a value as a text shows it: the items of a list with commas."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


@cache
def _environment() -> jinja2.Environment:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
