"""Create, copy, update, comment on and archive pages, and attach files to them, exactly once."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.confluence.publishing.archive import Archiver, ArchiveRule, ArchiveSpec
    from workplace_provider.confluence.publishing.attachments import Attacher, make_upload
    from workplace_provider.confluence.publishing.comments import CommentSpec, PageCommenter
    from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier
    from workplace_provider.confluence.publishing.create import PageContents, PageCreator, PageSpec, TemplateContents
    from workplace_provider.confluence.publishing.document import DocumentSpec, DocumentTemplate, DocumentUpdater
    from workplace_provider.confluence.publishing.labels import LabelRule
    from workplace_provider.confluence.publishing.tree import TreeCopier
    from workplace_provider.confluence.publishing.update import PageUpdater, UpdateSpec
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "archive": ["Archiver", "ArchiveRule", "ArchiveSpec"],
            "attachments": ["Attacher", "make_upload"],
            "comments": ["CommentSpec", "PageCommenter"],
            "copy": ["CopySpec", "PageCopier"],
            "create": ["PageContents", "PageCreator", "PageSpec", "TemplateContents"],
            "document": ["DocumentSpec", "DocumentTemplate", "DocumentUpdater"],
            "labels": ["LabelRule"],
            "tree": ["TreeCopier"],
            "update": ["PageUpdater", "UpdateSpec"],
        },
    )

__all__ = [
    "ArchiveRule",
    "ArchiveSpec",
    "Archiver",
    "Attacher",
    "CommentSpec",
    "CopySpec",
    "DocumentSpec",
    "DocumentTemplate",
    "DocumentUpdater",
    "LabelRule",
    "PageCommenter",
    "PageContents",
    "PageCopier",
    "PageCreator",
    "PageSpec",
    "PageUpdater",
    "TemplateContents",
    "TreeCopier",
    "UpdateSpec",
    "make_upload",
]
