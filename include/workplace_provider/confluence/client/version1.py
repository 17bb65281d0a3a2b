"""Requests of REST API v1 that Data Center has and Cloud keeps: files of a page, and its labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.client.checks import segment
from workplace_provider.confluence.client.model import Attachment
from workplace_provider.confluence.client.responses import (
    Content,
    Extensions,
    Label,
    Listing,
    Metadata,
    UploadResponse,
    decode,
    not_confirmed,
    unexpected,
)
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.client import expect_file
from workplace_provider.http.errors import BadResponse, Invalid, NotFound
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import Download, FilePart, HttpClient

log = get_logger("workplace_provider.confluence")

NO_CONTENT: Final = 204
MARK: Final = re.compile(r"\bsha256:([0-9a-f]{64})\b")
"""The digest of a file's content, in the comment of a version that the provider uploaded."""

_NO_XSRF_CHECK: Final = {"X-Atlassian-Token": "no-check"}


def files_of(page_id: str) -> str:
    """Path of a page's files."""
    return f"rest/api/content/{segment(page_id)}/child/attachment"


def upload(http: HttpClient, page_id: str, file: FilePart, comment: str, *, minor: bool) -> Content:
    """Add a file; the request is sent once.

    :return: the file as the site responds it
    :raises BadResponse: the response is not about this file, so that the outcome is unknown
    """
    response = http.upload(files_of(page_id), file, _fields(comment, minor), headers=_NO_XSRF_CHECK)
    row = decode(http, response, UploadResponse).file
    return _same_file(http, response, row, file.name, comment)


def upload_version(http: HttpClient, attachment: Attachment, file: FilePart, comment: str, *, minor: bool) -> Content:
    """Add a new version to a file; see :func:`upload`."""
    path = f"{files_of(attachment.page_id)}/{segment(attachment.id)}/data"
    response = http.upload(path, file, _fields(comment, minor), headers=_NO_XSRF_CHECK)
    row = decode(http, response, UploadResponse).file
    if row is not None and row.number <= attachment.version:
        row = None
    return _same_file(http, response, row, file.name, comment)


def _same_file(http: HttpClient, response: requests.Response, row: Content | None, name: str, comment: str) -> Content:
    if row is not None and row.title and not same_name(row.title, name) and attachment_of(row, "", "").comment == comment:
        raise Invalid(
            f"the site stored the file {name!r} as {row.title!r}",
            system=SYSTEM,
            advice="remove that file from the page, and give the file a name without special characters",
        )
    if row is None or row.title is None or not same_name(row.title, name):
        raise unexpected(http, response, f"the response does not describe the uploaded file {name!r}")
    return row


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same, however their characters are composed; stored without spaces at the ends."""
    first, second = (unicodedata.normalize("NFC", name).strip() for name in (one, other))
    return first == second


def attachment_of(row: Content, page_id: str, download: str) -> Attachment:
    """A file of a page.

    :param download: where its bytes are
    """
    extensions, metadata = row.extensions or Extensions(), row.metadata or Metadata()
    return Attachment(
        id=str(row.id),
        page_id=page_id,
        name=row.title or "",
        version=row.number or 1,
        size=extensions.file_size or row.file_size or 0,
        media_type=extensions.media_type or metadata.media_type or row.media_type or "application/octet-stream",
        comment=extensions.comment or metadata.comment or row.comment or "",
        download=download,
    )


def expect_attachment(attachment: Attachment) -> Callable[[Download], None]:
    """Return the check of a download: size and type as they are listed, and the digest where an upload noted it."""
    mark = MARK.search(attachment.comment)
    return expect_file(
        attachment.name,
        SYSTEM,
        size=attachment.size or None,
        media_type=attachment.media_type,
        sha256=mark.group(1) if mark else "",
    )


def global_labels(rows: Iterable[Label]) -> list[str]:
    """The names of the global labels; personal ones (``my:``) are their owner's."""
    return [label.name for label in rows if (label.prefix or "global") == "global"]


def add_labels(http: HttpClient, page_id: str, labels: Sequence[str], present: Callable[[str], Sequence[str]]) -> None:
    """Add labels; those that are there stay.

    :param present: the labels of a page, asked for when the response does not show the ones that were added
    :raises BadResponse: the page does not have them afterwards
    """
    if not labels:
        return
    body = [{"prefix": "global", "name": label} for label in labels]
    response = http.request("POST", _labels_of(page_id), json=body, idempotent=True)
    try:
        shown = global_labels(decode(http, response, Listing[Label]).results)
    except BadResponse as error:
        log.warning("looking whether the labels were added: %s", error)
        shown = []
    # Confluence stores labels in lower case.
    wanted = {label.strip().lower() for label in labels}
    if wanted - {label.lower() for label in shown} and (missing := wanted - {label.lower() for label in present(page_id)}):
        raise not_confirmed(f"the labels {', '.join(sorted(missing))} of the page {page_id}")


def remove_label(http: HttpClient, page_id: str, label: str, present: Callable[[str], Sequence[str]]) -> None:
    """Take a label away.

    :param present: the labels of a page, asked for when the site does not find this one, or does not confirm the removal
    """
    try:
        response = http.request("DELETE", _labels_of(page_id), params={"name": label})
    except NotFound:
        if label in present(page_id):
            raise
    else:
        if response.status_code != NO_CONTENT and label in present(page_id):
            raise not_confirmed(f"removing the label {label} of the page {page_id}")


def _labels_of(page_id: str) -> str:
    return f"rest/api/content/{segment(page_id)}/label"


def _fields(comment: str, minor: bool) -> dict[str, str]:
    return {"comment": comment, "minorEdit": "true" if minor else "false"}
