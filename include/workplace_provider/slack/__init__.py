"""Slack: reading, posting, Socket Mode, a bot, and text of messages for pages."""
