"""The team's issues in Jira: a few new ones each week, which are started, reviewed and done as the weeks pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from workplace_sandbox.store import Store

PROJECT = "ANL"
PROJECTS = {PROJECT: "데이터 분석", "DATA": "데이터 플랫폼"}
WEEKS = 12
"""The number of past weeks with issues."""

_FIRST_WEEK = date(2024, 1, 4)


@dataclass(frozen=True, slots=True)
class _Course:
    """The course of an issue, in days since it was created; None for steps that do not happen.

    :param made: days before the Thursday on which its week is reported.
    """

    made: int
    begun: int | None
    reviewed: int | None
    done: int | None
    due: int | None
    assignee: str | None
    priority: str


_COURSES = (
    _Course(6, 0, None, 4, 5, "jimin", "Medium"),  # done within its week
    _Course(6, 2, 5, 9, 8, "haruka", "High"),  # done a week later
    _Course(5, 4, 12, 16, 14, "alex", "Medium"),  # two weeks later
    _Course(3, 8, None, 24, 21, "jimin", "Low"),  # begun late
    _Course(2, None, None, 40, None, None, "Low"),  # not started
)
_WORK = (
    ("Bug", "장바구니 이벤트 누락 원인 확인", "Android 최신 버전에서 add_to_cart가 일부 빠진다.", ("tracking", "android")),
    ("Task", "주간 매출 대시보드 채널 정의 맞추기", "파트너 채널을 제휴와 직접으로 나눈다.", ("kpi", "dashboard")),
    ("Story", "재방문 알림 A/B 테스트 설계", "대조군 20%. 최소 2주.", ("experiment",)),
    ("Task", "Refresh the revenue extract before 06:00", "The finance export needs it at 06:30.", ("pipeline",)),
    ("Bug", "日本ストアの再購入率が二重に集計される", "7月以降、返品分が引かれていない。", ("japan", "kpi")),
    ("Task", "신규 가입 퍼널 인증 단계 나누기", "인증 문자 발송과 입력을 다른 단계로 본다.", ("funnel",)),
    ("Task", "분기 목표 대비 표 <목표 & 실적> 추가", 'The table "target vs. actual" is for the report.', ("report", "kpi")),
    ("Story", "Cohort retention by first-purchase channel", "Weekly cohorts, 12 weeks.", ("cohort",)),
    ("Bug", "Tableau 추출 실패 알림이 두 번 온다", "재시도마다 한 번씩 보낸다.", ("alerting",)),
    ("Task", "週次レポートの用語集を更新", "指標の定義ページとそろえる。", ("docs", "japan")),
    ("Task", "가격 실험 결과 최종 정리", "신뢰구간과 함께 한 장으로.", ("experiment", "docs")),
    ("Story", "구매 전환율 지표를 기기별로 나누기", "앱, 모바일 웹, PC.", ("kpi",)),
    ("Bug", "Search ads cost is missing for two days", "The API answered 200 with an empty list.", ("ads", "pipeline")),
)  # fmt: skip


def load(store: Store, today: date) -> None:
    """Fill a store with projects and issues.

    Everything is a function of ``today``: later steps have not happened yet; the same day gives the same board.

    :param store: a store without issues.
    :param today: the current day in Seoul.
    """
    for key, name in PROJECTS.items():
        store.add_project(key, name)
    thursday = today - timedelta(days=(today.weekday() - 3) % 7)
    # The current week has its issues, too.
    for weeks in range(WEEKS, -2, -1):
        day = thursday - timedelta(weeks=weeks)
        week = (day - _FIRST_WEEK).days // 7
        for number, course in enumerate(_COURSES):
            _add(store, PROJECT, course, day, _WORK[(week * len(_COURSES) + number) % len(_WORK)], today)
        if week % 2:
            work = ("Task", f"Kafka 토픽 보존 기간 점검 {day:%G-W%V}", "", ("infra",))
            _add(store, "DATA", _COURSES[week // 2 % 3], day, work, today)


@dataclass(frozen=True, slots=True)
class ReportedIssue:
    """An issue as the report of a week shows it."""

    key: str
    summary: str
    status: tuple[str, str]
    assignee: str
    due: date | None


def work_of_the_week(store: Store, day: date) -> list[ReportedIssue]:
    """Return the issues of a report: those not done a week before, in their state on the day of the report.

    :param store: the store with the issues.
    :param day: the day of the report; its week ends the evening before.
    :return: at most five, the finished ones first.
    """
    end = datetime.combine(day, time(), SEOUL)
    names = {user.username: user.display_name for user in store.users()}
    shown = []
    for issue in store.issues():
        began = issue.project == PROJECT and end - timedelta(weeks=2) <= issue.created < end
        if not began or (issue.resolved and issue.resolved < end - timedelta(weeks=1)):
            continue
        done = issue.resolved is not None and issue.resolved < end
        doing = issue.assignee is not None
        status = ("완료", "Green") if done else ("진행 중", "Blue") if doing else ("할 일", "Grey")
        shown.append(ReportedIssue(issue.key, issue.summary, status, names.get(issue.assignee or "", ""), issue.due))
    return sorted(shown, key=lambda work: work.status[0] != "완료")[:5]


def _add(
    store: Store, project: str, course: _Course, day: date, work: tuple[str, str, str, tuple[str, ...]], today: date
) -> None:
    made = day - timedelta(days=course.made)
    if made > today:
        return

    def happened(days: int | None, hour: int) -> datetime | None:
        if days is None or made + timedelta(days=days) > today:
            return None
        return datetime.combine(made + timedelta(days=days), time(hour, 10 + course.made), SEOUL)

    created = datetime.combine(made, time(9, 30 + course.made), SEOUL)
    # In the order of the workflow, so that the last state that has happened is the current one.
    steps = [("할 일", created)]
    for status, days, hour in (("진행 중", course.begun, 11), ("검토 중", course.reviewed, 15), ("완료", course.done, 17)):
        if at := happened(days, hour):
            steps.append((status, at))
    status, changed = steps[-1]
    kind, summary, description, labels = work
    store.add_issue(
        project,
        summary,
        type=kind,
        description=description,
        status=status,
        priority=course.priority,
        assignee=course.assignee,
        reporter="haruka" if course.assignee == "jimin" else "jimin",
        labels=labels,
        created=created,
        updated=changed,
        resolved=changed if status == "완료" else None,
        due=made + timedelta(days=course.due) if course.due is not None else None,
    )
