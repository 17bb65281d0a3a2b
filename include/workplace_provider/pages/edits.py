"""Edits of a page: frozen descriptions of what goes where, applied to a :class:`~workplace_provider.pages.PageDocument`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from workplace_provider.pages.document import PageDocument

_ATTRIBUTE_ESCAPES = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


class Edit(Protocol):
    """Something that changes a document and nothing around the place it names."""

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""


@dataclass(frozen=True, slots=True)
class StripCommentMarkers:
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


@dataclass(frozen=True, slots=True)
class ReferenceAttachments:
    """Let a page show the files of another page instead of its own.

    ``<ri:attachment>`` without ``<ri:page>`` means a file of the page it stands on, so a copied body would show broken
    images.

    :param page_title: title of the page that has the files
    :param space_key: the space of that page
    """

    page_title: str
    space_key: str

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        page = f"<ri:page ri:content-title={_quoted(self.page_title)} ri:space-key={_quoted(self.space_key)} />"
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


def _quoted(value: str) -> str:
    return f'"{escape(value, _ATTRIBUTE_ESCAPES)}"'
