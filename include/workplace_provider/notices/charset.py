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
_DECLARED = re.compile(rb"encoding\s*=\s*[\"']([^\"']{1,100})", re.I)
# Encodings of Python that are none of the web's: a text in punycode takes the square of its length to decode, and the
# others fail in ways of their own.
_NOT_OF_THE_WEB: Final = frozenset({"punycode", "idna", "undefined", "unicodeescape", "rawunicodeescape", "utf7"})
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


def check_charsets(body: bytes, content_type: str) -> None:
    """Refuse a feed that names an encoding of Python's own, before a library decodes it.

    :raises LookupError: it does; the message is the name
    """
    # Libraries read a declaration from the first line only.
    line = body.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0]
    names = [found.decode("latin-1") for found in _DECLARED.findall(line)]
    for name in [*names, *_PARAMETER.findall(content_type)]:
        _check_of_the_web(name)


def _check_of_the_web(name: str) -> None:
    # As Python compares names of encodings: without case and signs.
    if "".join(filter(str.isalnum, name.lower())) in _NOT_OF_THE_WEB:
        raise LookupError(name)


def _declared(body: bytes, content_type: str) -> str:
    if parameter := _PARAMETER.search(content_type):
        return parameter.group(1)
    head = body[:_LOOKED_AT]
    found = _XML.search(head) or _META.search(head)
    return found.group(1).decode("ascii") if found else ""


def _codec(name: str) -> str:
    label = name.lower()
    _check_of_the_web(name)
    try:
        known = codecs.lookup(_MEANT.get(label, label)).name
    except LookupError:
        raise LookupError(name) from None
    return _MEANT.get(known, known)
