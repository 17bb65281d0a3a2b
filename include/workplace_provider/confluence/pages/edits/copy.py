"""Edits for a body that is copied to another page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from workplace_provider.confluence.pages.document import RI
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.selectors import change_attributes
from workplace_provider.confluence.pages.values import quote_attribute

if TYPE_CHECKING:
    from workplace_provider.confluence.pages.document import PageDocument

_WITHOUT_SPACE: Final = (
    "//ri:page[@ri:content-title and not(@ri:space-key) and not(ancestor::ac:adf-extension)]"
    " | //ri:blog-post[@ri:content-title and not(@ri:space-key) and not(ancestor::ac:adf-extension)]"
)
# Old editors wrote the page of an "Include Page" macro as text.
_TITLE_PARAMETERS: Final = (
    "//ac:structured-macro[@ac:name='include' or @ac:name='excerpt-include']"
    "/ac:parameter[@ac:name='' or @ac:name='default-parameter' or @ac:name='pageTitle'][not(*)]"
)
_RELATIVE: Final = ("@self", "@parent", "@none")


@dataclass(frozen=True)
class StripCommentMarkers(Edit):
    """Remove the markers of inline comments and keep the text that they mark.

    A marker belongs to a comment of one page. On a copy, it shows a highlight without a comment, and the editor may refuse
    the page.

    ::

        StripCommentMarkers()
    """

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        replacements: list[tuple[int, int, str]] = []
        for marker in document.select("//ac:inline-comment-marker"):
            span = document.span(marker)
            replacements += [(span.start, span.inner, ""), (span.close, span.end, "")]
        document.replace(replacements)


@dataclass(frozen=True)
class QualifyReferences(Edit):
    """Add the space key to references to pages, so that they still work in a copy in another space.

    ``<ri:page>`` without a space key refers to a page of the same space: in links, in macros such as *Include* and
    *Children*, and in attachments of other pages. Relative titles such as ``@self`` and ``@parent`` stay relative, and so do
    macros that show the space of their page.

    ::

        QualifyReferences("ANALYTICS")

    :param space_key: space of the source page
    :raises EditError: from :meth:`apply`, if ``space_key`` is empty
    """

    template_fields: ClassVar[tuple[str, ...]] = ("space_key",)

    space_key: str

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        if not self.space_key:
            raise self.error("space_key is empty; give the space of the source page")
        replacements: list[tuple[int, int, str]] = []
        for reference in document.select(_WITHOUT_SPACE):
            if reference.get(f"{{{RI}}}content-title") not in _RELATIVE:
                replacements += change_attributes(document, reference, {"ri:space-key": self.space_key})
        for parameter in document.select(_TITLE_PARAMETERS):
            title = (parameter.text or "").strip()
            if title and title not in _RELATIVE and not len(parameter):
                span = document.span(parameter)
                page = f"ri:space-key={quote_attribute(self.space_key)} ri:content-title={quote_attribute(title)}"
                replacements.append((span.inner, span.close, f"<ac:link><ri:page {page} /></ac:link>"))
        document.replace(replacements)


@dataclass(frozen=True)
class ReferenceAttachments(Edit):
    """Refer to the attachments of another page instead of the page's own.

    ``<ri:attachment>`` without ``<ri:page>`` refers to an attachment of the same page, so a copied body would show broken
    images.

    ::

        ReferenceAttachments("Weekly report template", "ANALYTICS")

    :param page_title: title of the page that has the attachments
    :param space_key: space of that page
    """

    template_fields: ClassVar[tuple[str, ...]] = ("page_title", "space_key")

    page_title: str
    space_key: str

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        page = (
            f"<ri:page ri:content-title={quote_attribute(self.page_title)} ri:space-key={quote_attribute(self.space_key)} />"
        )
        replacements: list[tuple[int, int, str]] = []
        for attachment in document.select("//ri:attachment[not(*)]"):
            span = document.span(attachment)
            if span.is_empty_tag:
                tag = document.storage[span.start : span.end]
                opened = re.sub(r"\s*/>$", ">", tag)
                replacements.append((span.start, span.end, f"{opened}{page}</ri:attachment>"))
            else:
                replacements.append((span.inner, span.inner, page))
        document.replace(replacements)
