"""Parsing of response bodies: JSON, and the text of an error page. Linear in the size, limited in depth."""

from __future__ import annotations

import json
import re
import threading
from itertools import accumulate
from typing import Any, Final

import msgspec

DEEPEST_JSON: Final = 200
"""Levels of lists and objects. A parser would take about 1,000, which code that works on the result does not."""

# Neither pattern crosses another "<", so a page of unclosed tags costs no more than its length.
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.I)
_TAG = re.compile(r"<[^<>]*>")
_MEDIA_TYPE: Final = re.compile(r"\s*([\w.+-]{1,80}/[\w.+-]{1,80})\s*(?:;|$)", re.A)
_LONGEST_WORDS: Final = 300
_NEITHER_BRACKET_NOR_QUOTE: Final = bytes(set(range(256)) - set(b'[]{}"'))
_SLICE: Final = 64 * 1024
_OPENING: Final = frozenset(b"[{")


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
_preparing = threading.Lock()


class NestedTooDeeply(ValueError):
    """JSON has more levels than any system sends."""


def parse_json(content: bytes | str) -> Any:
    """Parse JSON that another system sent.

    :raises ValueError: it is not JSON, or is nested more than :data:`DEEPEST_JSON` levels
    """
    check_depth(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        return json.loads(content)
    except RecursionError:
        raise NestedTooDeeply("JSON is nested too deeply") from None


def decode_json(content: bytes, kind: Any) -> Any:
    """Decode JSON that another system sent into a type of ``msgspec``; numbers may be texts.

    :raises ValueError: it is not JSON, or is nested more than :data:`DEEPEST_JSON` levels: ``msgspec.DecodeError``
    :raises msgspec.ValidationError: it has another shape
    """
    try:
        check_depth(content)
        return _decoder_of(kind).decode(content)
    except (RecursionError, NestedTooDeeply) as error:
        raise msgspec.DecodeError(str(error)) from None


def convert_json(value: Any, kind: Any, *, strict: bool = True) -> Any:
    """Convert decoded JSON into a type of ``msgspec``.

    :param strict: do not read numbers from texts
    :raises msgspec.ValidationError: it has another shape
    """
    _decoder_of(kind)  # prepares the type
    return msgspec.convert(value, kind, strict=strict)


def _decoder_of(kind: Any) -> msgspec.json.Decoder[Any]:
    """Return the decoder of a type.

    msgspec prepares a type at its first use. While one thread does, another sees the type half prepared and crashes the
    process (msgspec 0.22, ``json_decode_struct_map_inner`` reads a null pointer).
    """
    if (decoder := _decoders.get(kind)) is None:
        with _preparing:
            decoder = _decoders.setdefault(kind, msgspec.json.Decoder(kind, strict=False))
    return decoder


def check_depth(content: bytes) -> None:
    """Check how deeply JSON is nested, before a parser sees it.

    :raises NestedTooDeeply: more than :data:`DEEPEST_JSON` levels
    """
    if content.count(b"[") + content.count(b"{") <= DEEPEST_JSON:
        return
    # Quotation marks in strings go first, so that each that is left begins or ends a string.
    content = content.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NEITHER_BRACKET_NOR_QUOTE)
    depth, in_string = 0, False
    for start in range(0, len(content), _SLICE):
        parts = content[start : start + _SLICE].split(b'"')
        brackets = b"".join(parts[in_string::2])
        in_string ^= len(parts) % 2 == 0
        levels = list(accumulate((1 if bracket in _OPENING else -1 for bracket in brackets), initial=depth))
        depth = levels[-1]
        if max(levels) > DEEPEST_JSON:
            raise NestedTooDeeply(f"JSON is nested more than {DEEPEST_JSON} levels")


def plain_words(text: str) -> str:
    """Return the words of an error body, HTML or not, short enough for one line of a log."""
    title = _TITLE.search(text)
    words = title.group(1) if title else _TAG.sub(" ", text)
    return " ".join(words.split())[:_LONGEST_WORDS]


def media_type(content_type: str) -> str:
    """Return the media type in a header ``Content-Type``; empty for anything else, which a server may have put there.

    >>> media_type("text/html; charset=utf-8")
    'text/html'
    """
    match = _MEDIA_TYPE.match(content_type)
    return match[1] if match else ""
