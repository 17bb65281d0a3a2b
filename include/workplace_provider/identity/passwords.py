"""Passwords for new accounts: random, derived from a secret, or a secret itself."""

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
# At least one character of each class, because many systems require that.
_CLASSES: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.!")
_ANY: Final = "".join(_CLASSES)


@dataclass(frozen=True, slots=True)
class SecretSource:
    """The source of a secret; see ``AttributeMap.source``."""

    kind: str
    argument: str = field(repr=False)

    @classmethod
    def of(cls, source: str) -> SecretSource:
        """Parse a source.

        :raises ValueError: the source is invalid; the message does not contain it, because it may be the secret
        """
        if source.startswith("="):
            return cls("constant", source.removeprefix("="))
        kind, _, argument = source.partition(":")
        if kind == "generated":
            length = int(argument) if argument.isascii() and argument.isdigit() else 0 if argument else LENGTH
            if length < SHORTEST:
                raise ValueError(f"a generated secret must have {SHORTEST} characters or more, such as generated:32")
            return cls(kind, str(length))
        if kind in ("derived", "secret") and argument:
            return cls(kind, argument)
        raise ValueError("the source of a secret must be generated, derived:NAME, secret:NAME or =CONSTANT")

    @property
    def constant(self) -> bool:
        """Return whether all people get the same secret."""
        return self.kind in ("constant", "secret")

    @property
    def name(self) -> str:
        """The name of the underlying secret; empty when there is none."""
        return self.argument if self.kind in ("derived", "secret") else ""

    def value(self, person: str, secrets: Mapping[str, str]) -> str:
        """Return the secret of a person.

        :param person: an id that is unique per person
        :param secrets: secrets by name
        :raises KeyError: the named secret is missing
        """
        if self.kind == "constant":
            return self.argument
        if self.kind == "secret":
            return secrets[self.argument]
        if self.kind == "derived":
            # Deterministic, so that a retried request sends the same account.
            raw = hmac.digest(secrets[self.argument].encode(), person.encode(), hashlib.sha512)
            return _encode(raw[:LENGTH])
        return _encode(randomness.token_bytes(int(self.argument)))


def _encode(raw: bytes) -> str:
    classes = (*_CLASSES, *[_ANY] * (len(raw) - len(_CLASSES)))
    return "".join(letters[byte % len(letters)] for letters, byte in zip(classes, raw, strict=True))
