"""Changes between two periods, in words: what rose, fell, appeared or disappeared.

The sentences follow from the rows alone, so the same rows always give the same sentences. The largest changes come first:
by the share of the old value, then counts below ten, then texts; ties keep the order of the table.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from workplace_provider.reports.definition import Language  # noqa: TC001 - readers of the annotation look it up here
from workplace_provider.reports.figures import Figure, align, figure_of

Row = Mapping[str, Any]
Key = tuple[str, ...]

LONGEST_TEXT: Final = 80
MOST_ROWS: Final = 10_000

_PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    "ko": {
        "rose": "{subject}{이} {old}에서 {new}{로} 올랐습니다 ({delta}).",
        "fell": "{subject}{이} {old}에서 {new}{로} 내렸습니다 ({delta}).",
        "set": "{subject}의 값이 새로 생겼습니다 ({new}).",
        "unset": "{subject}의 값이 없어졌습니다 (이전 {old}).",
        "text": "{subject}: ‘{old}’ → ‘{new}’",
        "added": "새 항목: {subject}{values}",
        "removed": "없어진 항목: {subject}{values}",
        "small": "작은 수",
        "duplicate": "{subject}: 같은 행이 여러 개라 비교하지 않았습니다.",
        "first": "이전 기간의 값이 없어 비교하지 않았습니다.",
        "none": "이전 기간과 달라진 것이 없습니다.",
        "more": "그 밖에 {count}건이 달라졌습니다.",
    },
    "en": {
        "rose": "{subject} rose from {old} to {new} ({delta}).",
        "fell": "{subject} fell from {old} to {new} ({delta}).",
        "set": "{subject} has a value now ({new}).",
        "unset": "{subject} has no value any more (before {old}).",
        "text": "{subject}: “{old}” → “{new}”",
        "added": "New: {subject}{values}",
        "removed": "Gone: {subject}{values}",
        "small": "small numbers",
        "duplicate": "{subject}: not compared, because several rows have this key.",
        "first": "Not compared: there are no values of the previous period.",
        "none": "Nothing changed since the previous period.",
        "more": "{count} more changes.",
        "one more": "1 more change.",
    },
    "ja": {
        "rose": "{subject}は{old}から{new}に上がりました（{delta}）。",
        "fell": "{subject}は{old}から{new}に下がりました（{delta}）。",
        "set": "{subject}に値が入りました（{new}）。",
        "unset": "{subject}の値がなくなりました（以前は{old}）。",
        "text": "{subject}：「{old}」→「{new}」",
        "added": "新しい項目：{subject}{values}",
        "removed": "なくなった項目：{subject}{values}",
        "small": "少数",
        "duplicate": "{subject}：同じ行が複数あるため比較していません。",
        "first": "前の期間の値がないため比較していません。",
        "none": "前の期間から変わったものはありません。",
        "more": "ほかに{count}件の変化があります。",
    },
}
_POINTS: Final = {"ko": "%p", "en": " pp", "ja": "ポイント"}
_PARENTHESES: Final = {"ko": " ({})", "en": " ({})", "ja": "（{}）"}

# Final consonants of the Korean names of digits and Latin letters: "l" is a final ㄹ, "x" another consonant.
_DIGIT_ENDINGS: Final = {"0": "x", "1": "l", "3": "x", "6": "x", "7": "l", "8": "l"}
_LETTER_ENDINGS: Final = {"L": "l", "M": "x", "N": "x", "R": "l", "円": "x", "人": "x", "件": "x"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rules by which the rows of a source are compared.

    :param key: columns that identify a row
    :param formats: formats of columns, such as ``{"전환율": ".1%"}``
    :param columns: columns to compare; empty for all that both periods have
    :param top: the most changes to name
    """

    key: Sequence[str]
    formats: Mapping[str, str] = field(default_factory=dict)
    columns: Sequence[str] = ()
    top: int = 5


@dataclass(frozen=True, slots=True)
class _Change:
    """One change: its sentence, and its place in the order."""

    text: str
    tier: int
    weight: Decimal


def only_news(sentences: Sequence[str], language: Language) -> list[str]:
    """Return the sentences about several sources, each once; that nothing changed only if nothing did."""
    phrases = _PHRASES[language]
    news = [sentence for sentence in dict.fromkeys(sentences) if sentence != phrases["none"]]
    return news or ([phrases["none"]] if sentences else [])


def no_comparison(language: Language) -> str:
    """Return the sentence about a source without a previous period."""
    return _PHRASES[language]["first"]


def no_change(language: Language) -> str:
    """Return the sentence about a source that did not change."""
    return _PHRASES[language]["none"]


def describe_changes(
    before: Sequence[Row] | None, after: Sequence[Row], comparison: Comparison, language: Language = "en"
) -> list[str]:
    """Return sentences about the differences between the rows of two periods.

    ::

        before, after = [{"지표": "전환율", "값": "7.47%"}], [{"지표": "전환율", "값": "7.69%"}]
        describe_changes(before, after, Comparison(["지표"]), "ko")
        # ["전환율이 7.47%에서 7.69%로 올랐습니다 (+0.22%p)."]

    :param before: rows of the previous period; ``None`` if there is none
    :param after: rows of this period
    :raises ValueError: if the rows have no key column, or are more than :data:`MOST_ROWS`
    """
    phrases = _PHRASES[language]
    if before is None:
        return [phrases["first"]]
    for rows in (before, after):
        if len(rows) > MOST_ROWS:
            raise ValueError(f"{len(rows)} rows cannot be described; the most are {MOST_ROWS:,}")
    tables = _Tables(before, after, comparison, language)
    changes = sorted(tables.changes(), key=lambda change: (change.tier, -change.weight))
    sentences = [change.text for change in changes[: comparison.top]]
    if len(changes) > comparison.top:
        count = len(changes) - comparison.top
        sentences.append(phrases["one more" if count == 1 and "one more" in phrases else "more"].format(count=count))
    sentences += tables.duplicates()
    return sentences or [phrases["none"]]


class _Tables:
    """The rows of two periods, by their keys."""

    def __init__(self, before: Sequence[Row], after: Sequence[Row], comparison: Comparison, language: Language) -> None:
        self._comparison = comparison
        self._phrases = _PHRASES[language]
        self._language = language
        self._before, twice_before = _by_key(before, comparison.key)
        self._after, twice_after = _by_key(after, comparison.key)
        self._twice = list(dict.fromkeys([*twice_after, *twice_before]))
        first: Row = (after or before or [{}])[0]
        self._columns = [
            column
            for column in comparison.columns or first
            if column not in comparison.key and all(not rows or column in rows[0] for rows in (before, after))
        ]

    def duplicates(self) -> Iterator[str]:
        """Yield a sentence for each key that several rows have."""
        for key in self._twice:
            yield self._phrases["duplicate"].format(subject=shorten(" · ".join(key)))

    def changes(self) -> Iterator[_Change]:
        """Yield the changes in the order of the table, with those that disappeared at the end."""
        for key, row in self._after.items():
            if key in self._twice:
                continue
            if key in self._before:
                for column in self._columns:
                    if change := self._change(key, column, self._before[key].get(column), row.get(column)):
                        yield change
            else:
                yield self._row("added", key, row)
        for key, row in self._before.items():
            if key not in self._after and key not in self._twice:
                yield self._row("removed", key, row)

    def _row(self, phrase: str, key: Key, row: Row) -> _Change:
        figures = [(column, self._figure(row, column)) for column in self._columns]
        numbers = [(column, figure.text()) for column, figure in figures if figure is not None]
        listed = numbers[0][1] if len(numbers) == 1 else ", ".join(f"{shorten(name)} {text}" for name, text in numbers)
        values = _PARENTHESES[self._language].format(listed) if listed else ""
        return _Change(self._phrases[phrase].format(subject=shorten(" · ".join(key)), values=values), 0, Decimal(1))

    def _figure(self, row: Row, column: str) -> Figure | None:
        return figure_of(row.get(column), self._comparison.formats.get(column, ""))

    def _change(self, key: Key, column: str, old: Any, new: Any) -> _Change | None:
        subject = shorten(" · ".join(key))
        if len(self._columns) > 1:
            subject = f"{subject} {shorten(column)}"
        form = self._comparison.formats.get(column, "")
        before, after = figure_of(old, form), figure_of(new, form)
        if before and after and before.suffix == after.suffix and before.prefix == after.prefix:
            return self._numbers(subject, *align(before, after))
        texts = ["" if value is None else shorten(plain_text(value)) for value in (old, new)]
        if texts[0] == texts[1]:
            return None
        if not all(texts):
            phrase = "set" if texts[1] else "unset"
            shown = [figure.text() if figure else text for figure, text in zip((before, after), texts, strict=True)]
            return _Change(self._sentence(phrase, subject, *shown), 0 if before or after else 2, Decimal(1))
        return _Change(self._sentence("text", subject, *texts), 2, Decimal(0))

    def _numbers(self, subject: str, before: Figure, after: Figure) -> _Change | None:
        difference = after.value - before.value
        # A difference that the column does not show, such as 0.1 + 0.2 from 0.3, is none.
        if before.text() == after.text():
            return None
        small = before.is_small_count and after.is_small_count
        delta = self._delta(before, after, small=small)
        phrase = "rose" if difference > 0 else "fell"
        weight = abs(difference) / max(abs(before.value), abs(after.value))
        return _Change(self._sentence(phrase, subject, before.text(), after.text(), delta), int(small), weight)

    def _delta(self, before: Figure, after: Figure, *, small: bool) -> str:
        """Return the difference, and its share of the old value where that means something."""
        difference = after.value - before.value
        if before.is_share:
            number = Figure(difference, before.decimals).text(signed=True)
            return number + _POINTS[self._language]
        amount = after.text(difference, signed=True)
        if small:
            return f"{amount}, {self._phrases['small']}"
        if before.value <= 0 or after.value < 0:
            return amount
        share = Figure(difference / before.value * 100, 1, suffix="%")
        # A change that is large enough to name may be too small for a share with one decimal.
        return f"{amount}, {share.text(signed=True)}" if round(share.value, 1) else amount

    def _sentence(self, phrase: str, subject: str, old: str, new: str, delta: str = "") -> str:
        particles = {"이": _particle(subject, "이", "가"), "로": _particle(new, "으로", "로", liquid="로")}
        return self._phrases[phrase].format(subject=subject, old=old, new=new, delta=delta, **particles)


def _by_key(rows: Sequence[Row], columns: Sequence[str]) -> tuple[dict[Key, Row], list[Key]]:
    """Return the rows by their key, and the keys that several rows have."""
    for column in columns:
        if rows and column not in rows[0]:
            raise ValueError(f"there is no column {column!r} to compare rows by; there are {', '.join(rows[0])}")
    keys = [key_of(row, columns) for row in rows]
    return dict(zip(keys, rows, strict=True)), [key for key, count in Counter(keys).items() if count > 1]


def key_of(row: Row, columns: Sequence[str]) -> Key:
    """Return the texts of a row's key columns."""
    return tuple(plain_text(row.get(column)) for column in columns)


def plain_text(value: Any) -> str:
    """Return the text of a cell, also of a link or a lozenge in its plain form."""
    if isinstance(value, Mapping) and len(value) == 1:
        (content,) = value.values()
        if isinstance(content, Mapping):
            return plain_text(content.get("text") or content.get("title") or "")
        return plain_text(content)
    is_missing = value is None or (isinstance(value, float | Decimal) and value != value)  # only NaN differs from itself
    return unicodedata.normalize("NFC", "" if is_missing else str(value)).strip()


def shorten(text: str) -> str:
    """Return a text as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"


def _particle(word: str, after_consonant: str, after_vowel: str, *, liquid: str = "") -> str:
    """Return the Korean particle that fits the end of a word.

    :param liquid: the particle after a final ㄹ, if it is another one
    """
    ending = _ending(word)
    if ending == "l" and liquid:
        return liquid
    return after_consonant if ending else after_vowel


def _ending(word: str) -> str:
    """Return the final consonant of a word as it is read in Korean: ``l`` for ㄹ, ``x`` for others, empty for a vowel."""
    last = next((letter for letter in reversed(word) if letter.isalnum() or letter == "%"), "")
    if "가" <= last <= "힣":
        final = (ord(last) - ord("가")) % 28
        return "l" if final == 8 else "x" if final else ""
    if last.isdigit():
        digits = "".join(letter for letter in word if letter.isdigit())
        # A round number ends with the name of its power of ten: 십, 백, 천, 만, 억.
        zeros = len(digits) - len(digits.rstrip("0"))
        if last == "0" and "." not in word and zeros and digits.strip("0"):
            return "" if zeros >= 12 else "x"
        return _DIGIT_ENDINGS.get(last, "")
    return _LETTER_ENDINGS.get(last.upper(), "")
