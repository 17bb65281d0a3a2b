"""Slack messages as quotes on a page, with author, time and link, and their replies collapsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from workplace_provider.confluence.pages.values import Image, Link, escape_text, to_storage

TIME: Final = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class Quote:
    """A quoted message.

    :param author: name of the author
    :param at: time of the message, in the page's time zone
    :param url: link to the message
    :param body: text of the message in storage format
    :param files: files of the message: images that are attached to the page, or links
    """

    author: str
    at: datetime
    url: str
    body: str
    files: Sequence[Image | Link | str] = ()


def quote_storage(quote: Quote) -> str:
    """Return a message in storage format."""
    when = to_storage(Link(quote.at.strftime(TIME), url=quote.url))
    head = f"<p><strong>{escape_text(quote.author)}</strong> {when}</p>"
    files = "".join(f"<p>{to_storage(file)}</p>" for file in quote.files)
    return f"<blockquote>{head}{quote.body}{files}</blockquote>"


def thread_storage(quote: Quote, replies: Sequence[Quote], title: str) -> str:
    """Return a message and its replies in storage format.

    :param title: title of the collapsed replies
    """
    if not replies:
        return quote_storage(quote)
    return (
        f"{quote_storage(quote)}"
        '<ac:structured-macro ac:name="expand">'
        f'<ac:parameter ac:name="title">{escape_text(title)}</ac:parameter>'
        f"<ac:rich-text-body>{''.join(map(quote_storage, replies))}</ac:rich-text-body>"
        "</ac:structured-macro>"
    )
