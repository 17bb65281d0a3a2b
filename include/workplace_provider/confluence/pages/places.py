"""Managed places: filled again and again, and found again although people move, rename and add around them.

An edit says where a place is by the page's own structure. What a filled place looked like is remembered beside the page, not
by markers in it, which the editor would drop: so a section whose heading somebody renamed is still known by what was written
there, and a table that moved under another heading by its columns.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.pages.edits.base import Edit, EditError, PlaceMissing
from workplace_provider.confluence.pages.edits.images import SetImage, ShowImages
from workplace_provider.confluence.pages.edits.sections import ReplaceSection
from workplace_provider.confluence.pages.edits.tables import ReplaceTableRows
from workplace_provider.confluence.pages.selectors import find_sections, headings, image_name, images, same_file, section
from workplace_provider.confluence.pages.tables import Table
from workplace_provider.confluence.pages.words import same_words, visible_text

if TYPE_CHECKING:
    from workplace_provider.confluence.pages.document import PageDocument
    from workplace_provider.confluence.pages.selectors import Section

_FIELDS_THAT_NAME: Final = ("place", "heading", "table", "filename", "match", "macro")


@dataclass(frozen=True, slots=True)
class Trace:
    """What a place looked like after it was filled.

    :param headers: the header cells of a table
    :param digest: of the words in a section
    """

    headers: tuple[str, ...] = ()
    digest: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The trace as JSON, without what it does not have."""
        known: dict[str, Any] = {"headers": list(self.headers), "digest": self.digest}
        return {name: value for name, value in known.items() if value}

    @classmethod
    def read(cls, value: Any) -> Trace:
        """The trace of :meth:`as_dict`; an empty one of anything else."""
        given = value if isinstance(value, Mapping) else {}
        return cls(tuple(str(each) for each in given.get("headers", ())), str(given.get("digest", "")))


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of the places of a page.

    :param traces: name of each place that was filled to what it looks like now
    :param missing: names of those that the page does not have
    :param moved: names of those that were found by their traces
    """

    traces: Mapping[str, Trace]
    missing: tuple[str, ...]
    moved: tuple[str, ...]


def place_names(edits: Iterable[Edit]) -> list[str]:
    """A name for each place: what the edit calls it (``place``), else the heading, table, file or macro it is about.

    :raises EditError: two places have the same name
    """
    names: list[str] = []
    for edit in edits:
        name = _name(edit)
        if name in names:
            raise EditError(f"two places are called {name!r}: tell them apart with place=…")
        names.append(name)
    return names


def fill_places(document: PageDocument, edits: Sequence[Edit], remembered: Mapping[str, Trace] | None) -> Filled:
    """Fill the managed places of a page.

    :param edits: one for each place
    :param remembered: the traces of the time before; ``None`` for a page that is being made, which must have all places. A
        place that was there before and was deleted since is not made again
    :raises EditError: a page that is being made lacks a place, or a place is not as its edit expects
    """
    traces: dict[str, Trace] = {}
    missing: list[str] = []
    moved: list[str] = []
    for name, edit in zip(place_names(edits), edits, strict=True):
        before = None if remembered is None else remembered.get(name)
        try:
            traces[name] = _filled(document, edit if before is None else _without_insertion(edit))
        except PlaceMissing:
            if remembered is None and edit.if_missing != "skip":
                raise
            elsewhere = None if before is None else _found_again(document, edit, before)
            if elsewhere is None:
                missing.append(name)
                continue
            traces[name] = _filled(document, elsewhere)
            moved.append(name)
    return Filled(traces, tuple(missing), tuple(moved))


def _filled(document: PageDocument, edit: Edit) -> Trace:
    edit.apply(document)
    if isinstance(edit, ReplaceSection | ShowImages):
        section_edit = edit if isinstance(edit, ReplaceSection) else edit.section
        found = find_sections(section_edit, document, section_edit.heading, section_edit.index, section_edit.expect)
        return Trace(digest=_digest(found[0]))
    if isinstance(edit, ReplaceTableRows):
        return Trace(headers=tuple(edit.find(document).headers))
    return Trace()


def _found_again(document: PageDocument, edit: Edit, before: Trace) -> Edit | None:
    """The edit for the place where its content is now, when there is exactly one such place."""
    if isinstance(edit, ReplaceSection | ShowImages) and before.digest:
        alike = [each for each in headings(document) if _digest(section(document, each)) == before.digest]
        if len(alike) == 1:
            (heading,) = alike
            index = [each.element for each in headings(document) if each.text == heading.text].index(heading.element)
            return dataclasses.replace(edit, heading=heading.text, index=index)
    if isinstance(edit, ReplaceTableRows) and before.headers:
        wanted = [same_words(each) for each in before.headers]
        tables = document.select("//table[not(ancestor::table) and not(ancestor::ac:adf-extension)]")
        numbers = [
            number
            for number, each in enumerate(tables)
            if all(name in map(same_words, Table(each).headers) for name in wanted)
        ]
        if len(numbers) == 1:
            return dataclasses.replace(edit, table=numbers[0])
    if isinstance(edit, SetImage) and any(same_file(image_name(each), edit.filename) for each in images(document)):
        return dataclasses.replace(edit, heading=None, index=None, replaces=edit.filename, insert=False)
    return None


def _without_insertion(edit: Edit) -> Edit:
    """A picture that a person took away stays away."""
    return dataclasses.replace(edit, insert=False) if isinstance(edit, SetImage) and edit.insert else edit


def _digest(found: Section) -> str:
    """What a section says; layout and pictures' sizes do not count."""
    words = same_words(" ".join(visible_text(element) for element in found.elements))
    return hashlib.sha256(words.encode()).hexdigest() if words else ""


def _name(edit: Edit) -> str:
    for field in _FIELDS_THAT_NAME:
        value = getattr(edit, field, None)
        if value or value == 0:
            return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return type(edit).__name__
