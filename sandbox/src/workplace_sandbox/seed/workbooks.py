"""The initial workbooks: a plain function of the current day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from workplace_sandbox.seed.sheets import (
    EMPTY,
    JAPANESE,
    KOREAN,
    Overview,
    PurchaseFunnel,
    RevenueByChannel,
    UsersByDevice,
    WeeklyActiveUsers,
)
from workplace_sandbox.tableau.accounts import BOT, SITE
from workplace_sandbox.tableau.catalogue import (
    Sheet,
    SheetContents,
    TableauCustomView,
    TableauDataSource,
    TableauFlow,
    TableauProject,
    TableauSite,
    TableauWorkbook,
    luid,
    url_name,
)
from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from collections.abc import Iterable

REFRESHED_AT = time(6)
"""The daily refresh time of the extracts, in Seoul."""


def sites(today: date) -> list[TableauSite]:
    """Return the sites with their content.

    :param today: the current day in Seoul; the extracts were refreshed that morning.
    :return: the default site, which has the team's workbook alone, and ``analytics``.
    """
    analytics = _Maker(SITE, today)
    team = analytics.project("데이터분석팀", "주간 보고와 지표")
    marketing = analytics.project("마케팅", "캠페인")
    japan = analytics.project("日本事業", "日本ストア", team)
    checks = analytics.project("점검", "내보내기가 되지 않는 것들", team)
    campaigns = analytics.sheet("WeeklyKPI_1", "채널별 매출", "RevenueByChannel", RevenueByChannel(KOREAN))
    disconnected = analytics.sheet("Checks", "연결 끊긴 시트", "Disconnected", UsersByDevice(KOREAN))
    executives = analytics.sheet("Checks", "임원 전용", "ExecutivesOnly", RevenueByChannel(KOREAN))
    workbooks = [
        analytics.weekly_kpi(team),
        analytics.workbook(
            "주간 지표",
            "WeeklyKPI_1",
            marketing,
            [replace(campaigns, embedded=((KOREAN.device, frozenset({KOREAN.devices[1]})),))],
            owner="alex",
        ),
        analytics.workbook(
            "週次レポート",
            url_name("週次レポート"),
            japan,
            [
                analytics.sheet("週次レポート", "アクティブユーザー", "アクティブユーザー", WeeklyActiveUsers(JAPANESE)),
                analytics.sheet("週次レポート", "チャネル別売上", "チャネル別売上", RevenueByChannel(JAPANESE)),
            ],
            owner="haruka",
            tags=("週次",),
        ),
        analytics.workbook(
            "점검",
            "Checks",
            checks,
            [
                analytics.sheet("Checks", "빈 시트", "Empty", EMPTY),
                replace(disconnected, disconnected=True),
                replace(executives, exporters=frozenset({"jimin"})),
            ],
            owner="alex",
        ),
    ]
    weekly = workbooks[0]
    devices = next(sheet for sheet in weekly.sheets if sheet.url_name == "UsersByDevice")
    seoul, mobile = (KOREAN.region, frozenset({KOREAN.regions[0]})), (KOREAN.device, frozenset({KOREAN.devices[1]}))
    custom_views = (
        analytics.custom_view("서울만", weekly, devices, "jimin", seoul),
        analytics.custom_view("모바일", weekly, devices, "alex", mobile),
        # Names are unique for a user only.
        analytics.custom_view("모바일", weekly, devices, "haruka", mobile),
        analytics.custom_view("내 초안", weekly, devices, "jimin", mobile, shared=False),
        analytics.custom_view("봇 보기", weekly, devices, BOT, mobile, shared=False),
    )
    refreshed = datetime.combine(today, REFRESHED_AT, SEOUL)
    sources = (
        analytics.data_source("매출 원천", "SalesSource", team, refreshed),
        analytics.data_source("매출 원천", "SalesSource_1", japan, refreshed),
        analytics.data_source("실시간 주문", "LiveOrders", team, None),
    )
    flow = TableauFlow(luid(SITE, "flow", "주간 지표 정리"), 1, "주간 지표 정리", team, "jimin", refreshed)
    default = _Maker("", today)
    alone = default.project("데이터분석팀", "주간 보고와 지표")
    return [
        TableauSite("", "Default", (alone,), (default.weekly_kpi(alone),)),
        TableauSite(SITE, "Analytics", (team, marketing, japan, checks), tuple(workbooks), custom_views, sources, (flow,)),
    ]


class _Maker:
    """Makes the content of one site."""

    def __init__(self, site: str, today: date) -> None:
        self._site = site
        self._today = today
        self._number = 0
        self._sources = 0

    def project(self, name: str, description: str, parent: TableauProject | None = None) -> TableauProject:
        return TableauProject(luid(self._site, "project", name), name, description, parent.luid if parent else None)

    def sheet(self, workbook: str, name: str, address: str, contents: SheetContents) -> Sheet:
        return Sheet(luid(self._site, "view", f"{workbook}/sheets/{address}"), name, address, contents)

    def workbook(
        self,
        name: str,
        content_url: str,
        project: TableauProject,
        sheets: Iterable[Sheet],
        *,
        owner: str = "jimin",
        description: str = "",
        tags: tuple[str, ...] = (),
    ) -> TableauWorkbook:
        refreshed = datetime.combine(self._today, REFRESHED_AT, SEOUL)
        self._number += 1
        return TableauWorkbook(
            luid(self._site, "workbook", content_url),
            self._number,
            name,
            content_url,
            project,
            owner,
            refreshed - timedelta(weeks=40),
            refreshed,
            self._today,
            tuple(sheets),
            description,
            tags,
        )

    def custom_view(
        self,
        name: str,
        workbook: TableauWorkbook,
        sheet: Sheet,
        owner: str,
        chosen: tuple[str, frozenset[str]],
        *,
        shared: bool = True,
    ) -> TableauCustomView:
        key = luid(self._site, "customview", f"{sheet.luid}/{owner}/{name}")
        return TableauCustomView(key, name, sheet.luid, workbook.luid, owner, shared, workbook.created_at, (chosen,))

    def data_source(
        self, name: str, content_url: str, project: TableauProject, extract_at: datetime | None
    ) -> TableauDataSource:
        changed = datetime.combine(self._today, REFRESHED_AT, SEOUL) - timedelta(weeks=40)
        self._sources += 1
        return TableauDataSource(
            luid(self._site, "datasource", content_url),
            self._sources,
            name,
            content_url,
            project,
            "jimin",
            changed,
            extract_at,
        )

    def weekly_kpi(self, project: TableauProject) -> TableauWorkbook:
        """Return the team's workbook, the source of the weekly report."""
        address = "WeeklyKPI"
        sheets = [
            replace(self.sheet(address, "개요", "Overview", Overview(KOREAN)), kind="dashboard"),
            self.sheet(address, "주간활성사용자", "WeeklyActiveUsers", WeeklyActiveUsers(KOREAN)),
            self.sheet(address, "채널별 매출", "RevenueByChannel", RevenueByChannel(KOREAN)),
            self.sheet(address, "구매 퍼널", "PurchaseFunnel", PurchaseFunnel(KOREAN)),
            self.sheet(address, "기기별 사용자", "UsersByDevice", UsersByDevice(KOREAN)),
            replace(self.sheet(address, "원본 데이터", "RawData", UsersByDevice(KOREAN)), hidden=True),
        ]
        return self.workbook(
            "주간 지표",
            address,
            project,
            sheets,
            description="주간 보고의 모든 지표. 매일 06:00 갱신",
            tags=("주간 보고", "weekly"),
        )
