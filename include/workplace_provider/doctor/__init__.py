"""The command ``workplace doctor``: find what is missing or wrong in an installation."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.doctor.findings import Finding
else:
    __getattr__, __dir__ = lazy_exports(__name__, {"findings": ["Finding"]})

__all__ = ["Finding"]
