"""Pages created, copied, updated and filled with files, exactly once."""
