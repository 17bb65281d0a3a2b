"""Sources of directories."""
