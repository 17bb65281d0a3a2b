"""Reviews in Slack: messages with buttons, and the clicks of assigned people as answers in Airflow."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.slack.reviews.clicks import Click, ClickResult, ReviewDesk
    from workplace_provider.slack.reviews.message import ReviewedTask, ReviewEnd
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {"clicks": ["Click", "ClickResult", "ReviewDesk"], "message": ["ReviewEnd", "ReviewedTask"]},
    )

__all__ = ["Click", "ClickResult", "ReviewDesk", "ReviewEnd", "ReviewedTask"]
