"""GitHub: contribution calendars and streaks."""
