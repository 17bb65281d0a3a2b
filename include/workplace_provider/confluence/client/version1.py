"""Requests of REST API v1 that Data Center has and Cloud keeps: files of a page, and its labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.checks import segment
from workplace_provider.confluence.client.model import Attachment
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.errors import BadAnswer, NotFound

if TYPE_CHECKING:
    from workplace_provider.http.client import FilePart, HttpClient

_NO_XSRF_CHECK: Final = {"X-Atlassian-Token": "no-check"}


def files_of(page_id: str) -> str:
    """Path of a page's files."""
    return f"rest/api/content/{segment(page_id)}/child/attachment"


def upload(http: HttpClient, page_id: str, file: FilePart, comment: str, *, minor: bool) -> Mapping[str, Any]:
    """Add a file; the request is sent once.

    :return: the file as the site answers it
    """
    answer = http.upload(files_of(page_id), file, _fields(comment, minor), headers=_NO_XSRF_CHECK)
    results = (http.json_of(answer) or {}).get("results") or []
    if not results:
        raise BadAnswer(f"no attachment in the answer to the upload of {file.name!r}", system=SYSTEM)
    row: Mapping[str, Any] = results[0]
    return row


def upload_version(
    http: HttpClient, attachment: Attachment, file: FilePart, comment: str, *, minor: bool
) -> Mapping[str, Any]:
    """Add a new version to a file; see :func:`upload`."""
    path = f"{files_of(attachment.page_id)}/{segment(attachment.id)}/data"
    row: Mapping[str, Any] = http.json_of(http.upload(path, file, _fields(comment, minor), headers=_NO_XSRF_CHECK))
    return row


def attachment_of(row: Mapping[str, Any], page_id: str, download: str) -> Attachment:
    """A file of a page.

    :param download: where its bytes are
    """
    extensions, metadata = row.get("extensions") or {}, row.get("metadata") or {}
    return Attachment(
        id=str(row["id"]),
        page_id=page_id,
        name=str(row["title"]),
        version=int((row.get("version") or {}).get("number", 1)),
        size=int(extensions.get("fileSize") or 0),
        media_type=str(extensions.get("mediaType") or metadata.get("mediaType") or "application/octet-stream"),
        comment=str(extensions.get("comment") or metadata.get("comment") or ""),
        download=download,
    )


def global_labels(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of the global labels; personal ones (``my:``) are their owner's."""
    return [str(label["name"]) for label in rows if label.get("prefix", "global") == "global"]


def add_labels(http: HttpClient, page_id: str, labels: Sequence[str]) -> None:
    """Add labels; those that are there stay."""
    if labels:
        http.request(
            "POST",
            _labels_of(page_id),
            json=[{"prefix": "global", "name": label} for label in labels],
            repeat=True,
        )


def remove_label(http: HttpClient, page_id: str, label: str, present: Callable[[str], Sequence[str]]) -> None:
    """Take a label away.

    :param present: the labels of a page, asked for when the site does not find this one
    """
    try:
        http.request("DELETE", _labels_of(page_id), params={"name": label})
    except NotFound:
        if label in present(page_id):
            raise


def _labels_of(page_id: str) -> str:
    return f"rest/api/content/{segment(page_id)}/label"


def _fields(comment: str, minor: bool) -> dict[str, str]:
    return {"comment": comment, "minorEdit": "true" if minor else "false"}
