"""Connections of the systems whose accounts are kept in step."""
