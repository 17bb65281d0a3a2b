"""The text of a page, whichever character set it is in."""

from __future__ import annotations

import codecs
import re
from typing import Final

_BOMS: Final = (("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE))
_LOOKED_AT: Final = 4_096
_META = re.compile(rb"<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)", re.I)
_PARAMETER = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.I)
# Pages say the narrow name and mean the wide one, as browsers know (https://encoding.spec.whatwg.org/#names-and-labels).
_MEANT: Final = {
    "euc_kr": "cp949",
    "ksc5601": "cp949",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601_1987": "cp949",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
}


def decode(body: bytes, content_type: str, charset: str = "") -> str:
    """Decode a page by its byte order mark, its header, its own word, or as UTF-8; in this order, as browsers do.

    :param content_type: the header
    :param charset: what holds instead of header and page
    :raises LookupError: no such character set is known; the message is its name
    :raises UnicodeDecodeError: nothing names the character set, and it is not UTF-8
    """
    for name, mark in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    declared = charset or _declared(body, content_type)
    return body.decode(_codec(declared), "replace") if declared else body.decode("utf-8")


def _declared(body: bytes, content_type: str) -> str:
    if parameter := _PARAMETER.search(content_type):
        return parameter.group(1)
    head = body[:_LOOKED_AT]
    found = _XML.search(head) or _META.search(head)
    return found.group(1).decode("ascii") if found else ""


def _codec(name: str) -> str:
    label = name.lower()
    try:
        known = codecs.lookup(_MEANT.get(label, label)).name
    except LookupError:
        raise LookupError(name) from None
    return _MEANT.get(known, known)
