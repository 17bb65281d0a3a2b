"""GitHub: contribution calendars."""
