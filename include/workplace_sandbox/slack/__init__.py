"""A stand-in for Slack: webhooks, and the Web API of one workspace."""
