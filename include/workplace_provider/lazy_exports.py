"""Public names of a package, imported on first use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_exports(package: str, exports: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package whose public names are in its modules (PEP 562).

    A DAG file that imports one operator then loads only the modules of this operator. Type checkers see the imports under
    ``TYPE_CHECKING``; a test compares both lists with ``__all__``::

        __getattr__, __dir__ = lazy_exports(__name__, {"attach": ["ConfluenceAttachOperator"]})

    :param package: name of the package
    :param exports: public names by the module that defines them, relative to the package
    """
    module_of = {name: f"{package}.{module}" for module, names in exports.items() for name in names}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(module_of[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *module_of})

    return get, names
