"""Detection of a page's character set, in the order that browsers use."""

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
# Encodings of Python that the web does not use: decoding punycode takes quadratic time, and the others raise unusual errors.
_NOT_OF_THE_WEB: Final = frozenset({"punycode", "idna", "undefined", "unicodeescape", "rawunicodeescape", "utf7"})
# Pages declare the narrow encoding and use the wide one; browsers map the names in the same way.
# Source: https://encoding.spec.whatwg.org/#names-and-labels
_ALIASES: Final = {
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
    """Decode a page by its byte order mark, its header, its own declaration, or as UTF-8, in this order.

    :param content_type: the header
    :param charset: character set to use instead of header and declaration
    :raises LookupError: the character set is unknown; the message is its name
    :raises UnicodeDecodeError: no character set is declared, and the page is not UTF-8
    """
    for name, mark in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    declared = charset or _declared_charset(body, content_type)
    return body.decode(_codec(declared), "replace") if declared else body.decode("utf-8")


def check_charsets(body: bytes, content_type: str) -> None:
    """Reject a feed that declares an encoding of Python that the web does not use, before a library decodes it.

    :raises LookupError: the feed declares such an encoding; the message is its name
    """
    # Libraries read a declaration from the first line only.
    line = body.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0]
    names = [name.decode("latin-1") for name in _DECLARED.findall(line)]
    for name in [*names, *_PARAMETER.findall(content_type)]:
        _check_of_the_web(name)


def _check_of_the_web(name: str) -> None:
    # Python compares names of encodings without case and punctuation.
    if "".join(filter(str.isalnum, name.lower())) in _NOT_OF_THE_WEB:
        raise LookupError(name)


def _declared_charset(body: bytes, content_type: str) -> str:
    if parameter := _PARAMETER.search(content_type):
        return parameter.group(1)
    head = body[:_LOOKED_AT]
    match = _XML.search(head) or _META.search(head)
    return match.group(1).decode("ascii") if match else ""


def _codec(name: str) -> str:
    label = name.lower()
    _check_of_the_web(name)
    try:
        codec = codecs.lookup(_ALIASES.get(label, label)).name
    except LookupError:
        raise LookupError(name) from None
    return _ALIASES.get(codec, codec)
