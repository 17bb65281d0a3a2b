"""A message cut into parts that Slack takes: nothing of it is lost, and each part can be read by itself.

Limits: a text is readable up to about 4,000 characters, a section has 3,000, a header 150, a markdown block 12,000; a
message has 50 blocks, and all of them together about 13,200 characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workplace_provider.http.errors import Invalid, TooLarge
from workplace_provider.slack.client.answers import SYSTEM

LONGEST_TEXT: Final = 4_000
LONGEST_FALLBACK: Final = 40_000
LONGEST_SECTION: Final = 3_000
LONGEST_HEADER: Final = 150
LONGEST_MARKDOWN: Final = 12_000
MOST_FIELDS: Final = 10
MOST_BLOCKS: Final = 50
MOST_CHARACTERS: Final = 13_000
"""Of all blocks of a message. Slack refuses more than about 13,200, and does not say how it counts."""

_FENCE: Final = "```"
_CLOSED: Final = "\n```"
_OPENED: Final = "```\n"
# A link, mention or escaped sign that was cut in two would be shown as letters.
_WHOLE = re.compile(r"<[^<>\n]{1,2000}>|&(?:amp|lt|gt);")
_LONGEST_WHOLE: Final = 2_002

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What goes into one message.

    :param text: the text; beside blocks, what a notification says
    :param blocks: Block Kit blocks
    :param attachments: attachments of the old form, or wrappers of blocks
    """

    text: str = ""
    blocks: tuple[Object, ...] = ()
    attachments: tuple[Object, ...] = ()

    def arguments(self) -> Object:
        """The part as arguments of ``chat.postMessage``."""
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
) -> list[Part]:
    """Cut a message into parts; most messages are one.

    :param text: in Slack's mrkdwn
    :param blocks: Block Kit blocks; a section, header or markdown block that is too long becomes several
    :param attachments: as Slack takes them; they come behind the last part, those made of blocks in more parts if need be
    :param longest_text: characters of a part without blocks
    :raises Invalid: there is nothing to say
    :raises TooLarge: a block that cannot be cut is longer than a message
    """
    if blocks:
        packed = list(_packed([piece for block in blocks for piece in split_block(block)]))
        parts = [Part(text[:LONGEST_FALLBACK] if not number else "", group) for number, group in enumerate(packed)]
    else:
        parts = [Part(each) for each in split_text(text, longest_text)]
    if attachments:
        parts = _with_attachments(parts, attachments)
    if not parts:
        raise Invalid("the message is empty", system=SYSTEM, advice="give text, blocks or attachments")
    return parts


def split_text(text: str, longest: int = LONGEST_TEXT) -> list[str]:
    """Cut a text, between paragraphs where there are any, else between lines or words; links stay whole.

    A code block that is cut is closed before the cut and opened again behind it.

    :param longest: characters of a part
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
    """A block as one or several that are not too long by themselves.

    Of a section, the first piece keeps what stands beside the text, and its id.
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
    """How many characters of text a block holds, at whatever depth."""
    if isinstance(value, Mapping):
        return sum(
            len(each) if name == "text" and isinstance(each, str) else characters(each) for name, each in value.items()
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
    """A block with a text object, cut into several."""
    said = block.get("text")
    if not isinstance(said, Mapping) or len(str(said.get("text", ""))) <= longest:
        yield block
        return
    for number, piece in enumerate(split_text(str(said["text"]), longest)):
        yield {**_own(block, number), "text": {**said, "text": piece}}


def _own(block: Object, number: int) -> Object:
    return block if number == 0 else {"type": block["type"]}


def _packed(blocks: Sequence[Object]) -> Iterator[tuple[Object, ...]]:
    """Blocks in groups that fit into a message."""
    group: list[Object] = []
    size = 0
    for block in blocks:
        length = characters(block)
        if length > MOST_CHARACTERS:
            raise TooLarge(
                f"a block of the type {block.get('type')} has {length} characters of text",
                system=SYSTEM,
                advice=f"a message has up to {MOST_CHARACTERS}; cut it, or share it as a file",
            )
        if group and (len(group) == MOST_BLOCKS or size + length > MOST_CHARACTERS):
            yield tuple(group)
            group, size = [], 0
        group.append(block)
        size += length
    if group:
        yield tuple(group)


def _with_attachments(parts: Sequence[Part], attachments: Sequence[Object]) -> list[Part]:
    done = list(parts) or [Part()]
    for attachment in attachments:
        for piece in _split_wrapper(attachment):
            last = done[-1]
            shown = [*last.blocks, *(block for each in last.attachments for block in each.get("blocks") or ())]
            added = piece.get("blocks") or []
            # Attachments without blocks are the sender's own; Slack has no such limits for them.
            if (
                added
                and shown
                and (len(shown) + len(added) > MOST_BLOCKS or characters(shown) + characters(added) > MOST_CHARACTERS)
            ):
                done.append(Part(attachments=(piece,)))
            else:
                done[-1] = Part(last.text, last.blocks, (*last.attachments, piece))
    return done


def _split_wrapper(attachment: Object) -> Iterator[Object]:
    blocks = attachment.get("blocks")
    if not blocks:
        yield attachment
        return
    groups = list(_packed([piece for block in blocks for piece in split_block(block)]))
    if len(groups) == 1 and list(groups[0]) == list(blocks):
        yield attachment
        return
    for number, group in enumerate(groups):
        kept = attachment if number == 0 else {name: attachment[name] for name in ("color",) if name in attachment}
        yield {**kept, "blocks": list(group)}


def _cut(text: str, room: int) -> int:
    """Where to cut: as far behind as possible, at the best place of the second half."""
    for separator in ("\n\n", "\n", " "):
        found = text.rfind(separator, room // 2, room)
        if found > 0 and _whole_around(text, found + len(separator)) is None:
            return found + len(separator)
    around = _whole_around(text, room)
    return around if around else room


def _whole_around(text: str, position: int) -> int | None:
    """Where the link or escaped sign begins that a position is inside of; ``None`` when it is in none."""
    for match in _WHOLE.finditer(text, max(0, position - _LONGEST_WHOLE), position + _LONGEST_WHOLE):
        if match.start() < position < match.end():
            return match.start()
    return None
