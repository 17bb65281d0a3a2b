"""Edit that shows pictures under a heading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.edits.sections import ReplaceSection
from workplace_provider.confluence.pages.values import Image, Storage, to_storage

if TYPE_CHECKING:
    from workplace_provider.confluence.pages.document import PageDocument


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


def _stem(name: Any) -> str:
    return str(name).rpartition(".")[0] or str(name)
