"""Selectors for headings and their sections, images, macros and attributes, and the replacements that change them.

The selectors skip ``ac:adf-extension``: Confluence stores the same content twice in this element, and an edit of one copy
would be lost or would contradict the other.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final, TypeVar

from workplace_provider.confluence.pages.document import AC, NAMESPACES, RI, unknown_namespace
from workplace_provider.confluence.pages.values import quote_attribute
from workplace_provider.confluence.pages.words import comparison_key, named_text, plain_text, visible_text

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument
    from workplace_provider.confluence.pages.edits.base import Edit

Item = TypeVar("Item")
Replacement = tuple[int, int, str]

HEADING_TAGS: Final = ("h1", "h2", "h3", "h4", "h5", "h6")
_ADF: Final = f"{{{AC}}}adf-extension"
_TAG_NAME = re.compile(r"<([^\s/>]+)")
_ATTRIBUTE = re.compile(r"""\s+(?P<name>[^\s=/>"']+)\s*=\s*(?P<value>"[^"]*"|'[^']*')""")
_EMPTY_END = re.compile(r"\s*/>$")


@dataclass(frozen=True, eq=False, slots=True)
class Heading:
    """A heading of a page.

    :param level: 1 to 6
    :param text: the visible text, on one line
    :param element: the element ``h1`` to ``h6``
    """

    level: int
    text: str
    element: etree._Element


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """A heading and the content below it: ``[start, end)`` of the source, and the elements in this range."""

    heading: Heading
    start: int
    end: int
    elements: Sequence[etree._Element]

    def holds(self, document: PageDocument, element: etree._Element) -> bool:
        """Return whether an element is in the section, at any depth."""
        return self.start <= document.span(element).start < self.end


def headings(document: PageDocument) -> list[Heading]:
    """Return the headings of a page in their order, including those in layout cells, macro bodies and tables."""
    elements = _outside_adf(document, *HEADING_TAGS)
    return [Heading(int(str(element.tag)[1]), visible_text(element), element) for element in elements]


def headings_named(document: PageDocument, text: str) -> list[Heading]:
    """Return the headings with the text ``text``.

    White space, entities and Unicode composition never count. Exact matches win; without one, headings match that differ in
    case, or else in a status lozenge, another macro or an emoji. Without any match, the display names of mentioned users are
    looked up.
    """
    present = headings(document)
    exact, key = _exact_words(text), comparison_key(text)
    return (
        [heading for heading in present if _exact_words(heading.text) == exact]
        or [heading for heading in present if comparison_key(heading.text) == key]
        or [heading for heading in present if heading_matches(heading.element, key)]
        or [heading for heading in present if names_people(document, heading.element, key)]
    )


def heading_matches(heading: etree._Element, words: str) -> bool:
    """Return whether a heading has this text when its macros, its emoji and the ``@`` of mentions do not count.

    :param words: result of :func:`~workplace_provider.confluence.pages.words.comparison_key`
    """
    return words in (comparison_key(plain_text(heading)), comparison_key(visible_text(heading)).replace("@", ""))


def names_people(document: PageDocument, heading: etree._Element, words: str) -> bool:
    """Return whether a heading has this text when the display names of mentioned users are used.

    :param words: result of :func:`~workplace_provider.confluence.pages.words.comparison_key`
    """
    if document.people is None:
        return False
    text = comparison_key(named_text(heading, document.people))
    return bool(text) and words in (text, text.replace("@", ""))


def section(document: PageDocument, heading: str | Heading) -> Section:
    """Return the section of a heading.

    A section ends at the next sibling heading of the same or a higher level. Without one, it ends with the container of the
    heading: the page, a layout cell, the body of a macro, or a table cell.

    :param heading: the heading, or its text if only one heading has this text
    :raises LookupError: no heading has the text, or several have it
    """
    if isinstance(heading, str):
        matches = headings_named(document, heading)
        if len(matches) != 1:
            raise LookupError(f"{len(matches)} headings have the text {heading!r}; expected 1")
        (heading,) = matches
    elements: list[etree._Element] = []
    start = document.span(heading.element).end
    for sibling in heading.element.itersiblings():
        if not isinstance(sibling.tag, str):
            continue
        if sibling.tag in HEADING_TAGS and int(sibling.tag[1]) <= heading.level:
            return Section(heading, start, document.span(sibling).start, elements)
        elements.append(sibling)
    parent = heading.element.getparent()
    end = len(document.storage) if parent is None or parent is document.root else document.span(parent).close
    return Section(heading, start, end, elements)


def sections(document: PageDocument, heading: str) -> list[Section]:
    """Return the sections of all headings with the text ``heading``."""
    return [section(document, match) for match in headings_named(document, heading)]


def find_sections(
    edit: Edit, document: PageDocument, heading: str, index: int | None = None, expect: int | None = 1
) -> Sequence[Section]:
    """Return the sections that an edit changes.

    :param index: which of several headings with the same text, from 0; negative counts from the last
    :param expect: expected number of sections
    :raises EditError: the number is another one
    """
    matches = pick(sections(document, heading), index)
    return edit.check_count(matches, expect, f"the heading {heading!r}{index_suffix(index)}", _heading_texts(document))


def under_heading(
    edit: Edit, document: PageDocument, elements: Sequence[etree._Element], heading: str | None
) -> list[etree._Element]:
    """Return the elements in the sections of a heading; all elements if ``heading`` is ``None``.

    :raises EditError: the page does not have the heading
    """
    if heading is None:
        return list(elements)
    # Sections are disjoint or nested, so it is enough to compare with the greatest end of the sections started so far.
    places = sorted((place.start, place.end) for place in find_sections(edit, document, heading, expect=None))
    starts = [start for start, _ in places]
    ends = list(accumulate((end for _, end in places), max))
    inside: list[etree._Element] = []
    for element in elements:
        at = document.span(element).start
        before = bisect_right(starts, at)
        if before and at < ends[before - 1]:
            inside.append(element)
    return inside


def pick(matches: Sequence[Item], index: int | None) -> list[Item]:
    """Return all matches, or only the one at ``index``; an empty list if there is none at this index."""
    return list(matches) if index is None else list(matches[index : index + 1 or None])


def index_suffix(index: int | None) -> str:
    """Return the part of a message that names the index of a place."""
    return "" if index is None else f" with the index {index}"


def images(document: PageDocument) -> list[etree._Element]:
    """Return the ``ac:image`` elements of a page in their order."""
    return _outside_adf(document, f"{{{AC}}}image")


def image_name(image: etree._Element) -> str:
    """Return the file name of an image; the URL if the image is not an attachment."""
    attachment = image.find(f"{{{RI}}}attachment")
    if attachment is not None:
        return attachment.get(f"{{{RI}}}filename", "")
    url = image.find(f"{{{RI}}}url")
    return "" if url is None else url.get(f"{{{RI}}}value", "")


def macros(document: PageDocument, name: str) -> list[etree._Element]:
    """Return the macros with this name in their order."""
    elements = _outside_adf(document, f"{{{AC}}}structured-macro")
    return [macro for macro in elements if macro.get(f"{{{AC}}}name") == name]


def parameters(macro: etree._Element, name: str | None = None) -> list[etree._Element]:
    """Return the parameters of a macro itself, without those of macros in its body."""
    own = macro.findall(f"{{{AC}}}parameter")
    return own if name is None else [parameter for parameter in own if parameter.get(f"{{{AC}}}name", "") == name]


def same_file(one: str, other: str) -> bool:
    """Return whether two file names are equal: macOS writes 가 as two characters, other systems as one."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def replace_inner(document: PageDocument, element: etree._Element, markup: str) -> list[Replacement]:
    """Return the replacement that replaces the content of an element; an empty tag is opened."""
    span = document.span(element)
    if not span.is_empty_tag:
        return [(span.inner, span.close, markup)]
    return _open_empty_tag(document, element, markup) if markup else []


def insert_inner(document: PageDocument, element: etree._Element, markup: str, at: int | None = None) -> list[Replacement]:
    """Return the replacement that adds markup to the content of an element.

    :param at: position in the source; by default before the present content
    """
    span = document.span(element)
    if span.is_empty_tag:
        return _open_empty_tag(document, element, markup)
    place = span.inner if at is None else at
    return [(place, place, markup)]


def change_attributes(
    document: PageDocument, element: etree._Element, changes: Mapping[str, str | None]
) -> list[Replacement]:
    """Return the replacements that change attributes in a start tag and keep the others byte for byte.

    :param changes: name with its prefix, to the new value; ``None`` removes the attribute
    """
    span = document.span(element)
    tag = _TAG_NAME.match(document.storage, span.start)
    end = span.start if tag is None else tag.end()
    present: dict[str, re.Match[str]] = {}
    while (attribute := _ATTRIBUTE.match(document.storage, end, span.inner)) is not None:
        present[attribute["name"]] = attribute
        end = attribute.end()
    replacements: list[Replacement] = []
    for name, value in changes.items():
        place = present.get(name)
        if place is not None and value is None:
            replacements.append((place.start(), place.end(), ""))
        elif place is not None and value is not None and element.get(_expanded_name(name)) != value:
            replacements.append((place.start("value"), place.end("value"), quote_attribute(value)))
        elif place is None and value is not None:
            replacements.append((end, end, f" {name}={quote_attribute(value)}"))
    return replacements


def overlaps(spans: Sequence[tuple[int, int]]) -> bool:
    """Return whether any of the spans is inside another one, so that only one of them can be replaced."""
    ordered = sorted(spans)
    return any(after[0] < before[1] for before, after in pairwise(ordered))


def status_texts(document: PageDocument, heading: str | None = None) -> list[str] | None:
    """Return the texts of the status lozenges, in their order.

    :param heading: return only the lozenges in the sections of this heading
    :return: ``None`` if the page does not have the heading
    """
    lozenges = macros(document, "status")
    if heading is not None:
        places = sections(document, heading)
        if not places:
            return None
        lozenges = [lozenge for lozenge in lozenges if any(place.holds(document, lozenge) for place in places)]
    return [" ".join(visible_text(title) for title in parameters(lozenge, "title")) for lozenge in lozenges]


def same_status(one: str, other: str) -> bool:
    """Return whether two lozenge texts are equal. Case does not count, because Confluence shows lozenges in capitals."""
    return comparison_key(one) == comparison_key(other)


def _outside_adf(document: PageDocument, *tags: str) -> list[etree._Element]:
    elements = list(document.root.iter(*tags))
    if next(document.root.iter(_ADF), None) is None:
        return elements
    return [element for element in elements if next(element.iterancestors(_ADF), None) is None]


def _open_empty_tag(document: PageDocument, element: etree._Element, markup: str) -> list[Replacement]:
    span = document.span(element)
    tag = document.storage[span.start : span.end]
    name, end = _TAG_NAME.match(tag), _EMPTY_END.search(tag)
    if name is None or end is None:
        raise AssertionError(f"{tag!r} is not an empty tag")
    return [(span.start + end.start(), span.end, f">{markup}</{name.group(1)}>")]


def _expanded_name(name: str) -> str:
    """Return a name in lxml's notation, ``{namespace}name``."""
    prefix, colon, local = name.rpartition(":")
    return f"{{{NAMESPACES.get(prefix) or unknown_namespace(prefix)}}}{local}" if colon else name


def _exact_words(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text.replace("\ufe0f", "")).split())


def _heading_texts(document: PageDocument) -> Iterator[str]:
    yield from (heading.text for heading in headings(document))
