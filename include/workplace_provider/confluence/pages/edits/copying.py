"""Edits that a body needs when it moves to another page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.values import quote_attribute

if TYPE_CHECKING:
    from workplace_provider.confluence.pages.document import PageDocument


@dataclass(frozen=True)
class StripCommentMarkers(Edit):
    """Unwrap the markers of inline comments and keep the words they mark.

    A marker belongs to a comment of one page. On a copy it dangles: people see a highlight without a comment, and the
    editor may refuse the page.
    """

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        replacements: list[tuple[int, int, str]] = []
        for marker in document.select("//ac:inline-comment-marker"):
            span = document.span(marker)
            replacements += [(span.start, span.inner, ""), (span.close, span.end, "")]
        document.replace(replacements)


@dataclass(frozen=True)
class ReferenceAttachments(Edit):
    """Let a page show the files of another page instead of its own.

    ``<ri:attachment>`` without ``<ri:page>`` means a file of the page it stands on, so a copied body would show broken
    images.

    :param page_title: title of the page that has the files
    :param space_key: the space of that page
    """

    template_fields: ClassVar[tuple[str, ...]] = ("page_title", "space_key")

    page_title: str
    space_key: str

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
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
