"""Credentials in the header ``Authorization``."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from requests.auth import AuthBase

from workplace_provider.http.credentials import check_password, check_token

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True, slots=True)
class Bearer(AuthBase):
    """``Authorization: Bearer``. Like any auth object it keeps requests from reading ``.netrc``."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        check_token(self.token, "the token")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header of a request."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


@dataclass(frozen=True, slots=True)
class Basic(AuthBase):
    """``Authorization: Basic`` in UTF-8 (RFC 7617), so that names and passwords may be Korean."""

    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        check_password(self.user, "the user name")
        check_password(self.password, "the password")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header of a request."""
        pair = f"{self.user}:{self.password}".encode()
        request.headers["Authorization"] = f"Basic {b64encode(pair).decode('ascii')}"
        return request
