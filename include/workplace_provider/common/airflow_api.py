"""A client of Airflow's own REST API, for the answers of people to human-in-the-loop tasks.

A worker cannot answer for a person by other means: the API of tasks answers only for the task itself. Source of the rules:
``airflow/api_fastapi/core_api/routes/public/hitl.py`` of Airflow 3.3.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from workplace_provider.http.body import decode_json
from workplace_provider.http.client import Bearer, HttpClient
from workplace_provider.http.errors import AuthFailed, BadResponse

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import HttpSettings

SYSTEM: Final = "Airflow"


@dataclass(frozen=True, slots=True)
class TaskKey:
    """A task instance, as Airflow's API addresses it; ``map_index`` is -1 for a task that is not mapped."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


class AirflowUser(msgspec.Struct, frozen=True):
    """A user of Airflow; the id is the user name in the simple auth manager, and a number as text in FAB."""

    id: str
    name: str


class _TaskInstance(msgspec.Struct, frozen=True):
    state: str | None
    try_number: int


class HitlDetail(msgspec.Struct, frozen=True):
    """A question to people, and their answer.

    :param options: the possible answers
    :param created_at: time of the question; of the first one, if the task was retried
    :param task_instance: state and try of its task
    :param assigned_users: people who may answer; empty for all whom Airflow permits
    :param response_received: whether it was answered
    :param responded_by_user: caller of the API who answered; ``None`` for the default after the time-out
    :param responded_at: time of the answer
    :param chosen_options: the answer
    :param params_input: what the caller sent with it
    """

    options: list[str]
    created_at: datetime
    task_instance: _TaskInstance
    assigned_users: Sequence[AirflowUser] = ()
    response_received: bool = False
    responded_by_user: AirflowUser | None = None
    responded_at: datetime | None = None
    chosen_options: list[str] | None = None
    params_input: dict[str, Any] = {}

    @property
    def state(self) -> str | None:
        """State of the task."""
        return self.task_instance.state

    @property
    def try_number(self) -> int:
        """Try of the task."""
        return self.task_instance.try_number


class _Token(msgspec.Struct, frozen=True):
    access_token: str


class AirflowApi:
    """A client with a user of Airflow, who signs in at the first request.

    ::

        with AirflowApi("https://airflow.example.com", login="slack-approvals", password="…") as airflow:
            airflow.answer(TaskKey("report", "manual__1", "review"), "Approve")

    :param base_url: URL of the API server, with its path prefix
    :param login: user name; empty if ``password`` is a token
    :param password: password of the user, or a token of an auth manager that creates them
    :param settings: time-outs and TLS
    """

    def __init__(
        self,
        base_url: str,
        *,
        login: str,
        password: str,
        settings: HttpSettings | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._login = login
        self._password = password
        self._open: Callable[[str | None], HttpClient] = lambda token: HttpClient(
            base_url, system=SYSTEM, auth=Bearer(token) if token else None, settings=settings, sleep=sleep
        )
        self._client: HttpClient | None = None

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def __enter__(self) -> AirflowApi:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hitl_detail(self, task: TaskKey) -> HitlDetail:
        """Return the question of a task.

        :raises NotFound: the task does not exist, or has not asked
        """
        http = self._http()
        detail: HitlDetail = http.fetch(_path(task), lambda response: _decode(http, response, HitlDetail))
        return detail

    def answer(self, task: TaskKey, option: str, params_input: Mapping[str, str] | None = None) -> None:
        """Answer the question of a task. Airflow keeps the first answer.

        :param params_input: facts to store with the answer; the task must have no params
        :raises Conflict: it was answered before
        :raises Forbidden: this user is not assigned, or may not edit the DAG
        """
        body = {"chosen_options": [option], "params_input": dict(params_input or {})}
        self._http().request("PATCH", _path(task), json=body)

    def _http(self) -> HttpClient:
        if self._client is None:
            self._client = self._open(self._sign_in() if self._login else self._password)
        return self._client

    def _sign_in(self) -> str:
        with self._open(None) as http:
            body = {"username": self._login, "password": self._password}
            try:
                # Idempotent: each sign-in creates a token of its own.
                response = http.request("POST", "auth/token", json=body, idempotent=True)
            except AuthFailed as error:
                error.advice = "check login and password of the connection: a user of Airflow's auth manager"
                raise
            token: _Token = _decode(http, response, _Token)
        return token.access_token


def _path(task: TaskKey) -> str:
    dag, run, name = (quote(part, safe="") for part in (task.dag_id, task.run_id, task.task_id))
    return f"api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{name}/{task.map_index}/hitlDetails"


def _decode(http: HttpClient, response: requests.Response, kind: Any) -> Any:
    try:
        return decode_json(response.content, kind)
    except msgspec.ValidationError as error:
        raise http.invalid_response(response, BadResponse, f"unexpected response: {error}", retryable=False) from None
    except ValueError:
        raise http.not_json(response) from None
