"""Passages of a page that comments refer to: a marker around them in the text."""

from __future__ import annotations

import html
import re

# Parts that are not visible text: tags, comments, and sections with code.
_MARKUP = re.compile(r"(<!\[CDATA\[.*?\]\]>|<!--.*?-->|<[^>]*>)", re.DOTALL)


def with_marker(storage: str, selection: str, count: int, index: int, reference: str) -> str | None:
    """Return a body with a marker around a passage.

    :param storage: the body.
    :param selection: the passage as visible text, without markup in between.
    :param count: the number of occurrences in the body that the caller sees.
    :param index: which of them is meant, from 0.
    :param reference: ``ac:ref`` of the marker.
    :return: None when the body has another number of occurrences.
    """
    parts = _MARKUP.split(storage)
    wanted = html.escape(selection, quote=False)
    # Every second part is markup.
    places = [(number, match.start()) for number in range(0, len(parts), 2) for match in _finds(wanted, parts[number])]
    if len(places) != count or not 0 <= index < count:
        return None
    number, start = places[index]
    end = start + len(wanted)
    part = parts[number]
    marked = f'<ac:inline-comment-marker ac:ref="{reference}">{wanted}</ac:inline-comment-marker>'
    parts[number] = f"{part[:start]}{marked}{part[end:]}"
    return "".join(parts)


def _finds(wanted: str, text: str) -> list[re.Match[str]]:
    return list(re.finditer(re.escape(wanted), text))
