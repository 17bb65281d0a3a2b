"""Access to the connection that ASGI does not give: close it in the middle, and read the rest of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Names of the callables in ``scope["extensions"]``: ABORT drops unsent bytes, CLOSE sends them first, GONE returns whether
# the connection has ended.
ABORT = "workplace_sandbox.abort"
CLOSE = "workplace_sandbox.close"
GONE = "workplace_sandbox.gone"

# After its response, Tomcat reads on for 2 MiB (maxSwallowSize). The sandbox reads everything: a client that is still
# sending gets the response instead of a broken pipe, and a test gets the same result each time.
_SWALLOWED: frozenset[str] = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class EndableConnection(H11Protocol):
    """The HTTP protocol of the server; the application can end its connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app = self.app

        async def with_end(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                transport = self.transport
                ends = {ABORT: transport.abort, CLOSE: transport.close, GONE: transport.is_closing}
                scope.setdefault("extensions", {}).update(ends)
            await app(scope, receive, send)

        self.app = with_end


class SwallowMiddleware:
    """Reads the rest of a request body before the response is sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or scope["method"] not in _SWALLOWED:
            await self._app(scope, receive, send)
            return
        complete = False

        async def noted() -> Message:
            nonlocal complete
            message = await receive()
            complete = not message.get("more_body", False)
            return message

        async def swallowing(message: Message) -> None:
            if message["type"] == "http.response.start":
                while not complete:
                    await noted()
            await send(message)

        await self._app(scope, noted, swallowing)
