"""Operator for notice boards."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.notices.operators.notices import NoticeBoardOperator, board_files
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "notices": ["NoticeBoardOperator", "board_files"],
        },
    )

__all__ = ["NoticeBoardOperator", "board_files"]
