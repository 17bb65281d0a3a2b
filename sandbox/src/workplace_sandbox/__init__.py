"""A local stand-in for Confluence, GitHub, Jira, Slack and Tableau, for the demo, the tests and authors of DAGs.

It responds as the real systems do, traps included; it shares no code with the provider that is tested against it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workplace_sandbox.faults import Fault
    from workplace_sandbox.journal import RecordedRequest
    from workplace_sandbox.server import Sandbox

__version__ = "0.1.0"

__all__ = ["Fault", "RecordedRequest", "Sandbox"]


def __getattr__(name: str) -> Any:
    """Import on first use: ``import workplace_sandbox`` alone must not load a web server."""
    if name == "Sandbox":
        from workplace_sandbox.server import Sandbox

        return Sandbox
    if name == "Fault":
        from workplace_sandbox.faults import Fault

        return Fault
    if name == "RecordedRequest":
        from workplace_sandbox.journal import RecordedRequest

        return RecordedRequest
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
