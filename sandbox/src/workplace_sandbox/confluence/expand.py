"""The ``expand`` parameter: it selects the parts of a response that are sent; the others are only named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Expand:
    """A tree of names: ``body.storage,version`` is ``{body: {storage: {}}, version: {}}``.

    Names that do not apply at a place are ignored there, as in Confluence.
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
        """Return the expansions below ``name``."""
        return self.names.get(name, Expand())

    def plus(self, *paths: str) -> Expand:
        """Return a copy with more paths."""
        return Expand.parse([*self.paths(), *paths])

    def paths(self) -> list[str]:
        """Return all paths, each from the root to a leaf."""
        result: list[str] = []
        for name, below in self.names.items():
            result += [f"{name}.{path}" for path in below.paths()] or [name]
        return result
