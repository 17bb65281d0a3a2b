"""A notice as a message in Slack."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from workplace_provider.notices import Board, Notice

DEFAULT_TEXT: Final = "{sign}*{board}* {link}\n{details}"
LONGEST_TITLE: Final = 300
LONGEST_URL: Final = 2_000
"""A longer one Slack shows as letters."""
_PLACE = re.compile(r"\{(\w+)\}")


def notice_text(notice: Notice, board: Board, text: str = DEFAULT_TEXT) -> str:
    """Fill the places of a text with what a notice says, as letters: nothing of it can be markup or mention somebody.

    :param text: mrkdwn with ``{link}`` (the title as a link), ``{title}``, ``{url}``, ``{board}``, ``{author}``,
        ``{published}``, ``{summary}``, ``{details}`` (date and author) and ``{sign}`` (of pinned and of edited ones)
    :raises ValueError: it has another place
    """
    from workplace_provider.common.mrkdwn import escape, linked
    from workplace_provider.notices.notice import one_line

    url = notice.url if len(notice.url) <= LONGEST_URL else ""
    title = one_line(notice.title, LONGEST_TITLE)
    published = f"{notice.published.astimezone(ZoneInfo(board.timezone)):%Y-%m-%d}" if notice.published else ""
    values = {
        "link": linked(title, url),
        "title": escape(title),
        "url": escape(url),
        "board": escape(board.label),
        "author": escape(notice.author),
        "published": published,
        "summary": escape(notice.summary),
        "details": escape(" · ".join(filter(None, (published, notice.author)))),
        "sign": ":pencil2: " if notice.edited else ":pushpin: " if notice.pinned else "",
    }
    unknown = [name for name in _PLACE.findall(text) if name not in values]
    if unknown:
        raise ValueError(f"text has the place {{{unknown[0]}}}; there are {', '.join(values)}")
    return _PLACE.sub(lambda place: values[place.group(1)], text).strip()
