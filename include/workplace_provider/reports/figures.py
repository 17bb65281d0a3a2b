"""Numbers in cells: what they are worth, and how their column writes them."""

from __future__ import annotations

import numbers
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

_UNITS: Final = "%|원|천원|만원|백만원|억원|억|명|건|개|회|円|万円|億円|人|件|個|回|ms|s|h|min"
_COUNTERS: Final = ("", "명", "건", "개", "회", "人", "件", "個", "回")
_NUMBER: Final = re.compile(
    rf"(?P<prefix>[₩￦$＄€£¥￥]?)\s?(?P<number>[-+−]?(?:\d{{1,3}}(?:,\d{{3}})+|\d{{1,30}})(?:\.\d{{1,30}})?)\s?(?P<suffix>{_UNITS})?"
)
_PRECISION: Final = re.compile(r"\.(\d+)")
_MOST_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True)
class Figure:
    """The number of a cell.

    :param value: the number; of a share, per cent
    :param decimals: digits after the point
    :param prefix: currency in front of it
    :param suffix: unit behind it, such as ``%``
    :param grouped: with thousands separators
    """

    value: Decimal
    decimals: int = 0
    prefix: str = ""
    suffix: str = ""
    grouped: bool = True

    @property
    def is_share(self) -> bool:
        """Return whether the number is a share in per cent, whose differences are percentage points."""
        return self.suffix == "%"

    @property
    def is_small_count(self) -> bool:
        """Return whether the number is a count below ten, of which shares mislead."""
        is_count = not self.prefix and self.suffix in _COUNTERS
        return is_count and not self.decimals and abs(self.value) < 10

    def text(self, value: Decimal | None = None, *, signed: bool = False) -> str:
        """Return a number as the cell writes its own; by default the cell's."""
        value = self.value if value is None else value
        rounded = round(value, self.decimals)
        number = f"{abs(rounded):{',' if self.grouped else ''}.{self.decimals}f}"
        sign = "-" if rounded < 0 else "+" if signed else ""
        return f"{sign}{self.prefix}{number}{self.suffix}"


def figure_of(value: Any, form: str = "") -> Figure | None:
    """Return the number of a cell; ``None`` for other values.

    ::

        figure_of("₩1,200").value, figure_of(0.0747, ".1%").text()  # Decimal("1200"), "7.5%"

    :param value: a number, or text such as ``1,234.5``, ``7.69%`` or ``₩1,200``
    :param form: the column's format, such as ``,.1f`` or ``.1%``
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, numbers.Real | Decimal):
        return _of_number(value, form)
    match = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    digits = match["number"].replace(",", "").replace("−", "-")
    decimals = len(digits.partition(".")[2])
    return Figure(Decimal(digits), decimals, match["prefix"], match["suffix"] or "")


def align(first: Figure, second: Figure) -> tuple[Figure, Figure]:
    """Return two numbers of a column with the same number of decimals, so that 7.5 and 7.25 read 7.50 and 7.25."""
    decimals = max(first.decimals, second.decimals)
    return replace(first, decimals=decimals), replace(second, decimals=decimals)


def total(values: Sequence[Any]) -> Decimal:
    """Return the sum of the numbers in a column; other values count as nothing."""
    return sum((figure.value for value in values if (figure := figure_of(value))), Decimal(0))


def _of_number(value: Any, form: str) -> Figure | None:
    number = Decimal(str(value)) if not isinstance(value, Decimal) else value
    if not number.is_finite():
        return None
    precision = _PRECISION.search(form)
    if form.endswith("%"):
        return Figure(number * 100, int(precision[1]) if precision else 0, suffix="%")
    if form.endswith("f") and precision:
        return Figure(number, int(precision[1]), grouped="," in form)
    exponent = number.normalize().as_tuple().exponent
    return Figure(number, min(max(-exponent, 0) if isinstance(exponent, int) else 0, _MOST_DECIMALS))
