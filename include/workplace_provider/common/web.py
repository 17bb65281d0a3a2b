"""Pages of a plugin in Airflow's API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from jinja2 import Environment

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class LazyApplication:
    """An ASGI application that is built on the first request.

    Every process of Airflow loads plugins, but only the API server serves pages. A subclass imports what it needs in
    :meth:`build`.
    """

    def __init__(self) -> None:
        self._application: Application | None = None

    def build(self) -> Application:
        """Build the application."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if self._application is None:
            self._application = self.build()
        await self._application(scope, receive, send)


def page_templates(package: str) -> Environment:
    """Return the Jinja templates of a package: values are escaped, and an unknown name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
