"""Passwords for new accounts: made at random, or from a secret; one for each person."""

from __future__ import annotations

import hashlib
import hmac
import secrets as randomness
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LENGTH: Final = 24
SHORTEST: Final = 12
# One of each, because many systems want that.
_CLASSES: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.!")
_ANY: Final = "".join(_CLASSES)


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret comes from; see ``AttributeMap.source``."""

    kind: str
    argument: str = field(repr=False)

    @classmethod
    def of(cls, source: str) -> SecretSource:
        """Read a source.

        :raises ValueError: it is none; the message does not show it, since it may be the secret
        """
        if source.startswith("="):
            return cls("constant", source.removeprefix("="))
        kind, _, argument = source.partition(":")
        if kind == "generated":
            length = int(argument) if argument.isascii() and argument.isdigit() else 0 if argument else LENGTH
            if length < SHORTEST:
                raise ValueError(f"a generated secret has a length of {SHORTEST} or more")
            return cls(kind, str(length))
        if kind in ("derived", "secret") and argument:
            return cls(kind, argument)
        raise ValueError("a secret comes from generated, derived:NAME, secret:NAME or a constant after =")

    @property
    def constant(self) -> bool:
        """Whether everybody gets the same one."""
        return self.kind in ("constant", "secret")

    @property
    def name(self) -> str:
        """The name of the secret that it is made from; empty when it needs none."""
        return self.argument if self.kind in ("derived", "secret") else ""

    def value(self, person: str, secrets: Mapping[str, str]) -> str:
        """The secret of a person.

        :param person: tells one person from the other
        :param secrets: secrets by name
        :raises KeyError: the named secret is not there
        """
        if self.kind == "constant":
            return self.argument
        if self.kind == "secret":
            return secrets[self.argument]
        if self.kind == "derived":
            # The same on every attempt, so that a repeated request sends the same account.
            raw = hmac.digest(secrets[self.argument].encode(), person.encode(), hashlib.sha512)
            return _spelled(raw[:LENGTH])
        return _spelled(randomness.token_bytes(int(self.argument)))


def _spelled(raw: bytes) -> str:
    classes = (*_CLASSES, *[_ANY] * (len(raw) - len(_CLASSES)))
    return "".join(letters[byte % len(letters)] for letters, byte in zip(classes, raw, strict=True))
