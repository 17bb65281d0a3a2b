"""Views with a lot of data: their files are generated while they are sent, a piece at a time, and never held in memory."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from openpyxl import Workbook

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE_BYTES = 256 * 1024
_HEAD = "번호,상품,금액\r\n".encode()
_ROW = '000001,"이름 있는 상품, 긴 이름",1234567\r\n'.encode()
_PADDING = "docProps/padding.bin"


@dataclass(frozen=True, slots=True)
class BigContents:
    """Replaces the contents of a sheet.

    :param csv_bytes: size of its CSV file.
    :param xlsx_bytes: size of its Excel file.
    """

    csv_bytes: int
    xlsx_bytes: int

    def __post_init__(self) -> None:
        """Refuse sizes that no such file can have.

        :raises ValueError: too small, or above the 2 GiB that a plain zip holds.
        """
        if self.csv_bytes < len(_HEAD):
            raise ValueError(f"a CSV file has at least its {len(_HEAD)} bytes of header, not {self.csv_bytes}")
        if not _xlsx_overhead() <= self.xlsx_bytes < 2**31:
            raise ValueError(f"an Excel file has {_xlsx_overhead()} bytes to 2 GiB, not {self.xlsx_bytes}")

    def csv(self) -> Iterator[bytes]:
        """Return the CSV file: a header, one repeated row, and digits up to the size, so that no character is cut."""
        rows = _ROW * (PIECE_BYTES // len(_ROW))
        yield _HEAD
        left = self.csv_bytes - len(_HEAD)
        while left >= len(rows):
            yield rows
            left -= len(rows)
        whole = left // len(_ROW)
        yield _ROW * whole + b"0" * (left - whole * len(_ROW))

    def xlsx(self) -> Iterator[bytes]:
        """Return the Excel file: a valid one, with an additional member, which Excel ignores, up to the size."""
        return _xlsx(self.xlsx_bytes - _xlsx_overhead())


@lru_cache(maxsize=1)
def _xlsx_overhead() -> int:
    return sum(map(len, _xlsx(0)))


def _xlsx(padding: int) -> Iterator[bytes]:
    small = io.BytesIO()
    Workbook().save(small)
    sink = _Sink()
    zeros = bytes(PIECE_BYTES)
    with zipfile.ZipFile(sink, "w") as archive:
        with zipfile.ZipFile(small) as source:
            for member in source.namelist():
                # A fixed date makes the file the same each time.
                archive.writestr(zipfile.ZipInfo(member), source.read(member))
        with archive.open(zipfile.ZipInfo(_PADDING), "w") as filler:
            while padding > 0:
                filler.write(zeros[:padding])
                padding -= len(zeros)
                yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """The output of a zip: it cannot be read back, so the sizes follow the members instead of preceding them."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        """Return the bytes written since the last call."""
        data, self._pieces = b"".join(self._pieces), []
        return data
