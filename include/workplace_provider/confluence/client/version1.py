"""Requests of REST API v1 that Data Center has and Cloud keeps: files and labels of a page. Both clients inherit them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import IO, TYPE_CHECKING, Final

from workplace_provider.confluence.client.checks import segment
from workplace_provider.confluence.client.decoding import decode, not_confirmed, unexpected
from workplace_provider.confluence.client.responses import Content, Label, Listing, UploadResponse
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.client import expect_file
from workplace_provider.http.errors import BadResponse, Invalid, NotFound
from workplace_provider.http.redaction import get_logger
from workplace_provider.http.transport import CHUNK

if TYPE_CHECKING:
    import requests

    from workplace_provider.confluence.client.model import Attachment
    from workplace_provider.http.client import Download, FilePart, HttpClient

log = get_logger("workplace_provider.confluence")

NO_CONTENT: Final = 204
MARK: Final = re.compile(r"\bsha256:([0-9a-f]{64})\b")
"""The digest of a file's content, in the comment of a version that the provider uploaded."""

# Without this exact value the server takes an upload for a forged request; newer versions refuse "nocheck".
_NO_XSRF_CHECK: Final = {"X-Atlassian-Token": "no-check"}


class Version1Requests(ABC):
    """Files and labels of pages, by requests of API v1."""

    _http: HttpClient

    @abstractmethod
    def labels(self, page_id: str) -> list[str]:
        """Return the page's global labels."""

    @abstractmethod
    def _attachment(self, row: Content, page_id: str) -> Attachment:
        """Return a file from a row of a response."""

    def create_attachment(self, page_id: str, file: FilePart, *, comment: str = "", minor: bool = True) -> Attachment:
        """Upload a new file with one request.

        :raises AlreadyExists: when the page has a file of that name
        :raises BadResponse: when the response does not describe this file, so that the outcome is unknown
        """
        response = self._http.upload(files_path(page_id), file, _fields(comment, minor), headers=_NO_XSRF_CHECK)
        row = decode(self._http, response, UploadResponse).file
        return self._attachment(self._check_file(response, row, file.name, comment), page_id)

    def update_attachment(
        self, attachment: Attachment, file: FilePart, *, comment: str = "", minor: bool = True
    ) -> Attachment:
        """Upload a new version of a file with one request."""
        path = f"{files_path(attachment.page_id)}/{segment(attachment.id)}/data"
        response = self._http.upload(path, file, _fields(comment, minor), headers=_NO_XSRF_CHECK)
        row = decode(self._http, response, UploadResponse).file
        if row is not None and row.number <= attachment.version:
            row = None
        return self._attachment(self._check_file(response, row, file.name, comment), attachment.page_id)

    def download_attachment(self, attachment: Attachment, sink: IO[bytes]) -> Download:
        """Stream a file's bytes into ``sink``. On Cloud they are on another host, which never gets the credential."""
        return self._http.download(attachment.download, sink, check=expect_attachment(attachment))

    def add_labels(self, page_id: str, labels: Sequence[str]) -> None:
        """Add labels. Labels that the page has already stay.

        :raises BadResponse: when the page does not have them afterwards
        """
        if not labels:
            return
        body = [{"prefix": "global", "name": label} for label in labels]
        response = self._http.request("POST", _labels_path(page_id), json=body, idempotent=True)
        try:
            shown = global_labels(decode(self._http, response, Listing[Label]).results)
        except BadResponse as error:
            log.warning("the response does not show the labels, so they are read back: %s", error)
            shown = []
        # Confluence stores labels in lower case.
        missing = {label.strip().lower() for label in labels} - {label.lower() for label in shown}
        if missing and (missing := missing - {label.lower() for label in self.labels(page_id)}):
            raise not_confirmed(f"the labels {', '.join(sorted(missing))} of the page {page_id}")

    def remove_label(self, page_id: str, label: str) -> None:
        """Remove a label, if the page has it."""
        try:
            response = self._http.request("DELETE", _labels_path(page_id), params={"name": label})
        except NotFound:
            if label in self.labels(page_id):
                raise
        else:
            if response.status_code != NO_CONTENT and label in self.labels(page_id):
                raise not_confirmed(f"removing the label {label} of the page {page_id}")

    def _check_file(self, response: requests.Response, row: Content | None, name: str, comment: str) -> Content:
        """Return the row of an uploaded file after a check that it describes this file."""
        if row is not None and row.title and not same_name(row.title, name) and row.file_comment == comment:
            raise Invalid(
                f"the site stored the file {name!r} as {row.title!r}",
                advice="remove that file from the page, and give the file a name without special characters",
            )
        if row is None or row.title is None or not same_name(row.title, name):
            raise unexpected(self._http, response, f"the response does not describe the uploaded file {name!r}")
        return row


def files_path(page_id: str) -> str:
    """Return the path of a page's files."""
    return f"rest/api/content/{segment(page_id)}/child/attachment"


def same_name(one: str, other: str) -> bool:
    """Return whether two file names are equal in composed form (NFC) and without spaces at the ends."""
    first, second = (unicodedata.normalize("NFC", name).strip() for name in (one, other))
    return first == second


def expect_attachment(attachment: Attachment) -> Callable[[Download], None]:
    """Return the check of a download: size and type as listed, and the digest where the comment has one."""
    mark = MARK.search(attachment.comment)
    return expect_file(
        attachment.name,
        SYSTEM,
        size=attachment.size or None,
        media_type=attachment.media_type,
        sha256=mark.group(1) if mark else "",
    )


def global_labels(rows: Iterable[Label]) -> list[str]:
    """Return the names of the global labels; personal ones (``my:``) are visible to their owner only."""
    return [label.name for label in rows if (label.prefix or "global") == "global"]


def digest_of(file: FilePart) -> str:
    """Return the SHA-256 digest of a file's content."""
    digest = hashlib.sha256()
    with file.open() as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _labels_path(page_id: str) -> str:
    return f"rest/api/content/{segment(page_id)}/label"


def _fields(comment: str, minor: bool) -> dict[str, str]:
    return {"comment": comment, "minorEdit": "true" if minor else "false"}
