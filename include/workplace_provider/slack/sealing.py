"""Encrypt what only the app may use, so that it can go through Airflow's database, which keeps everything as plain text.

The key is made of the app's bot token: who has that can post as the app anyway, and nobody else can use what is sealed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

_PURPOSE: Final = b"workplace_provider.slack.response_url"


def seal(text: str, token: str) -> str:
    """Return a text encrypted with the app's token."""
    from cryptography.fernet import Fernet

    return Fernet(_key(token)).encrypt(text.encode()).decode()


def unseal(sealed: str, token: str) -> str | None:
    """Return the text that :func:`seal` encrypted; ``None`` when it was sealed with another token, or is damaged."""
    from cryptography.fernet import Fernet, InvalidToken

    try:
        return Fernet(_key(token)).decrypt(sealed.encode()).decode()
    except (InvalidToken, ValueError):
        return None


def _key(token: str) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(token.encode(), _PURPOSE, hashlib.sha256))
