"""The wiki that a fresh sandbox starts with: an analytics team's space with its weekly reports."""

from workplace_sandbox.seed.wiki import load

__all__ = ["load"]
