"""Where things are on a page: headings and their sections, images, macros, and the attributes in a start tag.

Nothing in here finds what is inside ``ac:adf-extension``: Confluence keeps the same content in two forms in there, and an
edit of one of them would be lost or contradict the other.
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
from workplace_provider.confluence.pages.words import named_text, plain_text, same_words, visible_text

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument
    from workplace_provider.confluence.pages.edits.base import Edit

Place = TypeVar("Place")
Replacement = tuple[int, int, str]

HEADING_TAGS: Final = ("h1", "h2", "h3", "h4", "h5", "h6")
_ADF: Final = f"{{{AC}}}adf-extension"
_TAG_NAME = re.compile(r"<([^\s/>]+)")
_ATTRIBUTE = re.compile(r"""\s+(?P<name>[^\s=/>"']+)\s*=\s*(?P<value>"[^"]*"|'[^']*')""")
_EMPTY_END = re.compile(r"\s*/>$")


@dataclass(frozen=True, eq=False, slots=True)
class Heading:
    """A heading.

    :param level: 1 to 6
    :param text: the words that a reader sees, in one line
    :param element: ``h1`` to ``h6``
    """

    level: int
    text: str
    element: etree._Element


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """A heading and what stands under it: ``[start, end)`` of the source, and the elements that are in there whole."""

    heading: Heading
    start: int
    end: int
    elements: Sequence[etree._Element]

    def holds(self, document: PageDocument, element: etree._Element) -> bool:
        """Whether an element is in the section, at any depth."""
        return self.start <= document.span(element).start < self.end


def headings(document: PageDocument) -> list[Heading]:
    """The headings of a page in their order, in layout cells, macro bodies and tables, too."""
    return [Heading(int(str(each.tag)[1]), visible_text(each), each) for each in _own(document, *HEADING_TAGS)]


def headings_named(document: PageDocument, text: str) -> list[Heading]:
    """The headings that say ``text``.

    White space, entities and the composition of characters never count. Case, and a status lozenge, another macro or an
    emoji in the heading, count only where a heading with exactly these words is on the page. The display names of mentioned
    users are looked up when no heading matches without them.
    """
    there = headings(document)
    wanted, alike = _words(text), same_words(text)
    return (
        [heading for heading in there if _words(heading.text) == wanted]
        or [heading for heading in there if same_words(heading.text) == alike]
        or [heading for heading in there if says(heading.element, alike)]
        or [heading for heading in there if names_people(document, heading.element, alike)]
    )


def says(heading: etree._Element, words: str) -> bool:
    """Return whether a heading reads like some words without its macros, its emoji, or the sign of a mention.

    :param words: as :func:`~workplace_provider.confluence.pages.words.same_words` gives them
    """
    return words in (same_words(plain_text(heading)), same_words(visible_text(heading)).replace("@", ""))


def names_people(document: PageDocument, heading: etree._Element, words: str) -> bool:
    """Return whether a heading reads like some words with the display names of the users that it mentions.

    :param words: as :func:`~workplace_provider.confluence.pages.words.same_words` gives them
    """
    if document.people is None:
        return False
    text = same_words(named_text(heading, document.people))
    return bool(text) and words in (text, text.replace("@", ""))


def section(document: PageDocument, heading: str | Heading) -> Section:
    """What stands under a heading.

    A section runs to the next heading of the same or a higher level among the siblings of its heading, else to the end of
    what the heading stands in: the page, a layout cell, the body of a macro, a cell of a table.

    :param heading: the heading, or its text when there is only one of it
    :raises LookupError: when there is no such heading, or several
    """
    if isinstance(heading, str):
        found = headings_named(document, heading)
        if len(found) != 1:
            raise LookupError(f"{len(found)} headings say {heading!r}")
        (heading,) = found
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
    """The sections of all headings that say ``heading``."""
    return [section(document, each) for each in headings_named(document, heading)]


def find_sections(
    edit: Edit, document: PageDocument, heading: str, index: int | None = None, expect: int | None = 1
) -> Sequence[Section]:
    """The sections an edit is about.

    :param index: which one, from 0, when several headings say the same; negative from the last
    :param expect: how many there must be
    :raises EditError: when there is another number of them
    """
    found = picked(sections(document, heading), index)
    return edit.expected(found, expect, f"the heading {heading!r}{numbered(index)}", lambda: _heading_texts(document))


def under_heading(
    edit: Edit, document: PageDocument, elements: Sequence[etree._Element], heading: str | None
) -> list[etree._Element]:
    """Those elements that are in the sections of a heading; all of them without one.

    :raises EditError: when there is no such heading
    """
    if heading is None:
        return list(elements)
    # Sections lie side by side or one in the other, so the last end of those that began so far says it all.
    places = sorted((place.start, place.end) for place in find_sections(edit, document, heading, expect=None))
    starts = [start for start, _ in places]
    ends = list(accumulate((end for _, end in places), max))
    found: list[etree._Element] = []
    for element in elements:
        at = document.span(element).start
        before = bisect_right(starts, at)
        if before and at < ends[before - 1]:
            found.append(element)
    return found


def picked(found: Sequence[Place], index: int | None) -> list[Place]:
    """All of them, or the one with the number ``index``; none when there is no such number."""
    return list(found) if index is None else list(found[index : index + 1 or None])


def numbered(index: int | None) -> str:
    """How the number of a place reads in a message."""
    return "" if index is None else f" with the index {index}"


def images(document: PageDocument) -> list[etree._Element]:
    """The ``ac:image`` elements of a page in their order."""
    return _own(document, f"{{{AC}}}image")


def image_name(image: etree._Element) -> str:
    """The name of the file that an image shows; the address of one that is no attachment."""
    attachment = image.find(f"{{{RI}}}attachment")
    if attachment is not None:
        return attachment.get(f"{{{RI}}}filename", "")
    url = image.find(f"{{{RI}}}url")
    return "" if url is None else url.get(f"{{{RI}}}value", "")


def macros(document: PageDocument, name: str) -> list[etree._Element]:
    """The macros of that name in their order."""
    return [each for each in _own(document, f"{{{AC}}}structured-macro") if each.get(f"{{{AC}}}name") == name]


def parameters(macro: etree._Element, name: str | None = None) -> list[etree._Element]:
    """The parameters of a macro itself, not of the macros in its body."""
    own = macro.findall(f"{{{AC}}}parameter")
    return own if name is None else [each for each in own if each.get(f"{{{AC}}}name", "") == name]


def same_file(one: str, other: str) -> bool:
    """Whether two names are of the same file: macOS writes 가 as two characters where others write one."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def inside(document: PageDocument, element: etree._Element, markup: str) -> list[Replacement]:
    """The replacement that puts markup between an element's tags; an empty tag is opened for it."""
    span = document.span(element)
    if not span.is_empty_tag:
        return [(span.inner, span.close, markup)]
    return _opened(document, element, markup) if markup else []


def inserted(document: PageDocument, element: etree._Element, markup: str, at: int | None = None) -> list[Replacement]:
    """The replacement that adds markup to what is between an element's tags.

    :param at: where in the source; by default before everything else
    """
    span = document.span(element)
    if span.is_empty_tag:
        return _opened(document, element, markup)
    place = span.inner if at is None else at
    return [(place, place, markup)]


def changed_attributes(
    document: PageDocument, element: etree._Element, changes: Mapping[str, str | None]
) -> list[Replacement]:
    """The replacements that change attributes in a start tag and leave the others as they are written.

    :param changes: name as it is written, with its prefix, to the new value; ``None`` takes the attribute away
    """
    span = document.span(element)
    tag = _TAG_NAME.match(document.storage, span.start)
    end = span.start if tag is None else tag.end()
    there: dict[str, re.Match[str]] = {}
    while (attribute := _ATTRIBUTE.match(document.storage, end, span.inner)) is not None:
        there[attribute["name"]] = attribute
        end = attribute.end()
    replacements: list[Replacement] = []
    for name, value in changes.items():
        place = there.get(name)
        if place is not None and value is None:
            replacements.append((place.start(), place.end(), ""))
        elif place is not None and value is not None and element.get(_expanded(name)) != value:
            replacements.append((place.start("value"), place.end("value"), quote_attribute(value)))
        elif place is None and value is not None:
            replacements.append((end, end, f" {name}={quote_attribute(value)}"))
    return replacements


def overlapping(spans: Sequence[tuple[int, int]]) -> bool:
    """Whether one place is inside another, so that both cannot be written."""
    ordered = sorted(spans)
    return any(after[0] < before[1] for before, after in pairwise(ordered))


def status_texts(document: PageDocument, heading: str | None = None) -> list[str] | None:
    """The texts of the status lozenges, in their order.

    :param heading: only those in the sections of this heading
    :return: ``None`` when there is no such heading
    """
    lozenges = macros(document, "status")
    if heading is not None:
        places = sections(document, heading)
        if not places:
            return None
        lozenges = [each for each in lozenges if any(place.holds(document, each) for place in places)]
    return [" ".join(visible_text(part) for part in parameters(each, "title")) for each in lozenges]


def same_status(one: str, other: str) -> bool:
    """Whether two texts of lozenges are the same; case does not count, because Confluence shows them in capitals."""
    return same_words(one) == same_words(other)


def _own(document: PageDocument, *tags: str) -> list[etree._Element]:
    found = list(document.root.iter(*tags))
    if next(document.root.iter(_ADF), None) is None:
        return found
    return [each for each in found if next(each.iterancestors(_ADF), None) is None]


def _opened(document: PageDocument, element: etree._Element, markup: str) -> list[Replacement]:
    span = document.span(element)
    tag = document.storage[span.start : span.end]
    name, end = _TAG_NAME.match(tag), _EMPTY_END.search(tag)
    if name is None or end is None:
        raise AssertionError(f"{tag!r} is no empty tag")
    return [(span.start + end.start(), span.end, f">{markup}</{name.group(1)}>")]


def _expanded(name: str) -> str:
    """A name as lxml writes it."""
    prefix, colon, local = name.rpartition(":")
    return f"{{{NAMESPACES.get(prefix) or unknown_namespace(prefix)}}}{local}" if colon else name


def _words(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text.replace("\ufe0f", "")).split())


def _heading_texts(document: PageDocument) -> Iterator[str]:
    return (heading.text for heading in headings(document))
