"""The initial content of a sandbox: an analytics team's space with its weekly reports, and its Tableau workbooks."""

from workplace_sandbox.seed.wiki import load

__all__ = ["load"]
