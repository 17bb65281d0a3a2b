"""What every edit has in common: it names a place, and says what it found when that is not the place it meant."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

if TYPE_CHECKING:
    from workplace_provider.confluence.pages.document import PageDocument

Found = TypeVar("Found")
SHOWN = 12


class EditError(ValueError):
    """An edit that cannot be made as it was meant; the message names the edit, what it looked for, and what is there."""


class PlaceMissing(EditError):
    """The page has no such place at all."""


@dataclass(frozen=True, kw_only=True)
class Edit(ABC):
    """Something that changes a document at the place it names, and nothing around it.

    Edits are frozen descriptions, without state: they can be compared, logged, and written as YAML.

    :param place: name of the place, under which a document that is filled again and again remembers it
    :param if_missing: when the page has no such place: ``fail``, or ``skip`` the edit. Too many places always fail
    """

    template_fields: ClassVar[tuple[str, ...]] = ()
    """The fields in which Airflow renders templates and resolves the outputs of tasks."""

    place: str = ""
    if_missing: Literal["fail", "skip"] = "fail"

    @abstractmethod
    def apply(self, document: PageDocument) -> None:
        """Make the edit.

        :raises EditError: when the page is not as the edit expects; the document is then as before
        """

    def make(self, document: PageDocument) -> None:
        """Make the edit, or leave it out when its place is missing and may be.

        :raises EditError: when the page is not as the edit expects; the document is then as before
        """
        try:
            self.apply(document)
        except PlaceMissing:
            if self.if_missing != "skip":
                raise

    def for_copy(self, source_title: str, title: str) -> Edit:
        """The edit for the copy of a page under a new title; most edits are the same for every title.

        :raises EditError: when the titles do not give what the edit needs of them
        """
        return self

    def expected(
        self, found: Sequence[Found], expect: int | None, what: str, there: Callable[[], Iterable[str]]
    ) -> Sequence[Found]:
        """Check that as many places were found as were meant.

        :param found: the places
        :param expect: how many there must be; ``None`` for any number but none
        :param what: what was looked for, such as ``the heading '인사이트'``
        :param there: names what is there instead, for the message
        :raises PlaceMissing: when there is none
        :raises EditError: when there is another number of them
        """
        if len(found) == expect or (expect is None and found):
            return found
        candidates = list(dict.fromkeys(name for name in there() if name))
        near = difflib.get_close_matches(what, candidates, n=SHOWN, cutoff=0.0)[:SHOWN]
        listed = ", ".join(repr(name) for name in near) or "none"
        more = f" and {len(candidates) - len(near)} more" if len(candidates) > len(near) else ""
        wanted = "at least one" if expect is None else str(expect)
        kind = EditError if found else PlaceMissing
        raise kind(
            f"{type(self).__name__}: {what} was expected {wanted} time{'' if expect == 1 else 's'} "
            f"and found {len(found)} times; there are: {listed}{more}"
        )

    def refused(self, why: str) -> EditError:
        """The error of an edit that found its place but cannot be made there."""
        return EditError(f"{type(self).__name__}: {why}")
