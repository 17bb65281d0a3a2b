"""The routes of the user interface. Only channels and the notice board accept input; reading needs no log-in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs, unquote_plus, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from workplace_sandbox.github import GITHUB_PATH
from workplace_sandbox.github.markup import fragment
from workplace_sandbox.jira import JIRA_PATH
from workplace_sandbox.jira.workflow import CATEGORIES, STATUSES
from workplace_sandbox.members import MEMBERS_PATH
from workplace_sandbox.notices import BOARD_PATH
from workplace_sandbox.slack.schedule import post_due
from workplace_sandbox.tableau import TABLEAU_PATH
from workplace_sandbox.tableau.accounts import SITE
from workplace_sandbox.ui.addresses import ServerAddresses, anchor, page_id_of_tiny_link
from workplace_sandbox.ui.content import display_name, page_tree, page_view, unfold
from workplace_sandbox.ui.conversation import channel_view, composer_view, mentioned, talk
from workplace_sandbox.ui.diff import compare
from workplace_sandbox.ui.notices import build_notice_pages
from workplace_sandbox.ui.storage import StorageError, parse_storage
from workplace_sandbox.ui.tableau import build_tableau_pages
from workplace_sandbox.ui.templating import render

if TYPE_CHECKING:
    from workplace_sandbox.github.controls import GithubBehaviour
    from workplace_sandbox.model import Page, PageStatus, Space
    from workplace_sandbox.notices.controls import NoticeControls
    from workplace_sandbox.slack.commands import Composer
    from workplace_sandbox.store import Store
    from workplace_sandbox.tableau.controls import TableauControls

ANY_STATUS: tuple[PageStatus, ...] = ("current", "archived", "trashed")

# Anyone can write page bodies. If something gets past the renderer, the browser still runs nothing.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data: http: https:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_POLICY = "Content-Security-Policy"


def build_router(
    store: Store,
    context_path: str = "/confluence",
    tableau: TableauControls | None = None,
    github: GithubBehaviour | None = None,
    notices: NoticeControls | None = None,
    composer: Composer | None = None,
) -> APIRouter:
    """Return the routes of the user interface.

    :param store: the state to show.
    :param context_path: the path of the wiki, for example ``/confluence``; empty for the root.
    :param tableau: the controls of Tableau; None for no Tableau.
    :param github: the settings of GitHub; None for no GitHub.
    :param notices: the controls of the notice board; None for no board.
    :param composer: the input field of channels; None for read-only channels.
    :return: a router to include without a prefix. It has ``/``, ``/_ui/...``, ``/slack/...``, the pages of Jira,
        GitHub,
        Tableau and the notice board, and the wiki below the context path; attachments themselves are not served by it.
    """
    pages = _Pages(store, ServerAddresses(context_path), tableau, github, notices, composer)
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    wiki = context_path.rstrip("/")
    router.add_api_route("/", pages.index)
    router.add_api_route("/_ui/sandbox.css", stylesheet)
    router.add_api_route("/slack", pages.slack)
    router.add_api_route("/_ui/channel.js", channel_script)
    router.add_api_route("/slack/archives/{channel}", pages.channel)
    router.add_api_route("/slack/archives/{channel}", pages.write, methods=["POST"])
    router.add_api_route("/slack/archives/{channel}/clicks", pages.click, methods=["POST"])
    router.add_api_route("/slack/archives/{channel}/views", pages.submit_view, methods=["POST"])
    router.add_api_route("/slack/archives/{channel}/p{number}", pages.message)
    router.add_api_route("/slack/files/{user}/{file_id}/{name}", pages.slack_file)
    for path in ("", "/", "/secure/RapidBoard.jspa", "/projects/{key}"):
        router.add_api_route(JIRA_PATH + path, pages.board)
    router.add_api_route(f"{JIRA_PATH}/browse/{{key}}", pages.issue)
    router.add_api_route(MEMBERS_PATH, pages.members)
    router.add_api_route(f"{MEMBERS_PATH}/{{user_id}}", pages.member)
    if github is not None:
        router.add_api_route(f"{GITHUB_PATH}/{{login}}", pages.contributions)
    if tableau is not None:
        router.include_router(build_tableau_pages(tableau, pages._html, pages._not_found))
    if notices is not None:
        router.include_router(build_notice_pages(store, notices, pages._html, pages._not_found))
    if wiki:
        router.add_api_route(wiki, lambda: RedirectResponse("/"))
        router.add_api_route(f"{wiki}/", lambda: RedirectResponse("/"))
    for path, endpoint in (
        ("/spaces/{key}", pages.space),
        ("/spaces/{key}/overview", pages.space),
        ("/spaces/{key}/pages", pages.space),
        ("/spaces/{key}/pages/{page_id}", pages.page_by_path),
        ("/spaces/{key}/pages/{page_id}/{title:path}", pages.page_by_path),
        ("/spaces/{key}/blog/{day:path}/{page_id:int}", pages.blog_post),
        ("/spaces/{key}/blog/{day:path}/{page_id:int}/{title}", pages.blog_post),
        ("/display/{key}", pages.space),
        ("/display/{key}/{title:path}", pages.page_by_title),
        ("/x/{name}", pages.tiny),
        ("/pages/viewpage.action", pages.page_by_query),
        ("/pages/viewpageattachments.action", pages.attachments),
        ("/pages/viewpreviousversions.action", pages.history),
        ("/pages/diffpagesbyversion.action", pages.difference),
        ("/plugins/viewstorage/viewpagestorage.action", pages.source),
    ):
        router.add_api_route(wiki + path, endpoint)
    return router


def stylesheet() -> Response:
    """Return the style sheet of all pages."""
    return Response(read_stylesheet(), media_type="text/css", headers={"Cache-Control": "no-cache"})


def channel_script() -> Response:
    """Return the script of a channel's page."""
    text = resources.files("workplace_sandbox.ui").joinpath("static/channel.js").read_text("utf-8")
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


def read_stylesheet() -> str:
    """Return the text of the style sheet."""
    return resources.files("workplace_sandbox.ui").joinpath("static/sandbox.css").read_text("utf-8")


@dataclass(frozen=True)
class _Pages:
    """The endpoints. FastAPI runs them in threads, and the store is thread-safe."""

    store: Store
    addresses: ServerAddresses
    tableau: TableauControls | None
    github: GithubBehaviour | None
    notices: NoticeControls | None
    composer: Composer | None

    def index(self) -> HTMLResponse:
        wiki = []
        for space in self.store.spaces():
            pages = self.store.pages(space.key)
            recent = sorted(pages, key=lambda page: page.updated_at, reverse=True)[:6]
            wiki.append({"space": space, "count": len(pages), "recent": recent})
        site = self.tableau.catalogue.site(SITE) if self.tableau else None
        return self._html(
            "index.html",
            wiki=wiki,
            talk=talk(self.store),
            tableau=site,
            notices=self.store.board_notices() if self.notices else [],
            rest=True,
            context_path=self.addresses.context_path,
        )

    def space(self, key: str) -> HTMLResponse:
        space = self.store.space(key)
        if space is None:
            return self._not_found(f"There is no space {key}.")
        pages = self.store.pages(space.key)
        nodes = page_tree(self.store, space, self.addresses)
        every = page_tree(self.store, space, self.addresses)
        unfold(every)
        return self._html(
            "space.html",
            here="wiki",
            space=space,
            nodes=nodes,
            all_nodes=every,
            count=len(pages),
            homepage=self.store.page(space.homepage_id or ""),
            archived=self.store.pages(space.key, ("archived",)),
            blog=self.store.pages(space.key, kind="blogpost")[::-1],
            recent=sorted(pages, key=lambda page: page.updated_at, reverse=True)[:10],
        )

    def page_by_path(self, key: str, page_id: str, title: str = "") -> HTMLResponse:
        # As on the real site the id decides; the key and the title in the address are for people.
        del key, title
        return self._page(self.store.page(page_id), None, f"There is no page {page_id}.")

    def blog_post(self, key: str, day: str, page_id: int, title: str = "") -> HTMLResponse:
        del day
        return self.page_by_path(key, str(page_id), title)

    def page_by_title(self, request: Request, key: str, title: str) -> HTMLResponse:
        # "+" is a blank in these addresses, "%2B" a plus sign: only the raw path still distinguishes them. People also
        # type titles with a plus sign.
        raw = bytes(request.scope["raw_path"]).decode("ascii", "replace")
        wanted_title = unquote_plus(raw.partition("/display/")[2].partition("/")[2])
        page = self._page_by_title(key, wanted_title) or self._page_by_title(key, title) or self._post(key, wanted_title)
        return self._page(page, None, f"There is no page “{wanted_title}” in the space {key}.")

    def page_by_query(
        self,
        page_id: Annotated[str, Query(alias="pageId")] = "",
        version: Annotated[str, Query(alias="pageVersion")] = "",
        version_of_link: Annotated[str, Query(alias="version")] = "",
        key: Annotated[str, Query(alias="spaceKey")] = "",
        title: str = "",
    ) -> HTMLResponse:
        page = self.store.page(page_id) if page_id else self._page_by_title(key, title)
        number = version or version_of_link
        wanted = _number(number)
        if number and wanted is None:
            return self._not_found(f"There is no version {number}.")
        return self._page(page, wanted, f"There is no page {page_id or title}.")

    def tiny(self, name: str) -> Response:
        page = self.store.page(page_id_of_tiny_link(name) or "")
        if page is None:
            return self._not_found(f"The short link {name} leads nowhere.")
        return RedirectResponse(self.addresses.page(page))

    def attachments(self, page_id: Annotated[str, Query(alias="pageId")] = "") -> Response:
        page = self.store.page(page_id)
        if page is None:
            return self._not_found(f"There is no page {page_id}.")
        return RedirectResponse(self.addresses.page(page) + "#attachments")

    def source(self, page_id: Annotated[str, Query(alias="pageId")] = "") -> HTMLResponse:
        page = self.store.page(page_id)
        if page is None:
            return self._not_found(f"There is no page {page_id}.")
        error = None
        try:
            parse_storage(page.body)
        except StorageError as found:
            error = str(found)
        return self._wiki("source.html", page, error=error)

    def history(self, page_id: Annotated[str, Query(alias="pageId")] = "") -> HTMLResponse:
        page = self.store.page(page_id)
        if page is None:
            return self._not_found(f"There is no page {page_id}.")
        return self._wiki("history.html", page, versions=self.store.versions(page.id))

    def difference(
        self,
        page_id: Annotated[str, Query(alias="pageId")] = "",
        selected: Annotated[list[str] | None, Query(alias="selectedPageVersions")] = None,
    ) -> HTMLResponse:
        page = self.store.page(page_id)
        if page is None:
            return self._not_found(f"There is no page {page_id}.")
        numbers = sorted(number for number in map(_number, selected or []) if number is not None)
        versions = [self.store.page_version(page.id, number) for number in numbers]
        if len(versions) != 2 or versions[0] is None or versions[1] is None:
            return self._not_found("A comparison needs two versions of the page that exist.")
        rows = compare(versions[0].body, versions[1].body)
        return self._wiki(
            "diff.html",
            page,
            older=versions[0],
            newer=versions[1],
            rows=rows,
            changed=sum(row.kind == "changed" for row in rows),
        )

    def slack(self) -> Response:
        channels = self.store.channels()
        if not channels:
            return self._not_found("There is no channel yet; the first message creates one.")
        return RedirectResponse(self.addresses.channel(channels[0]))

    def channel(self, channel: str, thread_ts: str = "", author: Annotated[str, Query(alias="as")] = "") -> HTMLResponse:
        record = self.store.channel(channel)
        if record is None:
            return self._not_found(f"There is no channel #{channel.removeprefix('#')}.")
        post_due(self.store)
        view = channel_view(self.store, record, thread_ts)
        composer = None
        if self.composer is not None:
            composer = composer_view(self.store, record, self.composer.interactions, author, thread_ts)
        return self._html(
            "channel.html",
            script=True,
            forms=True,
            here="slack",
            view=view,
            mentioned=mentioned(self.store),
            composer=composer,
        )

    async def write(self, request: Request, channel: str) -> Response:
        fields = await _read_form(request)
        if fields is None:
            return PlainTextResponse("this form came from another site", 403)
        author, typed, thread_ts = (fields.get(name, [""])[0].strip() for name in ("as", "text", "thread_ts"))
        return await run_in_threadpool(self._write, channel, author, typed, thread_ts)

    async def click(self, request: Request, channel: str) -> Response:
        fields = await _read_form(request)
        if fields is None:
            return PlainTextResponse("this form came from another site", 403)
        author, names = fields.get("as", [""])[0], _read_names(fields.get("click", [""])[0], 3)
        return await run_in_threadpool(self._click, channel, author, names)

    async def submit_view(self, request: Request, channel: str) -> Response:
        fields = await _read_form(request)
        if fields is None:
            return PlainTextResponse("this form came from another site", 403)
        return await run_in_threadpool(self._submit_view, channel, fields)

    def _write(self, channel: str, author: str, typed: str, thread_ts: str) -> Response:
        record, person = self.store.channel(channel), self.store.person(author)
        if record is None or person is None or self.composer is None or record.archived:
            return self._not_found(f"There is no person {author} who can write to {channel}.")
        if typed:
            self.composer.write(record, person, typed, thread_ts or None)
        query = urlencode({"as": person.id} | ({"thread_ts": thread_ts} if thread_ts else {}))
        return RedirectResponse(f"{self.addresses.channel(record)}?{query}", 303)

    def _click(self, channel: str, author: str, names: list[str]) -> Response:
        record, person = self.store.channel(channel), self.store.person(author)
        if record is None or person is None or self.composer is None or not names:
            return self._not_found(f"There is no person {author} who can click in {channel}.")
        place, block_id, action_id = names
        interactions = self.composer.interactions
        if interactions.view(place) is not None:
            interactions.click_in_view(place, action_id, block_id)
        else:
            interactions.click(record, person, place, action_id, block_id)
        return RedirectResponse(f"{self.addresses.channel(record)}?{urlencode({'as': person.id})}", 303)

    def _submit_view(self, channel: str, fields: dict[str, list[str]]) -> Response:
        record = self.store.channel(channel)
        view_id = fields.get("view", [""])[0]
        view = self.composer.interactions.view(view_id) if self.composer else None
        if record is None or view is None or self.composer is None:
            return self._not_found("This modal is not open any more.")
        if "cancel" in fields:
            self.composer.interactions.close(view_id)
        else:
            values = {(names[0], names[1]): typed for name, typed in fields.items() if (names := _read_names(name, 2))}
            self.composer.interactions.submit(view_id, values)
        return RedirectResponse(f"{self.addresses.channel(record)}?{urlencode({'as': view.user_id})}", 303)

    def message(self, channel: str, number: str) -> Response:
        record = self.store.channel(channel)
        message = self.store.message(record.id, f"{number[:-6]}.{number[-6:]}") if record else None
        if record is None or message is None:
            return self._not_found(f"There is no message p{number} in {channel}.")
        address = self.addresses.channel(record)
        if message.thread_ts and not message.broadcast:
            address += f"?thread_ts={message.thread_ts}"
        return RedirectResponse(f"{address}#{anchor(message.ts)}")

    def slack_file(self, user: str, file_id: str, name: str) -> Response:
        # As in Slack, the id decides.
        del user, name
        file = self.store.slack_file(file_id)
        return RedirectResponse(self.addresses.slack_file(file)) if file else self._not_found(f"There is no file {file_id}.")

    def board(self, key: str = "") -> HTMLResponse:
        projects = self.store.projects()
        shown = [project for project in projects if project.key == key.upper()] if key else projects
        if not shown:
            return self._not_found(f"There is no project {key}." if key else "There is no project yet.")
        keys = {project.key for project in shown}
        issues = sorted(self.store.issues(), key=lambda issue: issue.updated, reverse=True)
        columns = [
            (category, [i for i in issues if i.project in keys and STATUSES[i.status].category == category])
            for category in CATEGORIES
        ]
        return self._html("board.html", here="jira", projects=projects, shown=shown, columns=columns, statuses=STATUSES)

    def issue(self, key: str) -> HTMLResponse:
        issue = self.store.issue(key)
        if issue is None:
            return self.board(key) if "-" not in key else self._not_found(f"There is no issue {key}.")
        return self._html("issue.html", here="jira", issue=issue, now=STATUSES[issue.status])

    def members(self) -> HTMLResponse:
        changes = self.store.member_changes()
        members, groups = self.store.member_accounts(), self.store.member_groups()
        return self._html("members.html", here="members", members=members, groups=groups, changes=changes[:30])

    def member(self, user_id: str) -> HTMLResponse:
        member, changes = self.store.member_account(user_id), self.store.member_changes(user_id)
        if member is None and not changes:
            return self._not_found(f"There is no member {user_id}.")
        return self._html("member.html", here="members", user_id=user_id, member=member, changes=changes)

    def contributions(self, login: str) -> HTMLResponse:
        contributor = self.store.contributor(login)
        if contributor is None or self.github is None:
            return self._not_found(f"There is no person {login} on GitHub.")
        shown = fragment(contributor, self.github.today, self.github.markup)
        return self._html("github.html", login=contributor.login, fragment=shown, path=GITHUB_PATH)

    def _post(self, key: str, path: str) -> Page | None:
        """Return the blog post of an address such as ``2026/11/19/Title``."""
        day, _, title = path.rpartition("/")
        space = self.store.space(key)
        posts = self.store.pages_by_title(title, space.key, kind="blogpost") if space else []
        return next((post for post in posts if f"{post.created_at:%Y/%m/%d}" == day), None)

    def _page_by_title(self, key: str, title: str) -> Page | None:
        space = self.store.space(key)
        return self.store.page_by_title(space.key, title, ANY_STATUS[:2]) if space else None

    def _page(self, page: Page | None, version: int | None, missing: str) -> HTMLResponse:
        view = page_view(self.store, page, self.addresses, version) if page else None
        if page is None or view is None:
            return self._not_found(missing if page is None else f"This page has no version {version}.")
        return self._wiki("page.html", page, view=view)

    def _wiki(self, template: str, page: Page, **values: Any) -> HTMLResponse:
        space = self.store.space(page.space_key)
        nodes = page_tree(self.store, space, self.addresses, page) if space else []
        return self._html(template, here="wiki", space=space, nodes=nodes, page=page, **values)

    def _not_found(self, what: str) -> HTMLResponse:
        return self._html("not_found.html", 404, what=what)

    def _html(
        self, template: str, status: int = 200, *, script: bool = False, forms: bool = False, **values: Any
    ) -> HTMLResponse:
        spaces: list[Space] = self.store.spaces()
        text = render(
            template,
            addresses=self.addresses,
            spaces=spaces,
            channels=self.store.channels(),
            has_issues=bool(self.store.projects()),
            has_members=self.store.has_member_accounts(),
            tableau_path=TABLEAU_PATH if self.tableau else None,
            board_path=BOARD_PATH if self.notices else None,
            names=lambda username: display_name(self.store, username),
            **values,
        )
        headers = _headers(script=script, forms=forms)
        return HTMLResponse(text.encode("utf-8", "replace"), status, headers=headers)


async def _read_form(request: Request) -> dict[str, list[str]] | None:
    """Return the fields of a form; None when a page of another site made the browser send it, whose origin it names."""
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{request.url.netloc}":
        return None
    return parse_qs((await request.body()).decode("utf-8", "replace"))


def _read_names(text: str, count: int) -> list[str]:
    """Return the names that a button or an input field has as its value or name; none for anything else."""
    try:
        names = json.loads(text)
    except ValueError:
        return []
    return names if isinstance(names, list) and len(names) == count and all(isinstance(n, str) for n in names) else []


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 else None


def _headers(*, script: bool, forms: bool) -> dict[str, str]:
    """Return the headers of a page: most have neither script nor form; that of a channel has both."""
    policy = _HEADERS[_POLICY]
    if forms:
        policy = policy.replace("form-action 'none'", "form-action 'self'")
    if script:
        policy += "; script-src 'self'" + ("; connect-src 'self'" if forms else "")
    return _HEADERS | {_POLICY: policy}
