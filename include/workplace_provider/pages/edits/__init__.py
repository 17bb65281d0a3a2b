"""Edits of a page: frozen descriptions of what goes where, applied to a :class:`~workplace_provider.pages.PageDocument`."""

from workplace_provider.pages.edits.base import Edit, EditError
from workplace_provider.pages.edits.copying import ReferenceAttachments, StripCommentMarkers
from workplace_provider.pages.edits.tables import AppendRow, ReplaceTableRows, SetCell, UpsertRow

__all__ = [
    "AppendRow",
    "Edit",
    "EditError",
    "ReferenceAttachments",
    "ReplaceTableRows",
    "SetCell",
    "StripCommentMarkers",
    "UpsertRow",
]
