"""Operators for Confluence pages."""

from workplace_provider.operators.confluence.attach import ConfluenceAttachOperator
from workplace_provider.operators.confluence.copy import ConfluenceCopyPageOperator
from workplace_provider.operators.confluence.create import ConfluenceCreatePageOperator
from workplace_provider.operators.confluence.document import ConfluenceDocumentOperator, ConfluenceDraftOperator
from workplace_provider.operators.confluence.export import ConfluenceExportOperator
from workplace_provider.operators.confluence.update import ConfluenceUpdatePageOperator

__all__ = [
    "ConfluenceAttachOperator",
    "ConfluenceCopyPageOperator",
    "ConfluenceCreatePageOperator",
    "ConfluenceDocumentOperator",
    "ConfluenceDraftOperator",
    "ConfluenceExportOperator",
    "ConfluenceUpdatePageOperator",
]
