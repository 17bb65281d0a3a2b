"""GitHub: contribution calendars and streaks."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.github.client import connect
    from workplace_provider.github.contributions import Contributions
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "client": ["connect"],
            "contributions": ["Contributions"],
        },
    )

__all__ = ["Contributions", "connect"]
