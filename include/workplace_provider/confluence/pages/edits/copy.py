"""Edits that a body needs when it moves to another page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from workplace_provider.confluence.pages.document import RI
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.selectors import changed_attributes
from workplace_provider.confluence.pages.values import quote_attribute

if TYPE_CHECKING:
    from workplace_provider.confluence.pages.document import PageDocument

_WITHOUT_SPACE: Final = (
    "//ri:page[@ri:content-title and not(@ri:space-key) and not(ancestor::ac:adf-extension)]"
    " | //ri:blog-post[@ri:content-title and not(@ri:space-key) and not(ancestor::ac:adf-extension)]"
)
# The page of an "Include Page" macro that an old editor wrote as text.
_TITLE_PARAMETERS: Final = (
    "//ac:structured-macro[@ac:name='include' or @ac:name='excerpt-include']"
    "/ac:parameter[@ac:name='' or @ac:name='default-parameter' or @ac:name='pageTitle'][not(*)]"
)
_RELATIVE: Final = ("@self", "@parent", "@none")


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
class QualifyReferences(Edit):
    """Let links to pages lead to the same pages from another space.

    ``<ri:page>`` without a space key means a page of the space that it stands in, in links, in macros such as *Include* and
    *Children*, and in files of other pages. Relative titles such as ``@self`` and ``@parent`` stay relative, and so do
    macros that show the space they stand in.

    :param space_key: the space that the body comes from
    """

    template_fields: ClassVar[tuple[str, ...]] = ("space_key",)

    space_key: str

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        if not self.space_key:
            raise self.refused("the space that the body comes from is not known")
        replacements: list[tuple[int, int, str]] = []
        for reference in document.select(_WITHOUT_SPACE):
            if reference.get(f"{{{RI}}}content-title") not in _RELATIVE:
                replacements += changed_attributes(document, reference, {"ri:space-key": self.space_key})
        for parameter in document.select(_TITLE_PARAMETERS):
            title = (parameter.text or "").strip()
            if title and title not in _RELATIVE and not len(parameter):
                span = document.span(parameter)
                page = f"ri:space-key={quote_attribute(self.space_key)} ri:content-title={quote_attribute(title)}"
                replacements.append((span.inner, span.close, f"<ac:link><ri:page {page} /></ac:link>"))
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
