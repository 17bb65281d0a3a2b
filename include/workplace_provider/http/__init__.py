"""One request policy: time-outs, retries, rate limits, errors."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.http.auth import Basic, Bearer
    from workplace_provider.http.client import HttpClient
    from workplace_provider.http.errors import (
        AlreadyExists,
        AuthFailed,
        BadResponse,
        Conflict,
        Forbidden,
        Invalid,
        NotFound,
        RateLimited,
        SourceUnavailable,
        TooLarge,
        WorkplaceError,
        error_context,
    )
    from workplace_provider.http.model import Download, FilePart, HttpSettings
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "auth": ["Basic", "Bearer"],
            "client": ["HttpClient"],
            "errors": [
                "AlreadyExists",
                "AuthFailed",
                "BadResponse",
                "Conflict",
                "Forbidden",
                "Invalid",
                "NotFound",
                "RateLimited",
                "SourceUnavailable",
                "TooLarge",
                "WorkplaceError",
                "error_context",
            ],
            "model": ["Download", "FilePart", "HttpSettings"],
        },
    )

__all__ = [
    "AlreadyExists",
    "AuthFailed",
    "BadResponse",
    "Basic",
    "Bearer",
    "Conflict",
    "Download",
    "FilePart",
    "Forbidden",
    "HttpClient",
    "HttpSettings",
    "Invalid",
    "NotFound",
    "RateLimited",
    "SourceUnavailable",
    "TooLarge",
    "WorkplaceError",
    "error_context",
]
