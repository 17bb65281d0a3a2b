"""Splitting of messages into parts that fit Slack's limits; no text is lost.

Limits: about 4,000 characters of text, 3,000 in a section, 150 in a header, 12,000 in a markdown block; 50 blocks per
message with about 13,200 characters in total. Source: https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workplace_provider.http.errors import Invalid, TooLarge

LONGEST_TEXT: Final = 4_000
LONGEST_FALLBACK: Final = 40_000
LONGEST_SECTION: Final = 3_000
LONGEST_HEADER: Final = 150
LONGEST_MARKDOWN: Final = 12_000
MOST_FIELDS: Final = 10
MOST_BLOCKS: Final = 50
MOST_CHARACTERS: Final = 13_000
"""Limit for all blocks of a message together. Slack rejects more than about 13,200; how it counts is not documented."""

_FENCE: Final = "```"
_CLOSED: Final = "\n```"
_OPENED: Final = "```\n"
# Links, mentions and entities must not be cut: a half of one is shown as plain characters.
_WHOLE = re.compile(r"<[^<>\n]{1,2000}>|&(?:amp|lt|gt);")
_LONGEST_WHOLE: Final = 2_002

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MessagePart:
    """The content of one message.

    :param text: the text; with blocks, the text of the notification
    :param blocks: Block Kit blocks
    :param attachments: legacy attachments, or wrappers around blocks
    """

    text: str = ""
    blocks: tuple[Object, ...] = ()
    attachments: tuple[Object, ...] = ()

    def arguments(self) -> Object:
        """Return the part as arguments of ``chat.postMessage``."""
        return {
            "text": self.text or None,
            "blocks": list(self.blocks) or None,
            "attachments": list(self.attachments) or None,
        }


def split_message(
    text: str = "",
    blocks: Sequence[Object] = (),
    attachments: Sequence[Object] = (),
    *,
    longest_text: int = LONGEST_TEXT,
) -> list[MessagePart]:
    """Split a message into parts. Most messages have one part.

    ::

        for part in split_message("*Weekly report*", [{"type": "divider"}]):
            reader.submit("chat.postMessage", Envelope, {"channel": "C0GENERAL", **part.arguments()})

    :param text: text in Slack's mrkdwn
    :param blocks: Block Kit blocks; a section, header or markdown block that is too long is split into several
    :param attachments: attachments in Slack's format. They follow the last part; those made of blocks are split if needed
    :param longest_text: maximum characters of a part without blocks
    :raises Invalid: the message is empty
    :raises TooLarge: a block that cannot be split exceeds the limit of a message
    """
    if blocks:
        packed = list(_pack([piece for block in blocks for piece in split_block(block)]))
        parts = [MessagePart(text[:LONGEST_FALLBACK] if not number else "", group) for number, group in enumerate(packed)]
    else:
        parts = [MessagePart(piece) for piece in split_text(text, longest_text)]
    if attachments:
        parts = _with_attachments(parts, attachments)
    if not parts:
        raise Invalid("the message is empty", advice="pass text, blocks or attachments")
    return parts


def split_text(text: str, longest: int = LONGEST_TEXT) -> list[str]:
    """Split a text between paragraphs if possible, otherwise between lines or words. Links are not split.

    A code block across a split is closed before it and reopened after it.

    :param longest: maximum characters of a part
    :return: the parts; none for a text of white space only
    """
    parts: list[str] = []
    rest, opening = text, ""
    while len(opening) + len(rest) > longest:
        cut = _cut(rest, longest - len(opening) - len(_CLOSED))
        piece, rest = opening + rest[:cut], rest[cut:]
        opening = ""
        if piece.count(_FENCE) % 2:
            piece, opening = piece + _CLOSED, _OPENED
        parts.append(piece)
    parts.append(opening + rest)
    return [part for part in parts if part.strip()]


def split_block(block: Object) -> Iterator[Object]:
    """Split a block into blocks that are within the limits of their type.

    The first piece of a section keeps its accessory and its block id.
    """
    kind = block.get("type")
    if kind == "section":
        yield from _sections(block)
    elif kind == "header":
        yield from _cut_object(block, LONGEST_HEADER)
    elif kind == "markdown" and isinstance(block.get("text"), str):
        for number, piece in enumerate(split_text(block["text"], LONGEST_MARKDOWN)):
            yield {**_own(block, number), "text": piece}
    else:
        yield block


def characters(value: Any) -> int:
    """Return the number of text characters in a block, at any depth."""
    if isinstance(value, Mapping):
        return sum(
            len(item) if name == "text" and isinstance(item, str) else characters(item) for name, item in value.items()
        )
    return sum(map(characters, value)) if isinstance(value, list | tuple) else 0


def _sections(block: Object) -> Iterator[Object]:
    fields = block.get("fields") or []
    first = {name: value for name, value in block.items() if name != "fields"}
    groups = [fields[start : start + MOST_FIELDS] for start in range(0, len(fields), MOST_FIELDS)]
    if isinstance(block.get("text"), Mapping):
        pieces = list(_cut_object(first, LONGEST_SECTION))
        if groups:
            pieces[-1] = {**pieces[-1], "fields": groups.pop(0)}
        yield from pieces
        yield from ({"type": "section", "fields": group} for group in groups)
    elif groups:
        yield {**first, "fields": groups[0]}
        yield from ({"type": "section", "fields": group} for group in groups[1:])
    else:
        yield block


def _cut_object(block: Object, longest: int) -> Iterator[Object]:
    """Split a block by its text object."""
    text = block.get("text")
    if not isinstance(text, Mapping) or len(str(text.get("text", ""))) <= longest:
        yield block
        return
    for number, piece in enumerate(split_text(str(text["text"]), longest)):
        yield {**_own(block, number), "text": {**text, "text": piece}}


def _own(block: Object, number: int) -> Object:
    return block if number == 0 else {"type": block["type"]}


def _pack(blocks: Sequence[Object]) -> Iterator[tuple[Object, ...]]:
    """Group blocks into messages."""
    group: list[Object] = []
    size = 0
    for block in blocks:
        length = characters(block)
        if length > MOST_CHARACTERS:
            raise TooLarge(
                f"a block of the type {block.get('type')} has {length} characters of text",
                advice=f"a message has up to {MOST_CHARACTERS}; shorten the block, or share it as a file",
            )
        # A message has one table.
        is_second_table = block.get("type") == "table" and any(other.get("type") == "table" for other in group)
        if group and (len(group) == MOST_BLOCKS or size + length > MOST_CHARACTERS or is_second_table):
            yield tuple(group)
            group, size = [], 0
        group.append(block)
        size += length
    if group:
        yield tuple(group)


def _with_attachments(parts: Sequence[MessagePart], attachments: Sequence[Object]) -> list[MessagePart]:
    result = list(parts) or [MessagePart()]
    for attachment in attachments:
        for piece in _split_wrapper(attachment):
            last = result[-1]
            present = [*last.blocks, *(block for other in last.attachments for block in other.get("blocks") or ())]
            added = piece.get("blocks") or []
            # Legacy attachments without blocks do not count: Slack has no such limits for them.
            if (
                added
                and present
                and (len(present) + len(added) > MOST_BLOCKS or characters(present) + characters(added) > MOST_CHARACTERS)
            ):
                result.append(MessagePart(attachments=(piece,)))
            else:
                result[-1] = MessagePart(last.text, last.blocks, (*last.attachments, piece))
    return result


def _split_wrapper(attachment: Object) -> Iterator[Object]:
    blocks = attachment.get("blocks")
    if not blocks:
        yield attachment
        return
    groups = list(_pack([piece for block in blocks for piece in split_block(block)]))
    if len(groups) == 1 and list(groups[0]) == list(blocks):
        yield attachment
        return
    for number, group in enumerate(groups):
        kept = attachment if number == 0 else {name: attachment[name] for name in ("color",) if name in attachment}
        yield {**kept, "blocks": list(group)}


def _cut(text: str, room: int) -> int:
    """Return the position of the split: as late as possible, at the best separator in the second half."""
    for separator in ("\n\n", "\n", " "):
        position = text.rfind(separator, room // 2, room)
        if position > 0 and _whole_around(text, position + len(separator)) is None:
            return position + len(separator)
    start = _whole_around(text, room)
    return start if start else room


def _whole_around(text: str, position: int) -> int | None:
    """Return the start of the link or entity that contains a position; ``None`` if there is none."""
    for match in _WHOLE.finditer(text, max(0, position - _LONGEST_WHOLE), position + _LONGEST_WHOLE):
        if match.start() < position < match.end():
            return match.start()
    return None
