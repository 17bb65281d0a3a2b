"""The sandbox's own controls over HTTP, for other processes: ``/_sandbox/...``."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException, Request

from workplace_sandbox.confluence.cloud.controls import CloudControls
from workplace_sandbox.confluence.controls import WikiControls
from workplace_sandbox.faults import Fault, FaultBoard
from workplace_sandbox.github.controls import GithubControls
from workplace_sandbox.journal import Journal
from workplace_sandbox.model import MessageNews, ReactionNews, SlackUser
from workplace_sandbox.notices.controls import NoticeControls
from workplace_sandbox.slack.controls import SlackControls
from workplace_sandbox.slack.events import events_of, member_event, reaction_event
from workplace_sandbox.slack.response_urls import ResponseUrls
from workplace_sandbox.slack.sockets import SocketMode
from workplace_sandbox.store import Store, StoreError
from workplace_sandbox.tableau.control_routes import build_tableau_control_router
from workplace_sandbox.tableau.controls import TableauControls


@dataclass(slots=True)
class Controls:
    """The controls of a running sandbox.

    :param store: the state.
    :param reset: restores the initial state, with or without the seeded wiki.
    :param tableau: the controls of Tableau.
    :param today: the day on which the sandbox is "now"; the real one when None.
    """

    store: Store
    reset: Callable[[bool], None]
    tableau: TableauControls
    faults: FaultBoard = field(default_factory=FaultBoard)
    journal: Journal = field(default_factory=Journal)
    today: date | None = None
    sockets: SocketMode = field(default_factory=SocketMode)
    responses: ResponseUrls = field(init=False)
    slack: SlackControls = field(init=False)
    github: GithubControls = field(init=False)
    notices: NoticeControls = field(init=False)
    cloud: CloudControls = field(init=False)
    wiki: WikiControls = field(init=False)

    def __post_init__(self) -> None:
        """Create the controls of the Slack workspace, GitHub, the notice board, Confluence Cloud and the wiki."""
        self.responses = ResponseUrls(self.store)
        self.slack = SlackControls(self.store, self.faults, self.sockets, self.responses)
        self.github = GithubControls(self.store, self.faults, self.today)
        self.notices = NoticeControls(self.store)
        self.cloud = CloudControls(self.store, self.faults)
        self.wiki = WikiControls(self.store)

    def announce(self, news: MessageNews) -> None:
        """Send the event of a changed message to the Slack app."""
        for payload in events_of(self.store, news):
            self.sockets.publish(payload)

    def announce_reaction(self, news: ReactionNews) -> None:
        """Send the event of a reaction to the Slack app."""
        for payload in reaction_event(self.store, news):
            self.sockets.publish(payload)

    def announce_member(self, person: SlackUser, joined: bool) -> None:
        """Send the event of a new or changed member to the Slack app."""
        if self.slack.behaviour.member_events:
            for payload in member_event(self.store, person, joined=joined):
                self.sockets.publish(payload)

    def listen(self) -> None:
        """Send events to the Slack app from now on."""
        self.store.on_message, self.store.on_reaction = self.announce, self.announce_reaction
        self.store.on_member = self.announce_member

    def stop_listening(self) -> None:
        """Send no events, as while the state is filled."""
        self.store.on_message = self.store.on_reaction = self.store.on_member = None

    def export(self, directory: Path) -> None:
        """Write the wiki and the channels as files that a browser opens.

        :param directory: the target; created if it does not exist.
        """
        from workplace_sandbox.export import export_site

        export_site(self.store, directory)


def require_json(request: Request) -> None:
    """Refuse everything but JSON: a page of another site can make a browser send a form or text, but never JSON.

    :raises HTTPException: 415.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send application/json")


JSON_ONLY = [Depends(require_json)]


def build_control_router(controls: Controls) -> APIRouter:
    """Build the routes.

    :param controls: the controls that they call.
    :return: the routes, to be included under ``/_sandbox``.
    """
    router = APIRouter()
    _add_state_routes(router, controls)
    _add_fault_and_journal_routes(router, controls)
    _add_action_routes(router, controls)
    router.include_router(build_tableau_control_router(controls.tableau, JSON_ONLY), prefix="/tableau")
    return router


def _add_fault_and_journal_routes(router: APIRouter, controls: Controls) -> None:
    @router.get("/faults")
    def faults() -> list[dict[str, Any]]:
        return controls.faults.rules()

    @router.post("/faults", dependencies=JSON_ONLY)
    def add_fault(fault: Fault) -> dict[str, int]:
        return {"id": controls.faults.add(fault)}

    @router.delete("/faults")
    def clear_faults() -> dict[str, str]:
        controls.faults.clear()
        return {"status": "ok"}

    @router.get("/requests")
    def requests(path: str | None = None) -> list[dict[str, Any]]:
        return [record.to_json() for record in controls.journal.requests(path)]

    @router.delete("/requests")
    def clear_requests() -> dict[str, str]:
        controls.journal.clear()
        return {"status": "ok"}


def _add_state_routes(router: APIRouter, controls: Controls) -> None:
    @router.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.post("/reset", dependencies=JSON_ONLY)
    def reset(seed: Annotated[bool, Body(embed=True)] = True) -> dict[str, str]:
        controls.reset(seed)
        return {"status": "ok"}

    @router.get("/messages")
    def messages(channel: str | None = None) -> list[dict[str, Any]]:
        return [asdict(message) for message in controls.store.messages(channel)]

    @router.post("/export", dependencies=JSON_ONLY)
    def export(directory: Annotated[str, Body(embed=True)]) -> dict[str, str]:
        target = Path(directory)
        if not target.is_absolute():
            raise HTTPException(400, "the directory must be an absolute path")
        controls.export(target)
        return {"directory": str(target)}


def _add_action_routes(router: APIRouter, controls: Controls) -> None:
    @router.post("/slack/{action}", dependencies=JSON_ONLY)
    def slack(action: str, arguments: Annotated[dict[str, Any], Body()]) -> Any:
        return _run(controls.slack, action, arguments)

    @router.post("/github/{action}", dependencies=JSON_ONLY)
    def github(action: str, arguments: Annotated[dict[str, Any], Body()]) -> Any:
        return _run(controls.github, action, arguments)

    @router.post("/notices/{action}", dependencies=JSON_ONLY)
    def notices(action: str, arguments: Annotated[dict[str, Any], Body()]) -> Any:
        return _run(controls.notices, action, arguments)

    @router.post("/cloud/{action}", dependencies=JSON_ONLY)
    def cloud(action: str, arguments: Annotated[dict[str, Any], Body()]) -> Any:
        return _run(controls.cloud, action, arguments)

    @router.post("/wiki/{action}", dependencies=JSON_ONLY)
    def wiki(action: str, arguments: Annotated[dict[str, Any], Body()]) -> Any:
        return _run(controls.wiki, action, arguments)


def _run(
    controls: SlackControls | GithubControls | NoticeControls | CloudControls | WikiControls,
    action: str,
    arguments: dict[str, Any],
) -> Any:
    """Run an action for another process.

    :raises HTTPException: 404 or 400, with the reason.
    """
    try:
        return controls.run(action, arguments)
    except (LookupError, StoreError) as error:
        raise HTTPException(404, f"there is no {error}") from error
    except (TypeError, ValueError) as error:
        raise HTTPException(400, str(error)) from error
