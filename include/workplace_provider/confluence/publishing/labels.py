"""The labels of a copy, by rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from workplace_provider.common.arguments import none_if_blank, parse_bool, parse_mapping, parse_names


@dataclass(frozen=True, slots=True)
class LabelRule:
    """The labels of a copy: those of the source except for some, and others.

    ::

        LabelRule(add=("2026-w48",), drop=("20??-w??",))  # moves the label of the week on

    :param copy: copy the labels of the source
    :param add: labels to add, also if ``drop`` matches them
    :param drop: labels of the source that are not copied: names, or patterns with ``*``, ``?`` and ``[…]``
    """

    copy: bool = True
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: Any, where: str = "labels") -> LabelRule:
        """Return the rule of a truth value, which copies all labels or none, or of a mapping with the names of the fields.

        :param where: name of the argument, for the error message
        :raises ValueError: with the wrong key or value
        """
        if isinstance(value, LabelRule):
            return value
        if not isinstance(value, Mapping) and not str(value).lstrip().startswith("{"):
            return cls(copy=parse_bool(value, where))
        rule = parse_mapping(value, where)
        known = [field.name for field in fields(cls)]
        if unknown := [key for key in rule if key not in known]:
            raise ValueError(f"{where} has the key {unknown[0]!r}; the keys are {', '.join(known)}")
        copied = none_if_blank(rule.get("copy"))
        return cls(
            copy=True if copied is None else parse_bool(copied, f"{where}: copy"),
            add=parse_names(rule.get("add"), f"{where}: add"),
            drop=parse_names(rule.get("drop"), f"{where}: drop"),
        )

    def apply(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Return the labels of the copy.

        :param labels: labels of the source
        """
        # Confluence stores labels in lower case.
        patterns = [pattern.lower() for pattern in self.drop]
        kept = [label for label in labels if not any(fnmatchcase(label.lower(), pattern) for pattern in patterns)]
        return tuple(dict.fromkeys((*(kept if self.copy else ()), *self.add)))
