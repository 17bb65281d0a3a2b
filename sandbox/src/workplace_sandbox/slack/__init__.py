"""A stand-in for Slack: webhooks, Socket Mode, and the Web API of one workspace."""
