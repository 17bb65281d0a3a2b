"""Digests of files, by which their content is recognized again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from workplace_provider.http.transport import CHUNK

if TYPE_CHECKING:
    from workplace_provider.http.client import FilePart


def digest_of(file: FilePart) -> str:
    """SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with file.open() as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
