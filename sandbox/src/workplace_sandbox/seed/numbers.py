"""The figures of the seeded reports: a plain function of the week, so that every week continues the one before."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate, pairwise, product

_FIRST_WEEK = date(2024, 1, 4)
CHANNELS = ("Search", "Direct", "Social", "E-mail", "Partner")
_SHARES = (0.36, 0.27, 0.17, 0.12, 0.08)
_DEVICE_SHARES = (0.31, 0.61, 0.08)
_REGION_SHARES = (0.44, 0.19, 0.21, 0.1, 0.06)

CELLS = tuple(product(range(len(_DEVICE_SHARES)), range(len(_REGION_SHARES)), range(len(CHANNELS))))
"""The cells of people and revenue: numbers of a device, of a region and of a channel."""


def latest_thursday(today: date) -> date:
    """Return the last Thursday that is not after ``today``."""
    return today - timedelta(days=(today.weekday() - 3) % 7)


@dataclass(frozen=True)
class Kpi:
    """A figure of one week beside that of the week before.

    :param rising_is_good: False for figures that should fall, such as the response time.
    :param decimals: how many are shown.
    """

    name: str
    unit: str
    value: float
    before: float
    target: float
    rising_is_good: bool = True
    decimals: int = 0

    @property
    def change(self) -> float:
        """Change against the week before in percent."""
        return 100 * (self.value - self.before) / self.before

    @property
    def status(self) -> tuple[str, str]:
        """Title and colour of the status lozenge, by the distance of the figure from its target."""
        reach = self.value / self.target if self.rising_is_good else self.target / self.value
        if reach >= 1:
            return "달성", "Green"
        return ("주의", "Yellow") if reach >= 0.97 else ("미달", "Red")

    @property
    def shade(self) -> str:
        """Cell colour of the change: green for better, red for worse, none when it hardly moved."""
        gain = self.change if self.rising_is_good else -self.change
        return "#e3fcef" if gain >= 0.5 else "#ffebe6" if gain <= -0.5 else ""

    def text(self, value: float) -> str:
        """Return a figure as the report shows it, for example ``247,310명``."""
        return f"{value:,.{self.decimals}f}{self.unit}"


def active_users(thursday: date) -> int:
    """Return the active users of the week that ended before ``thursday``."""
    week = _week(thursday)
    return round(171_000 + 520 * week + 4_800 * math.sin(week / 2.07) + 1_900 * _wobble(week, "users"))


def revenue(thursday: date) -> float:
    """Return the week's revenue in 100 million won."""
    week = _week(thursday)
    return 31.4 + 0.062 * week + 1.3 * math.sin(week / 1.6) + 0.6 * _wobble(week, "revenue")


def revenue_by_channel(thursday: date) -> list[float]:
    """Return the week's revenue per channel, in the order of ``CHANNELS``."""
    week = _week(thursday)
    weights = [share * (1 + 0.09 * _wobble(week, name)) for name, share in zip(CHANNELS, _SHARES, strict=True)]
    return [revenue(thursday) * weight / sum(weights) for weight in weights]


def funnel(thursday: date) -> list[tuple[str, int]]:
    """Return the steps from a visit to a purchase with the people who took them."""
    week = _week(thursday)
    rates = (0.61, 0.34, 0.52, 0.71)
    people = active_users(thursday)
    steps = [("Visit", people)]
    for name, rate in zip(("Product view", "Cart", "Checkout", "Purchase"), rates, strict=True):
        people = round(people * rate * (1 + 0.022 * _wobble(week, name)))
        steps.append((name, people))
    return steps


def people_by_cell(thursday: date, people: int) -> list[int]:
    """Split the people of a week.

    :param people: how many there are, for example the active users or those of a step of the funnel.
    :return: how many of them belong to each of ``CELLS``; together they are ``people`` again.
    """
    ends = [round(people * share) for share in accumulate(_cell_shares(_week(thursday)))]
    ends[-1] = people
    return [end - start for start, end in pairwise([0, *ends])]


def revenue_by_cell(thursday: date) -> list[float]:
    """Return the week's revenue in each of ``CELLS``; the cells of a channel add up to ``revenue_by_channel``."""
    shares = _cell_shares(_week(thursday))
    channels = revenue_by_channel(thursday)
    sums = [sum(share for share, cell in zip(shares, CELLS, strict=True) if cell[2] == c) for c in range(len(CHANNELS))]
    return [channels[cell[2]] * share / sums[cell[2]] for share, cell in zip(shares, CELLS, strict=True)]


def kpis(thursday: date) -> list[Kpi]:
    """Return the rows of the report's table.

    :param thursday: the day of the report.
    """
    before = date.fromordinal(thursday.toordinal() - 7)
    week = _week(thursday)

    def pair(base: float, slope: float, spread: float, name: str) -> tuple[float, float]:
        now, last = (base + slope * w + spread * _wobble(w, name) for w in (week, week - 1))
        return now, last

    steps, steps_before = funnel(thursday), funnel(before)
    conversion = 100 * steps[-1][1] / steps[0][1]
    conversion_before = 100 * steps_before[-1][1] / steps_before[0][1]
    # Targets are set a quarter ahead from the trend: some weeks reach them, some do not.
    return [
        Kpi("주간 활성 사용자(WAU)", "명", active_users(thursday), active_users(before), 172_500 + 520 * week),
        Kpi("신규 가입", "명", *pair(8_400, 21, 620, "sign-ups"), 8_450 + 21 * week),
        Kpi("구매 전환율", "%", conversion, conversion_before, 7.6, decimals=2),
        Kpi("주간 매출", "억원", revenue(thursday), revenue(before), 31.2 + 0.062 * week, decimals=1),
        Kpi("1주 재방문율", "%", *pair(41.2, 0.012, 1.1, "return"), 42.8, decimals=1),
        Kpi("문의 첫 응답 시간", "분", *pair(21, -0.02, 2.4, "support"), 18, rising_is_good=False),
    ]


@lru_cache(maxsize=256)
def _cell_shares(week: int) -> tuple[float, ...]:
    """Return the share of each of ``CELLS`` in a week; together they are 1."""
    weights = [
        _DEVICE_SHARES[d] * _REGION_SHARES[r] * _SHARES[c] * (1 + 0.12 * _wobble(week, f"cell {d} {r} {c}"))
        for d, r, c in CELLS
    ]
    whole = sum(weights)
    return tuple(weight / whole for weight in weights)


def _week(thursday: date) -> int:
    return (thursday - _FIRST_WEEK).days // 7


def _wobble(week: int, name: str) -> float:
    """Return a number from -1 to 1 that belongs to the week and the figure."""
    digest = hashlib.sha256(f"{name} {week}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 0x7FFFFFFF - 1
