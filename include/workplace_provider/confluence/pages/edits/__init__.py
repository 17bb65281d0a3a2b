"""Edits of a page: frozen descriptions of changes, which ``PageDocument.apply`` makes."""

from workplace_provider.confluence.pages.edits.base import Edit, EditError, PlaceMissing
from workplace_provider.confluence.pages.edits.copy import QualifyReferences, ReferenceAttachments, StripCommentMarkers
from workplace_provider.confluence.pages.edits.dates import ShiftDates, shift_text
from workplace_provider.confluence.pages.edits.fill_text import FillText
from workplace_provider.confluence.pages.edits.images import SetImage, ShowImages
from workplace_provider.confluence.pages.edits.links import RetargetLinks
from workplace_provider.confluence.pages.edits.macros import SetMacroParameter, SetNote, SetStatus
from workplace_provider.confluence.pages.edits.sections import ClearSection, ReplaceSection
from workplace_provider.confluence.pages.edits.serialization import from_dict, from_dicts, to_dict, to_dicts
from workplace_provider.confluence.pages.edits.tables import AppendRow, ReplaceTableRows, SetCell, UpsertRow
from workplace_provider.confluence.pages.edits.tasks import CarryOverTasks, UncheckTasks
from workplace_provider.confluence.pages.edits.xpath import XPathEdit

__all__ = [
    "AppendRow",
    "CarryOverTasks",
    "ClearSection",
    "Edit",
    "EditError",
    "FillText",
    "PlaceMissing",
    "QualifyReferences",
    "ReferenceAttachments",
    "ReplaceSection",
    "ReplaceTableRows",
    "RetargetLinks",
    "SetCell",
    "SetImage",
    "SetMacroParameter",
    "SetNote",
    "SetStatus",
    "ShiftDates",
    "ShowImages",
    "StripCommentMarkers",
    "UncheckTasks",
    "UpsertRow",
    "XPathEdit",
    "from_dict",
    "from_dicts",
    "shift_text",
    "to_dict",
    "to_dicts",
]
