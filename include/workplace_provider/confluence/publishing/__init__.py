"""Create, copy and update pages, and attach files to them, exactly once."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.confluence.publishing.attachments import Attacher, make_upload
    from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier
    from workplace_provider.confluence.publishing.create import PageContents, PageCreator, PageSpec, TemplateContents
    from workplace_provider.confluence.publishing.document import DocumentSpec, DocumentTemplate, DocumentUpdater
    from workplace_provider.confluence.publishing.update import PageUpdater, UpdateSpec
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "attachments": ["Attacher", "make_upload"],
            "copy": ["CopySpec", "PageCopier"],
            "create": ["PageContents", "PageCreator", "PageSpec", "TemplateContents"],
            "document": ["DocumentSpec", "DocumentTemplate", "DocumentUpdater"],
            "update": ["PageUpdater", "UpdateSpec"],
        },
    )

__all__ = [
    "Attacher",
    "CopySpec",
    "DocumentSpec",
    "DocumentTemplate",
    "DocumentUpdater",
    "PageContents",
    "PageCopier",
    "PageCreator",
    "PageSpec",
    "PageUpdater",
    "TemplateContents",
    "UpdateSpec",
    "make_upload",
]
