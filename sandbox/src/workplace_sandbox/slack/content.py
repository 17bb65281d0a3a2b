"""The limits and refusals of chat.postMessage for the content of a message (reference section 2.5)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from workplace_sandbox.slack.call import SlackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workplace_sandbox.slack.call import SlackCall

MAX_BLOCKS = 50
# Slack truncates a longer text; the sandbox refuses it, so that no client relies on the lost part.
MAX_TEXT = 40_000
# The limit of an edit is far lower: 4,000 bytes, counted after & < > are escaped (gitlab-org/gitlab, merge request
# 258898).
MAX_EDITED_BYTES = 4_000
MAX_ALL_BLOCKS = 13_200
MAX_SECTION = 3_000
MAX_HEADER = 150
MAX_MARKDOWN = 12_000
MAX_FIELDS = 10
# https://docs.slack.dev/reference/block-kit/blocks/actions-block and .../block-elements/button-element
MAX_ELEMENTS = 25
MAX_BUTTON_TEXT = 75
MAX_BUTTON_VALUE = 2_000
MAX_ID = 255
MAX_TABLE_ROWS = 100
MAX_TABLE_CELLS = 20
# For all cells together (getnao/nao PR 1178).
MAX_TABLE_TEXT = 10_000
_CELL_TYPES = ("raw_text", "raw_number", "rich_text")

BLOCK_TYPES = frozenset(
    {
        "actions", "alert", "call", "card", "carousel", "container", "context", "context_actions", "divider", "file",
        "header", "image", "input", "markdown", "plan", "rich_text", "section", "table", "task_card", "video",
    }
)  # fmt: skip
# With one of these fields, even an empty one, an attachment counts as text; with a colour or a footer alone it does not.
_SPEAKING = ("text", "fallback", "title", "pretext", "author_name", "fields")


def read_content(call: SlackCall) -> dict[str, Any]:
    """Read ``text``, ``blocks``, ``attachments`` and ``metadata`` of a call.

    :return: those that were sent, unchanged.
    :raises SlackError: one cannot be read or is too long.
    """
    content: dict[str, Any] = {}
    if call.has("text"):
        content["text"] = call.text("text")
        if len(content["text"]) > MAX_TEXT:
            raise SlackError("msg_too_long")
    if call.has("blocks"):
        blocks = call.json("blocks", "invalid_blocks_format")
        if not isinstance(blocks, list):
            raise SlackError("invalid_blocks_format")
        check_blocks(blocks)
        content["blocks"] = assign_ids(blocks)
    if call.has("attachments"):
        attachments = call.json("attachments", "invalid_attachments")
        if not isinstance(attachments, list) or not all(isinstance(entry, dict) for entry in attachments):
            attachments = []
        content["attachments"] = attachments
    if call.has("metadata"):
        metadata = call.json("metadata", "invalid_metadata_format")
        if not _is_metadata(metadata):
            raise SlackError("invalid_metadata_format")
        content["metadata"] = metadata
    return content


def require_content(content: Mapping[str, Any]) -> None:
    """Refuse a message without text, blocks and attachments.

    :raises SlackError: ``no_text``.
    """
    speaking = any(_has_text(attachment) for attachment in content.get("attachments") or [])
    if not content.get("text") and not content.get("blocks") and not speaking:
        raise SlackError("no_text")


def check_edited_text(text: str) -> None:
    """Refuse a text that is too long for an edit.

    :raises SlackError: ``msg_too_long``.
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(escaped.encode()) > MAX_EDITED_BYTES:
        raise SlackError("msg_too_long")


def are_blocks(blocks: Any) -> bool:
    """Return whether a value has the shape of blocks; a webhook checks no more."""
    if not isinstance(blocks, list) or len(blocks) > MAX_BLOCKS:
        return False
    return all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in blocks)


def check_blocks(blocks: list[Any]) -> None:
    """Refuse invalid blocks.

    :raises SlackError: ``invalid_blocks``, with the reasons; ``msg_blocks_too_long``.
    """
    problems = list(problems_of_blocks(blocks))
    if problems:
        raise SlackError(
            "invalid_blocks", errors=problems, response_metadata={"messages": [f"[ERROR] {p}" for p in problems]}
        )
    if sum(block["type"] == "table" for block in blocks) > 1:
        # netclaw-dev/netclaw#55.
        raise SlackError("invalid_attachments", response_metadata={"messages": ["[ERROR] only_one_table_allowed"]})
    if sum(map(_length, blocks)) > MAX_ALL_BLOCKS:
        raise SlackError("msg_blocks_too_long")


def elements_of(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the elements of a block that people can click: those of an actions block, or the one beside a section."""
    elements = block.get("elements") if block.get("type") == "actions" else [block.get("accessory")]
    return [each for each in elements or [] if isinstance(each, dict) and each.get("type") not in (None, "image")]


def assign_ids(blocks: list[Any]) -> list[Any]:
    """Return blocks in which all that people can click or fill in has ids, as Slack adds them where an app sends none."""
    return [_with_ids(block) for block in blocks]


def _with_ids(block: dict[str, Any]) -> dict[str, Any]:
    kind = block.get("type")
    if kind == "input" and isinstance(block.get("element"), dict):
        return {"block_id": _new_id(), **block, "element": {"action_id": _new_id(), **block["element"]}}
    if not elements_of(block):
        return block
    if kind == "actions":
        return {"block_id": _new_id(), **block, "elements": [{"action_id": _new_id(), **each} for each in block["elements"]]}
    return {"block_id": _new_id(), **block, "accessory": {"action_id": _new_id(), **block["accessory"]}}


def _new_id() -> str:
    return secrets.token_urlsafe(4)


def problems_of_blocks(blocks: list[Any], most: int = MAX_BLOCKS) -> Iterator[str]:
    """Return the reasons why blocks are invalid.

    :param most: the largest number of blocks.
    """
    if len(blocks) > most:
        yield f"no more than {most} items allowed [json-pointer:/blocks]"
    ids = [block["block_id"] for block in blocks if isinstance(block, dict) and isinstance(block.get("block_id"), str)]
    if len(ids) > len(set(ids)):
        yield "block_id already exists [json-pointer:/blocks]"
    for number, block in enumerate(blocks):
        yield from _problems_of_block(block, f"[json-pointer:/blocks/{number}")


def _problems_of_block(block: Any, at: str) -> Iterator[str]:
    if not isinstance(block, dict):
        yield f"must be an object {at}]"
        return
    kind = block.get("type")
    if not isinstance(kind, str):
        yield f"missing required field: type {at}]"
    elif kind not in BLOCK_TYPES:
        yield f"unsupported type: {kind} {at}/type]"
    elif kind == "section":
        yield from _problems_of_section(block, at)
    elif kind == "table":
        yield from _problems_of_table(block, at)
    elif kind == "header" and _text_length(block.get("text")) > MAX_HEADER:
        yield f"must be less than {MAX_HEADER + 1} characters {at}/text/text]"
    elif kind == "markdown" and _text_length(block.get("text")) > MAX_MARKDOWN:
        yield f"must be less than {MAX_MARKDOWN + 1} characters {at}/text]"
    elif kind == "actions":
        yield from _problems_of_actions(block, at)


def _problems_of_actions(block: Mapping[str, Any], at: str) -> Iterator[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= MAX_ELEMENTS:
        yield f"must have 1 to {MAX_ELEMENTS} items {at}/elements]"
        return
    if len(str(block.get("block_id") or "")) > MAX_ID:
        yield f"must be less than {MAX_ID + 1} characters {at}/block_id]"
    ids = [element["action_id"] for element in elements if isinstance(element, dict) and element.get("action_id")]
    if len(ids) > len(set(ids)):
        yield f"action_id already exists {at}/elements]"
    for number, element in enumerate(elements):
        place = f"{at}/elements/{number}"
        if not isinstance(element, dict) or not isinstance(element.get("type"), str):
            yield f"must be an object with a type {place}]"
            continue
        if len(str(element.get("action_id") or "")) > MAX_ID:
            yield f"must be less than {MAX_ID + 1} characters {place}/action_id]"
        if element["type"] == "button":
            yield from _problems_of_button(element, place)


def _problems_of_button(button: Mapping[str, Any], at: str) -> Iterator[str]:
    if not 1 <= _text_length(button.get("text")) <= MAX_BUTTON_TEXT:
        yield f"must have 1 to {MAX_BUTTON_TEXT} characters {at}/text/text]"
    if len(str(button.get("value") or "")) > MAX_BUTTON_VALUE:
        yield f"must be less than {MAX_BUTTON_VALUE + 1} characters {at}/value]"
    if button.get("style") not in (None, "primary", "danger"):
        yield f"must be primary or danger {at}/style]"


def _problems_of_section(block: Mapping[str, Any], at: str) -> Iterator[str]:
    fields = block.get("fields")
    if not block.get("text") and not fields:
        yield f"missing required field: text {at}]"
    if _text_length(block.get("text")) > MAX_SECTION:
        yield f"must be less than {MAX_SECTION + 1} characters {at}/text/text]"
    if isinstance(fields, list) and len(fields) > MAX_FIELDS:
        yield f"no more than {MAX_FIELDS} items allowed {at}/fields]"


def _problems_of_table(block: Mapping[str, Any], at: str) -> Iterator[str]:
    rows, settings = block.get("rows"), block.get("column_settings") or []
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        yield f"missing required field: rows {at}]"
        return
    if len(rows) > MAX_TABLE_ROWS:
        yield f"no more than {MAX_TABLE_ROWS} items allowed {at}/rows]"
    if not isinstance(settings, list) or len(settings) > MAX_TABLE_CELLS:
        yield f"no more than {MAX_TABLE_CELLS} items allowed {at}/column_settings]"
    for number, row in enumerate(rows):
        if len(row) > MAX_TABLE_CELLS:
            yield f"no more than {MAX_TABLE_CELLS} items allowed {at}/rows/{number}]"
        if not all(isinstance(cell, dict) and cell.get("type") in _CELL_TYPES and _length(cell) for cell in row):
            yield f"must be a cell with text {at}/rows/{number}]"
    if _length(rows) > MAX_TABLE_TEXT:
        yield f"no more than {MAX_TABLE_TEXT} characters allowed {at}/rows]"


def _text_length(text: Any) -> int:
    value = text.get("text") if isinstance(text, dict) else text
    return len(value) if isinstance(value, str) else 0


def _length(value: Any) -> int:
    """Return the number of characters of text in a block, at any depth."""
    if isinstance(value, dict):
        return sum(len(v) if k == "text" and isinstance(v, str) else _length(v) for k, v in value.items())
    return sum(map(_length, value)) if isinstance(value, list) else 0


def _has_text(attachment: Mapping[str, Any]) -> bool:
    return any(name in attachment for name in _SPEAKING) or bool(attachment.get("blocks"))


def _is_metadata(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("event_type"), str):
        return False
    return isinstance(value.get("event_payload"), dict)
