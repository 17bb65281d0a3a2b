from __future__ import annotations

import datetime as dt
import numbers
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import PageDocument, edits
from workplace_provider.confluence.pages.edits.base import EditError
from workplace_provider.confluence.pages.values import to_storage


class NAType:
    """What pandas has for a missing value: it compares as missing, too."""

    def __ne__(self, other: object) -> Any:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = object.__hash__


class float32(numbers.Real):  # noqa: N801 - numpy's name
    """numpy's float of 32 bits: 0.1 in it is 0.10000000149011612 as a float of Python."""

    def __init__(self, value: float) -> None:
        self._value = value

    def __float__(self) -> float:
        return self._value + 1.49e-9

    def __str__(self) -> str:
        return str(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float32) and self._value == other._value

    def _none(self, *_: Any) -> Any:
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]
    __trunc__ = __floor__ = __ceil__ = __round__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _none
    __lt__ = __le__ = __add__ = __radd__ = __neg__ = __pos__ = __mul__ = __rmul__ = _none
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __abs__ = _none


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.1 + 0.2, "0.3"),
        (1234567.891, "1,234,567.891"),
        (5.0, "5.0"),
        (-0.0, "0.0"),
        (1e16, "10,000,000,000,000,000"),
        (1e22, "1e+22"),
        (1e-7, "0.0000001"),
        (1 / 3, "0.333333333333333"),
        (Decimal("1E+3"), "1,000"),
        (Decimal("1.50"), "1.50"),
        (float32(0.1), "0.1"),
        (float("nan"), ""),
        (Decimal("NaN"), ""),
        (NAType(), ""),
        (None, ""),
        (True, "True"),
        ([1, None, "a"], "1, , a"),
        (dt.date(2026, 11, 19), '<time datetime="2026-11-19" />'),
    ],
)
def test_figures_as_readers_expect_them(value: Any, shown: str) -> None:
    assert to_storage(value) == shown


@pytest.mark.parametrize(
    "value",
    [float("inf"), float("-inf"), Decimal("Infinity"), b"x", bytearray(b"x"), memoryview(b"x"), [[1]], {1}, {"a": 1}],
)  # fmt: skip
def test_what_no_cell_can_show_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueError, match=r"without a format|list in a list|a cell cannot show"):
        to_storage(value)


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (float("inf"), ",.1f", "∞"),
        (float("-inf"), ".1%", "-∞"),
        (float("nan"), ",.1f", ""),
        ("가".encode("cp949"), "cp949", "가"),
        (b"\x00\xff", "hex", "00ff"),
        (0.0734, ".1%", "7.3%"),
        (2026, ",", "2,026"),
    ],
)
def test_formats_on_request(value: Any, form: str, shown: str) -> None:
    assert to_storage(value, form) == shown


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("연도", 2026, "2026"),
        ("기준연도", 2026, "2026"),
        ("Fiscal Year", 2026, "2026"),
        ("연도 (FY)", 2026.0, "2026"),
        ("기간 / 年度", 2026, "2026"),
        ("주문 번호", 1234567, "1234567"),
        ("user_id", 1234567, "1234567"),
        ("매출", 2026, "2,026"),
        ("연도별 매출", 2026, "2,026"),
        ("전년", 12345, "12,345"),
        ("paid", 12345, "12,345"),
    ],
)
def test_years_and_ids_have_no_separators(column: str, value: Any, shown: str) -> None:
    assert to_storage(value, of=column) == shown
    page = PageDocument(f"<table><tr><th>{column}</th></tr><tr><td>x</td></tr></table>")
    if " / " not in column:
        assert f"<td>{shown}</td>" in page.apply([edits.ReplaceTableRows([[value]])]).storage
        assert PageDocument(f"<p>{{{{{column}}}}}</p>").apply([edits.FillText({column: value})]).storage == f"<p>{shown}</p>"


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_a_float_reads_as_itself(value: float) -> None:
    assert float(to_storage(value).replace(",", "")) == pytest.approx(value, rel=1e-14)


def test_an_edit_names_the_column_of_a_value_that_it_refuses() -> None:
    page = PageDocument("<table><tr><th>값</th></tr><tr><td>x</td></tr></table>")
    with pytest.raises(EditError, match="column '값': a page cannot show inf"):
        page.apply([edits.ReplaceTableRows([[float("inf")]])])
