"""Operators for Confluence pages."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.confluence.operators.archive import ConfluenceArchiveOperator
    from workplace_provider.confluence.operators.attach import ConfluenceAttachOperator
    from workplace_provider.confluence.operators.comment import ConfluenceCommentOperator
    from workplace_provider.confluence.operators.copy import ConfluenceCopyPageOperator
    from workplace_provider.confluence.operators.create import ConfluenceCreatePageOperator
    from workplace_provider.confluence.operators.document import ConfluenceDocumentOperator, ConfluenceDraftOperator
    from workplace_provider.confluence.operators.export import ConfluenceExportOperator
    from workplace_provider.confluence.operators.review import ReviewOperator
    from workplace_provider.confluence.operators.table import ConfluenceTableOperator
    from workplace_provider.confluence.operators.update import ConfluenceUpdatePageOperator
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "archive": ["ConfluenceArchiveOperator"],
            "attach": ["ConfluenceAttachOperator"],
            "comment": ["ConfluenceCommentOperator"],
            "copy": ["ConfluenceCopyPageOperator"],
            "create": ["ConfluenceCreatePageOperator"],
            "document": ["ConfluenceDocumentOperator", "ConfluenceDraftOperator"],
            "export": ["ConfluenceExportOperator"],
            "review": ["ReviewOperator"],
            "table": ["ConfluenceTableOperator"],
            "update": ["ConfluenceUpdatePageOperator"],
        },
    )

__all__ = [
    "ConfluenceArchiveOperator",
    "ConfluenceAttachOperator",
    "ConfluenceCommentOperator",
    "ConfluenceCopyPageOperator",
    "ConfluenceCreatePageOperator",
    "ConfluenceDocumentOperator",
    "ConfluenceDraftOperator",
    "ConfluenceExportOperator",
    "ConfluenceTableOperator",
    "ConfluenceUpdatePageOperator",
    "ReviewOperator",
]
