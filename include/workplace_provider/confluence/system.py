"""The name of the system in errors."""

from typing import Final

SYSTEM: Final = "Confluence"
