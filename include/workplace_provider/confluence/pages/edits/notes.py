"""A note at the top of a page that comes and goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workplace_provider.confluence.pages.document import AC
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.selectors import macros
from workplace_provider.confluence.pages.values import escape_text

if TYPE_CHECKING:
    from workplace_provider.confluence.pages.document import PageDocument


@dataclass(frozen=True)
class SetNote(Edit):
    """Put a warning at the top of a page, change it, or take it away.

    It is known again by an anchor of its name in it, so a warning that a person wrote is never touched.

    :param name: name of the note
    :param text: what it says; ``""`` takes it away
    """

    template_fields: ClassVar[tuple[str, ...]] = ("text",)

    name: str
    text: str

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        spans = [document.span(each) for each in macros(document, "warning") if self._is_ours(each)]
        replacements = [(span.start, span.end, "") for span in spans[1 if self.text else 0 :]]
        if self.text and spans:
            replacements.append((spans[0].start, spans[0].end, self._markup()))
        elif self.text:
            cells = document.select("//ac:layout-cell")
            # In a page with a layout, what is outside of its cells is moved by the editor.
            at = document.span(cells[0]).inner if cells else 0
            replacements.append((at, at, self._markup()))
        document.replace(replacements)

    def _is_ours(self, macro: object) -> bool:
        anchors = macro.iterfind(f".//{{{AC}}}structured-macro[@{{{AC}}}name='anchor']")  # type: ignore[attr-defined]
        return any("".join(each.itertext()).strip() == self.name for each in anchors)

    def _markup(self) -> str:
        anchor = (
            f'<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">{escape_text(self.name)}</ac:parameter>'
            "</ac:structured-macro>"
        )
        return (
            f'<ac:structured-macro ac:name="warning"><ac:rich-text-body>'
            f"<p>{anchor}{escape_text(self.text)}</p></ac:rich-text-body></ac:structured-macro>"
        )
