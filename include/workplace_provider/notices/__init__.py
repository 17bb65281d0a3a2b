"""Notice boards: feeds and HTML pages are parsed into notices, and new notices are detected."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.notices.board import Board, BoardError, FeedBoard, HtmlBoard, describe_board, load_board
    from workplace_provider.notices.news import News, new_notices
    from workplace_provider.notices.notice import Notice
    from workplace_provider.notices.polling import BoardMemory, PendingNotice, PollResult, poll
    from workplace_provider.notices.reader import Reading, read_board
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "board": ["Board", "BoardError", "FeedBoard", "HtmlBoard", "describe_board", "load_board"],
            "news": ["News", "new_notices"],
            "notice": ["Notice"],
            "polling": ["BoardMemory", "PendingNotice", "PollResult", "poll"],
            "reader": ["Reading", "read_board"],
        },
    )

__all__ = [
    "Board",
    "BoardError",
    "BoardMemory",
    "FeedBoard",
    "HtmlBoard",
    "News",
    "Notice",
    "PendingNotice",
    "PollResult",
    "Reading",
    "describe_board",
    "load_board",
    "new_notices",
    "poll",
    "read_board",
]
