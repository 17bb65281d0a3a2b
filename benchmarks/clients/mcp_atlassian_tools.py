"""Publish a page with a file through the tools of mcp-atlassian, as an assistant does; runs in that client's environment.

The server's own code knows one address of Cloud's gateway. ``GATEWAY`` in the environment replaces it. With
``REPLACE_FILE`` the tools ``get_attachments`` and ``delete_attachment`` remove the current file before the upload.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import requests
from fastmcp import Client
from mcp_atlassian.servers.main import main_mcp

GATEWAY = "https://api.atlassian.com"
send = requests.Session.request


def to_gateway(session: requests.Session, method: str, url: str, *arguments: Any, **options: Any) -> requests.Response:
    return send(session, method, url.replace(GATEWAY, os.environ.get("GATEWAY", GATEWAY), 1), *arguments, **options)


async def publish(job: dict[str, str]) -> None:
    async with Client(main_mcp) as client:

        async def call(tool: str, **arguments: Any) -> Any:
            answer = await client.call_tool(f"confluence_{tool}", arguments)
            return json.loads(answer.content[0].text)

        # get_page by title uses a call that Cloud has removed.
        found = await call("search", query=f'type = page AND space = "{job["space"]}" AND title = "{job["title"]}"')
        page = {"title": job["title"], "content": job["body"], "content_format": "storage"}
        if found:
            page_id = found[0]["id"]
            await call("update_page", page_id=page_id, **page)
        else:
            page_id = (await call("create_page", space_key=job["space"], **page))["page"]["id"]
        if os.environ.get("REPLACE_FILE"):
            for attachment in (await call("get_attachments", content_id=page_id))["attachments"]:
                if attachment["title"] == job["filename"]:
                    await call("delete_attachment", attachment_id=attachment["id"])
        uploaded = await call("upload_attachment", content_id=page_id, file_path=job["filename"])
        if uploaded.get("success") is False:
            raise SystemExit(uploaded["error"])


requests.Session.request = to_gateway  # type: ignore[method-assign]
asyncio.run(publish(json.loads(sys.argv[1])))
