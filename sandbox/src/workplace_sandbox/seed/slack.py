"""The team's Slack workspace: its people, its channels, and the messages of the last eight weeks.

``#weekly-report`` and ``#data-alarms`` stay empty: they belong to the workflows. The messages quote the figures of their
week's report, so that the digests of two weeks differ.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import SlackUser
from workplace_sandbox.residents import FOUNDED, people
from workplace_sandbox.seed import numbers, pictures
from workplace_sandbox.slack.webhooks import ALARM_CHANNEL, REPORT_CHANNEL
from workplace_sandbox.slack.workspace import BOT_NAME
from workplace_sandbox.state.slack_ids import slack_id
from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workplace_sandbox.model import SlackMessage, SlackUserKind
    from workplace_sandbox.store import Store

WEEKS = 8
"""The number of past weeks with messages."""
ANALYSIS = "data-분석"
JAPAN = "japan-store"
LEADS = "data-leads"
RANDOM = "random"
ARCHIVED = "old-reports"


@dataclass(frozen=True, slots=True)
class _Colleague:
    name: str
    real_name: str
    title: str = ""
    kind: SlackUserKind = "member"
    tz: str = "Asia/Seoul"
    more: dict[str, Any] = field(default_factory=dict)


_COLLEAGUES = (
    _Colleague("minsu", "박민수", "데이터 엔지니어"),
    _Colleague("seoyeon", "이서연", "그로스 마케터"),
    _Colleague("jiho", "최지호", "백엔드 개발자"),
    _Colleague("yuna", "정유나", "프로덕트 매니저", "admin"),
    _Colleague("donghyun", "한동현", "재무"),
    _Colleague("sora", "윤소라", "고객 지원"),
    _Colleague("taeyang", "강태양", "디자이너", more={"display_name": ""}),
    _Colleague("nari", "오나리", "인사", more={"extra": {"profile": {"phone": None, "email": None}}}),
    _Colleague("kenta", "鈴木 健太", "日本ストア担当", tz="Asia/Tokyo"),
    _Colleague("misaki", "田中 美咲", "カスタマーサポート", tz="Asia/Tokyo"),
    _Colleague("emma", "Emma Clarke", "Data Scientist", tz="Europe/London"),
    _Colleague("liam", "Liam O'Brien", "Partnerships", tz="Europe/London"),
    _Colleague("byul", "문별", "인턴", more={"email_confirmed": False}),
    _Colleague("agency.kim", "김하늘", "광고 대행사", "guest", more={"email": "haneul@agency.example"}),
    _Colleague("auditor", "Robin Park", "Auditor", "single_channel_guest", more={"email": "robin@audit.example"}),
    _Colleague("newhire", "서지우", "", "invited", more={"email_confirmed": False}),
    _Colleague("partner.lee", "이파트너", "", "stranger", more={"email": "lee@partner.example"}),
    _Colleague("former.cho", "조은별", more={"deleted": True}),
    _Colleague("former.ito", "伊藤 大輔", more={"deleted": True}),
    _Colleague("forgotten", "", more={"deleted": True, "forgotten": True, "display_name": "", "email": ""}),
    _Colleague("airflow", "Airflow", kind="bot", more={"email": ""}),
    _Colleague("github", "GitHub", kind="bot", more={"email": ""}),
    _Colleague("weekly.workflow", "주간 보고 워크플로", kind="workflow_bot", more={"email": ""}),
    _Colleague("old.bot", "옛 보고봇", kind="bot", more={"deleted": True, "email": ""}),
)
_GROUPS = (
    ("analysts", "데이터분석팀", ("jimin", "haruka", "alex", "emma")),
    ("data-engineers", "데이터 엔지니어", ("minsu", "jiho")),
    ("japan", "日本チーム", ("haruka", "kenta", "misaki")),
)
_ANALYSTS = ("jimin", "haruka", "alex", BOT_NAME, "minsu", "seoyeon", "jiho", "yuna", "donghyun", "emma", "airflow")
_IN_JAPAN = ("haruka", "kenta", "misaki", "jimin", "alex", BOT_NAME, "liam")


def load(store: Store, today: date) -> None:
    """Fill the workspace.

    Everything is a function of ``today``: the same day gives the same workspace, ids and ``ts`` too.

    :param store: its content stays; the messages are added again.
    :param today: the current day in Seoul; no message is on it or after it.
    """
    store.put_people([*people(), *(_person(colleague) for colleague in _COLLEAGUES)])
    for handle, name, members in _GROUPS:
        store.put_user_group(handle, name, [slack_id("U", member) for member in members])
    store.put_user_group("old-team", "옛 팀", [slack_id("U", "former.cho")], disabled=True)
    talk = _Talk(store, today)
    everybody = [person for person in store.people() if not person.deleted and person.kind not in ("stranger", "invited")]
    talk.channel("general", [person.name for person in everybody], topic="모두에게 알리는 곳. Company-wide announcements")
    for channel in (REPORT_CHANNEL, ALARM_CHANNEL):
        talk.channel(channel, ("jimin", "haruka", "alex", BOT_NAME, "viewer", "yuna", "airflow", "weekly.workflow"))
    talk.channel(ANALYSIS, (*_ANALYSTS, "former.cho"), topic="분석 이야기, 주간 수치. Questions welcome in any language")
    talk.channel(JAPAN, _IN_JAPAN, topic="日本ストアの数字と課題")
    talk.channel(RANDOM, [person.name for person in everybody if person.name != BOT_NAME], topic="잡담")
    talk.channel(LEADS, ("jimin", "yuna", BOT_NAME), private=True)
    talk.channel(ARCHIVED, ("jimin", BOT_NAME, "former.cho"))
    thursday = today - timedelta(days=(today.weekday() - 3) % 7)
    talk.beginnings(thursday - timedelta(weeks=WEEKS + 2))
    older: list[_Threads] = []
    for weeks in range(WEEKS - 1, -1, -1):
        older.append(talk.week(thursday - timedelta(weeks=weeks), older[-2] if len(older) > 1 else None))
    store.set_archived(talk.ids[ARCHIVED])


def _person(colleague: _Colleague) -> SlackUser:
    fields: dict[str, Any] = {
        "id": slack_id("U", colleague.name),
        "display_name": colleague.real_name,
        "email": f"{colleague.name}@example.com",
        "updated": FOUNDED,
    }
    return SlackUser(
        name=colleague.name,
        real_name=colleague.real_name,
        kind=colleague.kind,
        title=colleague.title,
        tz=colleague.tz,
        **(fields | colleague.more),
    )


@dataclass(frozen=True, slots=True)
class _Threads:
    """The threads of a week that can get a late reply; None for days that have not come."""

    analysis: SlackMessage | None
    japan: SlackMessage | None


class _Talk:
    """Posts the messages of people, up to the current day.

    :param store: receives the messages.
    :param today: no message is on this day or later.
    """

    def __init__(self, store: Store, today: date) -> None:
        self._store = store
        self._end = datetime.combine(today, time(), SEOUL)
        self._people = {person.name: person for person in store.people()}
        self.ids: dict[str, str] = {}

    def channel(self, name: str, members: Iterable[str], *, topic: str = "", private: bool = False) -> None:
        users = [self._people[member].id for member in members]
        made = self._store.add_channel(
            name,
            kind="private_channel" if private else "public_channel",
            creator=users[0],
            topic=topic,
            members=users,
            at=datetime.fromtimestamp(FOUNDED, SEOUL),
        )
        self._store.join(made.id, *users)
        self.ids[made.name] = made.id

    def say(
        self,
        channel: str,
        who: str,
        at: datetime,
        text: str,
        *,
        reply_to: SlackMessage | None = None,
        broadcast: bool = False,
        subtype: str | None = None,
        reactions: tuple[tuple[str, str], ...] = (),
        **payload: Any,
    ) -> SlackMessage | None:
        """Post a message; ``reactions`` are pairs of an emoji and the name of the person."""
        if at >= self._end:
            return None
        person = self._people[who]
        message = self._store.post(
            self.ids[channel],
            text,
            username=person.shown_name,
            payload=payload,
            source="system" if subtype else "api" if person.is_bot else "person",
            user_id=person.id,
            thread_ts=reply_to.ts if reply_to else None,
            broadcast=broadcast,
            subtype=subtype,
            at=at,
        )
        for emoji, chooser in reactions:
            self._store.react(message.channel_id, message.ts, emoji, self._people[chooser].id)
        return message

    def picture(
        self, channel: str, who: str, at: datetime, text: str, name: str, title: str, png: bytes
    ) -> SlackMessage | None:
        """Share a picture."""
        if at >= self._end:
            return None
        person, store = self._people[who], self._store
        file_id = store.announce_file(person.id, name, len(png), at)
        with store.stage_slack_file() as staged:
            staged.copy_from(io.BytesIO(png))
            store.take_slack_file(file_id, staged)
        store.complete_file(file_id, title)
        return store.share_files(
            [file_id], self.ids[channel], text, person.id, username=person.shown_name, source="person", at=at
        )

    def mention(self, who: str) -> str:
        return f"<@{self._people[who].id}>"

    def beginnings(self, day: date) -> None:
        """Post the messages before the seeded weeks: welcomes, and the end of the archived channel."""
        at = _at(day, 9, 30)
        self.say(ARCHIVED, "former.cho", at, f"이 채널은 <#{self.ids[REPORT_CHANNEL.removeprefix('#')]}>로 옮깁니다.")
        self.say("general", "yuna", at, "<!channel> 새 분기 목표를 위키에 올렸습니다. The new goals are on the wiki.")
        self.say(LEADS, "jimin", at, "채용 면접 일정 공유합니다. 밖으로 나가지 않게 해 주세요.")
        self.say(RANDOM, "seoyeon", at, "오늘 점심 김치찌개 어때요? :wave:", reactions=(("raised_hands", "minsu"),))

    def week(self, thursday: date, older: _Threads | None) -> _Threads:
        """Post the messages of a week, from Monday to the Thursday of its report.

        :param older: threads of two weeks before, which get a late reply.
        """
        return _Threads(self._analysis(thursday, older), self._japan(thursday, older))

    def _analysis(self, thursday: date, older: _Threads | None) -> SlackMessage | None:
        users, sign_ups, conversion, revenue, returning, answering = numbers.kpis(thursday)
        monday, tuesday, wednesday = (thursday - timedelta(days=days) for days in (3, 2, 1))
        number = thursday.isocalendar().week
        first, last = thursday - timedelta(days=7), thursday - timedelta(days=1)
        if number % 3 == 0:
            joined = ("emma", "donghyun", "seoyeon")[number // 3 % 3]
            text = f"{self.mention(joined)} has joined the channel"
            self.say(ANALYSIS, joined, _at(monday, 9, 12), text, subtype="channel_join")
        self.say(
            ANALYSIS,
            "jimin",
            _at(monday, 10, 4),
            f"<!here> {number}주차 보고 범위는 {first:%m/%d}–{last:%m/%d}입니다. 수요일까지 표를 채워 주세요 :pray:\n"
            f"• 지표: {self.mention('alex')}\n• 일본 스토어: {self.mention('haruka')} (<#{self.ids[JAPAN]}>)\n"
            f"• 문의: {self.mention('sora')}",
            reactions=(("eyes", "alex"), ("eyes", "haruka"), ("ok_hand", "minsu")),
        )
        table = self.picture(
            ANALYSIS,
            "alex",
            _at(tuesday, 11, 20),
            f"Week {number} is in: WAU *{users.text(users.value)}* ({users.change:+.1f}%), "
            f"revenue *{revenue.text(revenue.value)}* ({revenue.change:+.1f}%). Table attached.",
            f"week {number} 지표.png",
            f"Week {number} figures",
            _table(thursday),
        )
        if table:
            self._discuss_table(table, thursday)
        self.say(
            ANALYSIS,
            "airflow",
            _at(tuesday, 13, 0),
            "",
            attachments=[
                {
                    "color": "good" if number % 2 else "danger",
                    "fallback": "daily_revenue",
                    "pretext": "야간 적재 결과입니다",
                    "title": f"daily_revenue {tuesday:%Y-%m-%d}",
                    "title_link": "https://airflow.example.com/dags/daily_revenue",
                    "text": "`load_orders` 재시도 1회 뒤 성공" if number % 2 else "`load_orders` 3회 실패, 담당자 확인 필요",
                    "fields": [
                        {"title": "DAG", "value": "daily_revenue", "short": True},
                        {"title": "걸린 시간", "value": f"{11 + number % 7}분", "short": True},
                    ],
                    "footer": "Airflow",
                }
            ],
        )
        question = self.say(
            ANALYSIS,
            "minsu",
            _at(wednesday, 9, 41),
            f"1주 재방문율이 {returning.text(returning.value)}로 나오는데, 정의가 바뀐 건가요? 지금 쿼리는 이렇습니다.\n"
            "```\nSELECT count(DISTINCT user_id)\nFROM visits\n"
            f"WHERE visited_at >= DATE '{first}' AND visited_at < DATE '{thursday}'\n```\n"
            "정의 문서: <https://wiki.example.com/display/ANALYTICS/metrics|지표 정의>",
            reactions=(("mag", "emma"),),
        )
        if question:
            at = _at(wednesday, 10, 15)
            self.say(
                ANALYSIS,
                "emma",
                at,
                "No change since March. Same day visits are *not* counted as returns.",
                reply_to=question,
            )
            reply = self.say(
                ANALYSIS, "minsu", at + timedelta(minutes=9), "아 당일 재방문이 빠지는군요. 고맙습니다!", reply_to=question
            )
            if reply:
                self._store.react(reply.channel_id, reply.ts, "white_check_mark", self._people["emma"].id)
        note = self.say(
            ANALYSIS,
            "donghyun",
            _at(wednesday, 15, 2),
            f"재무 확정 매출은 {revenue.text(revenue.value)}입니다. 취소 반영 전 금액이에요.",
            reactions=(("white_check_mark", "jimin"),),
        )
        if note:
            self._store.edit_message(
                note,
                f"재무 확정 매출은 {revenue.text(revenue.value)}입니다. 취소 반영 *후* 금액이에요.",
                {},
                note.user_id or "",
                _at(wednesday, 15, 6),
            )
        if number % 4 == 1 and (mistake := self.say(ANALYSIS, "seoyeon", _at(wednesday, 16, 30), "잘못 올렸습니다")):
            self.say(ANALYSIS, "yuna", _at(wednesday, 16, 33), "무엇을 보라는 거였나요?", reply_to=mistake)
            self._store.delete_message(mistake)
        if older and older.analysis:
            self.say(
                ANALYSIS,
                "jiho",
                _at(wednesday, 17, 20),
                f"늦었지만, 그때 빠진 이벤트는 {wednesday:%m/%d} 배포로 고쳤습니다. "
                f"이번 주 신규 가입 {sign_ups.text(sign_ups.value)}부터 맞습니다.",
                reply_to=older.analysis,
                reactions=(("tada", "jimin"),),
            )
        self.say(
            ANALYSIS,
            "jimin",
            _at(thursday, 9, 30),
            f"*결정*: {number}주차 보고는 WAU {users.text(users.value)}, "
            f"전환율 {conversion.text(conversion.value)} 기준으로 냅니다.\n"
            f"> 문의 첫 응답은 {answering.text(answering.value)}, 다음 주에 다시 봅니다.\n"
            f"초안은 {self.mention(BOT_NAME)}이 올립니다.",
            reactions=(("white_check_mark", "alex"), ("white_check_mark", "haruka"), ("white_check_mark", "yuna")),
        )
        return table

    def _discuss_table(self, table: SlackMessage, thursday: date) -> None:
        users, _, conversion, revenue, *_ = numbers.kpis(thursday)
        at = table.at + timedelta(minutes=14)
        self.say(ANALYSIS, "jimin", at, f"WAU는 ‘{users.status[0]}’입니다. 캠페인 영향인가요?", reply_to=table)
        self.say(
            ANALYSIS,
            "alex",
            at + timedelta(minutes=3),
            f"Mostly Search. Purchase conversion is {conversion.text(conversion.value)} "
            f"against a target of {conversion.text(conversion.target)}.",
            reply_to=table,
            reactions=(("eyes", "jimin"),),
        )
        self.say(
            ANALYSIS,
            "seoyeon",
            at + timedelta(minutes=20),
            "네, 검색 광고 문구를 바꾼 주입니다. Android 이벤트 일부가 빠져 있어요.",
            reply_to=table,
        )
        self.say(
            ANALYSIS,
            "jimin",
            at + timedelta(minutes=31),
            f"정리합니다: 매출 {revenue.text(revenue.value)}, 전환율 {conversion.text(conversion.value)}. "
            "Android 누락은 각주로 답니다.",
            reply_to=table,
            broadcast=True,
            reactions=(("white_check_mark", "alex"), ("+1", "seoyeon")),
        )

    def _japan(self, thursday: date, older: _Threads | None) -> SlackMessage | None:
        by_channel = dict(zip(numbers.CHANNELS, numbers.revenue_by_channel(thursday), strict=True))
        visits, *_, purchases = numbers.funnel(thursday)
        tuesday, wednesday = thursday - timedelta(days=2), thursday - timedelta(days=1)
        report = self.say(
            JAPAN,
            "haruka",
            _at(tuesday, 14, 10),
            f"今週の日本ストアです。Search 経由の売上は {by_channel['Search']:.1f}億ウォン、"
            f"Partner は {by_channel['Partner']:.1f}億ウォンでした。\n"
            f"1. 訪問 {visits[1]:,}\n2. 購入 {purchases[1]:,}\n{self.mention('kenta')} 確認をお願いします。",
            reactions=(("eyes", "kenta"),),
        )
        if report:
            self.say(
                JAPAN, "kenta", _at(tuesday, 14, 40), "確認しました。先週より再購入が増えています :tada:", reply_to=report
            )
            self.say(
                JAPAN,
                "haruka",
                _at(tuesday, 14, 52),
                f"ありがとうございます。購入 {purchases[1]:,} 件でレポートに載せます。",
                reply_to=report,
                reactions=(("white_check_mark", "kenta"),),
            )
        self.say(
            JAPAN,
            "liam",
            _at(wednesday, 18, 5),
            f"Partner revenue of {by_channel['Partner']:.1f} (100M KRW) matches their invoice. "
            "Details: <https://wiki.example.com/x/PARTNER|partner sheet>",
        )
        if older and older.japan:
            self.say(
                JAPAN,
                "misaki",
                _at(wednesday, 19, 0),
                "遅くなりました。返品の問い合わせは 3 件だけでした。",
                reply_to=older.japan,
            )
        return report


def _table(thursday: date) -> bytes:
    names = ("WAU", "Sign-ups", "Conversion %", "Revenue, 100M KRW", "Return rate %", "First reply, min")
    rows = [
        (name, f"{kpi.value:,.{kpi.decimals}f}", f"{kpi.before:,.{kpi.decimals}f}", f"{kpi.change:+.1f} %")
        for name, kpi in zip(names, numbers.kpis(thursday), strict=True)
    ]
    week = f"Week {thursday.isocalendar().week}, until {thursday - timedelta(days=1)}"
    return pictures.table(week, ("Figure", "This week", "Last week", "Change"), rows)


def _at(day: date, hour: int, minute: int) -> datetime:
    return datetime.combine(day, time(hour, minute), SEOUL)
