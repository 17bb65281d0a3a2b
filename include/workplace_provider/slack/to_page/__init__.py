"""Conversion of Slack messages to Confluence's storage format."""
