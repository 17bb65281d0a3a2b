"""The ``expand`` parameter: which parts of an answer are sent, and which are only named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Expand:
    """A tree of names: ``body.storage,version`` is ``{body: {storage: {}}, version: {}}``.

    Names that mean nothing at a place are ignored there, as Confluence ignores them.
    """

    names: dict[str, Expand] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Expand:
        """Read the values of the parameter; it may be repeated, each value is a list with commas."""
        root = cls()
        for path in ",".join(texts).split(","):
            node = root
            for name in filter(None, path.strip().split(".")):
                node = node.names.setdefault(name, cls())
        return root

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def into(self, name: str) -> Expand:
        """What is asked for below ``name``."""
        return self.names.get(name, Expand())

    def plus(self, *paths: str) -> Expand:
        """A copy with more paths asked for."""
        return Expand.parse([*self.paths(), *paths])

    def paths(self) -> list[str]:
        """All paths, each from the root to a name that has nothing below."""
        found: list[str] = []
        for name, below in self.names.items():
            found += [f"{name}.{path}" for path in below.paths()] or [name]
        return found
