"""GitHub user names as people type them. This module needs only the standard library, since DAG files import it."""

from __future__ import annotations

import re
from typing import Final

_PROFILE: Final = re.compile(r"(?:https?://)?(?:www\.)?github\.com/@?([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))/?(?:[?#].*)?", re.I)


def login_of_profile(text: str) -> str | None:
    """Return the user name of a pasted profile URL, or ``None`` for any other text.

    ::

        login_of_profile("https://github.com/octocat?tab=repositories")  # "octocat"
    """
    match = _PROFILE.fullmatch(text.strip())
    return match[1] if match else None
