"""What a fresh sandbox starts with: an analytics team's space with its weekly reports, and its Tableau workbooks."""

from workplace_sandbox.seed.wiki import load

__all__ = ["load"]
