"""What is checked before anything is sent to Confluence."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

from workplace_provider.confluence.client.model import TITLE_LIMIT
from workplace_provider.confluence.pages import IllFormedStorage, PageDocument, same_content
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.errors import Invalid


def page_title(title: str) -> str:
    """Return a title as Confluence stores it: without white space at the ends.

    Everything that looks a title up, creates one or compares one uses this form: a Jinja template over several lines, or
    YAML's ``|``, leaves a line break behind.

    :raises Invalid: no page can have the title
    """
    stored = title.strip()
    if not stored:
        raise Invalid("the page title is empty", system=SYSTEM, advice="give a title")
    # Confluence counts as Java does, in UTF-16: an emoji is two.
    length = len(stored.encode("utf-16-le", "surrogatepass")) // 2
    if length > TITLE_LIMIT:
        raise Invalid(
            f"the title has {length} characters, more than {TITLE_LIMIT}: {stored[:60]}…",
            system=SYSTEM,
            advice="shorten the title",
        )
    return stored


def same_title(one: str, other: str) -> bool:
    """Return whether two titles cannot both be in one space: white space, case and composition do not make them differ."""
    first, second = (" ".join(unicodedata.normalize("NFC", title).split()).casefold() for title in (one, other))
    return first == second


def check_body(body: str) -> None:
    """Confluence saves some broken markup silently and refuses other; neither is a page somebody wanted."""
    try:
        PageDocument(body)
    except IllFormedStorage as error:
        raise Invalid(f"the body is no storage format: {error}", system=SYSTEM, advice="mend the markup there") from error


def differs(before: str, after: str) -> bool:
    """Whether an edit changed what a reader sees, which is asked of well-formed bodies only."""
    try:
        return not same_content(before, after)
    except IllFormedStorage:
        check_body(after)
        return True


def same_space(one: str, other: str) -> bool:
    """Return whether two keys name the same space."""
    return one.strip().casefold() == other.strip().casefold()


def segment(value: str) -> str:
    """An id or key as one segment of a path."""
    if not value:
        raise Invalid("an id or key is empty", system=SYSTEM, advice="check what the task was given")
    return quote(str(value), safe="")
