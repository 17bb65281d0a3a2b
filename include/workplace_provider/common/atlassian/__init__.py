"""Credentials for Confluence Cloud and Jira Cloud: API tokens, OAuth, and the stores of rotating tokens."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.common.atlassian.credentials import ApiToken, OAuthApp, ScopedToken, ServiceAccountApp
    from workplace_provider.common.atlassian.sites import Site, find_by_host, find_by_token
    from workplace_provider.common.atlassian.token_store import FileTokenStore, MemoryTokenStore, TokenSet, TokenStore
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "credentials": ["ApiToken", "OAuthApp", "ScopedToken", "ServiceAccountApp"],
            "sites": ["Site", "find_by_host", "find_by_token"],
            "token_store": ["FileTokenStore", "MemoryTokenStore", "TokenSet", "TokenStore"],
        },
    )

__all__ = [
    "ApiToken",
    "FileTokenStore",
    "MemoryTokenStore",
    "OAuthApp",
    "ScopedToken",
    "ServiceAccountApp",
    "Site",
    "TokenSet",
    "TokenStore",
    "find_by_host",
    "find_by_token",
]
