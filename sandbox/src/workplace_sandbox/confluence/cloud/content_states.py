"""Content states of pages (Verified, Ready for review): a label with a colour beside the title."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workplace_sandbox.model import Page

OF_SPACES = (
    (0, "Rough draft", "#ffc400"),
    (1, "In progress", "#2684ff"),
    (2, "Ready for review", "#57d9a3"),
    (3, "Verified", "#57d9a3"),
)


@dataclass(frozen=True, slots=True)
class ContentState:
    """A state; those of the space have the numbers 0 to 3."""

    id: int
    name: str
    color: str

    def as_json(self) -> dict[str, object]:
        """Return the state as REST v1 shows it."""
        return {"id": self.id, "name": self.name, "color": self.color}


class ContentStates:
    """The states of the pages. Any other write of a page clears its state, as hunyadi/md2conf#286 reports."""

    def __init__(self) -> None:
        self.of_spaces = [ContentState(*state) for state in OF_SPACES]
        self._lock = threading.Lock()
        self._set: dict[str, tuple[int, ContentState, str]] = {}
        self._custom: list[ContentState] = []

    def get(self, page: Page) -> tuple[ContentState, str] | None:
        """Return the state of a page, and when it was set; it is valid for the version that it was set on."""
        with self._lock:
            entry = self._set.get(page.id)
            return (entry[1], entry[2]) if entry and entry[0] == page.version else None

    def set(self, page: Page, state: ContentState, when: str) -> None:
        """Set the state of a page at its current version."""
        with self._lock:
            self._set[page.id] = (page.version, state, when)

    def clear(self, page_id: str) -> None:
        """Remove the state of a page."""
        with self._lock:
            self._set.pop(page_id, None)

    def find_or_create(self, name: str, color: str) -> ContentState:
        """Return the state of the space with that name and colour, or else a custom one, created if necessary."""
        with self._lock:
            for state in (*self.of_spaces, *self._custom):
                if (state.name, state.color) == (name, color.lower()):
                    return state
            made = ContentState(100 + len(self._custom), name, color.lower())
            self._custom.append(made)
            return made

    def custom(self) -> list[ContentState]:
        """Return the three latest custom states."""
        with self._lock:
            return self._custom[-3:]

    def reset(self) -> None:
        """Restore the initial states."""
        with self._lock:
            self._set.clear()
            self._custom.clear()
