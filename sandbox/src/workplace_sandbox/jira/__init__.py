"""A stand-in for Jira, Data Center and Cloud: search by JQL, issues, and pages that show them. It is read-only."""

JIRA_PATH = "/jira"
"""The path of Jira on the sandbox."""
