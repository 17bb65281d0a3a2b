"""The body of an upload as ``multipart/form-data`` (RFC 7578), streamed from a file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import IO, Final

from urllib3.fields import RequestField
from urllib3.filepost import choose_boundary

_END_OF_LINE: Final = b"\r\n"


class MultipartBody:
    """Text fields and one file, read piece by piece; only the headers are in memory.

    Text fields are sent with ``charset=utf-8``: without it servers read them as ISO-8859-1 and a Korean comment arrives as
    mojibake.

    :param fields: text fields, which come first
    :param name: the file's name
    :param stream: its content, read from the first byte
    :param media_type: of the file
    :raises OSError: (when read) the file became shorter
    """

    def __init__(self, fields: Mapping[str, str], name: str, stream: IO[bytes], media_type: str) -> None:
        boundary = choose_boundary()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        delimiter = f"--{boundary}".encode()
        head = b"".join(
            delimiter + _END_OF_LINE + _headers(key, None, "text/plain; charset=utf-8") + value.encode() + _END_OF_LINE
            for key, value in fields.items()
        )
        self._pending = head + delimiter + _END_OF_LINE + _headers("file", name, media_type)
        self._tail = _END_OF_LINE + delimiter + b"--" + _END_OF_LINE
        self._stream = stream
        self._name = name
        self._left = stream.seek(0, os.SEEK_END)
        stream.seek(0)

    def __len__(self) -> int:
        """The bytes that are left, for ``Content-Length``."""
        return len(self._pending) + self._left + len(self._tail)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, ``size`` at the most; nothing at the end."""
        size = len(self) if size is None or size < 0 else size
        if self._pending:
            piece, self._pending = self._pending[:size], self._pending[size:]
            return piece
        if self._left:
            piece = self._stream.read(min(size, self._left))
            if not piece:
                raise OSError(f"{self._name} became shorter while it was uploaded: {self._left} bytes are missing")
            self._left -= len(piece)
            return piece
        piece, self._tail = self._tail[:size], self._tail[size:]
        return piece


class _Field(RequestField):
    """A field whose parameters are quoted strings of RFC 2183 and 822.

    Browsers and urllib3 write ``%22`` for a quotation mark, which servers in Java take for the characters of the name.
    """

    def _render_part(self, name: str, value: str | bytes) -> str:
        text = value.decode() if isinstance(value, bytes) else value
        if re.search(r"[\r\n\0]", text):
            raise ValueError(f"{text!r} has a line break in it, which no file name may have")
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'{name}="{escaped}"'


def _headers(name: str, filename: str | None, content_type: str) -> bytes:
    field = _Field(name, b"", filename)
    field.make_multipart(content_type=content_type)
    return field.render_headers().encode()
