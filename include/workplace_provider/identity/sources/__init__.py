"""Directories of people that accounts are kept in step with."""
