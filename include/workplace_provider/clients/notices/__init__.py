"""Notice boards: feeds and pages of HTML, read into notices, and what of them is new."""

from workplace_provider.clients.notices.board import (
    Board,
    BoardError,
    FeedBoard,
    HtmlBoard,
    describe_board,
    load_board,
)
from workplace_provider.clients.notices.memory import Memory, Waiting
from workplace_provider.clients.notices.news import News, new_notices
from workplace_provider.clients.notices.notice import Notice
from workplace_provider.clients.notices.polling import Poll, poll
from workplace_provider.clients.notices.reader import Reading, read_board

__all__ = [
    "Board",
    "BoardError",
    "FeedBoard",
    "HtmlBoard",
    "Memory",
    "News",
    "Notice",
    "Poll",
    "Reading",
    "Waiting",
    "describe_board",
    "load_board",
    "new_notices",
    "poll",
    "read_board",
]
