"""What is checked before anything is sent to Confluence."""

from __future__ import annotations

from urllib.parse import quote

from workplace_provider.confluence.client.model import TITLE_LIMIT
from workplace_provider.confluence.pages import IllFormedStorage, PageDocument, same_content
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.errors import Invalid


def check_title(title: str) -> None:
    """Refuse a title that no page can have."""
    if not title.strip():
        raise Invalid("the page title is empty", system=SYSTEM, advice="give a title")
    if len(title) > TITLE_LIMIT:
        raise Invalid(
            f"the title has {len(title)} characters, more than {TITLE_LIMIT}: {title[:60]}…",
            system=SYSTEM,
            advice="shorten the title",
        )


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


def segment(value: str) -> str:
    """An id or key as one segment of a path."""
    if not value:
        raise Invalid("an id or key is empty", system=SYSTEM, advice="check what the task was given")
    return quote(str(value), safe="")
