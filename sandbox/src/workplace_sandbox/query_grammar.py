"""The grammar that CQL and JQL share: tokens, ``and``/``or``/``not``, parentheses, lists of values and ``order by``.

A language adds its comparisons, its values and the texts of its errors; see ``confluence/cql.py`` and ``jira/jql.py``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")

MAX_DEPTH = 100

# The expected token of two errors.
BY = "'by'"
AND_OR_OR = "either 'OR' or 'AND'"


@dataclass(frozen=True, slots=True)
class Token:
    """One word, quoted text, operator or mark of a query.

    :param kind: ``word``, ``quoted``, ``operator`` or ``mark``.
    :param text: the text, without quotes and backslashes.
    :param at: its position in the query.
    """

    kind: str
    text: str
    at: int

    def is_word(self, *words: str) -> bool:
        """Return whether the token is one of these words, in any case."""
        return self.kind == "word" and self.text.lower() in words


def token_pattern(*, symbols: str = "", symbol_characters: str = "") -> re.Pattern[str]:
    """Compile the tokens of a language.

    :param symbols: expression of the symbols that mean words, such as ``&&``.
    :param symbol_characters: characters that end a word besides blanks, quotes, operators and marks.
    """
    return re.compile(
        rf"""\s*(?:
          (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
        | (?P<operator>!=|!~|>=|<=|=|~|>|<)
        | (?P<mark>[(),])
        {f"| (?P<symbol>{symbols})" if symbols else ""}
        | (?P<word>[^\s"'=!~<>(),{symbol_characters}]+)
        )""",
        re.VERBOSE | re.DOTALL,
    )


class QueryParser(ABC, Generic[Item, Value]):
    """A recursive descent parser whose result is a condition on items.

    :param text: the query.
    """

    pattern: ClassVar[re.Pattern[str]]
    symbols: ClassVar[Mapping[str, str]] = {}

    def __init__(self, text: str) -> None:
        self.text = text
        self._depth = 0
        self._position = 0
        self._tokens = self._read_tokens()

    # --- the parts of a language

    @abstractmethod
    def comparison(self) -> Callable[[Item], bool]:
        """Parse a field, an operator and its values."""

    @abstractmethod
    def value(self) -> Value:
        """Parse a value: a word, a quoted text or a function."""

    @abstractmethod
    def sort_field(self) -> str:
        """Parse the name of a field to sort by."""

    @abstractmethod
    def expected(self, what: str) -> Exception:
        """Return the error for a query that continues with something else.

        :param what: the expected token.
        """

    @abstractmethod
    def unexpected_character(self, position: int) -> Exception:
        """Return the error for text that is not a token."""

    @abstractmethod
    def too_deep(self) -> Exception:
        """Return the error for a query with more than ``MAX_DEPTH`` nested conditions."""

    # --- the grammar

    def condition(self) -> Callable[[Item], bool]:
        """Parse conditions that are joined by ``or``."""
        options = [self._conjunction()]
        while self.take_word("or"):
            options.append(self._conjunction())
        if len(options) == 1:
            return options[0]
        return lambda item: any(option(item) for option in options)

    def order(self) -> tuple[tuple[str, bool], ...]:
        """Parse an optional ``order by`` and the end of the query.

        :return: the fields, each with True for a descending order.
        """
        fields: list[tuple[str, bool]] = []
        if self.take_word("order"):
            if not self.take_word("by"):
                raise self.expected(BY)
            fields.append(self._sort_order())
            while self.take_mark(","):
                fields.append(self._sort_order())
        if self.next is not None:
            raise self.expected(AND_OR_OR)
        return tuple(fields)

    def value_list(self) -> list[Value]:
        """Parse values in parentheses."""
        self.need_mark("(")
        values = [self.value()]
        while self.take_mark(","):
            values.append(self.value())
        self.need_mark(")")
        return values

    def _conjunction(self) -> Callable[[Item], bool]:
        parts = [self._term()]
        while self.take_word("and"):
            parts.append(self._term())
        if len(parts) == 1:
            return parts[0]
        return lambda item: all(part(item) for part in parts)

    def _term(self) -> Callable[[Item], bool]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.too_deep()
        try:
            if self.take_word("not"):
                inner = self._term()
                return lambda item: not inner(item)
            if self.take_mark("("):
                inner = self.condition()
                self.need_mark(")")
                return inner
            return self.comparison()
        finally:
            self._depth -= 1

    def _sort_order(self) -> tuple[str, bool]:
        field = self.sort_field()
        if self.take_word("desc"):
            return field, True
        self.take_word("asc")
        return field, False

    # --- tokens

    @property
    def next(self) -> Token | None:
        """The next token; None at the end of the query."""
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def next_is(self, *words: str) -> bool:
        """Return whether the next token is one of these words."""
        token = self.next
        return token is not None and token.is_word(*words)

    def take(self, *kinds: str, reserved: tuple[str, ...] = ()) -> Token | None:
        """Return the next token and move past it; None when it is of another kind or a reserved word."""
        token = self.next
        if token is None or token.kind not in kinds or token.is_word(*reserved):
            return None
        self._position += 1
        return token

    def take_word(self, word: str) -> bool:
        """Move past the word if it is next, and return whether it was."""
        if not self.next_is(word):
            return False
        self._position += 1
        return True

    def take_mark(self, mark: str) -> bool:
        """Move past the mark if it is next, and return whether it was."""
        token = self.next
        if token is None or (token.kind, token.text) != ("mark", mark):
            return False
        self._position += 1
        return True

    def need_mark(self, mark: str) -> None:
        """Move past the mark.

        :raises Exception: the error of ``expected``, when another token is next.
        """
        if not self.take_mark(mark):
            raise self.expected(f"'{mark}'")

    def _read_tokens(self) -> list[Token]:
        tokens: list[Token] = []
        position, end = 0, len(self.text.rstrip())
        while position < end:
            match = self.pattern.match(self.text, position)
            if match is None or match.lastgroup is None:
                raise self.unexpected_character(position)
            kind, value = match.lastgroup, match.group(match.lastgroup)
            if kind == "quoted":
                value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
            elif kind == "symbol":
                kind, value = "word", self.symbols[value]
            tokens.append(Token(kind, value, match.start(match.lastgroup)))
            position = match.end()
        return tokens
