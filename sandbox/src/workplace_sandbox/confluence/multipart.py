"""Form posts with files, streamed: file parts go to disk as they arrive, memory stays flat.

Text parts are decoded as a Java server decodes them: in the charset of the part's ``Content-Type``, and without one as
ISO-8859-1. A Korean comment sent without a charset is stored garbled, as it is on real sites (reference section 2.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from workplace_sandbox.confluence.errors import RestError, bad_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

    from workplace_sandbox.files import StagedFile

# Java's default for text without a charset.
DEFAULT_CHARSET = "iso-8859-1"
MAX_FIELD_BYTES = 1024 * 1024
DEFAULT_MEDIA_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file part: its bytes are in ``staged``."""

    field: str
    filename: str
    media_type: str
    staged: StagedFile


@dataclass(slots=True)
class Form:
    """The fields and files of a form post. Use as a context manager: it removes the files that were not taken."""

    files: list[UploadedFile] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)

    def __enter__(self) -> Form:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files:
            file.staged.discard()

    def flag(self, name: str) -> bool:
        """Return whether a field is ``true``."""
        return self.texts.get(name, ["false"])[-1].strip().lower() == "true"


async def read_form(
    chunks: AsyncIterable[bytes],
    content_type: str,
    stage: Callable[[], StagedFile],
    max_file_bytes: int | None = None,
) -> Form:
    """Read a form post.

    :param chunks: the body.
    :param content_type: its ``Content-Type`` with the boundary.
    :param stage: opens a file for the bytes of a file part.
    :param max_file_bytes: the largest accepted file.
    :return: the form.
    :raises RestError: 415 for another media type, 400 for a body that does not parse, 404 for a file that is too
        large (as in the published description).
    """
    header = _header(content_type)
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise RestError(415, "HTTP 415 Unsupported Media Type")
    reader = _Reader(stage, max_file_bytes)
    try:
        parser = MultipartParser(boundary.encode("latin-1"), reader.callbacks())  # type: ignore[arg-type]
        async for chunk in chunks:
            parser.write(chunk)
        parser.finalize()
        if not reader.finished:
            raise bad_request("Stream ended unexpectedly")
    except MultipartParseError as error:
        reader.discard()
        raise bad_request(f"Could not parse multipart request: {error}") from error
    except BaseException:
        reader.discard()
        raise
    return reader.form


class _Reader:
    """Collects the parts that the parser reports."""

    def __init__(self, stage: Callable[[], StagedFile], max_file_bytes: int | None) -> None:
        self.form = Form()
        self.finished = False
        self._stage = stage
        self._max_file_bytes = max_file_bytes
        self._headers: dict[str, str] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._text = bytearray()
        self._file: StagedFile | None = None

    def callbacks(self) -> dict[str, Callable[..., None]]:
        """Return the callbacks for the parser's events."""
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def discard(self) -> None:
        """Remove the files of a post that failed."""
        if self._file is not None:
            self._file.discard()
        for file in self.form.files:
            file.staged.discard()

    def _begin_part(self) -> None:
        self._headers = {}
        self._text = bytearray()
        self._file = None

    def _end_header(self) -> None:
        # Browsers and client libraries send file names as plain UTF-8 bytes in the header.
        name = self._header_name.decode("latin-1").lower()
        self._headers[name] = self._header_value.decode("utf-8", "replace")
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        if _disposition(self._headers).filename is not None:
            self._file = self._stage()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._text += data[start:end]
            if len(self._text) > MAX_FIELD_BYTES:
                raise bad_request("A form field is too long")
            return
        self._file.write(data[start:end])
        if self._max_file_bytes is not None and self._file.size > self._max_file_bytes:
            raise RestError(404, f"The attachment exceeds the maximum configured size of {self._max_file_bytes} bytes")

    def _end_part(self) -> None:
        where = _disposition(self._headers)
        media_type = self._headers.get("content-type", "")
        if self._file is not None and where.filename is not None:
            self._file.close()
            file = UploadedFile(where.name, where.filename, media_type or DEFAULT_MEDIA_TYPE, self._file)
            self.form.files.append(file)
            self._file = None
            return
        charset = _header(media_type).get_param("charset") or DEFAULT_CHARSET
        try:
            text = self._text.decode(str(charset))
        except (LookupError, UnicodeDecodeError) as error:
            raise bad_request(f"Could not decode the form field {where.name!r}: {error}") from error
        self.form.texts.setdefault(where.name, []).append(text)

    def _end(self) -> None:
        self.finished = True


@dataclass(frozen=True, slots=True)
class _Disposition:
    name: str
    filename: str | None


def _disposition(headers: dict[str, str]) -> _Disposition:
    """Return name and file name of a part; ``filename*`` (RFC 5987) wins over ``filename``."""
    parameters = _parameters(headers.get("content-disposition", ""))
    filename = parameters.get("filename")
    if extended := parameters.get("filename*"):
        charset, _, rest = extended.partition("'")
        try:
            filename = unquote_to_bytes(rest.partition("'")[2]).decode(charset or "utf-8")
        except (LookupError, UnicodeDecodeError) as error:
            raise bad_request(f"Could not decode a file name: {error}") from error
    return _Disposition(parameters.get("name", ""), filename)


def _parameters(header: str) -> dict[str, str]:
    """Return the parameters of a ``Content-Disposition``; quoted ones may hold semicolons and escaped quotes."""
    parameters: dict[str, str] = {}
    rest = header.partition(";")[2]
    while rest.strip():
        name, _, rest = rest.partition("=")
        rest = rest.lstrip()
        if rest.startswith('"'):
            value, rest = _split_quoted(rest[1:])
            rest = rest.partition(";")[2]
        else:
            value, _, rest = rest.partition(";")
        parameters[name.strip().lower()] = value.strip() if not value.startswith(" ") else value
    return parameters


def _split_quoted(text: str) -> tuple[str, str]:
    """Return the text up to the closing quote, and the rest."""
    value: list[str] = []
    characters = iter(enumerate(text))
    for index, character in characters:
        if character == '"':
            return "".join(value), text[index + 1 :]
        # Only an escaped quote is an escape: Windows browsers send paths with bare backslashes.
        if character == "\\" and text[index + 1 : index + 2] == '"':
            next(characters)
            value.append('"')
        else:
            value.append(character)
    return "".join(value), ""


def _header(content_type: str) -> Message:
    message = Message()
    message["Content-Type"] = content_type
    return message
