"""The first notices on the board, in Korean and Japanese as the team's companies write them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from workplace_sandbox.store import Store

# Days before today, title, author, text, and whether it is pinned to the top; the oldest first.
_NOTICES = (
    (40, "정보보안 교육 이수 안내 (필수)", "보안팀", "모든 구성원은 11월 말까지 교육을 마쳐 주세요.", True),
    (21, "사내 식당 메뉴 개편 안내", "총무팀", "다음 주부터 채식 메뉴가 추가됩니다.", False),
    (14, "年末年始の営業について", "日本支社 総務部", "12月29日から1月4日まで休業いたします。", False),
    (9, "4층 회의실 예약 시스템 점검", "IT지원팀", "토요일 02:00–06:00에는 예약할 수 없습니다.", False),
    (
        3,
        "システムメンテナンスのお知らせ <社内ポータル>",
        "日本支社 情報システム部",
        "日曜日の午前2時から停止します。",
        False,
    ),
    (1, "R&D 세미나: 추천 모델의 A/B 테스트", "데이터분석팀", "목요일 16시, 대회의실. 질문은 미리 남겨 주세요.", False),
)


def load(store: Store, today: date) -> None:
    """Fill the board.

    :param today: the current day in Seoul.
    """
    for days, title, author, body, pinned in _NOTICES:
        at = datetime.combine(today - timedelta(days=days), time(10), SEOUL)
        store.add_board_notice(title, author, body, pinned=pinned, at=at)
