"""Where the pages are, and what they are called."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "/confluence-consent"
"""Where the pages are, below ``[api] base_url``."""

CALLBACK: Final = "/callback"
"""Where Atlassian sends people back to, below the prefix."""

NAME: Final = "Connect Confluence"
