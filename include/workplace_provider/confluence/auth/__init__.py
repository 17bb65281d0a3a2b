"""Check of the credential of a Confluence Cloud site, and the scopes that its calls need."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.confluence.auth.access import Access
    from workplace_provider.confluence.auth.scopes import SCOPES
else:
    __getattr__, __dir__ = lazy_exports(__name__, {"access": ["Access"], "scopes": ["SCOPES"]})

__all__ = ["SCOPES", "Access"]
