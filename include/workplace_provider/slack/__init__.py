"""Slack: a Web API client, Socket Mode, a bot, and conversion of messages to pages."""
