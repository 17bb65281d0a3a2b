"""The user interface in a browser: wiki pages, their history, Slack channels."""
