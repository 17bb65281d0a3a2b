"""Edits of macros: status lozenges, parameters of any macro, and notes at the top of a page."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workplace_provider.confluence.pages.document import AC, RI
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.edits.images import show_file
from workplace_provider.confluence.pages.selectors import (
    Replacement,
    index_suffix,
    insert_inner,
    macros,
    parameters,
    pick,
    replace_inner,
    under_heading,
)
from workplace_provider.confluence.pages.values import (
    Image,
    Link,
    Markdown,
    Status,
    Storage,
    User,
    escape_text,
    from_plain,
    quote_attribute,
    to_storage,
)
from workplace_provider.confluence.pages.words import comparison_key, visible_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument


@dataclass(frozen=True)
class SetStatus(Edit):
    """Set the text and the colour of a status lozenge.

    ::

        SetStatus("DONE", "Green", match="IN PROGRESS", heading="Review")

    :param title: new text
    :param colour: Grey, Red, Yellow, Blue, Green or Purple; by default the present colour
    :param match: present text; case does not count, because Confluence shows lozenges in capitals
    :param heading: change only lozenges in the sections of this heading
    :param index: number of the lozenge on the page or under the heading, from 0; negative counts from the last
    :param expect: expected number of lozenges; ``None`` for at least one. Lozenges that already have the title and the
        colour count if none has the text ``match``, so that the edit is idempotent
    :raises EditError: from :meth:`apply`, if the number of lozenges is another one, the heading is missing, or the colour is
        unknown
    """

    template_fields: ClassVar[tuple[str, ...]] = ("title", "colour", "match", "heading")

    title: str
    colour: str | None = None
    match: str | None = None
    heading: str | None = None
    index: int | None = None
    expect: int | None = 1

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        self._check_colour()
        present = under_heading(self, document, macros(document, "status"), self.heading)
        replacements: list[Replacement] = []
        for lozenge in self._find(present):
            changes: dict[str, str | None] = {"title": escape_text(self.title)}
            if self.colour is not None and self.colour != _colour(lozenge):
                changes["colour"] = self.colour
            if _title(lozenge) == self.title:
                del changes["title"]
            replacements += change_parameters(document, lozenge, changes)
        document.replace(replacements)

    def _find(self, present: list[etree._Element]) -> list[etree._Element]:
        candidates = pick(present, self.index)
        matches, what = candidates, f"a status{index_suffix(self.index)}"
        if self.match is not None:
            text, what = comparison_key(self.match), f"the status {self.match!r}{index_suffix(self.index)}"
            matches = [lozenge for lozenge in candidates if comparison_key(_title(lozenge)) == text]
            matches = matches or [lozenge for lozenge in candidates if self._is_set(lozenge)]
        if self.heading is not None:
            what += f" under the heading {self.heading!r}"
        return list(self.check_count(matches, self.expect, what, map(_title, present)))

    def _is_set(self, lozenge: etree._Element) -> bool:
        return _title(lozenge) == self.title and self.colour in (None, _colour(lozenge))

    def _check_colour(self) -> None:
        if self.colour is not None:
            try:
                Status(self.title, self.colour)  # type: ignore[arg-type]  # a rendered template is any text
            except ValueError as error:
                raise self.error(str(error)) from error


@dataclass(frozen=True)
class SetMacroParameter(Edit):
    """Set a parameter of a macro, or add it if the macro does not have it.

    ::

        SetMacroParameter("jira", "jqlQuery", "project = DATA AND status = Open", heading="Open issues")
        SetMacroParameter("children", "depth", 2)

    :param macro: name of the macro in storage format, such as ``jira`` or ``children``
    :param parameter: name of the parameter
    :param value: text, a number, a boolean, a date, a list of those (joined by commas), a link or user, or
        :class:`~workplace_provider.confluence.pages.Storage`. ``None`` removes the parameter. If the parameter is a file
        reference (``view-file``), text is the name of an attachment of the page
    :param heading: change only macros in the sections of this heading
    :param index: number of the macro among those with this name on the page or under the heading, from 0; negative counts
        from the last
    :param expect: expected number of macros; ``None`` for at least one
    :raises EditError: from :meth:`apply`, if the number of macros is another one, the heading is missing, or the value is
        invalid
    """

    template_fields: ClassVar[tuple[str, ...]] = ("macro", "parameter", "value", "heading")

    macro: str
    parameter: str
    value: Any = None
    heading: str | None = None
    index: int | None = None
    expect: int | None = 1

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        present = under_heading(self, document, macros(document, self.macro), self.heading)
        what = f"the macro {self.macro!r}{index_suffix(self.index)}"
        if self.heading is not None:
            what += f" under the heading {self.heading!r}"
        matches = self.check_count(pick(present, self.index), self.expect, what, _macro_names(document))
        markup = self._markup()
        replacements: list[Replacement] = []
        for macro in matches:
            own = parameters(macro, self.parameter)
            files = [file for parameter in own for file in parameter.findall(f"{{{RI}}}attachment")]
            if files and isinstance(self.value, str):
                for file in files:
                    replacements += show_file(document, file, self.value)
            else:
                replacements += change_parameters(document, macro, {self.parameter: markup})
        document.replace(replacements)

    def _markup(self) -> str | None:
        try:
            value = from_plain(self.value)
        except ValueError as error:
            raise self.error(str(error)) from error
        if value is None:
            return None
        return ",".join(map(_parameter_text, value)) if isinstance(value, list) else _parameter_text(value)


@dataclass(frozen=True)
class SetNote(Edit):
    """Add, change or remove a warning at the top of a page.

    The warning contains an anchor with the name of the note. The edit finds it by this anchor, and never changes a warning
    that a person wrote.

    ::

        SetNote("data-delay", "Data of 2026-11-19 is incomplete.")
        SetNote("data-delay", "")

    :param name: name of the note
    :param text: text of the warning; ``""`` removes it
    """

    template_fields: ClassVar[tuple[str, ...]] = ("text",)

    name: str
    text: str

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        spans = [document.span(warning) for warning in macros(document, "warning") if self._is_ours(warning)]
        replacements = [(span.start, span.end, "") for span in spans[1 if self.text else 0 :]]
        if self.text and spans:
            replacements.append((spans[0].start, spans[0].end, self._markup()))
        elif self.text:
            cells = document.select("//ac:layout-cell")
            # On a page with a layout, the editor moves content outside of the layout's cells.
            at = document.span(cells[0]).inner if cells else 0
            replacements.append((at, at, self._markup()))
        document.replace(replacements)

    def _is_ours(self, macro: object) -> bool:
        anchors = macro.iterfind(f".//{{{AC}}}structured-macro[@{{{AC}}}name='anchor']")  # type: ignore[attr-defined]
        return any("".join(anchor.itertext()).strip() == self.name for anchor in anchors)

    def _markup(self) -> str:
        anchor = (
            f'<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">{escape_text(self.name)}</ac:parameter>'
            "</ac:structured-macro>"
        )
        return (
            f'<ac:structured-macro ac:name="warning"><ac:rich-text-body>'
            f"<p>{anchor}{escape_text(self.text)}</p></ac:rich-text-body></ac:structured-macro>"
        )


def change_parameters(document: PageDocument, macro: etree._Element, changes: dict[str, str | None]) -> list[Replacement]:
    """Return the replacements that change parameters of a macro; new parameters follow the present ones.

    :param changes: parameter name to markup; ``None`` removes the parameter
    """
    replacements: list[Replacement] = []
    new = ""
    for name, markup in changes.items():
        own = parameters(macro, name)
        if markup is None:
            replacements += [(span.start, span.end, "") for span in map(document.span, own)]
        elif own:
            for parameter in own:
                replacements += replace_inner(document, parameter, markup)
        else:
            new += f"<ac:parameter ac:name={quote_attribute(name)}>{markup}</ac:parameter>"
    if new:
        own = parameters(macro)
        replacements += insert_inner(document, macro, new, document.span(own[-1]).end if own else None)
    return replacements


def _parameter_text(value: Any) -> str:
    """Return a value in the form that macros parse: ``true``, ``1000``, ``2026-11-19``; not formatted for readers."""
    if isinstance(value, Storage | Link | User | Status | Image | Markdown):
        return to_storage(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape_text(value.isoformat() if isinstance(value, dt.date) else str(value))


def statuses(document: PageDocument) -> list[tuple[str, str]]:
    """Return text and colour of each status lozenge of a page."""
    return [(_title(lozenge), _colour(lozenge)) for lozenge in macros(document, "status")]


def _title(lozenge: etree._Element) -> str:
    return " ".join(map(visible_text, parameters(lozenge, "title")))


def _colour(lozenge: etree._Element) -> str:
    # A lozenge without the parameter is grey.
    return " ".join(str(colour.text or "") for colour in parameters(lozenge, "colour")) or "Grey"


def _macro_names(document: PageDocument) -> Iterator[str]:
    return (macro.get(f"{{{AC}}}name", "") for macro in document.root.iter(f"{{{AC}}}structured-macro"))
