"""Descriptions that a team writes in YAML; a mistake in one is told with file and key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def read_yaml(path: Path, refusal: type[ValueError]) -> Any:
    """The content of a file.

    :param refusal: the error to raise
    :raises ValueError: of that kind: it cannot be read
    """
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise refusal(f"{path.name}: {error}") from error


def converted(plain: Mapping[str, Any], kind: Any, where: str, refusal: type[ValueError]) -> Any:
    """Plain data as a type of ``msgspec``.

    :param where: what it is called in messages
    :param refusal: the error to raise
    :raises ValueError: of that kind: it does not fit the type
    """
    import msgspec

    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        key = place.strip("`.")
        raise refusal(f"{where}: {f'{key}: ' if key else ''}{problem}") from None
