"""Artifacts, rows, report dates, connection settings and retry policy, which know no system."""
