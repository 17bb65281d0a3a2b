"""Operators for Confluence pages."""

from workplace_provider.confluence.operators.attach import ConfluenceAttachOperator
from workplace_provider.confluence.operators.copy import ConfluenceCopyPageOperator
from workplace_provider.confluence.operators.create import ConfluenceCreatePageOperator
from workplace_provider.confluence.operators.document import ConfluenceDocumentOperator, ConfluenceDraftOperator
from workplace_provider.confluence.operators.export import ConfluenceExportOperator
from workplace_provider.confluence.operators.update import ConfluenceUpdatePageOperator

__all__ = [
    "ConfluenceAttachOperator",
    "ConfluenceCopyPageOperator",
    "ConfluenceCreatePageOperator",
    "ConfluenceDocumentOperator",
    "ConfluenceDraftOperator",
    "ConfluenceExportOperator",
    "ConfluenceUpdatePageOperator",
]
