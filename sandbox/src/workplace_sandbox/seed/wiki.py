"""The seeded space: the team's permanent pages, and its weekly reports up to three weeks ago.

The reports of the two weeks before this one and of this week are left to the DAGs.
"""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from workplace_sandbox.seed import contributions, issues, members, numbers, pictures, slack
from workplace_sandbox.seed.last_report import PlaceholderFile, read_report, referenced_files
from workplace_sandbox.seed.numbers import latest_thursday
from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from workplace_sandbox.store import Store

SPACE_KEY = "ANALYTICS"
SPACE_NAME = "데이터분석팀"
REPORTS_TITLE = "주간 보고"
REPORT_TITLE = "{day:%Y%m%d}_데이터분석팀 주간 보고"
REPORTS = 6
"""The number of seeded weekly reports; the newest is of the third Thursday before the latest one."""

_USERS = (
    ("report-bot", "보고봇"),
    ("jimin", "김지민"),
    ("haruka", "佐藤 遥"),
    ("alex", "Alex Morgan"),
    ("viewer", "열람자"),
)
_MARKER = str(uuid.uuid5(uuid.NAMESPACE_URL, "workplace-sandbox/revenue"))

_GOOD = (
    "검색 유입이 꾸준히 늘고 있습니다. 새 검색 광고 문구의 효과로 보입니다.",
    "재방문 알림을 받은 사용자의 구매 전환율이 받지 않은 사용자보다 1.4배 높습니다.",
    "파트너 채널의 신규 가입이 두 주 연속 목표를 넘었습니다.",
    "앱 시작 시간이 0.4초 줄어든 뒤 상품 조회가 늘었습니다.",
    "일본 스토어의 재구매가 늘었습니다 (Japan repeat orders +3%).",
)
_WATCH = (
    "장바구니에서 결제로 넘어가는 비율이 조금 낮아졌습니다. 결제 수단 오류를 확인합니다.",
    "Android 최신 버전에서 이벤트가 일부 빠집니다. 수치는 2% 안쪽으로 영향을 받습니다.",
    "문의 첫 응답 시간이 월요일 오전에만 길어집니다.",
    "소셜 채널 매출이 캠페인 종료 뒤 줄고 있습니다.",
    "주말 접속이 줄었습니다. 날씨와 함께 다음 주까지 봅니다.",
)


@dataclass(frozen=True)
class _Task:
    who: str
    text: str
    due: date
    done: bool


def load(store: Store, today: date, last_report: Path | None = None) -> None:
    """Fill a store with the seeded wiki, issues, workspace, accounts of the member service and people on GitHub.

    Everything is a function of ``today``: the same day gives the same wiki.

    :param store: an empty store; existing users stay.
    :param today: the current day in Seoul. The newest report is of the third Thursday before the latest one.
    :param last_report: a file of storage format that becomes the body of the newest report, byte for byte; the files it
        refers to are made up and attached.
    :raises OSError: ``last_report`` cannot be read.
    :raises ValueError: ``last_report`` is not well-formed storage format. Nothing is written then.
    """
    body = read_report(last_report) if last_report else None
    for username, name in _USERS:
        if store.user(username) is None:
            store.add_user(username, name)
    thursday = latest_thursday(today)
    pages = _Pages(store)
    issues.load(store, today)
    _standing_pages(store, pages, thursday)
    parent_id = pages.ids[REPORTS_TITLE]
    newest = thursday - timedelta(weeks=3)
    for weeks in range(REPORTS - 1, 0, -1):
        _seed_report(store, pages, newest - timedelta(weeks=weeks), parent_id)
    if body is None:
        page_id = _seed_report(store, pages, newest, parent_id, marker=_MARKER)
    else:
        page_id = _add_last_report(store, newest, parent_id, body)
    _discuss(store, page_id, newest, with_marker=body is None)
    _page_templates(store, pages)
    store.set_restrictions(page_id, {"update": {"user": ["jimin", "report-bot"]}})
    slack.load(store, today)
    members.load(store)
    contributions.load(store, today)


class _Pages:
    """Makes pages from the templates and remembers their ids by title."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.ids: dict[str, str] = {}

    def body(self, template: str, seed: str = "", **values: Any) -> str:
        def mention(username: str) -> Markup:
            user = self._store.user(username)
            key = user.key if user else username
            return Markup('<ac:link><ri:user ri:userkey="{}" /></ac:link>').format(key)

        return _templates().get_template(f"{template}.xhtml").render(
            mention=mention, macro_id=_macro_ids(f"{template} {seed}"), **values
        )  # fmt: skip

    def add(
        self,
        title: str,
        template: str,
        parent: str | None,
        at: datetime,
        author: str,
        seed: str = "",
        **values: Any,
    ) -> str:
        body = self.body(template, seed or title, **values)
        parent_id = self.ids[parent] if parent else None
        page = self._store.create_page(SPACE_KEY, title, body, parent_id, author=author, at=at)
        self.ids[title] = page.id
        return page.id


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("workplace_sandbox.seed", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["status"] = lambda title, colour: Markup(
        '<ac:structured-macro ac:name="status" ac:schema-version="1"><ac:parameter ac:name="title">{}</ac:parameter>'
        '<ac:parameter ac:name="colour">{}</ac:parameter></ac:structured-macro>'
    ).format(title, colour)
    return made


def _macro_ids(seed: str) -> Callable[[str], str]:
    return lambda name: str(uuid.uuid5(uuid.NAMESPACE_URL, f"workplace-sandbox/{seed}/{name}"))


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), SEOUL)


def _standing_pages(store: Store, pages: _Pages, thursday: date) -> None:
    start = thursday - timedelta(weeks=40)
    home = "데이터분석팀 홈"
    space = store.add_space(
        SPACE_KEY,
        SPACE_NAME,
        description="주간 보고, 지표 정의, 분석 문서. The analytics team's space.",
        homepage_title=home,
        homepage_body=pages.body("home"),
        author="jimin",
        at=_at(start, 10),
    )
    homepage_id = space.homepage_id
    if homepage_id is None:
        raise RuntimeError(f"the space {SPACE_KEY} has no home page")
    pages.ids[home] = homepage_id
    pages.add(REPORTS_TITLE, "reports", home, _at(start, 10, 12), "jimin")
    metrics = pages.add("지표 정의", "metrics", home, _at(start, 11), "jimin")
    pages.add("활성 사용자", "active_users", "지표 정의", _at(start + timedelta(days=1), 14, 5), "jimin")
    pages.add("활성 사용자 산출 쿼리", "active_users_query", "활성 사용자", _at(start + timedelta(days=4), 16, 31), "alex")
    pages.add("구매 전환율", "conversion", "지표 정의", _at(start + timedelta(days=6), 9, 48), "haruka")
    dashboards = pages.add("대시보드 목록", "dashboards", home, _at(start + timedelta(days=7), 13), "alex")
    pages.add("분석 문서", "documents", home, _at(start + timedelta(days=9), 10, 20), "jimin")
    pages.add("분석 문서 템플릿", "document_template", "분석 문서", _at(start + timedelta(days=9), 11, 5), "jimin")
    template = pages.add(
        "기기별 지표 보고 템플릿", "report_template", "분석 문서", _at(start + timedelta(days=10), 9, 30), "jimin"
    )
    store.add_labels(template, ["report-template"])
    pages.add("신규 가입 퍼널 분석", "funnel", "분석 문서", _at(start + timedelta(weeks=12), 17, 2), "haruka")
    pages.add(
        "부록: 인증 문자 실험 설계", "experiment", "신규 가입 퍼널 분석", _at(start + timedelta(weeks=13), 11, 40), "alex"
    )
    pages.add("가격 실험 결과 요약", "pricing", "분석 문서", _at(start + timedelta(weeks=25), 15, 15), "jimin")
    pages.add("회의록", "minutes", home, _at(start + timedelta(days=14), 14), "jimin")
    _meetings(pages, thursday)
    pages.add("Onboarding (English)", "onboarding", home, _at(start + timedelta(weeks=8), 18, 3), "alex")
    pages.add("週次レポートの読み方", "reading_ja", home, _at(start + timedelta(weeks=9), 12, 26), "haruka")
    old = pages.add("지표 정의 (구버전)", "archived", home, _at(start - timedelta(weeks=30), 10), "jimin")
    store.archive_page(old)

    store.add_labels(metrics, ["metrics", "지표"])
    _attach(
        store,
        dashboards,
        [
            PlaceholderFile("dashboard preview.png", "image/png", _revenue_chart(thursday - timedelta(weeks=9))),
            PlaceholderFile(
                "dashboards.csv",
                "text/csv",
                b"dashboard,refresh\nWeeklyKPI/Overview,daily\nRevenue/ByChannel,hourly\n",
            ),
        ],
        "alex",
        _at(start + timedelta(days=7), 13, 2),
    )
    for page_id in (metrics, dashboards):
        _full_width(store, page_id)


def _meetings(pages: _Pages, thursday: date) -> None:
    meetings = (
        (
            11,
            ["분기 목표 초안", "대시보드 정리 계획", "Onboarding 문서를 영어로 옮기기"],
            "분기 목표는 다음 주에 확정합니다.",
            "alex",
            "온보딩 문서 번역",
            True,
        ),
        (
            7,
            ["가격 실험 중간 결과", "장바구니 이벤트 누락"],
            "실험은 계획대로 두 주 더 진행합니다.",
            "haruka",
            "셋째 주 수치 제외한 표 다시 만들기",
            True,
        ),
        (
            4,
            ["주간 보고 자동화", "일본 대시보드가 멈춘 원인"],
            "보고 초안은 매주 목요일 09:00에 만들어 둡니다.",
            "jimin",
            "지난주 보고에서 반복되는 부분 정리",
            False,
        ),
    )
    for weeks, topics, decision, who, action, done in meetings:
        day = thursday - timedelta(weeks=weeks)
        pages.add(
            f"{day:%Y-%m-%d} 주간 회의",
            "meeting",
            "회의록",
            _at(day, 15, 10),
            "jimin",
            day=day,
            topics=topics,
            decision=decision,
            who=who,
            action=action,
            done=done,
        )


def _page_templates(store: Store, pages: _Pages) -> None:
    """Add the team's page templates; ``at:declarations`` makes the editor ask for the values."""
    store.add_template(
        SPACE_KEY,
        REPORTS_TITLE,
        pages.body("template_report"),
        description="목요일마다 쓰는 주간 보고. Weekly report.",
        labels=["weekly-report", REPORTS_TITLE.replace(" ", "")],
    )
    store.add_template(
        SPACE_KEY, "회의록", pages.body("template_meeting"), description="안건과 결정을 남기는 회의록. Meeting note."
    )


def _seed_report(store: Store, pages: _Pages, day: date, parent_id: str, marker: str | None = None) -> str:
    """Write a report in the steps of a team: a draft, the insights, a correction."""
    week = (day - date(2024, 1, 4)).days // 7
    kpis = numbers.kpis(day)
    values: dict[str, Any] = {
        "report_day": day,
        "first_day": day - timedelta(days=7),
        "last_day": day - timedelta(days=1),
        "kpis": kpis,
        "users": kpis[0],
        "conversion": kpis[2],
        "revenue": kpis[3],
        "good": [_GOOD[week % 5], _GOOD[(week + 2) % 5]],
        "watch": [_WATCH[week % 5], _WATCH[(week + 3) % 5]],
        "issue": f"ANL-{210 + week % 40}",
        "tasks": _tasks(day, week),
        "work": issues.work_of_the_week(store, day),
    }

    def body(*, complete: bool, marker: str | None = None) -> str:
        return pages.body("report", f"{day}", complete=complete, marker=marker, **values)

    title = REPORT_TITLE.format(day=day)
    page_id = store.create_page(
        SPACE_KEY,
        title,
        body(complete=False),
        parent_id,
        author="report-bot",
        message="지난주 보고에서 시작",
        at=_at(day, 9, 2),
    ).id
    _attach(store, page_id, _charts(day), "report-bot", _at(day, 9, 2))
    store.update_page(
        page_id,
        author="haruka" if week % 2 else "jimin",
        body=body(complete=True),
        message="인사이트 작성",
        at=_at(day, 11, 24),
    )
    if marker:
        store.update_page(page_id, author="jimin", body=body(complete=True, marker=marker), minor=True, at=_at(day, 14, 37))
    _label(store, page_id)
    return page_id


def _add_last_report(store: Store, day: date, parent_id: str, body: str) -> str:
    page_id = store.create_page(
        SPACE_KEY, REPORT_TITLE.format(day=day), body, parent_id, author="jimin", at=_at(day, 11, 24)
    ).id
    _attach(store, page_id, referenced_files(body), "jimin", _at(day, 11, 20))
    _label(store, page_id)
    return page_id


def _label(store: Store, page_id: str) -> None:
    store.add_labels(page_id, ["weekly-report", REPORTS_TITLE.replace(" ", ""), "fy2026"])
    _full_width(store, page_id)


def _full_width(store: Store, page_id: str) -> None:
    for state in ("published", "draft"):
        store.set_property(page_id, f"content-appearance-{state}", "full-width")


def _discuss(store: Store, page_id: str, day: date, *, with_marker: bool) -> None:
    question = store.add_comment(
        page_id,
        "<p>지난주 캠페인은 어느 채널로 잡혀 있나요?</p>",
        "haruka",
        at=_at(day, 13, 8),
    )
    store.add_comment(
        page_id,
        "<p>Search 입니다. <strong>E-mail</strong> 쪽은 다음 주부터 따로 나눌게요.</p>",
        "jimin",
        parent_id=question.id,
        at=_at(day, 13, 21),
    )
    store.add_comment(
        page_id,
        '<p><ac:emoticon ac:name="tick" /> Thanks, numbers match the finance export.</p>',
        "alex",
        at=_at(day + timedelta(days=1), 10, 2),
    )
    if with_marker:
        revenue = numbers.kpis(day)[3]
        store.add_comment(
            page_id,
            "<p>취소 반영 전 금액이죠? 각주에 적어 주세요.</p>",
            "alex",
            location="inline",
            marker_ref=_MARKER,
            selection=f"{revenue.text(revenue.value)} ({revenue.change:+.1f}%)",
            at=_at(day, 14, 30),
        )


def _tasks(day: date, week: int) -> list[_Task]:
    texts = (
        ("jimin", "분기 목표 대비 표를 보고에 추가"),
        ("haruka", "일본 스토어 수치를 채널별로 나누기"),
        ("alex", "Android 이벤트 누락 원인 확인"),
        ("jimin", "파트너 채널 정의를 지표 문서에 반영"),
        ("alex", "Refresh the revenue extract before 06:00"),
    )
    return [_Task(*texts[(week + index) % 5], due=day + timedelta(days=3 + 2 * index), done=index < 2) for index in range(4)]


def _charts(day: date) -> list[PlaceholderFile]:
    weeks = [day - timedelta(weeks=back) for back in range(11, -1, -1)]
    users = [float(numbers.active_users(week)) for week in weeks]
    targets = [numbers.kpis(week)[0].target for week in weeks]
    return [
        PlaceholderFile(
            "주간활성사용자.png",
            "image/png",
            pictures.line_chart("Weekly active users", [f"{w:%m/%d}" for w in weeks], users, targets),
        ),
        PlaceholderFile("revenue by channel (weekly).png", "image/png", _revenue_chart(day)),
        PlaceholderFile("구매_퍼널.png", "image/png", pictures.funnel_chart("Purchase funnel", numbers.funnel(day))),
    ]


def _revenue_chart(day: date) -> bytes:
    return pictures.bar_chart(
        "Revenue by channel",
        numbers.CHANNELS,
        numbers.revenue_by_channel(day - timedelta(weeks=1)),
        numbers.revenue_by_channel(day),
        "100M KRW",
    )


def _attach(store: Store, page_id: str, files: Sequence[PlaceholderFile], author: str, at: datetime) -> None:
    for file in files:
        store.add_attachment(page_id, file.filename, file.media_type, io.BytesIO(file.content), author=author, at=at)
