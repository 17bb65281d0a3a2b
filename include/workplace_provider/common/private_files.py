"""Local files that only their owner can read: directories, plans, reports and journals have personal data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


def make_private_folder(folder: str | os.PathLike[str]) -> None:
    """Create a folder and the missing folders above it, with access for the owner only, independent of the umask.

    Existing folders keep their mode: an administrator may have shared them.
    """
    path = Path(folder).absolute()
    missing = [path, *path.parents]
    for new in reversed(missing[: next((n for n, parent in enumerate(missing) if parent.exists()), len(missing))]):
        # With the mode from the start: between mkdir and chmod another user could open the folder.
        new.mkdir(mode=FOLDER_MODE, exist_ok=True)


def open_private(path: str | os.PathLike[str], *, append: bool = False) -> IO[bytes]:
    """Open a file for writing, with access for its owner only.

    :param append: append to an existing file, which becomes private; otherwise the file must not exist
    :raises FileExistsError: if the file exists, or a link with this name
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_APPEND if append else os.O_EXCL)
    descriptor = os.open(path, flags | os.O_NOFOLLOW, FILE_MODE)
    try:
        if append:
            os.fchmod(descriptor, FILE_MODE)
        return os.fdopen(descriptor, "ab" if append else "wb")
    except BaseException:
        os.close(descriptor)
        raise
