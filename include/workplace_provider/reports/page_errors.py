"""The error of a template page's report, as one comment below the page that is removed when the error is fixed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from airflow.sdk.exceptions import AirflowFailException

from workplace_provider.common.failure import workplace_error
from workplace_provider.common.outgoing import redact_outgoing
from workplace_provider.http.redaction import sanitize_text
from workplace_provider.reports.reading import ReportError

if TYPE_CHECKING:
    from workplace_provider.confluence.client import Comment, ConfluenceClient

Stage = Literal["definition", "run"]
"""The origin of an error: the definition on the page, or a run of the report."""

LONGEST: Final = 600
INTERNAL: Final = "An unexpected error stopped the report. The log of the run in Airflow has the details."

_KEY: Final = "page-report"
# Names that the page does not have, such as those of views in other projects.
_SUGGESTIONS: Final = re.compile(r"; similar [^.]*")


@dataclass(frozen=True)
class ErrorComments:
    """The comments about errors below one template page. They are found by a content property.

    ::

        ErrorComments(client, page.id).report("definition", "there is no macro")

    :param page_id: the template page
    """

    client: ConfluenceClient
    page_id: str

    def has(self, stage: Stage, text: str) -> bool:
        """Return whether this error is reported."""
        return any(key == self._key(stage, text) for _, key in self._own(stage))

    def report(self, stage: Stage, text: str) -> bool:
        """Report an error instead of the one that is reported now.

        :return: whether the error is new
        """
        from workplace_provider.confluence.pages.edits.sections import paragraphs
        from workplace_provider.confluence.publishing.comments import CommentSpec, PageCommenter

        key = self._key(stage, text)
        is_new = not self.has(stage, text)
        if is_new:
            body = paragraphs(f"⚠️ The report of this page was not made.\n\n{text}\n\n{_PROMISE}")
            PageCommenter(self.client, CommentSpec(self.page_id, body, key=key)).run()
        self._remove(stage, keep=key)
        return is_new

    def resolve(self, *stages: Stage) -> None:
        """Remove the comments about errors of some stages."""
        for stage in stages:
            self._remove(stage)

    def _remove(self, stage: Stage, keep: str = "") -> None:
        for comment, key in list(self._own(stage)):
            if key != keep:
                self.client.remove_comment(comment.id)

    def _own(self, stage: Stage) -> Iterator[tuple[Comment, str]]:
        from workplace_provider.confluence.publishing.comments import MARKER

        account = self.client.current_user().name
        for comment in self.client.comments(self.page_id):
            if comment.location != "footer" or comment.parent_id is not None or comment.account != account:
                continue
            stored = self.client.comment_property(comment.id, MARKER)
            key = str(stored.value.get("key", "")) if stored and isinstance(stored.value, dict) else ""
            if key.startswith(f"{_KEY}/{self.page_id}/{stage}/"):
                yield comment, key

    def _key(self, stage: Stage, text: str) -> str:
        return f"{_KEY}/{self.page_id}/{stage}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"


_PROMISE: Final = "This comment is removed when the report is made, or when the definition is corrected."


def public_text(error: BaseException) -> str:
    """Return what readers of the template page may know about an error: no URLs, statements or names of other content."""
    origin = error.__cause__ if isinstance(error, AirflowFailException) and error.__cause__ else error
    known = None if isinstance(origin, ReportError) else workplace_error(origin)
    if known is not None:
        text = f"{known.message}. {known.advice}".rstrip(". ") + "."
    elif isinstance(origin, ValueError | AirflowFailException):
        text = str(origin)
    else:
        return INTERNAL
    text = _SUGGESTIONS.sub("", redact_outgoing(sanitize_text(text)))
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"
