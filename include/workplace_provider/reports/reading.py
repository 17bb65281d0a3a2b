"""Read the definition of a report, and check how its parts fit together.

An error names the file, the line, the key and the value, and what the value can be. Nothing is requested from a system;
that is the work of ``workplace report check --online``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin
from zoneinfo import ZoneInfo

import msgspec

from workplace_provider.common.periods import Period, PeriodRule
from workplace_provider.common.yaml_description import (
    YamlMapping,
    check_keys,
    closest,
    converted,
    fields_of,
    first_line,
    key_text,
    line_of,
    read_yaml_text,
)
from workplace_provider.reports.definition import (
    ANNOUNCEMENTS,
    FILLS,
    SOURCES,
    WAITS,
    AttachFill,
    ChangesFill,
    Check,
    FileSource,
    ImageFill,
    JiraSource,
    PageSource,
    Query,
    ReportDefinition,
    SectionFill,
    SlackAnnouncement,
    SlackSource,
    SqlSource,
    TableauSource,
    TableFill,
    TableSource,
    TextFill,
    is_template,
)
from workplace_provider.reports.params import param_problems, texts_in
from workplace_provider.reports.placeholders import check_text, period_title

MOST_SOURCES: Final = 200
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86400}
STATE_FOLDER: Final = "reports"
"""The folder of all manifests in the artifact store, beside those of DAGs."""

LEAST_RETENTION: Final = timedelta(days=7)
_REPORT_ID: Final = re.compile(r"\w[\w.-]{0,99}")
_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_IDENTIFIER: Final = re.compile(r"[\w-]{1,60}")
# See page_definition.ID.
_PAGE_ID: Final = re.compile(r"page-\d+")
_EVERYWHERE: Final = ("period", "params")
_PUBLISHED: Final = ("period", "params", "page")
_WITH_ROWS: Final = (TableauSource, SqlSource, JiraSource, TableSource, FileSource)

_LISTS: Final[dict[str, Mapping[str, type[Any]]]] = {"fill": FILLS, "announce": ANNOUNCEMENTS, "wait_for": WAITS}

Part = TypeVar("Part")


class ReportError(ValueError):
    """Error: a definition cannot be used."""


def read_definition(path: Path) -> ReportDefinition:
    """Return the definition in a YAML file.

    ::

        report = read_definition(Path("include/reports/weekly_kpis.yaml"))

    :raises ReportError: if the file cannot be read, or its content is invalid
    """
    if _PAGE_ID.fullmatch(path.stem):
        raise ReportError(f"{path.name}: {path.stem} is the id of a report on a template page; rename the file")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"{path.name}: {error}") from error
    return parse_definition(text, path.name, path.stem)


def parse_definition(text: str, where: str, report_id: str) -> ReportDefinition:
    """Return the definition in a YAML text.

    :param where: name of the text in messages, such as that of its file
    :param report_id: id of the report and its DAG
    :raises ReportError: if the text is invalid
    """
    return definition_of(read_yaml_text(text, where, ReportError), where, report_id)


def definition_of(plain: Any, where: str, report_id: str) -> ReportDefinition:
    """Return the definition in the content of a YAML text.

    :param where: name of the text in messages
    :param report_id: id of the report and its DAG
    :raises ReportError: if the content is invalid
    """
    if not isinstance(plain, YamlMapping):
        plain = YamlMapping(plain) if isinstance(plain, dict) else plain
    definition = _Reader(where).definition(plain, report_id)
    _Rules(definition, plain, where).check()
    return definition


def parse_duration(text: str) -> timedelta:
    """Return a duration such as ``26h``, ``30m`` or ``2d``.

    :raises ValueError: if it is none
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*([mhd])\s*", text)
    if match is None:
        raise ValueError(f"{text!r} is no duration; write minutes, hours or days such as 30m, 26h or 2d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def parse_retention(text: str) -> timedelta:
    """Return how long artifacts are kept, such as ``400d``.

    :raises ValueError: if it is no duration, or too short
    """
    age = parse_duration(text)
    if age < LEAST_RETENTION:
        raise ValueError(
            f"{text!r} is too short: a run, its review and its retries need the files for {LEAST_RETENTION.days} days"
        )
    return age


def parse_time(text: str) -> time:
    """Return a time of day such as ``10:00``.

    :raises ValueError: if it is none
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'{text!r} is no time of day; write it in quotation marks, such as "10:00"')
    return time(int(match[1]), int(match[2]))


def parse_change(value: str | float) -> tuple[float, bool]:
    """Return the number of a greatest change, and whether it is a share of the old value: ``30%`` is 0.3 of it.

    :raises ValueError: if it is no number
    """
    text = str(value).strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        raise ValueError(f"{value!r} is no change; write a number, or a share such as 30%") from None
    return (number / 100, True) if text.endswith("%") else (number, False)


class _Reader:
    """Makes the typed parts of one definition.

    :param where: name of the file in messages
    """

    def __init__(self, where: str) -> None:
        self._where = where

    def definition(self, plain: Any, report_id: str) -> ReportDefinition:
        known = {field.encode_name: field for field in fields_of(ReportDefinition)}
        del known["id"]
        check_keys(plain, known, self._where, ReportError)
        for name in ("page", "period"):
            if name not in plain:
                raise ReportError(f"{self._where}: there is no {name}; a report needs page and period")
        values: dict[str, Any] = {"id": report_id}
        for name, value in plain.items():
            if name == "sources":
                values[name] = self._sources(value, plain)
            elif name in _LISTS:
                kinds = _LISTS[name]
                values[name] = [self._kind(item, kinds, key, line) for item, key, line in self._items(value, name, plain)]
            elif name == "checks":
                values[name] = [self._part(item, Check, key, line) for item, key, line in self._items(value, name, plain)]
            else:
                values[name] = self._value(value, name, known[name].type, plain)
        return ReportDefinition(**values)

    def _sources(self, plain: Any, parent: Any) -> dict[str, Any]:
        line = line_of(parent, "sources")
        if not isinstance(plain, Mapping):
            raise ReportError(f"{self._where}{line}: sources is {plain!r}; it must be a mapping of names to sources")
        if len(plain) > MOST_SOURCES:
            raise ReportError(f"{self._where}{line}: there are {len(plain)} sources; a report has at most {MOST_SOURCES}")
        sources = {}
        for name, value in plain.items():
            at = line_of(plain, name)
            if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
                raise ReportError(
                    f"{self._where}{at}: sources has the name {name!r}; a name has up to 60 letters, digits, - and _"
                )
            sources[name] = self._kind(value, SOURCES, f"sources.{name}", at)
        return sources

    def _items(self, plain: Any, name: str, parent: Any) -> Iterator[tuple[Any, str, str]]:
        """Yield each item of a list, with its key and the line where it begins."""
        line = line_of(parent, name)
        if not isinstance(plain, list):
            raise ReportError(f"{self._where}{line}: {name} is {plain!r}; it must be a list")
        for number, item in enumerate(plain):
            first = first_line(item)
            yield item, f"{name}[{number}]", f", line {first}" if first else line

    def _kind(self, plain: Any, kinds: Mapping[str, type[Any]], key: str, line: str) -> Any:
        """Return a part whose type follows from one of its keys."""
        names = ", ".join(kinds)
        if not isinstance(plain, Mapping):
            raise ReportError(f"{self._where}{line}: {key} is {plain!r}; it must be a mapping with one of the keys {names}")
        present = [name for name in plain if name in kinds]
        if len(present) == 1:
            return self._part(plain, kinds[present[0]], key, line)
        if present:
            raise ReportError(f"{self._where}{line}: {key} has the keys {' and '.join(present)}; set only one of them")
        near = next((text for name in plain if (text := closest(name, kinds)) != "."), ".")
        raise ReportError(f"{self._where}{line}: {key} has none of the keys {names}{near}")

    def _part(self, plain: Any, kind: type[Part], key: str, line: str) -> Part:
        """Return a mapping as a structure."""
        fields = fields_of(kind)  # type: ignore[arg-type]
        if isinstance(plain, Mapping):
            check_keys(plain, [field.encode_name for field in fields], self._where, ReportError, key=key)
            for field in fields:
                if field.required and field.encode_name not in plain:
                    known = ", ".join(field.encode_name for field in fields)
                    raise ReportError(f"{self._where}{line}: {key} has no {field.encode_name}. Its keys are {known}")
        else:
            check_keys(plain, [field.encode_name for field in fields], f"{self._where}{line}", ReportError, key=key)
        part: Part = converted(plain, kind, self._where, ReportError, path=key)
        return part

    def _value(self, value: Any, name: str, kind: Any, parent: Any) -> Any:
        """Return the value of a key of the file."""
        if _is_struct(kind):
            return self._part(value, kind, name, line_of(parent, name))
        is_optional = isinstance(value, Mapping) and get_origin(kind) is not dict
        if is_optional and (parts := [part for part in get_args(kind) if _is_struct(part)]):
            return self._part(value, parts[0], name, line_of(parent, name))
        wrapper = msgspec.defstruct("wrapper", [(name, kind)])
        own = YamlMapping({name: value})
        own.lines = {key: line for key, line in getattr(parent, "lines", {}).items() if key == name}
        return getattr(converted(own, wrapper, self._where, ReportError), name)


@dataclass(frozen=True)
class _Rules:
    """The rules about a definition that concern more than one value.

    :param plain: the same definition with the lines of its keys
    """

    definition: ReportDefinition
    plain: Any
    where: str

    def check(self) -> None:
        """Raise an error for the first rule that the definition breaks.

        :raises ReportError: with the file and the line
        """
        self._check_ids()
        self._check_period()
        self._check_page()
        self._check_texts()
        self._check_params()
        self._check_waits()
        self._check_checks()
        self._check_fills()
        self._check_review()
        self._check_announcements()
        self._check_unused()

    def _error(self, problem: str, *keys: Any) -> ReportError:
        return ReportError(f"{self.where}{line_of(self.plain, *keys)}: {problem}")

    def _parsed(self, parse: Callable[[Any], Any], value: Any, name: str, *keys: Any) -> Any:
        try:
            return parse(value)
        except ValueError as error:
            raise self._error(f"{name}: {error}", *keys) from None

    def _check_ids(self) -> None:
        definition = self.definition
        if definition.id == STATE_FOLDER:
            raise self._error(f"a report cannot have the id {STATE_FOLDER}: the state of all reports has this name")
        for name in definition.formerly:
            if not _REPORT_ID.fullmatch(name) or name in (definition.id, STATE_FOLDER):
                raise self._error(f"formerly has {name!r}; it must list earlier ids of this report", "formerly")

        if definition.retention:
            self._parsed(parse_retention, definition.retention, "retention", "retention")

    def _check_period(self) -> None:
        self._parsed(lambda spec: PeriodRule(**msgspec.structs.asdict(spec)), self.definition.period, "period", "period")
        if self.definition.holidays:
            self._parsed(_next_report, self.definition, "holidays", "holidays")
        if late := self.definition.late:
            self._parsed(parse_time, late.by, "late.by", "late", "by")
            if self.definition.schedule is None:
                raise self._error("late needs a schedule: a run that a person starts is not late", "late")
        try:
            ZoneInfo(self.definition.timezone)
        except (KeyError, ValueError, OSError):
            raise self._error(
                f"timezone is {self.definition.timezone!r}; it must be a name such as Asia/Seoul", "timezone"
            ) from None

    def _check_page(self) -> None:
        page = self.definition.page
        if page.source != "existing":
            period = period_rule(self.definition).at(date(2026, 11, 26))
            self._parsed(lambda title: period_title(title, period), page.title, "page.title", "page", "title")
        if isinstance(page.source, PageSource) and bool(page.source.template) == bool(page.source.file):
            raise self._error("page.from must have either template or file", "page", "from")
        self._check_placing()
        if page.if_previous_missing == "template" and not page.template:
            raise self._error(
                "page.if_previous_missing is template, and there is no page.template. Add the title of the template page",
                "page", "if_previous_missing",
            )  # fmt: skip

    def _check_placing(self) -> None:
        page = self.definition.page
        if page.place is not None and page.source == "existing":
            raise self._error("page.place is for new pages, and page.from is existing. Remove it", "page", "place")
        if page.place is not None and not page.parent and page.source != "previous":
            raise self._error("page.place needs page.parent: a page is first or last among its siblings", "page", "place")
        if page.status is not None and page.source != "previous":
            raise self._error(
                "page.status is for copied pages, and page.from is not previous. Use {status: TEXT} in fill",
                "page", "status",
            )  # fmt: skip

    def _check_texts(self) -> None:
        for text, names, keys, simple in texts_of(self.definition):
            self._parsed(partial(check_text, names=names, simple=simple), text, key_text(keys), *keys)

    def _check_params(self) -> None:
        for problem, keys in param_problems(self.definition):
            raise self._error(problem, *keys)

    def _check_waits(self) -> None:
        for number, wait in enumerate(self.definition.wait_for):
            self._parsed(parse_duration, wait.at_most, f"wait_for[{number}].at_most", "wait_for", number, "at_most")

    def _check_checks(self) -> None:
        for number, check in enumerate(self.definition.checks):
            keys = ("checks", number)
            source = self._source(check.source, f"checks[{number}].source", (*keys, "source"))
            name = f"checks[{number}]"
            if check.sum:
                self._source(check.sum.equals.source, f"{name}.sum.equals.source", (*keys, "sum"))
            if check.change:
                self._parsed(parse_change, check.change.max, f"{name}.change.max", *keys, "change")
                if not (check.key and check.column):
                    raise self._error(f"{name}.change needs key and column: which rows are compared, and which value", *keys)
            if check.fresh_within:
                self._parsed(parse_duration, check.fresh_within, f"{name}.fresh_within", *keys, "fresh_within")
            if (check.picture or check.filtered) and not isinstance(source, TableauSource):
                raise self._error(f"{name} is about pictures, and {check.source} is not a Tableau source", *keys)
            if isinstance(source, JiraSource | SqlSource | FileSource):
                self._check_columns(check, source, name, keys)
            if check.severity == "review" and self.definition.review.when == "never":
                raise self._error(
                    f"{name}: else is review, and review.when is never. Remove one of them", *keys, "else"
                )  # fmt: skip

    def _check_columns(
        self, check: Check, source: JiraSource | SqlSource | FileSource, name: str, keys: Sequence[Any]
    ) -> None:
        """Raise an error for a column that the source does not have, where the definition names its columns."""
        known = list(source.fields.values()) if isinstance(source, JiraSource) else source.columns
        for column in [*check.columns, *columns_of(check)] if known else ():
            if column not in known:
                raise self._error(
                    f"{name}: {check.source} has no column {column!r}{closest(column, known)} It has {', '.join(known)}",
                    *keys,
                )

    def _check_fills(self) -> None:
        for number, fill in enumerate(self.definition.fill):
            keys, name = ("fill", number), f"fill[{number}]"
            if isinstance(fill, TextFill) and not isinstance(self.definition.page.source, PageSource):
                raise self._error(f"{name}.text fills the variables of a template, and page.from is none", *keys)
            if isinstance(fill, TableFill):
                source = self._source(fill.source, f"{name}.source", (*keys, "source"))
                self._check_has_rows(fill.source, source, f"{name}.source", keys)
            elif isinstance(fill, ImageFill | SectionFill):
                source = self._source(fill.source, f"{name}.source", (*keys, "source"))
                self._check_fits(fill, source, name, keys)
            elif isinstance(fill, AttachFill):
                self._source(fill.attach, f"{name}.attach", (*keys, "attach"))
            elif isinstance(fill, ChangesFill):
                for source_name in fill.sources:
                    self._source(source_name, f"{name}.sources", (*keys, "sources"))

    def _check_fits(self, fill: ImageFill | SectionFill, source: Any, name: str, keys: Sequence[Any]) -> None:
        if isinstance(fill, SectionFill) and not isinstance(source, SlackSource | FileSource):
            raise self._error(f"{name}.source: a section shows conversations of Slack or a file, not {fill.source}", *keys)
        if isinstance(fill, ImageFill) and not isinstance(source, TableauSource | FileSource):
            raise self._error(f"{name}.source: a picture comes from Tableau or a file, not from {fill.source}", *keys)

    def _check_has_rows(self, source_name: str, source: Any, name: str, keys: Sequence[Any]) -> None:
        if not isinstance(source, _WITH_ROWS):
            raise self._error(f"{name}: {source_name} has no rows", *keys)
        if isinstance(source, TableauSource) and not {"csv", "xlsx"} & set(source.formats):
            raise self._error(f"{name}: {source_name} exports {', '.join(source.formats)}; add csv to its formats", *keys)

    def _check_review(self) -> None:
        review = self.definition.review
        self._parsed(parse_duration, review.within, "review.within", "review", "within")
        if review.channel and not review.by:
            raise self._error(
                "review.channel needs review.by: everyone in a channel can click, so the reviewers must be named",
                "review", "channel",
            )  # fmt: skip
        if review.buttons and not review.channel:
            raise self._error("review.buttons are in Slack, and there is no review.channel. Add it", "review", "buttons")

    def _check_announcements(self) -> None:
        for number, announcement in enumerate(self.definition.announce):
            if isinstance(announcement, SlackAnnouncement):
                for source in announcement.files:
                    self._source(source, f"announce[{number}].files", ("announce", number, "files"))
                if rows := announcement.rows:
                    keys = ("announce", number, "rows")
                    source = self._source(rows.source, f"announce[{number}].rows.source", keys)
                    self._check_has_rows(rows.source, source, f"announce[{number}].rows.source", keys)

    def _check_unused(self) -> None:
        used = set(_used_sources(self.definition))
        for name in self.definition.sources:
            if name not in used:
                raise self._error(
                    f"sources.{name} is not used. Use it in fill, checks or announce, or remove it", "sources", name
                )

    def _source(self, name: str, key: str, keys: Sequence[Any]) -> Any:
        sources = self.definition.sources
        if name not in sources:
            raise self._error(
                f"{key} is {name!r}{closest(name, sources)} The sources are {', '.join(sources) or 'not defined'}", *keys
            )
        return sources[name]


def period_rule(definition: ReportDefinition) -> PeriodRule:
    """Return the rule of a definition's periods, with its holidays.

    :raises ValueError: if its values do not fit together
    """
    values = msgspec.structs.asdict(definition.period)
    if definition.holidays is None:
        return PeriodRule(**values)
    from workplace_provider.reports.holidays import HolidayRule

    return HolidayRule(**values, calendar=definition.holidays.calendar, move=definition.holidays.move)


def _next_report(definition: ReportDefinition) -> Period:
    """Return some period with a report; an error if the holidays leave none."""
    return period_rule(definition).at(date(2026, 11, 26)).shift(1)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def columns_of(check: Check) -> list[str]:
    """Return the columns that a check needs, apart from those of which it checks that they exist."""
    used = [*check.not_null, *check.unique, *_as_list(check.key), check.column]
    used += [part.column for part in (check.range, check.sum) if part]
    return list(filter(None, used))


def _used_sources(definition: ReportDefinition) -> Iterator[str]:
    for check in definition.checks:
        yield check.source
        if check.sum:
            yield check.sum.equals.source
    for fill in definition.fill:
        if isinstance(fill, ChangesFill):
            yield from fill.sources
        elif isinstance(fill, AttachFill):
            yield fill.attach
        elif isinstance(fill, TableFill | ImageFill | SectionFill):
            yield fill.source
    for announcement in definition.announce:
        if isinstance(announcement, SlackAnnouncement):
            yield from announcement.files
            if announcement.rows:
                yield announcement.rows.source


def sources_with_rows(definition: ReportDefinition) -> set[str]:
    """Return the names of the sources whose rows the report uses."""
    names = {fill.source for fill in definition.fill if isinstance(fill, TableFill)}
    for fill in definition.fill:
        if isinstance(fill, ChangesFill):
            names |= {*fill.sources}
    for check in definition.checks:
        if check.rows or check.columns or check.not_null or check.unique or check.range or check.sum or check.change:
            names.add(check.source)
        if check.sum:
            names.add(check.sum.equals.source)
    for announcement in definition.announce:
        if isinstance(announcement, SlackAnnouncement) and announcement.rows:
            names.add(announcement.rows.source)
    return names


def texts_of(part: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[str, Collection[str], tuple[Any, ...], bool]]:
    """Yield every text with placeholders, the names that are known in it, its keys, and whether it is a query."""
    if isinstance(part, msgspec.Struct):
        for field in fields_of(type(part)):
            value = getattr(part, field.name)
            path = (*keys, field.encode_name)
            if is_template(field.type):
                yield from ((text, _names_in(path), path, field.type == Query) for text in texts_in(value))
            else:
                yield from texts_of(value, path)
    elif isinstance(part, dict):
        for name, value in part.items():
            yield from texts_of(value, (*keys, name))
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from texts_of(value, (*keys, number))


def _names_in(keys: Sequence[Any]) -> Collection[str]:
    # The person who triggers a run fills in its params, and must not choose a file.
    if keys[0] == "sources" and keys[-1] == "file":
        return ("period",)
    return _PUBLISHED if keys[0] == "announce" else _EVERYWHERE


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
