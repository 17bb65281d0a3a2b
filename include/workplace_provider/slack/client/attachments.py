"""Conversion of legacy attachments to Block Kit blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from workplace_provider.common.mrkdwn import escape, linked
from workplace_provider.slack.client.parts import LONGEST_SECTION, MOST_FIELDS, split_text

_LONGEST_FIELD: Final = 2_000
_LONGEST_TITLE: Final = 250
"""Escaping may make a title five times as long, and its link is added."""
_KEPT: Final = frozenset({"blocks", "actions", "callback_id"})
"""Attachments with these are kept: they are made of blocks already, or have legacy buttons, which blocks cannot express."""

Object = dict[str, Any]


def convert_attachments(attachments: Sequence[Mapping[str, Any]]) -> list[Object]:
    """Convert attachments to blocks: pretext, author, title, text, fields, pictures and footer, in this order.

    Blocks have no colour, so each attachment remains as a wrapper around its blocks. Text is escaped unless ``mrkdwn_in``
    names its field, as in Slack. Attachments with buttons are returned unchanged::

        convert_attachments([{"color": "good", "title": "Build 42", "text": "passed"}])

    Source: https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments/
    """
    return [_convert(attachment) for attachment in attachments]


def _convert(attachment: Mapping[str, Any]) -> Object:
    blocks = [] if _KEPT & attachment.keys() else list(_blocks(attachment))
    if not blocks:
        return dict(attachment)
    wrapper = {name: attachment[name] for name in ("color", "fallback") if attachment.get(name)}
    return {**wrapper, "blocks": blocks}


def _blocks(attachment: Mapping[str, Any]) -> Iterator[Object]:
    formatted = attachment.get("mrkdwn_in") or ()
    if pretext := _text(attachment, "pretext"):
        yield from _sections(pretext, markup="pretext" in formatted)
    if author := _text(attachment, "author_name"):
        yield _context(linked(author, _text(attachment, "author_link")))
    if title := _text(attachment, "title"):
        for piece in split_text(title, _LONGEST_TITLE):
            yield _section(f"*{linked(' '.join(piece.split()), _text(attachment, 'title_link'))}*")
    if text := _text(attachment, "text"):
        yield from _sections(text, markup="text" in formatted)
    yield from _fields(attachment.get("fields") or (), markup="fields" in formatted)
    for name in ("image_url", "thumb_url"):
        if url := _text(attachment, name):
            alt_text = _text(attachment, "title") or _text(attachment, "fallback") or "image"
            yield {"type": "image", "image_url": url, "alt_text": alt_text[:_LONGEST_FIELD]}
    ts = attachment.get("ts")
    if footer := list(filter(None, (escape(_text(attachment, "footer")), _date(ts) if ts else ""))):
        yield _context(" | ".join(footer))


def _fields(fields: Sequence[Mapping[str, Any]], *, markup: bool) -> Iterator[Object]:
    group: list[Object] = []
    for field in fields:
        title, value = _text(field, "title"), _text(field, "value")
        name = f"*{escape(' '.join(title.split()))}*" if title else ""
        text = "\n".join(filter(None, (name, value if markup else escape(value))))
        if not text:
            continue
        is_short = field.get("short") and len(text) <= _LONGEST_FIELD
        if is_short:
            group.append(_mrkdwn(text))
        if group and (not is_short or len(group) == MOST_FIELDS):
            yield {"type": "section", "fields": group}
            group = []
        if not is_short:
            yield from _sections(text, markup=True)
    if group:
        yield {"type": "section", "fields": group}


def _sections(text: str, *, markup: bool) -> Iterator[Object]:
    for piece in split_text(text if markup else escape(text), LONGEST_SECTION):
        yield _section(piece)


def _section(text: str) -> Object:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(text: str) -> Object:
    return {"type": "context", "elements": [_mrkdwn(piece) for piece in split_text(text, _LONGEST_FIELD)[:MOST_FIELDS]]}


def _mrkdwn(text: str) -> Object:
    return {"type": "mrkdwn", "text": text}


def _date(ts: Any) -> str:
    try:
        at = datetime.fromtimestamp(float(ts), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return escape(str(ts))
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def _text(attachment: Mapping[str, Any], name: str) -> str:
    value = attachment.get(name)
    return "" if value is None else str(value)
