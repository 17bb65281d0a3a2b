"""Jira: issues of a query, as rows for pages."""
