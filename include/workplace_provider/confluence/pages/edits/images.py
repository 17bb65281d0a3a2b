"""Edits of images: another file in the place that an analyst gave a picture."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import unquote, urlsplit

from workplace_provider.confluence.pages.document import AC, RI
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.edits.sections import ReplaceSection
from workplace_provider.confluence.pages.selectors import (
    Replacement,
    changed_attributes,
    find_sections,
    image_name,
    images,
    inserted,
    inside,
    numbered,
    picked,
    same_file,
    under_heading,
)
from workplace_provider.confluence.pages.values import Image, Storage, from_plain, quote_attribute, to_storage

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument

# The size of the file that was shown before. The editor of Confluence takes the proportions of the picture from it, so a
# picture of another shape would be squeezed.
_OF_THE_OLD_FILE: Final = ("ac:original-width", "ac:original-height")
_RESOURCES: Final = frozenset(f"{{{RI}}}{name}" for name in ("attachment", "url", "page", "blog-post", "content-entity"))
_PARAGRAPH = re.compile(r"\s*<p[\s/>]")


@dataclass(frozen=True)
class SetImage(Edit):
    """Let an image show another file of the page, and keep how the image looks.

    Alignment, layout, border, link and the other attributes stay. What belonged to the file that was shown goes: its
    version, its size in pixels and, when it was a file of another page, that page. An image that shows the file already
    keeps all of this, so that the same edit made again changes nothing.

    :param filename: name of the attachment
    :param width: pixels; a height that was given goes, because the two would squeeze the picture
    :param height: pixels; likewise
    :param alt: text for those who do not see it; ``""`` takes it away
    :param caption: text below it, or :class:`~workplace_provider.confluence.pages.Storage`; ``""`` takes it away
    :param replaces: name of the file that is shown now, or the address of an image from the web or its last part
    :param heading: only images in the sections of this heading
    :param index: number of the image on the page or under the heading, from 0; negative from the last
    :param insert: put an image at the end of the section of ``heading`` when there is none in it
    :param expect: how many images there must be; ``None`` for any number but none. Images that show ``filename`` already
        count when none shows ``replaces``
    """

    template_fields: ClassVar[tuple[str, ...]] = ("filename", "width", "height", "alt", "caption", "replaces", "heading")

    filename: str
    width: int | str | None = None
    height: int | str | None = None
    alt: str | None = None
    caption: Any = None
    replaces: str | None = None
    heading: str | None = None
    index: int | None = None
    insert: bool = False
    expect: int | None = 1

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        if not self.filename:
            raise self.refused("the filename is empty")
        if self.insert and self.heading is None:
            raise self.refused("insert needs the heading of the section to put the image in")
        there = under_heading(self, document, images(document), self.heading)
        if self.insert and not there:
            document.replace(self._new(document))
            return
        replacements: list[Replacement] = []
        for image in self._found(there):
            replacements += self._changed(document, image)
        document.replace(replacements)

    def _found(self, there: list[etree._Element]) -> list[etree._Element]:
        candidates = picked(there, self.index)
        found, what = candidates, f"an image{numbered(self.index)}"
        if self.replaces is not None:
            name, what = self.replaces, f"an image{numbered(self.index)} of the file {self.replaces!r}"
            found = [each for each in candidates if _shows(each, name)]
            found = found or [each for each in candidates if _is_own(each, self.filename)]
        if self.heading is not None:
            what += f" under the heading {self.heading!r}"
        return list(self.expected(found, self.expect, what, lambda: _described(there)))

    def _changed(self, document: PageDocument, image: etree._Element) -> list[Replacement]:
        attributes = self._attributes()
        resource = next((each for each in image if each.tag in _RESOURCES), None)
        content: list[Replacement] = []
        own = _is_own(image, self.filename)
        if not own:
            attributes |= dict.fromkeys(_OF_THE_OLD_FILE)
        if resource is not None and not (own and image_name(image) == self.filename):
            content = shown_file(document, resource, self.filename)
        if resource is None:
            # One insertion, because an empty tag can be opened only once.
            markup = _reference(self.filename) + (self._new_caption() if image.find(f"{{{AC}}}caption") is None else "")
            content += inserted(document, image, markup)
        elif self.caption is not None and image.find(f"{{{AC}}}caption") is None:
            end = document.span(resource).end
            content.append((end, end, self._new_caption()))
        return changed_attributes(document, image, attributes) + content + self._changed_caption(document, image)

    def _attributes(self) -> dict[str, str | None]:
        attributes: dict[str, str | None] = {}
        width, height = self._pixels("width", self.width), self._pixels("height", self.height)
        if width is not None or height is not None:
            attributes |= {"ac:width": width, "ac:height": height}
        if self.alt is not None:
            attributes["ac:alt"] = self.alt or None
        return attributes

    def _pixels(self, name: str, value: int | str | None) -> str | None:
        """A size as it is written; a rendered template is text."""
        if value is None:
            return None
        text = str(value).strip()
        if isinstance(value, bool) or not (text.isascii() and text.isdigit() and int(text)):
            raise self.refused(f"the {name} {value!r} is no number of pixels")
        return str(int(text))

    def _changed_caption(self, document: PageDocument, image: etree._Element) -> list[Replacement]:
        caption = image.find(f"{{{AC}}}caption")
        if caption is None or self.caption is None:
            return []
        if self.caption == "":
            span = document.span(caption)
            return [(span.start, span.end, "")]
        return inside(document, caption, self._caption_markup())

    def _new_caption(self) -> str:
        return f"<ac:caption>{self._caption_markup()}</ac:caption>" if self.caption not in (None, "") else ""

    def _caption_markup(self) -> str:
        try:
            value = from_plain(self.caption)
            markup = to_storage(value)
        except ValueError as error:
            raise self.refused(f"the caption: {error}") from error
        return markup if isinstance(value, Storage) and _PARAGRAPH.match(markup) else f"<p>{markup}</p>"

    def _new(self, document: PageDocument) -> list[Replacement]:
        """A paragraph with the image behind the last thing in the section."""
        replacements: list[Replacement] = []
        attributes = "".join(
            f" {name}={quote_attribute(value)}" for name, value in self._attributes().items() if value is not None
        )
        image = f"<p><ac:image{attributes}>{_reference(self.filename)}{self._new_caption()}</ac:image></p>"
        for section in find_sections(self, document, self.heading or "", expect=self.expect):
            place = section.start + len(document.storage[section.start : section.end].rstrip(" \t\r\n"))
            replacements.append((place, place, image))
        return replacements


@dataclass(frozen=True)
class ShowImages(Edit):
    """Show files of the page as pictures, in place of what stands under a heading.

    :param heading: text of the heading
    :param files: names of attachments, in their order. In an operator also artifacts, or a manifest of them, which are put
        onto the page with the operator's ``files``
    :param width: pixels of each picture
    :param captions: write the file's name, without its extension, below each picture
    :param index: which of several headings that say the same, from 0; negative from the last
    """

    template_fields: ClassVar[tuple[str, ...]] = ("heading", "files", "width")

    heading: str
    files: Any
    width: int | None = None
    captions: bool = True
    index: int | None = None

    @property
    def section(self) -> ReplaceSection:
        """The edit that puts the pictures there."""
        return ReplaceSection(self.heading, Storage(f"<p>{self._pictures()}</p>"), index=self.index)

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        if isinstance(self.files, str) or not isinstance(self.files, Sequence) or not self.files:
            raise self.refused(f"files is {self.files!r}; it must be a list of names of attachments")
        self.section.apply(document)

    def _pictures(self) -> str:
        return " ".join(
            to_storage(Image(str(name), self.width, alt=_stem(name), caption=_stem(name) if self.captions else ""))
            for name in self.files
        )


def shown_file(document: PageDocument, resource: etree._Element, filename: str) -> list[Replacement]:
    """The replacements that make a reference one to a file of the page itself.

    :param resource: ``ri:attachment``, ``ri:url`` or another element of that name space
    """
    span = document.span(resource)
    if resource.tag != f"{{{RI}}}attachment":
        return [(span.start, span.end, _reference(filename))]
    # The version belonged to the file that was shown.
    changes = changed_attributes(document, resource, {"ri:filename": filename, "ri:version-at-save": None})
    return changes if span.is_empty_tag else [*changes, *inside(document, resource, "")]


def _reference(filename: str) -> str:
    return f"<ri:attachment ri:filename={quote_attribute(filename)} />"


def _shows(image: etree._Element, name: str) -> bool:
    shown = image_name(image)
    if image.find(f"{{{RI}}}url") is not None:
        return name in (shown, unquote(urlsplit(shown).path.rpartition("/")[2]))
    return same_file(shown, name)


def _is_own(image: etree._Element, filename: str) -> bool:
    """Whether an image shows this file of the page itself."""
    attachment = image.find(f"{{{RI}}}attachment")
    own = attachment is not None and attachment.find("*") is None
    return own and same_file(image_name(image), filename)


def _described(there: list[etree._Element]) -> Iterator[str]:
    return (f"image {number} of {image_name(image) or 'no file'}" for number, image in enumerate(there))


def _stem(name: Any) -> str:
    return str(name).rpartition(".")[0] or str(name)
