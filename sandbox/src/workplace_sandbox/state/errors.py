"""The reasons for which the state refuses a write."""

from __future__ import annotations


class StoreError(Exception):
    """A write that the state refuses."""


class NotFoundError(StoreError):
    """The object does not exist."""


class TitleTakenError(StoreError):
    """A current or archived page of the space has the title."""

    def __init__(self, title: str, space_key: str) -> None:
        super().__init__(f"{title!r} is taken in {space_key}")
        self.title = title
        self.space_key = space_key


class VersionConflictError(StoreError):
    """The write is based on another version than the current one."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the current version is {current}")
        self.current = current


class FileNameTakenError(StoreError):
    """The page has an attachment of that name."""

    def __init__(self, filename: str) -> None:
        super().__init__(f"{filename!r} is attached already")
        self.filename = filename


class ParentError(StoreError):
    """The parent is missing, in another space, or below the page itself."""
