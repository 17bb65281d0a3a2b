"""Temporary copies of files: small ones in memory, large ones on the disk without a name."""

from __future__ import annotations

import tempfile
from typing import IO, Final, cast

SPOOL_BYTES: Final = 8 * 1024 * 1024


def spooled_file() -> IO[bytes]:
    """Return an empty file to write and read; the caller closes it.

    Only a file over :data:`SPOOL_BYTES` needs the disk, so a full disk of a worker fails only tasks with such files. It has
    no name: a killed worker leaves no copy of a restricted page's file behind.
    """
    return cast("IO[bytes]", tempfile.SpooledTemporaryFile(SPOOL_BYTES))
