"""What the status lozenges of a page say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_provider.confluence.pages.reading import same_words, visible_text
from workplace_provider.confluence.pages.selectors import macros, parameters, sections

if TYPE_CHECKING:
    from workplace_provider.confluence.pages.document import PageDocument


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
