"""Create, copy and update pages, and attach files to them, exactly once."""
