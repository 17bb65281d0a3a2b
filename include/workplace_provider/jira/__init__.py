"""Jira: issues of a query, as rows for pages."""

from typing import TYPE_CHECKING

from workplace_provider.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from workplace_provider.jira.client import JiraClient, SearchResult, cell
else:
    __getattr__, __dir__ = lazy_exports(__name__, {"client": ["JiraClient", "SearchResult", "cell"]})

__all__ = ["JiraClient", "SearchResult", "cell"]
