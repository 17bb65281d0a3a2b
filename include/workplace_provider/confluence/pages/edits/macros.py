"""Edits of macros: status lozenges, and the parameters of every other macro."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workplace_provider.confluence.pages.document import AC, RI
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.edits.images import shown_file
from workplace_provider.confluence.pages.selectors import (
    Replacement,
    inserted,
    inside,
    macros,
    numbered,
    parameters,
    picked,
    under_heading,
)
from workplace_provider.confluence.pages.values import (
    Image,
    Link,
    Status,
    Storage,
    User,
    escape_text,
    from_plain,
    quote_attribute,
    to_storage,
)
from workplace_provider.confluence.pages.words import same_words, visible_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument


@dataclass(frozen=True)
class SetStatus(Edit):
    """Set the text and the colour of a status lozenge.

    :param title: its new text
    :param colour: Grey, Red, Yellow, Blue, Green or Purple; the colour it has when not given
    :param match: the text it has now; case does not count, because Confluence shows lozenges in capitals
    :param heading: only lozenges in the sections of this heading
    :param index: number of the lozenge on the page or under the heading, from 0; negative from the last
    :param expect: how many lozenges there must be; ``None`` for any number but none. Lozenges that have the title and the
        colour already count when none has the text ``match``, so that the same edit can be made again
    """

    template_fields: ClassVar[tuple[str, ...]] = ("title", "colour", "match", "heading")

    title: str
    colour: str | None = None
    match: str | None = None
    heading: str | None = None
    index: int | None = None
    expect: int | None = 1

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        self._refuse_wrong_colour()
        there = under_heading(self, document, macros(document, "status"), self.heading)
        replacements: list[Replacement] = []
        for lozenge in self._found(there):
            changes: dict[str, str | None] = {"title": escape_text(self.title)}
            if self.colour is not None and self.colour != _colour(lozenge):
                changes["colour"] = self.colour
            if _title(lozenge) == self.title:
                del changes["title"]
            replacements += changed_parameters(document, lozenge, changes)
        document.replace(replacements)

    def _found(self, there: list[etree._Element]) -> list[etree._Element]:
        candidates = picked(there, self.index)
        found, what = candidates, f"a status{numbered(self.index)}"
        if self.match is not None:
            text, what = same_words(self.match), f"the status {self.match!r}{numbered(self.index)}"
            found = [each for each in candidates if same_words(_title(each)) == text]
            found = found or [each for each in candidates if self._is_made(each)]
        if self.heading is not None:
            what += f" under the heading {self.heading!r}"
        return list(self.expected(found, self.expect, what, lambda: map(_title, there)))

    def _is_made(self, lozenge: etree._Element) -> bool:
        return _title(lozenge) == self.title and self.colour in (None, _colour(lozenge))

    def _refuse_wrong_colour(self) -> None:
        if self.colour is not None:
            try:
                Status(self.title, self.colour)  # type: ignore[arg-type]  # a rendered template is any text
            except ValueError as error:
                raise self.refused(str(error)) from error


@dataclass(frozen=True)
class SetMacroParameter(Edit):
    """Set a parameter of a macro; add it when the macro has none of that name.

    :param macro: name of the macro in storage format, such as ``jira`` or ``children``
    :param parameter: name of the parameter
    :param value: text, a number, a truth value, a date, a list of those (joined by commas), a link or user, or
        :class:`~workplace_provider.confluence.pages.Storage`. ``None`` takes the parameter away. Text in place of a
            file reference (``view-file``) is the name of a file of the page
    :param heading: only macros in the sections of this heading
    :param index: number of the macro among those of that name on the page or under the heading, from 0; negative from the
        last
    :param expect: how many macros there must be; ``None`` for any number but none
    """

    template_fields: ClassVar[tuple[str, ...]] = ("macro", "parameter", "value", "heading")

    macro: str
    parameter: str
    value: Any = None
    heading: str | None = None
    index: int | None = None
    expect: int | None = 1

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        there = under_heading(self, document, macros(document, self.macro), self.heading)
        what = f"the macro {self.macro!r}{numbered(self.index)}"
        if self.heading is not None:
            what += f" under the heading {self.heading!r}"
        found = self.expected(picked(there, self.index), self.expect, what, lambda: _macro_names(document))
        markup = self._markup()
        replacements: list[Replacement] = []
        for macro in found:
            files = [file for each in parameters(macro, self.parameter) for file in each.findall(f"{{{RI}}}attachment")]
            if files and isinstance(self.value, str):
                for file in files:
                    replacements += shown_file(document, file, self.value)
            else:
                replacements += changed_parameters(document, macro, {self.parameter: markup})
        document.replace(replacements)

    def _markup(self) -> str | None:
        try:
            value = from_plain(self.value)
        except ValueError as error:
            raise self.refused(str(error)) from error
        if value is None:
            return None
        return ",".join(_parameter_text(each) for each in value) if isinstance(value, list) else _parameter_text(value)


@dataclass(frozen=True)
class SetNote(Edit):
    """Put a warning at the top of a page, change it, or take it away.

    It is known again by an anchor of its name in it, so a warning that a person wrote is never touched.

    :param name: name of the note
    :param text: what it says; ``""`` takes it away
    """

    template_fields: ClassVar[tuple[str, ...]] = ("text",)

    name: str
    text: str

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        spans = [document.span(each) for each in macros(document, "warning") if self._is_ours(each)]
        replacements = [(span.start, span.end, "") for span in spans[1 if self.text else 0 :]]
        if self.text and spans:
            replacements.append((spans[0].start, spans[0].end, self._markup()))
        elif self.text:
            cells = document.select("//ac:layout-cell")
            # In a page with a layout, what is outside of its cells is moved by the editor.
            at = document.span(cells[0]).inner if cells else 0
            replacements.append((at, at, self._markup()))
        document.replace(replacements)

    def _is_ours(self, macro: object) -> bool:
        anchors = macro.iterfind(f".//{{{AC}}}structured-macro[@{{{AC}}}name='anchor']")  # type: ignore[attr-defined]
        return any("".join(each.itertext()).strip() == self.name for each in anchors)

    def _markup(self) -> str:
        anchor = (
            f'<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">{escape_text(self.name)}</ac:parameter>'
            "</ac:structured-macro>"
        )
        return (
            f'<ac:structured-macro ac:name="warning"><ac:rich-text-body>'
            f"<p>{anchor}{escape_text(self.text)}</p></ac:rich-text-body></ac:structured-macro>"
        )


def changed_parameters(document: PageDocument, macro: etree._Element, changes: dict[str, str | None]) -> list[Replacement]:
    """The replacements that change parameters of a macro; new ones go behind those that it has.

    :param changes: name to markup; ``None`` takes the parameter away
    """
    replacements: list[Replacement] = []
    new = ""
    for name, markup in changes.items():
        own = parameters(macro, name)
        if markup is None:
            replacements += [(span.start, span.end, "") for span in map(document.span, own)]
        elif own:
            for each in own:
                replacements += inside(document, each, markup)
        else:
            new += f"<ac:parameter ac:name={quote_attribute(name)}>{markup}</ac:parameter>"
    if new:
        own = parameters(macro)
        replacements += inserted(document, macro, new, document.span(own[-1]).end if own else None)
    return replacements


def _parameter_text(value: Any) -> str:
    """A value as macros read it: ``true``, ``1000`` and ``2026-11-19``, not as a reader of a page would like it."""
    if isinstance(value, Storage | Link | User | Status | Image):
        return to_storage(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape_text(value.isoformat() if isinstance(value, dt.date) else str(value))


def _title(lozenge: etree._Element) -> str:
    return " ".join(visible_text(each) for each in parameters(lozenge, "title"))


def _colour(lozenge: etree._Element) -> str:
    # A lozenge without the parameter is grey.
    return " ".join(str(each.text or "") for each in parameters(lozenge, "colour")) or "Grey"


def _macro_names(document: PageDocument) -> Iterator[str]:
    return (each.get(f"{{{AC}}}name", "") for each in document.root.iter(f"{{{AC}}}structured-macro"))
