"""The media service: bytes of attachments, at addresses that contain their own permission.

It has another host name than the site (``localhost`` for ``127.0.0.1``, and the other way round), and refuses requests
with the site's ``Authorization`` header: a client must not send that to another host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from workplace_sandbox.confluence.cloud import MEDIA_PATH
from workplace_sandbox.confluence.cloud.represent import file_id

if TYPE_CHECKING:
    from workplace_sandbox.confluence.cloud.call import CloudCall
    from workplace_sandbox.confluence.cloud.state import CloudState
    from workplace_sandbox.model import Attachment


def media_url(call: CloudCall, file: Attachment) -> str:
    """Return the address of the bytes of a version of an attachment."""
    url = call.request.url
    host = "127.0.0.1" if url.hostname == "localhost" else "localhost"
    query = urlencode({"token": call.site.state.media.give(file), "name": file.filename, "max-age": "3600"})
    return f"{url.scheme}://{host}:{url.port}{MEDIA_PATH}/file/{file_id(file.id)}/binary?{query}"


def build_media_router(state: CloudState) -> APIRouter:
    """Build the routes."""
    router = APIRouter()

    @router.get(f"{MEDIA_PATH}/file/{{identifier}}/binary")
    def binary(request: Request, identifier: str) -> Response:
        file = state.media.file(request.query_params.get("token", ""))
        if "authorization" in request.headers or file is None or file_id(file.id) != identifier:
            detail = "The credentials are not those of the media service"
            return JSONResponse({"error": {"code": "Unauthorized", "title": "Unauthorized", "detail": detail}}, 403)
        return FileResponse(
            file.path,
            media_type=file.media_type,
            filename=file.filename,
            headers={"X-Content-Type-Options": "nosniff"},
        )

    return router
