"""Jira: the issues of a query, for pages."""
