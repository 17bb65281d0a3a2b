"""Checks of connections, and of the clock, with requests that write nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from workplace_provider.doctor.findings import Finding, ok, problem, warning

if TYPE_CHECKING:
    from airflow.sdk import Connection

CLOCK_LIMIT: Final = 60
"""Seconds. Tokens of connected apps and signed requests are refused by a clock that differs more."""

_TIMEOUT: Final = 10


def connections(used: Mapping[str, str]) -> Iterator[Finding]:
    """Check that connections exist and are accepted.

    :param used: ids of connections, each with the task that uses it
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException

    for conn_id, where in sorted(used.items()):
        try:
            connection = BaseHook.get_connection(conn_id)
        except AirflowException:
            advice = f"Create it under Admin → Connections, or as AIRFLOW_CONN_{conn_id.upper()}; see docs/connections.md"
            yield problem("connections", f"{conn_id} does not exist, and {where} uses it", advice)
            continue
        yield _test(connection)


def _test(connection: Connection) -> Finding:
    test = _TESTS.get(connection.conn_type or "", _test_hook)
    try:
        works, text = test(connection)
    except Exception as error:  # whatever the hook of another provider raises
        works, text = False, f"{type(error).__name__}: {error}"
    name = f"{connection.conn_id} ({connection.conn_type})"
    if works:
        return ok("connections", f"{name}: {text}")
    return problem("connections", f"{name}: {text}", "Correct its fields under Admin → Connections; see docs/connections.md")


def _test_hook(connection: Connection) -> tuple[bool, str]:
    """Run the test behind the button *Test* of the connection's form."""
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    if connection.conn_type not in ProvidersManagerTaskRuntime().hooks:  # type: ignore[no-untyped-call]
        return False, f"no installed provider has the connection type {connection.conn_type!r}"
    hook = connection.get_hook()  # type: ignore[no-untyped-call]
    if not hasattr(hook, "test_connection"):
        return True, "exists; its hook has no test"
    return hook.test_connection()  # type: ignore[no-any-return]


def _test_webhook(_: Connection) -> tuple[bool, str]:
    return True, "exists; a test would post a message"


def _test_jira(connection: Connection) -> tuple[bool, str]:
    from workplace_provider.jira.hooks import jira_client

    with jira_client(connection.conn_id) as jira:
        jira.search("created >= -1d", ["summary"], limit=1)
    return True, f"issues can be searched at {connection.host}"


def _test_http(connection: Connection) -> tuple[bool, str]:
    """Send a request without credentials: whether a path needs them differs between services."""
    from workplace_provider.common.connection_settings import http_settings
    from workplace_provider.http.client import HttpClient
    from workplace_provider.http.errors import WorkplaceError

    settings = http_settings(connection.conn_id, connection.extra_dejson, attempts=1)
    with HttpClient(_url(connection), system=connection.conn_id, settings=settings) as http:
        try:
            status = http.request("HEAD", "").status_code
        except WorkplaceError as error:
            if error.status is None:
                raise
            status = error.status
    return status < 500, f"{connection.host} responds with the status {status}"


def _test_slack(connection: Connection) -> tuple[bool, str]:
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

    with closing(SlackDirectoryHook(slack_conn_id=connection.conn_id)) as hook:
        owner = hook.token_owner()
    return True, f"the token of an app in the workspace {owner.team}, with {len(owner.scopes or ())} scopes"


_TESTS: Final[Mapping[str, Callable[[Connection], tuple[bool, str]]]] = {
    "http": _test_http,
    "jira": _test_jira,
    "slack": _test_slack,
    "slackwebhook": _test_webhook,
}


def clock(used: Mapping[str, str]) -> Iterator[Finding]:
    """Compare the clock of this machine with that of the first system that states its time.

    :param used: ids of connections
    """
    import requests
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException

    for conn_id in sorted(used):
        try:
            connection = BaseHook.get_connection(conn_id)
            if not (connection.host or "").startswith("http"):
                continue
            response = requests.head(_url(connection), timeout=_TIMEOUT, allow_redirects=False)
            stated = parsedate_to_datetime(response.headers["Date"])
        except (AirflowException, requests.RequestException, KeyError, ValueError):
            continue
        difference = round((datetime.now(UTC) - stated).total_seconds())
        if abs(difference) > CLOCK_LIMIT:
            yield problem(
                "clock",
                f"this machine's clock differs by {difference:+d} seconds from that of {connection.host}",
                "Synchronize it by NTP: signed tokens and requests are refused otherwise",
            )
        else:
            yield ok("clock", f"within {CLOCK_LIMIT} seconds of {connection.host}")
        return
    yield warning("clock", "no system stated its time, so the clock was not compared", "Check it with timedatectl")


def _url(connection: Connection) -> str:
    from workplace_provider.http.credentials import check_url

    host = connection.host or ""
    url = (
        host
        if "://" in host
        else f"{connection.schema or 'http'}://{host}" + (f":{connection.port}" if connection.port else "")
    )
    check_url(url, f"connection {connection.conn_id}: the host")
    return url
