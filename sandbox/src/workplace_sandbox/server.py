"""The sandbox as a running server: in a thread of this process, on a loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
import threading
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import uvicorn

from workplace_sandbox.app import build_app
from workplace_sandbox.baseline import populate
from workplace_sandbox.confluence.cloud import AUTH_PATH, CLOUD_ID, GATEWAY_PATH, SITE_PATH
from workplace_sandbox.confluence.cloud import accounts as cloud_accounts
from workplace_sandbox.confluence.cloud.grants import SERVICE, WEB_APP
from workplace_sandbox.connection import EndableConnection
from workplace_sandbox.control import Controls
from workplace_sandbox.github import GITHUB_PATH
from workplace_sandbox.github import TOKEN as GITHUB_TOKEN
from workplace_sandbox.jira import JIRA_PATH
from workplace_sandbox.members import MEMBERS_PATH
from workplace_sandbox.notices import BOARD_PATH
from workplace_sandbox.scim import SCIM_TOKEN
from workplace_sandbox.slack.webhooks import REPORT_CHANNEL, WORKFLOW
from workplace_sandbox.slack.workspace import API_PATH, APP_TOKEN, BOT_TOKEN, TEAM, WEBHOOK_BOT
from workplace_sandbox.store import Store
from workplace_sandbox.tableau import CLOUD_PATH, TABLEAU_PATH
from workplace_sandbox.tableau import accounts as tableau_accounts
from workplace_sandbox.tableau.controls import TableauControls

if TYPE_CHECKING:
    from types import TracebackType

    from workplace_sandbox.confluence.cloud.controls import CloudControls
    from workplace_sandbox.confluence.controls import WikiControls
    from workplace_sandbox.faults import Fault
    from workplace_sandbox.github.controls import GithubControls
    from workplace_sandbox.journal import RecordedRequest
    from workplace_sandbox.model import SlackMessage
    from workplace_sandbox.notices.controls import NoticeControls
    from workplace_sandbox.slack.controls import SlackControls

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 1


class Sandbox:
    """A local Confluence Data Center and Cloud, Jira Data Center, GitHub, Slack, Tableau Server and Tableau Cloud.

    ``with Sandbox() as sandbox: requests.get(sandbox.confluence_url + "/rest/api/space", ...)``

    :param state: directory of the state, which is kept; a temporary one when None.
    :param seed: whether an empty state is filled with the team's wiki, issues and Slack messages. Without it there are
        the
        users, the space ``ANALYTICS`` with its home page, and the two channels of the webhooks. Tableau has its
        workbooks
        either way.
    :param today: the day on which the seeded wiki and Tableau are "now"; today when None.
    :param last_report: a storage-format file that becomes last week's report page.
    :param port: port; 0 takes a free one.
    :param context_path: the path of Confluence; empty for the root.
    :param search_lag: how long new content stays invisible to CQL, as a real search index lags behind.
    :param max_attachment_bytes: the largest accepted attachment; None for no limit.
    :param ssl_certfile: certificate, to serve TLS.
    :param ssl_keyfile: its key.
    :param ssl_ca_certs: authorities of client certificates; clients must then have one.
    """

    def __init__(
        self,
        state: Path | None = None,
        *,
        seed: bool = True,
        today: date | None = None,
        last_report: Path | None = None,
        port: int = 0,
        context_path: str = "/confluence",
        search_lag: timedelta = timedelta(0),
        max_attachment_bytes: int | None = None,
        ssl_certfile: Path | None = None,
        ssl_keyfile: Path | None = None,
        ssl_ca_certs: Path | None = None,
    ) -> None:
        if context_path and (not context_path.startswith("/") or context_path.endswith("/")):
            raise ValueError("context_path must be empty, or begin with a slash and not end with one")
        self.context_path = context_path
        self._state = state
        self._seed = seed
        self._today = today
        self._last_report = last_report
        self._port = port
        self._search_lag = search_lag
        self._max_attachment_bytes = max_attachment_bytes
        self._tls = (ssl_certfile, ssl_keyfile, ssl_ca_certs)
        self._cleanup = contextlib.ExitStack()
        self._started: tuple[Store, Controls] | None = None

    # --- life

    def start(self) -> None:
        """Open the state and serve; returns when the server responds.

        :raises OSError: the port is taken.
        :raises RuntimeError: the server did not start.
        """
        with contextlib.ExitStack() as undo:
            listener = undo.enter_context(contextlib.closing(self._listen()))
            self._port = listener.getsockname()[1]
            directory = self._state or Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="workplace-sandbox-")))
            store = undo.enter_context(contextlib.closing(Store(directory)))
            self._started = (store, Controls(store, self.reset, TableauControls(self._today), today=self._today))
            if store.is_empty():
                self._populate(self._seed)
            self._started[1].listen()
            self._serve(listener, undo)
            self._cleanup = undo.pop_all()

    def stop(self) -> None:
        """Stop serving and close the state; a temporary one is removed."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # --- addresses

    @property
    def port(self) -> int:
        """The port of the server; known after the start."""
        return self._port

    @property
    def url(self) -> str:
        """The root: the user interface."""
        scheme = "https" if self._tls[0] else "http"
        return f"{scheme}://{HOST}:{self._port}"

    @property
    def confluence_url(self) -> str:
        """Confluence's base URL, context path included."""
        return f"{self.url}{self.context_path}"

    @property
    def confluence_token(self) -> str:
        """A personal access token of the user ``report-bot``."""
        return "sandbox-token"

    @property
    def cloud_url(self) -> str:
        """The site of the cloud, as ``https://your-team.atlassian.net``; Confluence is at ``/wiki`` below it."""
        return f"{self.url}{SITE_PATH}"

    @property
    def cloud_gateway_url(self) -> str:
        """The gateway, as ``https://api.atlassian.com``; Confluence is at ``/ex/confluence/<cloud id>/wiki`` below it."""
        return f"{self.url}{GATEWAY_PATH}"

    @property
    def atlassian_auth_url(self) -> str:
        """As ``https://auth.atlassian.com``: ``/authorize`` and ``/oauth/token`` are below it."""
        return f"{self.url}{AUTH_PATH}"

    @property
    def cloud_id(self) -> str:
        """The id of the site."""
        return CLOUD_ID

    @property
    def cloud_email(self) -> str:
        """The e-mail address for the API tokens of ``report-bot``."""
        return f"{cloud_accounts.BOT}@example.com"

    @property
    def cloud_token(self) -> str:
        """An API token without scopes, for the site; with ``-<user name>`` after it, that of another user."""
        return cloud_accounts.TOKEN

    @property
    def cloud_scoped_token(self) -> str:
        """An API token with every scope, for the gateway; with ``-<user name>`` after it, that of another user."""
        return cloud_accounts.SCOPED_TOKEN

    @property
    def cloud_oauth_client(self) -> tuple[str, str]:
        """Id and secret of an OAuth app that people consent to; any loopback address may be its ``redirect_uri``."""
        return WEB_APP.client_id, WEB_APP.secret

    @property
    def cloud_service_client(self) -> tuple[str, str]:
        """Id and secret of a service account, for ``client_credentials``."""
        return SERVICE.client_id, SERVICE.secret

    @property
    def jira_url(self) -> str:
        """Jira's base URL, context path included; it accepts Confluence's tokens and passwords."""
        return f"{self.url}{JIRA_PATH}"

    @property
    def github_url(self) -> str:
        """GitHub's base URL: calendars are below ``/users``, the API below ``/api`` as on an Enterprise Server."""
        return f"{self.url}{GITHUB_PATH}"

    @property
    def github_token(self) -> str:
        """A token for GitHub's API."""
        return GITHUB_TOKEN

    @property
    def members_url(self) -> str:
        """The base URL of the member service's API; see ``members/api.py`` for its headers."""
        return f"{self.url}{MEMBERS_PATH}/api"

    @property
    def members_scim_url(self) -> str:
        """The base URL of the member service's SCIM API; see ``scim.py``."""
        return f"{self.url}{MEMBERS_PATH}/scim/v2"

    @property
    def board_url(self) -> str:
        """The notice board: its page, with its other forms below; see ``notices/__init__.py``."""
        return f"{self.url}{BOARD_PATH}"

    @property
    def warehouse(self) -> Path:
        """A SQLite file with the weekly figures, for DAGs that query a database; known after the start."""
        return self.store.directory / "warehouse.sqlite"

    @property
    def tableau_url(self) -> str:
        """Tableau Server's base URL; its REST API is below ``/api``."""
        return f"{self.url}{TABLEAU_PATH}"

    @property
    def tableau_cloud_url(self) -> str:
        """Tableau Cloud's base URL."""
        return f"{self.url}{CLOUD_PATH}"

    @property
    def tableau_site(self) -> str:
        """Content URL of the site with the seeded workbooks; Tableau Server has the default site beside it."""
        return tableau_accounts.SITE

    @property
    def tableau_pats(self) -> dict[str, str]:
        """Names and secrets of the personal access tokens of ``report-bot``."""
        return dict(tableau_accounts.PATS)

    @property
    def tableau_user(self) -> str:
        """A user who signs in to Tableau Server with a password; Tableau Cloud refuses passwords."""
        return tableau_accounts.BOT

    @property
    def tableau_password(self) -> str:
        """The password of ``tableau_user``."""
        return tableau_accounts.PASSWORD

    @property
    def tableau_connected_app(self) -> dict[str, str]:
        """A connected app with direct trust: ``client_id``, ``secret_id`` and ``secret_value``."""
        return dict(tableau_accounts.CONNECTED_APP)

    @property
    def slack_api_url(self) -> str:
        """Base URL of Slack's Web API with its trailing slash, as ``base_url`` of slack_sdk and of Airflow."""
        return f"{self.url}{API_PATH}"

    @property
    def slack_bot_token(self) -> str:
        """A token of the bot ``report-bot`` with every scope; see ``slack/workspace.py`` for tokens with fewer scopes."""
        return BOT_TOKEN

    @property
    def slack_app_token(self) -> str:
        """An app-level token, which only Socket Mode accepts; the Web API refuses it as Slack does."""
        return APP_TOKEN

    @property
    def incoming_webhook_url(self) -> str:
        """An incoming webhook that posts to ``#weekly-report``."""
        return self.webhook_url("sandbox-incoming")

    @property
    def alarm_webhook_url(self) -> str:
        """An incoming webhook that posts to ``#data-alarms``."""
        return self.webhook_url("sandbox-alarm")

    @property
    def workflow_webhook_url(self) -> str:
        """A Workflow Builder webhook with the variables ``report_link`` and ``report_title``."""
        return f"{self.url}/triggers/{TEAM}/{WORKFLOW}/sandbox-workflow"

    @property
    def slack_channel_url(self) -> str:
        """The page of ``#weekly-report``."""
        return f"{self.url}/slack/archives/{quote(REPORT_CHANNEL.removeprefix('#'))}"

    def webhook_url(self, token: str) -> str:
        """Return the address of the incoming webhook with that token; see ``slack/webhooks.py`` for the tokens."""
        return f"{self.url}/services/{TEAM}/{WEBHOOK_BOT}/{token}"

    # --- state and controls

    @property
    def store(self) -> Store:
        """The state."""
        return self._running()[0]

    @property
    def tableau(self) -> TableauControls:
        """The controls of Tableau, which is in memory only: its clock, its sessions, its workbooks, its delays."""
        return self._running()[1].tableau

    def reset(self, seed: bool = True) -> None:
        """Restore the initial state, and remove faults and recorded requests too."""
        store, controls = self._running()
        # No events for the messages of the new state.
        controls.stop_listening()
        controls.sockets.reset()
        controls.responses.reset()
        controls.slack.composer.interactions.reset()
        store.reset()
        controls.tableau.reset()
        controls.faults.clear()
        controls.journal.clear()
        controls.slack.behave_well()
        controls.github.behave_well()
        controls.notices.behave_well()
        controls.cloud.behave_well()
        self._populate(seed)
        controls.listen()

    @property
    def slack(self) -> SlackControls:
        """The controls of Slack: add or remove people, post messages, change the paging."""
        return self._running()[1].slack

    @property
    def github(self) -> GithubControls:
        """The controls of GitHub: add contributions, change the day, change the page."""
        return self._running()[1].github

    @property
    def wiki(self) -> WikiControls:
        """The controls of the wiki; see ``confluence/controls.py``."""
        return self._running()[1].wiki

    @property
    def notices(self) -> NoticeControls:
        """The controls of the notice board: add, edit, pin and remove notices, or change the layout."""
        return self._running()[1].notices

    @property
    def cloud(self) -> CloudControls:
        """The controls of Confluence Cloud: advance time, expire tokens, revoke consents, use up points, archive a page."""
        return self._running()[1].cloud

    def add_fault(self, fault: Fault) -> int:
        """Switch a fault on.

        :return: the id of the rule.
        """
        return self._running()[1].faults.add(fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._running()[1].faults.clear()

    def requests(self, path: str | None = None) -> list[RecordedRequest]:
        """Return the requests so far.

        :param path: regular expression that the path matches; None for all.
        """
        return self._running()[1].journal.requests(path)

    def clear_requests(self) -> None:
        """Remove the requests so far."""
        self._running()[1].journal.clear()

    def messages(self, channel: str | None = None) -> list[SlackMessage]:
        """Return the messages in Slack, the oldest first.

        :param channel: with its leading ``#``; None for all.
        """
        return self.store.messages(channel)

    def export(self, directory: Path) -> None:
        """Write the wiki and the channels as files that a browser opens."""
        self._running()[1].export(directory)

    def airflow_connections(self) -> dict[str, dict[str, Any]]:
        """Return Airflow's connections to the sandbox: id to the connection as JSON, as ``AIRFLOW_CONN_…`` takes it."""
        return {
            "confluence_default": {
                "conn_type": "confluence",
                "host": self.confluence_url,
                "password": self.confluence_token,
            },
            "jira_default": {"conn_type": "jira", "host": self.jira_url, "password": self.confluence_token},
            "github_default": {"conn_type": "http", "host": self.github_url, "password": self.github_token},
            "tableau_default": {
                "conn_type": "tableau_rest",
                "host": self.tableau_url,
                "login": "airflow",
                "password": self.tableau_pats["airflow"],
                "extra": {"site": self.tableau_site},
            },
            "slack_api_default": {
                "conn_type": "slack",
                "password": self.slack_bot_token,
                "extra": {"base_url": self.slack_api_url},
            },
            "member_service": {
                "conn_type": "http",
                "host": self.members_url,
                "login": "identity-sync",
                "extra": {"auth": "headers"},
            },
            "member_scim": {"conn_type": "scim", "host": self.members_scim_url, "password": SCIM_TOKEN},
            "slack_app_default": {
                "conn_type": "slack_app",
                "password": self.slack_app_token,
                "extra": {"base_url": self.slack_api_url, "slack_conn_id": "slack_api_default"},
            },
            "slack_report": {"conn_type": "slackwebhook", "password": self.workflow_webhook_url},
            "slack_alarm": {"conn_type": "slackwebhook", "password": self.alarm_webhook_url},
            "notice_board": {"conn_type": "http", "host": self.url},
            "warehouse": {"conn_type": "sqlite", "host": str(self.warehouse)},
        }

    # --- inside

    def _running(self) -> tuple[Store, Controls]:
        if self._started is None:
            raise RuntimeError("the sandbox is not started")
        return self._started

    def _populate(self, seed: bool) -> None:
        today = self._today or date.today()
        populate(self.store, seed=seed, today=today, last_report=self._last_report)

    def _listen(self) -> socket.socket:
        # asyncio turns Nagle's algorithm off only for sockets that name their protocol; with it on, a response waits 40 ms
        # between its head and its body.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            # A restart on the same port must not wait until the old connections have timed out.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, self._port))
        except OSError:
            listener.close()
            raise
        return listener

    def _serve(self, listener: socket.socket, undo: contextlib.ExitStack) -> None:
        """Run the server in a thread until ``undo`` is closed."""
        app = build_app(
            *self._running(),
            self.context_path,
            search_lag=self._search_lag,
            max_attachment_bytes=self._max_attachment_bytes,
        )
        certfile, keyfile, ca_certs = (str(path) if path else None for path in self._tls)
        config = uvicorn.Config(
            app,
            http=EndableConnection,
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            ssl_certfile=certfile,
            ssl_keyfile=keyfile,
            ssl_ca_certs=ca_certs,
            ssl_cert_reqs=ssl.CERT_REQUIRED if ca_certs else ssl.CERT_NONE,
        )
        server = uvicorn.Server(config)
        controls = self._running()[1]
        controls.responses.base_url = self.url

        async def serve() -> None:
            controls.sockets.attach(asyncio.get_running_loop())
            await server.serve(sockets=[listener])

        thread = threading.Thread(target=asyncio.run, args=[serve()], name="workplace-sandbox", daemon=True)

        def stop() -> None:
            server.should_exit = True
            thread.join(timeout=START_SECONDS)

        undo.callback(stop)
        thread.start()
        waited = threading.Event()
        for _ in range(int(START_SECONDS / 0.01)):
            if server.started:
                return
            if not thread.is_alive():
                break
            waited.wait(0.01)
        raise RuntimeError("the sandbox did not start")
