"""Managed places of a page: every run fills them, and finds them even if people moved or renamed them.

An edit names a place by the structure of the page. A snapshot of each filled place is stored beside the page; Confluence's
editor would remove a marker in it. With the snapshot, a section is recognized by its text after its heading was renamed, and
a table by its columns after it was moved to another heading.
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
from workplace_provider.confluence.pages.edits.tables import TABLES, ReplaceTableRows
from workplace_provider.confluence.pages.selectors import find_sections, headings, image_name, images, same_file, section
from workplace_provider.confluence.pages.tables import Table
from workplace_provider.confluence.pages.words import comparison_key, visible_text

if TYPE_CHECKING:
    from workplace_provider.confluence.pages.document import PageDocument
    from workplace_provider.confluence.pages.selectors import Section

_NAMING_FIELDS: Final = ("place", "heading", "table", "filename", "match", "macro")


@dataclass(frozen=True, slots=True)
class PlaceSnapshot:
    """A snapshot of a place after it was filled.

    :param headers: header cells of a table
    :param digest: digest of the text of a section
    """

    headers: tuple[str, ...] = ()
    digest: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the snapshot as JSON, without empty fields."""
        content: dict[str, Any] = {"headers": list(self.headers), "digest": self.digest}
        return {name: value for name, value in content.items() if value}

    @classmethod
    def from_dict(cls, value: Any) -> PlaceSnapshot:
        """Read the result of :meth:`as_dict`; any other value gives an empty snapshot."""
        content = value if isinstance(value, Mapping) else {}
        return cls(tuple(str(header) for header in content.get("headers", ())), str(content.get("digest", "")))


@dataclass(frozen=True, slots=True)
class FillResult:
    """The result of filling the places of a page.

    :param snapshots: the name of each filled place, to its new snapshot
    :param missing: names of the places that the page does not have
    :param moved: names of the places that were found by their snapshots
    """

    snapshots: Mapping[str, PlaceSnapshot]
    missing: tuple[str, ...]
    moved: tuple[str, ...]


def place_names(edits: Iterable[Edit]) -> list[str]:
    """Return the name of each edit's place: its field ``place``, else the heading, table, file or macro that it changes.

    :raises EditError: two places have the same name
    """
    names: list[str] = []
    for edit in edits:
        name = _name(edit)
        if name in names:
            raise EditError(f"two places have the name {name!r}; give one of the edits another name with place=…")
        names.append(name)
    return names


def fill_places(document: PageDocument, edits: Sequence[Edit], remembered: Mapping[str, PlaceSnapshot] | None) -> FillResult:
    """Fill the managed places of a page.

    :param edits: one edit for each place
    :param remembered: the snapshots of the last run; ``None`` for a new page, which must have all places. A place that was
        deleted since the last run is not created again
    :raises EditError: a new page does not have a place, or an edit does not fit its place
    """
    snapshots: dict[str, PlaceSnapshot] = {}
    missing: list[str] = []
    moved: list[str] = []
    for name, edit in zip(place_names(edits), edits, strict=True):
        before = None if remembered is None else remembered.get(name)
        try:
            snapshots[name] = _fill(document, edit if before is None else _without_insertion(edit))
        except PlaceMissing:
            if remembered is None and edit.if_missing != "skip":
                raise
            elsewhere = None if before is None else _find_moved(document, edit, before)
            if elsewhere is None:
                missing.append(name)
                continue
            snapshots[name] = _fill(document, elsewhere)
            moved.append(name)
    return FillResult(snapshots, tuple(missing), tuple(moved))


def _fill(document: PageDocument, edit: Edit) -> PlaceSnapshot:
    edit.apply(document)
    if isinstance(edit, ReplaceSection | ShowImages):
        section_edit = edit if isinstance(edit, ReplaceSection) else edit.section
        filled = find_sections(section_edit, document, section_edit.heading, section_edit.index, section_edit.expect)
        return PlaceSnapshot(digest=_digest(filled[0]))
    if isinstance(edit, ReplaceTableRows):
        return PlaceSnapshot(headers=tuple(edit.find(document).headers))
    return PlaceSnapshot()


def _find_moved(document: PageDocument, edit: Edit, before: PlaceSnapshot) -> Edit | None:
    """Return the edit for the new position of its place, if exactly one position matches the snapshot."""
    if isinstance(edit, ReplaceSection | ShowImages) and before.digest:
        return _at_moved_section(document, edit, before.digest)
    if isinstance(edit, ReplaceTableRows) and before.headers:
        return _at_moved_table(document, edit, before.headers)
    if isinstance(edit, SetImage) and any(same_file(image_name(image), edit.filename) for image in images(document)):
        return dataclasses.replace(edit, heading=None, index=None, replaces=edit.filename, insert=False)
    return None


def _at_moved_section(document: PageDocument, edit: ReplaceSection | ShowImages, digest: str) -> Edit | None:
    present = headings(document)
    matches = [heading for heading in present if _digest(section(document, heading)) == digest]
    if len(matches) != 1:
        return None
    (match,) = matches
    index = [heading.element for heading in present if heading.text == match.text].index(match.element)
    return dataclasses.replace(edit, heading=match.text, index=index)


def _at_moved_table(document: PageDocument, edit: ReplaceTableRows, headers: Sequence[str]) -> Edit | None:
    wanted = [comparison_key(header) for header in headers]
    matches = [
        number
        for number, table in enumerate(document.select(TABLES))
        if all(name in map(comparison_key, Table(table).headers) for name in wanted)
    ]
    return dataclasses.replace(edit, table=matches[0]) if len(matches) == 1 else None


def _without_insertion(edit: Edit) -> Edit:
    """Return the edit without ``insert``: an image that a person removed is not added again."""
    return dataclasses.replace(edit, insert=False) if isinstance(edit, SetImage) and edit.insert else edit


def _digest(place: Section) -> str:
    """Return a digest of the text of a section; layout and image sizes do not count."""
    words = comparison_key(" ".join(visible_text(element) for element in place.elements))
    return hashlib.sha256(words.encode()).hexdigest() if words else ""


def _name(edit: Edit) -> str:
    for field in _NAMING_FIELDS:
        value = getattr(edit, field, None)
        if value or value == 0:
            return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return type(edit).__name__
