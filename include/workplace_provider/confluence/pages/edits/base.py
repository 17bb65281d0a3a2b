"""Base class of all edits. An edit names a place on a page; its error lists the places that the page has instead."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeVar

if TYPE_CHECKING:
    from workplace_provider.confluence.pages.document import PageDocument

Match = TypeVar("Match")
_LISTED: Final = 12
"""Number of places that an error message lists."""


class EditError(ValueError):
    """An edit that does not fit the page. The message names the edit, the expected place, and the places on the page."""


class PlaceMissing(EditError):
    """The page does not have the place of the edit."""


@dataclass(frozen=True, kw_only=True)
class Edit(ABC):
    """A change to one place of a document. Everything around the place stays unchanged.

    Edits are frozen and stateless: they can be compared, logged, and stored as YAML.

    ::

        from workplace_provider.confluence.pages import PageDocument, edits

        document = PageDocument("<h1>Review</h1><p>open</p>")
        document.apply([edits.ReplaceSection("Review", "done"), edits.SetStatus("DONE", if_missing="skip")])

    :param place: name of the place in a managed document, which recognizes it again on later runs
    :param if_missing: when the page does not have the place: ``fail``, or ``skip`` the edit. If several places match and
        one is expected, the edit always fails
    """

    template_fields: ClassVar[tuple[str, ...]] = ()
    """Names of the fields in which Airflow renders templates and resolves task outputs."""

    place: str = ""
    if_missing: Literal["fail", "skip"] = "fail"

    @abstractmethod
    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document.

        :raises PlaceMissing: the page does not have the place
        :raises EditError: the edit does not fit the page; the document stays unchanged
        """

    def make(self, document: PageDocument) -> None:
        """Apply the edit; skip it if the place is missing and ``if_missing`` is ``skip``.

        :raises EditError: the edit does not fit the page; the document stays unchanged
        """
        try:
            self.apply(document)
        except PlaceMissing:
            if self.if_missing != "skip":
                raise

    def for_copy(self, source_title: str, title: str) -> Edit:
        """Return the edit for a copy of the page with a new title. Most edits do not depend on the title.

        :raises EditError: the edit needs a date that one of the titles does not contain
        """
        return self

    def check_count(
        self, matches: Sequence[Match], expect: int | None, what: str, present: Iterable[str]
    ) -> Sequence[Match]:
        """Check the number of places that match.

        :param matches: the matching places
        :param expect: expected number; ``None`` for at least one
        :param what: description of the place, such as ``the heading '인사이트'``
        :param present: names of the places on the page, for the message; read only on an error
        :return: the matches
        :raises PlaceMissing: there is no match
        :raises EditError: the number of matches is another one
        """
        if len(matches) == expect or (expect is None and matches):
            return matches
        candidates = list(dict.fromkeys(name for name in present if name))
        near = difflib.get_close_matches(what, candidates, n=_LISTED, cutoff=0.0)[:_LISTED]
        listed = ", ".join(repr(name) for name in near) or "none"
        more = f" and {len(candidates) - len(near)} more" if len(candidates) > len(near) else ""
        expected = "at least 1" if expect is None else str(expect)
        error_class = EditError if matches else PlaceMissing
        raise error_class(
            f"{type(self).__name__}: {what} was found {len(matches)} time{'' if len(matches) == 1 else 's'}, "
            f"expected {expected}; the page has: {listed}{more}"
        )

    def error(self, message: str) -> EditError:
        """Return an error of this edit, with its name before the message."""
        return EditError(f"{type(self).__name__}: {message}")
