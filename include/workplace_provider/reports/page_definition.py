"""A report that describes itself on its template page: the YAML in a code macro with the title ``report``.

The page is written by people who may not change the project. So its definition has fewer keys than a file, names only what
the catalogue allows, has no template syntax but placeholders of the period, and is limited in size.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from workplace_provider.common.query import quoted
from workplace_provider.common.yaml_description import YamlMapping, check_keys, closest, line_of, read_yaml_text
from workplace_provider.reports.catalogue import LABEL
from workplace_provider.reports.definition import (
    JiraSource,
    ReportDefinition,
    SlackAnnouncement,
    SlackSource,
    TableauSource,
    TableFill,
)
from workplace_provider.reports.pages import as_labels
from workplace_provider.reports.placeholders import check_text
from workplace_provider.reports.reading import ReportError, definition_of, texts_of

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.client import Page
    from workplace_provider.confluence.pages import PageDocument
    from workplace_provider.reports.catalogue import Catalogue

WHERE: Final = "macro report"
"""Name of the definition in messages."""

MACRO: Final = "report"
ID: Final = "page-{page_id}"
"""Id of a report. It stays when the page is renamed or moved."""

DEEPEST: Final = 12
LARGEST_PICTURE: Final = 4000
LONGEST_TITLE: Final = 200

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "": (
        "name", "description", "schedule", "timezone", "period", "page", "sources", "checks", "fill", "review", "announce",
    ),
    "page": ("space", "parent", "title", "labels"),
    "page.labels": ("add",),
    "period": ("every", "weekday", "day", "fiscal_start"),
    "review": ("when",),
}  # fmt: skip
_SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "sql": ("sql", "params"),
    "tableau": ("tableau", "project", "filters", "formats", "each", "width", "height", "language"),
    "jira": ("jira", "fields", "limit"),
    "slack": ("slack", "threads", "days", "replies_title", "empty_text"),
}
_CHECK: Final = (
    "source", "rows", "columns", "not_null", "unique", "range", "sum", "key", "column", "change", "fresh_within", "picture",
    "filtered", "else",
)  # fmt: skip
_FILLS: Final[Mapping[str, tuple[str, ...]]] = {
    "table": ("table", "source", "key", "formats", "limit", "more", "if_missing"),
    "image": ("image", "source", "width", "if_missing"),
    "section": ("section", "source", "if_missing"),
    "attach": ("attach",),
    "text": ("text",),
    "status": ("status", "colour", "match", "if_missing"),
    "changes": ("changes", "sources", "columns", "top", "language", "if_missing"),
}
_ANNOUNCEMENTS: Final[Mapping[str, tuple[str, ...]]] = {"slack": ("slack", "text", "changes", "files")}

_TEMPLATE: Final = re.compile(r"\{\{|\{%|\{#")
_PLACEHOLDER: Final = re.compile(r"\{\{\s*(?:period|page)(?:\.[a-z]+)+\s*\}\}")
# Two numbers, for width and precision: with more digits, a format makes a text as long as it likes.
_FORMAT: Final = re.compile(r"[^\d{}]{0,6}\d{0,2}[^\d{}]{0,3}\d{0,2}[^\d{}]{0,3}")
_MORE: Final = re.compile(r"[^{}]*(\{n\}[^{}]*)?")
_JQL_PIECE: Final = re.compile(
    r""""(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'|(?P<order>\border\s+by\b)|(?P<bracket>[()])|(?P<open>["'\\])""", re.S | re.I
)


@dataclass(frozen=True)
class PageReport:
    """The report of a template page.

    :param page: the page as it was read, with its body and the author of its version
    :param definition: the report, with the connections of the catalogue
    :param template: body of the page without the macro
    :param digest: SHA-256 of the definition's text
    """

    page: Page
    definition: ReportDefinition
    template: str = field(repr=False)
    digest: str


def read_page_report(page: Page, catalogue: Catalogue) -> PageReport:
    """Return the report of a template page.

    :param page: read with its body
    :raises ReportError: if the page has no definition, or one that the catalogue does not allow
    """
    limits = catalogue.limits
    if len(page.body or "") > limits.page_size:
        raise ReportError(f"the page has more than {limits.page_size:,} characters; shorten it")
    text, template = split_page(page.body or "")
    if len(text) > limits.definition_size:
        raise ReportError(f"{WHERE}: it has more than {limits.definition_size:,} characters; shorten it")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return PageReport(page, parse_page_definition(text, page, catalogue), template, digest)


def split_page(storage: str) -> tuple[str, str]:
    """Return the definition on a page, and the body without its macro.

    :raises ReportError: if there is no macro, several, or one inside of another macro
    """
    from workplace_provider.confluence.pages import PageDocument

    try:
        document = PageDocument(storage)
    except ValueError as error:
        raise ReportError(f"the page cannot be read: {error}") from error
    macro, text = _find_macro(document)
    span = document.span(macro)
    document.replace([(span.start, span.end, "")])
    return text, document.storage


def _find_macro(document: PageDocument) -> tuple[etree._Element, str]:
    macros = [
        macro
        for macro in document.select("//ac:structured-macro[@ac:name='code'] | //ac:macro[@ac:name='code']")
        if _child_text(macro, "parameter", "title") == MACRO
    ]
    if len(macros) != 1:
        found = f"{len(macros)} code macros have" if macros else "no code macro has"
        raise ReportError(f"{found} the title {MACRO!r}; a template page has one, with the definition of the report")
    (macro,) = macros
    outer = [str(element.tag).rpartition("}")[2] for element in macro.iterancestors()]
    if any(name.startswith(("structured-macro", "macro", "adf-")) for name in outer):
        raise ReportError(f"the code macro {MACRO!r} is inside of another macro; move it out of it")
    text = _child_text(macro, "plain-text-body")
    if not text.strip():
        raise ReportError(f"the code macro {MACRO!r} is empty; write the definition of the report into it")
    return macro, text


def _child_text(macro: etree._Element, tag: str, name: str = "") -> str:
    """Return the text of a macro's only child with a tag, and with a name if one is given; empty if there is none."""
    children = [
        child
        for child in macro
        if isinstance(child.tag, str)
        and child.tag.rpartition("}")[2] == tag
        and (not name or any(str(key).rpartition("}")[2] == "name" and value == name for key, value in child.attrib.items()))
    ]
    if len(children) != 1 or len(children[0]):
        return ""
    text: str = children[0].text or ""
    return text if not name else text.strip()


def parse_page_definition(text: str, page: Page, catalogue: Catalogue) -> ReportDefinition:
    """Return the definition of a template page.

    :param text: the YAML in its macro
    :param page: the template page
    :raises ReportError: if the text is invalid, or uses what the catalogue does not allow; with line and advice
    """
    _check_structure(text)
    plain = read_yaml_text(text, WHERE, ReportError)
    check_keys(plain, _KEYS[""], WHERE, ReportError)
    _check_no_templates(plain)
    completed = _Completion(plain, page, catalogue).definition()
    definition = definition_of(completed, WHERE, ID.format(page_id=page.id))
    _Limits(definition, completed, catalogue).check()
    return definition


def _check_structure(text: str) -> None:
    """Raise an error for YAML that may be large when it is loaded: aliases, tags, many levels.

    :raises ReportError: with the line
    """
    depth = 0
    try:
        for event in yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise ReportError(
                    f"{WHERE}, line {line}: anchors and aliases (& and *) are not allowed; write the value again"
                )
            if tag := getattr(event, "tag", None):
                raise ReportError(f"{WHERE}, line {line}: tags such as {tag!r} are not allowed; remove it")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise ReportError(f"{WHERE}, line {line}: more than {DEEPEST} levels; a definition has fewer")
    except yaml.YAMLError:
        return  # the reader names the error


def _check_no_templates(plain: Any, key: str = "", line: str = "") -> None:
    """Raise an error for template syntax other than placeholders, in values and in keys."""
    if isinstance(plain, Mapping):
        for name, value in plain.items():
            at = line_of(plain, name) or line
            _check_no_templates(name, f"{key}.{name}", at)
            _check_no_templates(value, f"{key}.{name}" if key else str(name), at)
    elif isinstance(plain, list):
        for number, value in enumerate(plain):
            _check_no_templates(value, f"{key}[{number}]", line)
    elif isinstance(plain, str) and _TEMPLATE.search(_PLACEHOLDER.sub("", plain)):
        raise ReportError(
            f"{WHERE}{line}: {key} is {plain[:80]!r}; a template page has placeholders such as {{{{ period.day }}}} only"
        )


@dataclass(frozen=True)
class _Completion:
    """Completes the definition of a page with what only the catalogue may say.

    :param plain: content of the macro
    """

    plain: Any
    page: Page
    catalogue: Catalogue

    def definition(self) -> YamlMapping:
        """Return the content of a definition as a file would have it."""
        plain = self.plain
        for key in ("period", "review"):
            if key in plain:
                check_keys(plain[key], _KEYS[key], WHERE, ReportError, key=key)
        values: dict[str, Any] = {"name": plain.get("name") or self.page.title, "review": self._review()}
        if "page" in plain:
            values["page"] = self._page(plain["page"])
        if "sources" in plain:
            values["sources"] = self._sources(plain["sources"])
        self._check_items("checks", lambda item, key: check_keys(item, _CHECK, WHERE, ReportError, key=key))
        self._check_items("fill", lambda item, key: self._check_kind(item, _FILLS, key))
        if "announce" in plain:
            values["announce"] = self._announcements()
        return _with(plain, **values)

    def _page(self, plain: Any) -> YamlMapping:
        check_keys(plain, _KEYS["page"], WHERE, ReportError, key="page")
        if "labels" in plain:
            check_keys(plain["labels"], _KEYS["page.labels"], WHERE, ReportError, key="page.labels")
        space, parent = plain.get("space"), plain.get("parent")
        target = self.catalogue.spaces.get(space) if isinstance(space, str) else None
        if target is None:
            raise self._not_allowed("page.space", space, self.catalogue.spaces, line_of(plain, "space"))
        if not isinstance(parent, str) or not parent.strip():
            raise ReportError(f"{WHERE}{line_of(self.plain, 'page')}: page has no parent; name the page above the reports")
        if target.parents and parent not in target.parents:
            raise self._not_allowed("page.parent", parent, target.parents, line_of(plain, "parent"))
        return _with(plain, **{"from": {"template": self.page.title}, "conn_id": self.catalogue.conn_id})

    def _sources(self, plain: Any) -> Any:
        if not isinstance(plain, YamlMapping):
            return plain  # the reader names the error
        return _with(plain, **{name: self._source(value, f"sources.{name}") for name, value in plain.items()})

    def _source(self, plain: Any, key: str) -> Any:
        kind = self._check_kind(plain, _SOURCES, key)
        if kind == "sql":
            return self._query(plain, key)
        if kind == "tableau":
            return self._view(plain, key)
        if kind == "jira":
            return self._issues(plain, key)
        for channel in plain["slack"] if isinstance(plain["slack"], list) else [plain["slack"]]:
            if channel not in self.catalogue.slack.read:
                raise self._not_allowed(f"{key}.slack", channel, self.catalogue.slack.read, line_of(plain, "slack"))
        return _with(plain, conn_id=self.catalogue.slack.conn_id)

    def _query(self, plain: YamlMapping, key: str) -> YamlMapping:
        name = plain["sql"]
        query = self.catalogue.queries.get(name) if isinstance(name, str) else None
        if query is None:
            raise self._not_allowed(f"{key}.sql", name, self.catalogue.queries, line_of(plain, "sql"))
        given = plain.get("params", {})
        if not isinstance(given, Mapping) or set(given) != set(query.params):
            raise ReportError(
                f"{WHERE}{line_of(plain, 'params') or line_of(plain, 'sql')}: {key}.params must have "
                f"{', '.join(query.params) or 'no keys'}, the parameters of the query {name}"
            )
        return _with(plain, sql=query.sql, conn_id=query.conn_id, columns=list(query.columns))

    def _view(self, plain: YamlMapping, key: str) -> YamlMapping:
        from workplace_provider.tableau.client.lookup import LUID

        view, projects = plain["tableau"], self.catalogue.tableau_connections
        if not isinstance(view, str) or "://" in view or LUID.fullmatch(view.strip()) or "/" not in view:
            raise ReportError(
                f"{WHERE}{line_of(plain, 'tableau')}: {key}.tableau is {view!r}; it must be Workbook/Sheet, since the view"
                " is looked up in the project"
            )
        project = plain.get("project") or (next(iter(projects)) if len(projects) == 1 else None)
        if project not in projects:
            line = line_of(plain, "project") or line_of(plain, "tableau")
            raise self._not_allowed(f"{key}.project", project, projects, line)
        return _with(plain, project=project, conn_id=projects[project])

    def _issues(self, plain: YamlMapping, key: str) -> YamlMapping:
        jira = self.catalogue.jira
        if jira is None:
            raise self._not_allowed(key, "jira", (), line_of(plain, "jira"))
        try:
            query = restrict_jql(str(plain["jira"]), jira.projects)
        except ValueError as error:
            raise ReportError(f"{WHERE}{line_of(plain, 'jira')}: {key}.jira: {error}") from None
        return _with(plain, jira=query, conn_id=jira.conn_id)

    def _announcements(self) -> list[Any]:
        completed = []
        allowed = self.catalogue.slack.announce

        def complete(item: Any, key: str) -> None:
            self._check_kind(item, _ANNOUNCEMENTS, key)
            if item["slack"] not in allowed:
                raise self._not_allowed(f"{key}.slack", item["slack"], allowed, line_of(item, "slack"))
            completed.append(_with(item, conn_id=self.catalogue.slack.conn_id))

        self._check_items("announce", complete)
        return completed

    def _review(self) -> dict[str, Any]:
        """Return the review of the catalogue; a page may only ask for more reviews."""
        review = self.catalogue.review
        asked = self.plain.get("review", {}).get("when", review.when)
        when = "always" if review.when == "always" else asked
        return {"when": when, "by": list(review.by), "within": review.within, "otherwise": review.otherwise}

    def _check_items(self, name: str, check: Callable[[Any, str], object]) -> None:
        items = self.plain.get(name, [])
        for number, item in enumerate(items if isinstance(items, list) else []):
            check(item, f"{name}[{number}]")

    def _check_kind(self, plain: Any, kinds: Mapping[str, Collection[str]], key: str) -> str:
        """Return the kind of a part, and raise an error for a kind or key that pages do not have."""
        present = [name for name in kinds if isinstance(plain, Mapping) and name in plain]
        if len(present) != 1 or not isinstance(plain, YamlMapping):
            line = min(plain.lines.values(), default=0) if isinstance(plain, YamlMapping) else 0
            raise ReportError(
                f"{WHERE}{f', line {line}' if line else ''}: {key} must be a mapping with one of the keys"
                f" {', '.join(kinds)}, which a template page may use"
            )
        check_keys(plain, kinds[present[0]], WHERE, ReportError, key=key)
        return present[0]

    def _not_allowed(self, key: str, value: Any, allowed: Collection[str], line: str) -> ReportError:
        near = closest(value, allowed) if isinstance(value, str) else "."
        listed = f"The catalogue allows {', '.join(allowed)}" if allowed else "The catalogue allows none"
        shown = repr(value) if isinstance(value, str | int | float | bool) else "missing" if value is None else "no text"
        return ReportError(f"{WHERE}{line}: {key} is {shown}{near} {listed}")


@dataclass(frozen=True)
class _Limits:
    """The limits of a page's definition that concern its values.

    :param plain: the same definition with the lines of its keys
    """

    definition: ReportDefinition
    plain: Any
    catalogue: Catalogue

    def check(self) -> None:
        """Raise an error for the first value that is not allowed.

        :raises ReportError: with line and advice
        """
        for problem, keys in self._problems():
            raise ReportError(f"{WHERE}{line_of(self.plain, *keys)}: {problem}")

    def _problems(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        definition, most = self.definition, self.catalogue.limits.sources
        for text, _, keys, _ in texts_of(definition):
            names = ("period", "page") if keys[0] == "announce" else ("period",)
            try:
                check_text(text, names, simple=True)
            except ValueError as error:
                yield str(error), keys
        for name in ("sources", "checks", "fill", "announce"):
            if (count := len(getattr(definition, name))) > most:
                yield f"{name} has {count} entries; a report on a template page has at most {most}", (name,)
        if not isinstance(definition.schedule, str | None):
            yield "schedule must be a cron expression such as '0 9 * * THU'", ("schedule",)
        elif definition.schedule and len(definition.schedule.split()) != 5:
            yield f"schedule is {definition.schedule!r}; it must be a cron expression such as '0 9 * * THU'", ("schedule",)
        if len(definition.page.title) > LONGEST_TITLE:
            yield f"page.title has more than {LONGEST_TITLE} characters; shorten it", ("page", "title")
        if LABEL in as_labels(definition.page.labels.add):
            yield f"page.labels.add has {LABEL}, which marks template pages; remove it", ("page", "labels")
        yield from self._source_problems()
        yield from self._text_problems()

    def _source_problems(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        for name, source in self.definition.sources.items():
            keys = ("sources", name)
            if isinstance(source, TableauSource):
                # Only a param fills the whole of each, and a template page has none.
                each = source.each.values() if isinstance(source.each, dict) else ()
                exports = math.prod(len(values) for values in each) * len(source.formats)
                if exports > self.catalogue.limits.exports:
                    most = self.catalogue.limits.exports
                    yield f"sources.{name} exports {exports} files; a source exports at most {most}", keys
                if max(source.width or 0, source.height or 0) > LARGEST_PICTURE:
                    yield f"sources.{name} is wider or higher than {LARGEST_PICTURE} pixels; make it smaller", keys
            elif isinstance(source, JiraSource) and not 0 < (source.limit or 0) <= 500:
                yield f"sources.{name}.limit is {source.limit}; it must be 1 to 500", keys
            elif isinstance(source, SlackSource) and not 0 < (source.days or 1) <= 366:
                yield f"sources.{name}.days is {source.days}; it must be 1 to 366", keys

    def _text_problems(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        for number, fill in enumerate(self.definition.fill):
            if isinstance(fill, TableFill):
                for form in fill.formats.values():
                    if not _FORMAT.fullmatch(form):  # such as ">999999999"
                        yield (
                            f"fill[{number}].formats has {form!r}; a format is short, such as ',.1f' or '.1%'",
                            ("fill", number),
                        )
                if not _MORE.fullmatch(fill.more):
                    yield f"fill[{number}].more is {fill.more!r}; it may have {{n}} and no other braces", ("fill", number)
        for number, announcement in enumerate(self.definition.announce):
            if isinstance(announcement, SlackAnnouncement) and "<!" in announcement.text:
                yield f"announce[{number}].text mentions everyone; remove <!…>", ("announce", number, "text")


def restrict_jql(query: str, projects: Collection[str]) -> str:
    """Return a query that finds only issues of some projects.

    ::

        restrict_jql("status = Done OR priority = High ORDER BY key", ["ANL"])
        # project in ("ANL") AND (status = Done OR priority = High) ORDER BY key

    :raises ValueError: if its brackets or quotes are not closed, so that it could end the condition
    """
    depth, order = 0, len(query)
    for match in _JQL_PIECE.finditer(query):
        if match["open"]:
            raise ValueError("a quotation mark or a backslash is not closed; close it")
        if match["bracket"]:
            depth += 1 if match["bracket"] == "(" else -1
            if depth < 0 or order < len(query):
                raise ValueError("its brackets do not match; each ) must close a ( before it, and ORDER BY has none")
        elif match["order"] and not depth and order == len(query):
            order = match.start()
    if depth:
        raise ValueError("its brackets do not match; a ( is not closed")
    condition = query[:order].strip()
    allowed = f"project in ({', '.join(map(quoted, projects))})"
    return " ".join(filter(None, (allowed, f"AND ({condition})" if condition else "", query[order:].strip())))


def _with(plain: Mapping[Any, Any], **values: Any) -> YamlMapping:
    """Return a mapping with other values and the lines of its keys."""
    changed = YamlMapping({**plain, **values})
    changed.lines = getattr(plain, "lines", {})
    return changed
