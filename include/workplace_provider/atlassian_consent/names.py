"""Paths and name of the pages."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "/confluence-consent"
"""Path of the pages below ``[api] base_url``. Apps are registered with it, so the name stays."""

CALLBACK: Final = "/callback"
"""Path that Atlassian redirects people to, below the prefix."""

NAME: Final = "Connect Atlassian"
