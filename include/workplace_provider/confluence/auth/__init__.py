"""Credentials for Confluence Cloud: API tokens, OAuth, and where rotating tokens are kept."""
