"""Export a whole wiki as files: JSON Lines, the attachments of its pages, and the changes since the last export."""

from workplace_provider.confluence.export.exporter import WikiExporter
from workplace_provider.confluence.export.folder import ExportFolder, ExportSink
from workplace_provider.confluence.export.outcome import Change, ExportOutcome
from workplace_provider.confluence.export.spec import ATTACHMENTS, MODES, ExportSpec

__all__ = [
    "ATTACHMENTS",
    "MODES",
    "Change",
    "ExportFolder",
    "ExportOutcome",
    "ExportSink",
    "ExportSpec",
    "WikiExporter",
]
