"""Credentials for Confluence Cloud: API tokens, OAuth, and the stores of rotating tokens."""
