"""Files on local disks for their owner alone: directories, plans, reports and journals have personal data in them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


def make_private_folder(folder: str | os.PathLike[str]) -> None:
    """Make a folder and those above it that are missing, each for its owner alone, whatever the umask is.

    Folders that exist keep their mode: an administrator may have shared them.
    """
    path = Path(folder).absolute()
    missing = [path, *path.parents]
    for each in reversed(missing[: next((n for n, parent in enumerate(missing) if parent.exists()), len(missing))]):
        # With the mode from the start: between mkdir and chmod another user could enter.
        each.mkdir(mode=FOLDER_MODE, exist_ok=True)


def open_private(path: str | os.PathLike[str], *, append: bool = False) -> IO[bytes]:
    """Open a file for writing that only its owner may read.

    :param append: add to a file that exists, which becomes private; otherwise the file must not exist
    :raises FileExistsError: the file exists, or a link of that name
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
