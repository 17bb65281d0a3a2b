"""The notice board as RSS 2.0, Atom and JSON Feed, with the conditional requests of RFC 9110 13."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response
from lxml import etree
from lxml.builder import E, ElementMaker

from workplace_sandbox.notices import ATOM_PATH, BOARD_PATH, JSON_PATH, RSS_PATH, notice_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workplace_sandbox.model import BoardNotice
    from workplace_sandbox.store import Store

TITLE = "사내 공지"
_ATOM = "http://www.w3.org/2005/Atom"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def build_feed_router(store: Store) -> APIRouter:
    """Return the routes of the feeds.

    :param store: the notices.
    """
    router = APIRouter(include_in_schema=False)

    @router.get(RSS_PATH)
    def rss(request: Request) -> Response:
        notices = store.board_notices()
        return _respond(request, notices, _rss(notices, _root(request)), "application/rss+xml; charset=utf-8")

    @router.get(ATOM_PATH)
    def atom(request: Request) -> Response:
        notices = store.board_notices()
        return _respond(request, notices, _atom(notices), "application/atom+xml; charset=utf-8")

    @router.get(JSON_PATH)
    def json_feed(request: Request) -> Response:
        notices = store.board_notices()
        return _respond(request, notices, _json(notices, _root(request)), "application/feed+json; charset=utf-8")

    return router


def _rss(notices: Sequence[BoardNotice], root: str) -> bytes:
    items = [
        E.item(
            E.title(notice.title),
            E.link(root + notice_path(notice.id)),
            E.guid(f"notice-{notice.id}", isPermaLink="false"),
            E.pubDate(format_datetime(notice.published)),
            E.description(notice.body),
        )
        for notice in notices
    ]
    channel = E.channel(E.title(TITLE), E.link(root + BOARD_PATH), E.description(TITLE), *items)
    return etree.tostring(E.rss(channel, version="2.0"), xml_declaration=True, encoding="utf-8")


def _atom(notices: Sequence[BoardNotice]) -> bytes:
    """Return the notices as Atom. The links are relative, which Atom allows."""
    a = ElementMaker(namespace=_ATOM, nsmap={None: _ATOM})
    entries = [
        a.entry(
            a.id(f"urn:workplace-sandbox:notice:{notice.id}"),
            a.title(notice.title),
            a.link(href=notice_path(notice.id)),
            a.published(notice.published.isoformat()),
            a.updated(notice.updated.isoformat()),
            a.author(a.name(notice.author)),
            a.summary(notice.body),
        )
        for notice in notices
    ]
    head = (a.id("urn:workplace-sandbox:board"), a.title(TITLE), a.updated(_last_modified(notices).isoformat()))
    return etree.tostring(a.feed(*head, *entries), xml_declaration=True, encoding="utf-8")


def _json(notices: Sequence[BoardNotice], root: str) -> bytes:
    items = [
        {
            "id": str(notice.id),
            "url": root + notice_path(notice.id),
            "title": notice.title,
            "content_text": notice.body,
            "date_published": notice.published.isoformat(),
            "date_modified": notice.updated.isoformat(),
            "authors": [{"name": notice.author}],
        }
        for notice in notices
    ]
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": TITLE, "items": items}
    return json.dumps(feed, ensure_ascii=False).encode()


def _respond(request: Request, notices: Sequence[BoardNotice], content: bytes, media_type: str) -> Response:
    """Return the feed, or 304 when the caller has it; a tag counts before a date."""
    etag, modified = f'"{hashlib.sha256(content).hexdigest()[:20]}"', _last_modified(notices).replace(microsecond=0)
    headers = {"ETag": etag, "Last-Modified": format_datetime(modified, usegmt=True), "Cache-Control": "no-cache"}
    if (tags := request.headers.get("if-none-match")) is not None:
        known = etag in (tag.strip().removeprefix("W/") for tag in tags.split(","))
    else:
        known = _parse_date(request.headers.get("if-modified-since")) >= modified
    return Response(status_code=304, headers=headers) if known else Response(content, 200, headers, media_type)


def _last_modified(notices: Sequence[BoardNotice]) -> datetime:
    return max((notice.updated for notice in notices), default=_BEGINNING)


def _parse_date(text: str | None) -> datetime:
    """Return the moment of a header; long ago when it is missing or cannot be read."""
    try:
        return parsedate_to_datetime(text or "").astimezone(UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _root(request: Request) -> str:
    return str(request.base_url).rstrip("/")
