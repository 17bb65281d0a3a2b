"""A whole wiki as files: lines of JSON, the files of its pages, and what has changed since the last time."""

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
