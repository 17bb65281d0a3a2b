"""Edits of images: replace the file of an image, or show a list of images under a heading."""

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
    change_attributes,
    find_sections,
    image_name,
    images,
    index_suffix,
    insert_inner,
    pick,
    replace_inner,
    same_file,
    under_heading,
)
from workplace_provider.confluence.pages.values import Image, Markdown, Storage, from_plain, quote_attribute, to_storage

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument

# The size of the previous file. Confluence's editor takes the aspect ratio from it, so a file with another ratio would be
# distorted.
_OLD_FILE_ATTRIBUTES: Final = ("ac:original-width", "ac:original-height")
_RESOURCES: Final = frozenset(f"{{{RI}}}{name}" for name in ("attachment", "url", "page", "blog-post", "content-entity"))
_PARAGRAPH = re.compile(r"\s*<p[\s/>]")


@dataclass(frozen=True)
class SetImage(Edit):
    """Show another attachment of the page in an image, and keep the format of the image.

    Alignment, layout, border, link and other attributes stay. The edit removes what belonged to the previous file: its
    version, its size in pixels and, for an attachment of another page, that page. The edit is idempotent: an image that
    already shows the file keeps all of these.

    ::

        SetImage("wau.png", heading="Weekly active users", width=760, alt="WAU by region")
        SetImage("wau.png", replaces="wau_old.png")

    :param filename: name of the attachment
    :param width: width in pixels. Without ``height``, the present height is removed, so that the image is not distorted
    :param height: height in pixels. Without ``width``, the present width is removed
    :param alt: alternative text; ``""`` removes it
    :param caption: text below the image, or :class:`~workplace_provider.confluence.pages.Storage`; ``""`` removes it
    :param replaces: name of the file that the image shows now, or the URL of an external image or its last segment
    :param heading: change only images in the sections of this heading
    :param index: number of the image on the page or under the heading, from 0; negative counts from the last
    :param insert: add an image at the end of the section of ``heading`` if the section has no image
    :param expect: expected number of images; ``None`` for at least one. Images that already show ``filename`` count if none
        shows ``replaces``
    :raises EditError: from :meth:`apply`, if the number of images is another one, the heading is missing, or a size, the
        caption or the file name is invalid
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
        """Apply the edit to a document."""
        if not self.filename:
            raise self.error("the filename is empty")
        if self.insert and self.heading is None:
            raise self.error("insert is set without a heading; give the heading of the section for the image")
        present = under_heading(self, document, images(document), self.heading)
        if self.insert and not present:
            document.replace(self._insert_image(document))
            return
        replacements: list[Replacement] = []
        for image in self._find(present):
            replacements += self._change(document, image)
        document.replace(replacements)

    def _find(self, present: list[etree._Element]) -> list[etree._Element]:
        candidates = pick(present, self.index)
        matches, what = candidates, f"an image{index_suffix(self.index)}"
        if self.replaces is not None:
            name, what = self.replaces, f"an image{index_suffix(self.index)} of the file {self.replaces!r}"
            matches = [image for image in candidates if _is_image_of(image, name)]
            matches = matches or [image for image in candidates if _is_own(image, self.filename)]
        if self.heading is not None:
            what += f" under the heading {self.heading!r}"
        return list(self.check_count(matches, self.expect, what, _describe(present)))

    def _change(self, document: PageDocument, image: etree._Element) -> list[Replacement]:
        attributes = self._attributes()
        resource = next((child for child in image if child.tag in _RESOURCES), None)
        content: list[Replacement] = []
        own = _is_own(image, self.filename)
        if not own:
            attributes |= dict.fromkeys(_OLD_FILE_ATTRIBUTES)
        if resource is not None and not (own and image_name(image) == self.filename):
            content = show_file(document, resource, self.filename)
        if resource is None:
            # One insertion, because an empty tag can be opened only once.
            markup = _reference(self.filename) + (self._new_caption() if image.find(f"{{{AC}}}caption") is None else "")
            content += insert_inner(document, image, markup)
        elif self.caption is not None and image.find(f"{{{AC}}}caption") is None:
            end = document.span(resource).end
            content.append((end, end, self._new_caption()))
        return change_attributes(document, image, attributes) + content + self._change_caption(document, image)

    def _attributes(self) -> dict[str, str | None]:
        attributes: dict[str, str | None] = {}
        width, height = self._pixels("width", self.width), self._pixels("height", self.height)
        if width is not None or height is not None:
            attributes |= {"ac:width": width, "ac:height": height}
        if self.alt is not None:
            attributes["ac:alt"] = self.alt or None
        return attributes

    def _pixels(self, name: str, value: int | str | None) -> str | None:
        """Return a size as an attribute value. A rendered template is text, so text is accepted."""
        if value is None:
            return None
        text = str(value).strip()
        if isinstance(value, bool) or not (text.isascii() and text.isdigit() and int(text)):
            raise self.error(f"{name} is {value!r}; it must be a number of pixels above 0")
        return str(int(text))

    def _change_caption(self, document: PageDocument, image: etree._Element) -> list[Replacement]:
        caption = image.find(f"{{{AC}}}caption")
        if caption is None or self.caption is None:
            return []
        if self.caption == "":
            span = document.span(caption)
            return [(span.start, span.end, "")]
        return replace_inner(document, caption, self._caption_markup())

    def _new_caption(self) -> str:
        return f"<ac:caption>{self._caption_markup()}</ac:caption>" if self.caption not in (None, "") else ""

    def _caption_markup(self) -> str:
        try:
            value = from_plain(self.caption)
            markup = to_storage(value)
        except ValueError as error:
            raise self.error(f"caption: {error}") from error
        return markup if isinstance(value, Storage | Markdown) and _PARAGRAPH.match(markup) else f"<p>{markup}</p>"

    def _insert_image(self, document: PageDocument) -> list[Replacement]:
        """Return the replacement that adds a paragraph with the image at the end of the section."""
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
    """Replace the content under a heading with images of the page's attachments.

    ::

        ShowImages("Charts", ["wau_서울.png", "wau_부산.png"], width=480)

    :param heading: text of the heading
    :param files: names of attachments, in their order. Operators also accept artifacts or a manifest of them, if the
        operator's ``files`` attaches them to the page
    :param width: width of each image in pixels
    :param captions: show the file's name, without its extension, below each image
    :param index: which of several headings with the same text, from 0; negative counts from the last
    :raises EditError: from :meth:`apply`, if the heading is missing or ambiguous, or ``files`` is not a list of names
    """

    template_fields: ClassVar[tuple[str, ...]] = ("heading", "files", "width")

    heading: str
    files: Any
    width: int | None = None
    captions: bool = True
    index: int | None = None

    @property
    def section(self) -> ReplaceSection:
        """The edit that replaces the section with the images."""
        return ReplaceSection(self.heading, Storage(f"<p>{self._images_markup()}</p>"), index=self.index)

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        if isinstance(self.files, str) or not isinstance(self.files, Sequence) or not self.files:
            raise self.error(f"files is {self.files!r}; it must be a list of attachment names")
        self.section.apply(document)

    def _images_markup(self) -> str:
        return " ".join(
            to_storage(Image(str(name), self.width, alt=_stem(name), caption=_stem(name) if self.captions else ""))
            for name in self.files
        )


def show_file(document: PageDocument, resource: etree._Element, filename: str) -> list[Replacement]:
    """Return the replacements that turn a reference into one to an attachment of the page itself.

    :param resource: ``ri:attachment``, ``ri:url`` or another element of this namespace
    """
    span = document.span(resource)
    if resource.tag != f"{{{RI}}}attachment":
        return [(span.start, span.end, _reference(filename))]
    # The version belongs to the previous file.
    changes = change_attributes(document, resource, {"ri:filename": filename, "ri:version-at-save": None})
    return changes if span.is_empty_tag else [*changes, *replace_inner(document, resource, "")]


def _reference(filename: str) -> str:
    return f"<ri:attachment ri:filename={quote_attribute(filename)} />"


def _is_image_of(image: etree._Element, name: str) -> bool:
    shown = image_name(image)
    if image.find(f"{{{RI}}}url") is not None:
        return name in (shown, unquote(urlsplit(shown).path.rpartition("/")[2]))
    return same_file(shown, name)


def _is_own(image: etree._Element, filename: str) -> bool:
    """Return whether an image shows this attachment of the page itself."""
    attachment = image.find(f"{{{RI}}}attachment")
    own = attachment is not None and attachment.find("*") is None
    return own and same_file(image_name(image), filename)


def _describe(present: list[etree._Element]) -> Iterator[str]:
    return (f"image {number} of {image_name(image) or 'no file'}" for number, image in enumerate(present))


def _stem(name: Any) -> str:
    return str(name).rpartition(".")[0] or str(name)
