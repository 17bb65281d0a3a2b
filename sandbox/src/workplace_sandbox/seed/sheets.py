"""The sheets of the seeded workbooks: their data in Korean or Japanese, and their charts.

The figures are those of ``numbers``, split by device, region and channel, so that an unfiltered sheet shows the figures
of the seeded wiki.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from workplace_sandbox.seed import numbers, pictures
from workplace_sandbox.tableau.catalogue import SheetData, SheetQuery

WEEKS = 12
"""The number of weeks in the course of the active users; the last one is that of the report."""

_DEVICES = ("PC", "Mobile", "Tablet")
_STEPS = ("Visit", "Product view", "Cart", "Checkout", "Purchase")


@dataclass(frozen=True, slots=True)
class SheetNames:
    """Names of fields, parameter, columns and members in one language."""

    parameter: str
    day: str
    device: str
    region: str
    channel: str
    users: str
    target: str
    share: str
    step: str
    rate: str
    last_week: str
    this_week: str
    change: str
    devices: tuple[str, ...]
    regions: tuple[str, ...]
    steps: tuple[str, ...]


KOREAN = SheetNames(
    parameter="기준일",
    day="날짜",
    device="기기",
    region="지역",
    channel="주문 채널",
    users="사용자 수",
    target="목표",
    share="비중",
    step="단계",
    rate="전환율",
    last_week="지난주 매출(억원)",
    this_week="이번 주 매출(억원)",
    change="증감",
    devices=("PC", "모바일", "태블릿"),
    regions=("서울", "부산", "도쿄", "기타, 해외", "R&D \\ Lab"),
    steps=("방문", "상품 조회", "장바구니", "결제 시작", "구매"),
)
JAPANESE = SheetNames(
    parameter="基準日",
    day="日付",
    device="デバイス",
    region="地域",
    channel="注文チャネル",
    users="ユーザー数",
    target="目標",
    share="割合",
    step="ステップ",
    rate="転換率",
    last_week="先週の売上(億ウォン)",
    this_week="今週の売上(億ウォン)",
    change="増減",
    devices=("PC", "モバイル", "タブレット"),
    regions=("ソウル", "釜山", "東京", "その他, 海外", "R&D \\ Lab"),
    steps=("訪問", "商品閲覧", "カート", "決済開始", "購入"),
)


@dataclass(frozen=True, slots=True)
class _Translated:
    words: SheetNames

    @property
    def parameter(self) -> str:
        """Name of the parameter with the day of the report."""
        return self.words.parameter


@dataclass(frozen=True, slots=True)
class WeeklyActiveUsers(_Translated):
    """The active users of the last weeks beside their target."""

    size: tuple[int, int] = pictures.WIDE

    def table(self, question: SheetQuery) -> SheetData:
        """Return a row for each week."""
        rows = [(day.isoformat(), f"{users:,}", f"{target:,.0f}") for day, users, target in self._weeks(question)]
        return SheetData((self.words.day, self.words.users, self.words.target), tuple(rows))

    def picture(self, question: SheetQuery, density: int) -> bytes:
        """Return a line with the target beside it."""
        title, weeks = "Weekly active users", self._weeks(question)
        if not weeks:
            return pictures.blank_chart(title, self.size, density=density)
        days, users, targets = zip(*weeks, strict=True)
        labels = [f"{day:%m/%d}" for day in days]
        return pictures.line_chart(title, labels, users, targets, width=self.size[0], density=density)

    def _weeks(self, question: SheetQuery) -> list[tuple[date, int, float]]:
        weeks = []
        for day in (question.thursday - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)):
            total = numbers.active_users(day)
            users = _sum(_selected_cells(question, self.words, day), numbers.people_by_cell(day, total))
            if users:
                weeks.append((day, users, numbers.kpis(day)[0].target * users / total))
        return weeks


@dataclass(frozen=True, slots=True)
class RevenueByChannel(_Translated):
    """The week's revenue of each channel beside that of the week before."""

    size: tuple[int, int] = pictures.NARROW

    def table(self, question: SheetQuery) -> SheetData:
        """Return a row for each channel."""
        rows = [
            (name, f"{before:.2f}", f"{now:.2f}", f"{100 * (now - before) / before:+.1f}%")
            for name, before, now in self._channels(question)
        ]
        words = self.words
        return SheetData((words.channel, words.last_week, words.this_week, words.change), tuple(rows))

    def picture(self, question: SheetQuery, density: int) -> bytes:
        """Return pairs of bars."""
        title, channels = "Revenue by channel", self._channels(question)
        if not channels:
            return pictures.blank_chart(title, self.size, density=density)
        names, before, now = zip(*channels, strict=True)
        return pictures.bar_chart(title, names, before, now, "100M KRW", density=density)

    def _channels(self, question: SheetQuery) -> list[tuple[str, float, float]]:
        day = question.thursday
        cells = _selected_cells(question, self.words, day)
        weeks = [numbers.revenue_by_cell(week) for week in (day - timedelta(weeks=1), day)]
        rows = []
        for number, name in enumerate(numbers.CHANNELS):
            mine = [cell for cell in cells if numbers.CELLS[cell][2] == number]
            if mine:
                before, now = (sum(week[cell] for cell in mine) for week in weeks)
                rows.append((name, before, now))
        return rows


@dataclass(frozen=True, slots=True)
class PurchaseFunnel(_Translated):
    """The steps from a visit to a purchase."""

    size: tuple[int, int] = pictures.NARROW

    def table(self, question: SheetQuery) -> SheetData:
        """Return a row for each step, with the share of those of the step before who took it."""
        people = self._people(question)
        before = [people[0], *people[:-1]] if people else []
        rows = [
            (name, f"{now:,}", f"{100 * now / earlier:.1f}%" if earlier else "")
            for name, now, earlier in zip(self.words.steps, people, before, strict=False)
        ]
        return SheetData((self.words.step, self.words.users, self.words.rate), tuple(rows))

    def picture(self, question: SheetQuery, density: int) -> bytes:
        """Return a bar for each step."""
        title, people = "Purchase funnel", self._people(question)
        if not people:
            return pictures.blank_chart(title, self.size, density=density)
        return pictures.funnel_chart(title, list(zip(_STEPS, people, strict=True)), density=density)

    def _people(self, question: SheetQuery) -> list[int]:
        day = question.thursday
        cells = _selected_cells(question, self.words, day)
        people = [_sum(cells, numbers.people_by_cell(day, step)) for _, step in numbers.funnel(day)]
        # A group without a single purchase is too small for a chart of its own.
        return people if all(people) else []


@dataclass(frozen=True, slots=True)
class UsersByDevice(_Translated):
    """The week's active users by device and region."""

    size: tuple[int, int] = pictures.NARROW

    def table(self, question: SheetQuery) -> SheetData:
        """Return a row for each device and region."""
        words, groups = self.words, self._groups(question, question.thursday)
        total = sum(groups.values())
        rows = [
            (words.devices[device], words.regions[region], f"{users:,}", f"{100 * users / total:.1f}%")
            for (device, region), users in groups.items()
        ]
        return SheetData((words.device, words.region, words.users, words.share), tuple(rows))

    def picture(self, question: SheetQuery, density: int) -> bytes:
        """Return pairs of bars for each device: the week before, and this week."""
        now = self._groups(question, question.thursday)
        before = self._groups(question, question.thursday - timedelta(weeks=1))
        title = "Users by device"
        if not now:
            return pictures.blank_chart(title, self.size, density=density)
        devices = sorted({device for device, _ in now})
        earlier, later = (
            [sum(users for (device, _), users in week.items() if device == wanted) / 1000 for wanted in devices]
            for week in (before, now)
        )
        return pictures.bar_chart(
            title, [_DEVICES[number] for number in devices], earlier, later, "thousands", density=density
        )

    def _groups(self, question: SheetQuery, day: date) -> dict[tuple[int, int], int]:
        people = numbers.people_by_cell(day, numbers.active_users(day))
        groups: dict[tuple[int, int], int] = {}
        for cell in _selected_cells(question, self.words, question.thursday):
            key = numbers.CELLS[cell][:2]
            groups[key] = groups.get(key, 0) + people[cell]
        return groups


@dataclass(frozen=True, slots=True)
class Overview(_Translated):
    """A dashboard of a fixed size: the course of the users above revenue and funnel."""

    size: tuple[int, int] = (2 * pictures.NARROW[0], 2 * pictures.NARROW[1])

    def table(self, question: SheetQuery) -> SheetData:
        """Return an empty table: the data of a dashboard is that of one of the worksheets."""
        return SheetData((), ())

    def picture(self, question: SheetQuery, density: int) -> bytes:
        """Return the three charts."""
        top = WeeklyActiveUsers(self.words, (self.size[0], pictures.WIDE[1])).picture(question, density)
        bottom = [sheet(self.words).picture(question, density) for sheet in (RevenueByChannel, PurchaseFunnel)]
        return pictures.stacked([[top], bottom])


@dataclass(frozen=True, slots=True)
class EmptySheet:
    """An empty sheet."""

    size: tuple[int, int] = pictures.NARROW
    parameter: str = ""

    def table(self, question: SheetQuery) -> SheetData:
        """Return a table without columns and rows."""
        return SheetData((), ())

    def picture(self, question: SheetQuery, density: int) -> bytes:
        """Return a white picture."""
        return pictures.blank_chart("", self.size, density=density)


EMPTY = EmptySheet()
WORKSHEETS: tuple[Callable[[SheetNames], WeeklyActiveUsers | RevenueByChannel | PurchaseFunnel | UsersByDevice], ...] = (
    WeeklyActiveUsers,
    RevenueByChannel,
    PurchaseFunnel,
    UsersByDevice,
)


@lru_cache(maxsize=512)
def _selected_cells(question: SheetQuery, words: SheetNames, day: date) -> tuple[int, ...]:
    """Return the numbers of the cells that a question selects, in the week of ``day``."""
    if not question.allows(words.day, day.isoformat()):
        return ()
    return tuple(
        number
        for number, (device, region, channel) in enumerate(numbers.CELLS)
        if question.allows(words.device, words.devices[device])
        and question.allows(words.region, words.regions[region])
        and question.allows(words.channel, numbers.CHANNELS[channel])
    )


def _sum(cells: tuple[int, ...], people: list[int]) -> int:
    return sum(people[cell] for cell in cells)
