"""Checks of titles, bodies and ids before a request is sent."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

from workplace_provider.confluence.client.model import TITLE_LIMIT
from workplace_provider.confluence.pages import IllFormedStorage, PageDocument, same_content
from workplace_provider.http.errors import Invalid


def page_title(title: str) -> str:
    """Return a title as Confluence stores it: without white space at the ends.

    All look-ups, creations and comparisons of titles use this form, because a Jinja template over several lines, or YAML's
    ``|``, leaves a line break at the end.

    :raises Invalid: when Confluence accepts no page with this title
    """
    stored = title.strip()
    if not stored:
        raise Invalid("the page title is empty", advice="give a title")
    # Confluence counts UTF-16 code units, as Java does: an emoji counts as two characters.
    length = len(stored.encode("utf-16-le", "surrogatepass")) // 2
    if length > TITLE_LIMIT:
        raise Invalid(
            f"the title has {length} characters, more than {TITLE_LIMIT}: {stored[:60]}…",
            advice="shorten the title",
        )
    return stored


def same_title(one: str, other: str) -> bool:
    """Return whether two titles conflict in one space: white space, case and Unicode composition are ignored."""
    first, second = (" ".join(unicodedata.normalize("NFC", title).split()).casefold() for title in (one, other))
    return first == second


def check_body(body: str) -> None:
    """Check that a body is well-formed, because Confluence silently saves some broken markup.

    :raises Invalid: when it is not
    """
    try:
        PageDocument(body)
    except IllFormedStorage as error:
        raise Invalid(f"the body is not well-formed storage format: {error}", advice="fix the markup there") from error


def differs(before: str, after: str) -> bool:
    """Return whether an edit changed what a reader sees.

    :raises Invalid: when the edited body is not well-formed
    """
    try:
        return not same_content(before, after)
    except IllFormedStorage:
        check_body(after)
        return True


def same_space(one: str, other: str) -> bool:
    """Return whether two keys name the same space."""
    return one.strip().casefold() == other.strip().casefold()


def segment(value: str) -> str:
    """Return an id or key as one segment of a path."""
    if not value:
        raise Invalid("an id or key is empty", advice="check the arguments of the task")
    return quote(str(value), safe="")
