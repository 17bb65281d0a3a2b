"""Passages of a page that comments are about: a marker around them in the text."""

from __future__ import annotations

import html
import re

# What is no text that people read: tags, comments, and sections with code.
_MARKUP = re.compile(r"(<!\[CDATA\[.*?\]\]>|<!--.*?-->|<[^>]*>)", re.DOTALL)


def with_marker(storage: str, selection: str, count: int, index: int, reference: str) -> str | None:
    """A body with a marker around a passage.

    :param storage: the body.
    :param selection: the passage, as people read it; within one piece of text.
    :param count: how often it is in the body, as the caller sees it.
    :param index: which of them is meant, from 0.
    :param reference: ``ac:ref`` of the marker.
    :return: None when the passage is not there as often as the caller says.
    """
    parts = _MARKUP.split(storage)
    wanted = html.escape(selection, quote=False)
    # Every second part is markup.
    places = [(number, found.start()) for number in range(0, len(parts), 2) for found in _finds(wanted, parts[number])]
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
