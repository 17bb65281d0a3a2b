"""The part of Airflow's REST API that the local runner needs.

Over REST because one call takes milliseconds, while each `airflow` command first imports Airflow for ten seconds or more.
Source: the OpenAPI description that Airflow 3.3 serves under /openapi.json.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from workplace_sandbox.local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from workplace_sandbox.local.settings import Settings

TIMEOUT = (5.0, 60.0)  # seconds to connect, to read: under load on two cores a response may be slow
LOCKED_DATABASE_PATIENCE = 30.0  # seconds; SQLite has one writer, often the scheduler
LOCKED_DATABASE_PAUSE = 1.0
READ_ATTEMPTS = 4  # programs on this machine respond late while it is busy
HEALTH = "/api/v2/monitor/health"


def patient_session() -> requests.Session:
    """Return a session that repeats a GET whose response does not arrive or breaks off.

    Every other method may have been processed, so it is not repeated. A refused connection is an error at once: the
    program has ended.
    """
    session = requests.Session()
    session.trust_env = False  # a company's proxy does not know this machine's loopback
    repeat = Retry(None, connect=0, read=READ_ATTEMPTS - 1, redirect=0, status=0, other=0, allowed_methods={"GET"})
    session.mount("http://", HTTPAdapter(max_retries=repeat))
    return session


class ApiError(LocalError):
    """Airflow refused a call or did not respond; the message names the call and the reason."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class AirflowApi:
    """A logged-in user of one Airflow.

    :param base_url: address of the API server, e.g. http://127.0.0.1:8080.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = patient_session()
        self._session.mount(self.base_url + HEALTH, HTTPAdapter())  # polled anyway, so no retries

    def health(self) -> dict[str, str]:
        """Return the status of each component, e.g. {"scheduler": "healthy"}; {} while the API server does not respond."""
        try:
            response = self._session.get(f"{self.base_url}{HEALTH}", timeout=TIMEOUT)
            content = response.json() if response.ok else {}
        except (requests.RequestException, ValueError):
            return {}
        return {name: (part or {}).get("status") or "missing" for name, part in content.items()}

    def log_in(self, user: str, password: str) -> None:
        """Fetch a token for the calls that follow.

        :raises ApiError: the log-in is refused.
        """
        body = {"username": user, "password": password}
        response = self._call("POST", "/auth/token", body)
        self.token: str = response["access_token"]
        self._session.headers["Authorization"] = f"Bearer {self.token}"

    def apply(self, settings: Settings) -> None:
        """Create or change the connections, pools and variables of the settings.

        :raises ApiError: with the name of the entry that Airflow refused.
        """
        for body in settings.connection_bodies():
            self._upsert("connections", body["connection_id"], body)
        for body in settings.pool_bodies():
            self._upsert("pools", body["name"], body)
        for body in settings.variable_bodies():
            self._upsert("variables", body["key"], body)

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """Return the DAG, or None while it is not parsed."""
        try:
            return self._call("GET", f"/api/v2/dags/{quote(dag_id, safe='')}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler start runs of the DAG."""
        self._call("PATCH", f"/api/v2/dags/{quote(dag_id, safe='')}", {"is_paused": False})

    def import_errors(self) -> dict[str, str]:
        """Return the trace of each DAG file that failed to import, by file name."""
        errors = self._call("GET", "/api/v2/importErrors")["import_errors"]
        return {error["filename"]: error["stack_trace"] for error in errors}

    def trigger(self, dag_id: str, *, run_after: datetime, conf: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Start a run as the UI's button does: without a logical date.

        :param run_after: the run date; rule of Airflow 3: such a run has no other date.
        :param conf: the params of the trigger form.
        :return: the run.
        """
        body = {"logical_date": None, "run_after": run_after.isoformat(), "conf": dict(conf or {})}
        return self._call("POST", f"{_dag_runs(dag_id)}", body)

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the DAG's runs, oldest run date first (at most 100)."""
        dag_runs: list[dict[str, Any]] = self._call("GET", f"{_dag_runs(dag_id)}?limit=100&order_by=run_after")["dag_runs"]
        return dag_runs

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        path = f"{_dag_runs(dag_id)}/{quote(run_id, safe='')}/taskInstances"
        instances: list[dict[str, Any]] = self._call("GET", path)["task_instances"]
        return instances

    def return_value(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Return the return value of a task, or None without one."""
        path = f"{_dag_runs(dag_id)}/{quote(run_id, safe='')}/taskInstances/{quote(task_id, safe='')}"
        try:
            entry = self._call(
                "GET", f"{path}/xcomEntries/return_value?deserialize=false&stringify=false&map_index={map_index}"
            )
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return entry["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[str]:
        """Return the log of a try as lines."""
        path = f"{_dag_runs(dag_id)}/{quote(run_id, safe='')}/taskInstances/{quote(task_id, safe='')}/logs/{try_number}"
        return _lines(self._call("GET", f"{path}?full_content=true")["content"])

    def backfills(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the DAG's backfills, oldest first."""
        path = f"/api/v2/backfills?dag_id={quote(dag_id, safe='')}&order_by=id"
        entries: list[dict[str, Any]] = self._call("GET", path)["backfills"]
        return entries

    def _upsert(self, kind: str, name: str, body: dict[str, Any]) -> None:
        """Create an entry, or change an existing one."""
        try:
            self._call("POST", f"/api/v2/{kind}", body)
        except ApiError as error:
            if error.status != 409:
                raise ApiError(f"{kind} {name!r}: {error}", error.status) from error
            try:
                self._call("PATCH", f"/api/v2/{kind}/{quote(name, safe='')}", body)
            except ApiError as refused:
                raise ApiError(f"{kind} {name!r}: {refused}", refused.status) from refused

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make one call; repeat it while the database is locked, and a GET without a response.

        :raises ApiError: on any other refusal, and without a response.
        """
        give_up = time.monotonic() + LOCKED_DATABASE_PATIENCE
        while True:
            try:
                response = self._session.request(
                    method, self.base_url + path, json=body, timeout=TIMEOUT, headers={"Accept": "application/json"}
                )
            except requests.RequestException as error:
                raise ApiError(f"{method} {path}: no response from Airflow ({type(error).__name__})") from error
            # Airflow rolls back the whole request when SQLite stays locked, so a repeat is safe.
            if _is_locked(response) and time.monotonic() < give_up:
                time.sleep(LOCKED_DATABASE_PAUSE)
                continue
            if not response.ok:
                raise ApiError(f"{method} {path}: {response.status_code} {_reason(response)}", response.status_code)
            content: dict[str, Any] = response.json() if response.content else {}
            return content


def _dag_runs(dag_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns"


def _is_locked(response: requests.Response) -> bool:
    """Return whether the database was locked, or may have been.

    Airflow 3.3.2 hides the message of SQLite unless ``[api] expose_stacktrace`` is set: "reason": "Database error",
    "statement": "hidden", "orig_error": "hidden" (airflow/api_fastapi/common/exceptions.py, SQLAlchemyErrorHandler).
    """
    if response.status_code not in {500, 503}:
        return False
    return "database is locked" in response.text.lower() or _reason(response) == "Database error"


def _reason(response: requests.Response) -> str:
    """Return Airflow's own message, without the request's body, which may contain a password."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return response.reason
    if isinstance(detail, list):  # a validation error: [{"loc": [...], "msg": ..., "input": ...}]
        return "; ".join(f"{'.'.join(map(str, item.get('loc', [])))}: {item.get('msg')}" for item in detail)
    if isinstance(detail, dict):
        return str(detail.get("reason") or detail.get("message") or response.reason)
    return str(detail)


def _lines(content: list[Any]) -> list[str]:
    """Return log lines from the response of the logs call: structured events, or plain text."""
    lines = []
    for item in content:
        if isinstance(item, str):
            lines.extend(item.splitlines())
            continue
        level = str(item.get("level", "")).upper()
        lines.append(" ".join(part for part in (str(item.get("timestamp") or "")[:19], level, item["event"]) if part))
        faults = item.get("error_detail") or []
        lines.extend(f"    {fault.get('exc_type')}: {fault.get('exc_value')}" for fault in faults)
    return lines
