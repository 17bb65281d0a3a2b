"""Slack's messages in the storage format of Confluence."""
