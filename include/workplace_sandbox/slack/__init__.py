"""A stand-in for Slack's webhooks."""
