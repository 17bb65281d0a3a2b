"""Files: the upload in three steps, looking them up, and their bytes (reference section 2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, Response

from workplace_sandbox.confluence.access import BROWSER_SESSION, SESSION_COOKIE
from workplace_sandbox.faults import LOGIN_PAGE
from workplace_sandbox.slack.call import SlackCall, SlackError
from workplace_sandbox.slack.representation import file as file_json
from workplace_sandbox.slack.workspace import FILES_PATH, TEAM, TOKENS, UPLOAD_PATH

if TYPE_CHECKING:
    from workplace_sandbox.files import StagedFile
    from workplace_sandbox.model import SlackChannel, SlackFile
    from workplace_sandbox.store import Store

_DEFAULT_COUNT = 100


def get_upload_url(call: SlackCall) -> dict[str, Any]:
    """Announce a file, and return the address for its bytes."""
    call.require_scope("files:write")
    call.required("filename", "length")
    length = call.number("length")
    if length is None:
        raise SlackError("invalid_arguments")
    file_id = call.store.announce_file(call.bot.id, call.text("filename"), length)
    return {"upload_url": f"{call.base_url}{UPLOAD_PATH}/{file_id}", "file_id": file_id}


def complete_upload(call: SlackCall) -> dict[str, Any]:
    """Finish uploads and share the files; the response is ok before the files appear in the channel."""
    call.require_scope("files:write")
    call.required("files")
    entries = call.json("files", "invalid_arguments")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise SlackError("invalid_arguments")
    channels = _share_channels(call)
    files = []
    for entry in entries:
        done = call.store.complete_file(str(entry.get("id")), entry.get("title"))
        if done is None:
            raise SlackError("file_not_found")
        files.append(done)
    for channel in channels:
        ids = [done.id for done in files]
        text, thread = call.text("initial_comment"), call.ts("thread_ts", "invalid_thread_ts")
        if call.behaviour.share_after == 0:
            call.store.share_files(ids, channel.id, text, call.bot.id, username=call.bot.shown_name, thread_ts=thread)
        else:
            call.store.share_later(ids, channel.id, thread, text, call.bot.id, call.behaviour.share_after)
    # The new shares are not in the response: they appear in files.info.
    return {"files": [file_json(call, done) for done in files]}


def _share_channels(call: SlackCall) -> list[SlackChannel]:
    names = [name for name in (call.text("channel_id"), *call.text("channels").split(",")) if name]
    channels = []
    for name in names:
        channel = call.store.channel(name)
        # A name is not accepted as an id here, unlike in chat.postMessage.
        if channel is None or channel.id != name or not call.may_know(channel):
            raise SlackError("channel_not_found")
        if channel.archived:
            raise SlackError("is_archived")
        if not call.is_in(channel):
            raise SlackError("not_in_channel")
        channels.append(channel)
    return channels


def files_info(call: SlackCall) -> dict[str, Any]:
    """Describe a file; the sandbox counts these calls until the file is shared."""
    call.require_scope("files:read")
    wanted = call.required("file")
    call.store.count_file_call(wanted)
    file = call.store.slack_file(wanted)
    if file is None:
        raise SlackError("file_not_found")
    return {"file": file_json(call, file), "comments": [], "response_metadata": {"next_cursor": ""}}


def files_list(call: SlackCall) -> dict[str, Any]:
    """List files, the newest first, by numbered pages."""
    call.require_scope("files:read")
    channel = call.channel().id if call.has("channel") else None
    user = call.text("user")
    oldest, latest = call.ts("ts_from", "invalid_ts_from"), call.ts("ts_to", "invalid_ts_to")

    def wanted(file: SlackFile) -> bool:
        created = f"{int(file.created.timestamp()):010d}.000000"
        if user and file.user_id != user:
            return False
        if channel and channel not in {place for place, _ in file.shares}:
            return False
        return (oldest or "") <= created <= (latest or "~")

    every = [found for found in call.store.slack_files() if wanted(found)]
    count, page = call.number("count") or _DEFAULT_COUNT, call.number("page") or 1
    start = (page - 1) * count
    paging = {"count": count, "total": len(every), "page": page, "pages": -(-len(every) // count)}
    return {"files": [file_json(call, found) for found in every[start : start + count]], "paging": paging}


def build_file_router(store: Store) -> APIRouter:
    """Build the routes for uploads and downloads.

    :param store: the files.
    :return: the routes, to be included at the root.
    """
    router = APIRouter()

    @router.post(UPLOAD_PATH + "/{file_id}")
    async def upload(request: Request, file_id: str) -> Response:
        length = await run_in_threadpool(store.announced_length, file_id)
        if length is None:
            return PlainTextResponse("error", 404)
        with store.stage_slack_file() as staged:
            await _stage(request, staged)
            if staged.size != length:
                return PlainTextResponse(f"error: {length} bytes were announced, {staged.size} came", 400)
            await run_in_threadpool(store.take_slack_file, file_id, staged)
        return PlainTextResponse(f"OK - {length}")

    @router.get(FILES_PATH + "/{team_and_file}/{name}")
    @router.get(FILES_PATH + "/{team_and_file}/download/{name}")
    def download(request: Request, team_and_file: str, name: str) -> Response:
        # The id decides; the name in the address is for people.
        del name
        if not _may_download(request):
            # Slack redirects to its log-in page, which a client that follows takes for the file.
            return HTMLResponse(LOGIN_PAGE)
        file = store.slack_file(team_and_file.removeprefix(f"{TEAM}-"))
        if file is None:
            return HTMLResponse("<h1>404</h1>", 404)
        shown = "attachment" if "/download/" in request.url.path else "inline"
        headers = {"Content-Disposition": f"{shown}; filename*=UTF-8''{quote(file.name, safe='')}"}
        return FileResponse(file.path, media_type=file.media_type, headers=headers)

    return router


async def _stage(request: Request, staged: StagedFile) -> None:
    """Write the bytes of an upload: the body, or the files of a form."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        async for chunk in request.stream():
            staged.write(chunk)
        return
    for part in (await request.form()).values():
        if not isinstance(part, str):
            await run_in_threadpool(staged.copy_from, part.file)


def _may_download(request: Request) -> bool:
    """Return whether the request has a token with ``files:read``, or the cookie of a browser."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and "files:read" in TOKENS.get(token.strip(), ()):
        return True
    return request.cookies.get(SESSION_COOKIE) == BROWSER_SESSION
