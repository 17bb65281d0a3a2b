"""Client for Jira Data Center and Jira Cloud, which searches issues.

It knows nothing of Airflow::

    with JiraClient("https://your-team.atlassian.net", auth=Basic("bot@example.com", token), deployment="cloud") as jira:
        result = jira.search("project = DATA AND status != Done", ["summary", "status"], limit=500)
        rows = [cell(issue, "summary", jira.site_of(issue)) for issue in result.issues]
"""

from workplace_provider.jira.client.adf import plain_text, storage_format
from workplace_provider.jira.client.agile import Board, Sprint
from workplace_provider.jira.client.jira import Deployment, JiraClient, is_cloud
from workplace_provider.jira.client.responses import SCOPES
from workplace_provider.jira.client.search import SearchResult
from workplace_provider.jira.client.values import RICH_TEXT, cell, site_of

__all__ = [
    "RICH_TEXT",
    "SCOPES",
    "Board",
    "Deployment",
    "JiraClient",
    "SearchResult",
    "Sprint",
    "cell",
    "is_cloud",
    "plain_text",
    "site_of",
    "storage_format",
]
