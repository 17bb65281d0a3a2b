"""Artifacts, rows, report dates, connection settings and retry policy, which know no system."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.common.mrkdwn import escape
    from workplace_provider.common.retry_policy import WorkplaceRetryPolicy
    from workplace_provider.common.rows import Rows
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "mrkdwn": ["escape"],
            "retry_policy": ["WorkplaceRetryPolicy"],
            "rows": ["Rows"],
        },
    )

__all__ = ["Rows", "WorkplaceRetryPolicy", "escape"]
