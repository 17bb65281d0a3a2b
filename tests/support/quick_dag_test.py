"""Make ``dag.test()`` quick: it repeats for each run, each task and each call what one process needs once."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest


def parse_a_folder_once(patch: pytest.MonkeyPatch) -> None:
    """Parse and store the DAGs of a folder only when a file in it, or what is stored, has changed since."""
    from airflow.dag_processing import dagbag
    from airflow.models.dag_version import DagVersion
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    bags: dict[Any, Any] = {}
    stored: dict[str, Any] = {}
    parse, store = dagbag.BundleDagBag, dagbag.sync_bag_to_db

    def parse_once(dag_folder: Path, bundle_name: str, **options: Any) -> Any:
        files = sorted(Path(dag_folder).rglob("*.py"))
        key = (str(dag_folder), bundle_name, tuple((str(file), file.stat().st_mtime_ns) for file in files))
        if key not in bags:
            bags[key] = parse(dag_folder=dag_folder, bundle_name=bundle_name, **options)
        return bags[key]

    def in_database() -> Any:
        with create_session() as session:
            counts = select(func.count(DagVersion.id), func.max(SerializedDagModel.last_updated))
            return session.execute(counts.join(SerializedDagModel)).one()

    def store_once(bag: Any, bundle_name: str, version: str | None) -> None:
        if stored.get(bundle_name) != (id(bag), in_database()):
            store(bag, bundle_name, version)
            stored[bundle_name] = (id(bag), in_database())

    patch.setattr(dagbag, "BundleDagBag", parse_once)
    patch.setattr(dagbag, "sync_bag_to_db", store_once)


def check_a_schema_once(patch: pytest.MonkeyPatch) -> None:
    """Check the schema of a param once, and not whenever the param is read."""
    from jsonschema import Draft202012Validator

    check = Draft202012Validator.check_schema
    checked: set[str] = set()

    def check_once(schema: Any, *arguments: Any, **options: Any) -> None:
        text = json.dumps(schema, sort_keys=True, default=repr)
        if text not in checked:
            check(schema, *arguments, **options)
            checked.add(text)

    patch.setattr(Draft202012Validator, "check_schema", check_once)


def build_a_validator_once(patch: pytest.MonkeyPatch) -> None:
    """Build pydantic's validator of rendered fields once, and not for each field of each task."""
    from airflow.sdk.execution_time import task_runner

    patch.setattr(task_runner, "TypeAdapter", functools.cache(task_runner.TypeAdapter))


def read_signatures_once(patch: pytest.MonkeyPatch) -> None:
    """Inspect the parameters of an endpoint's dependency once; FastAPI does for each request of an app with overrides."""
    from fastapi.dependencies import utils

    read = utils.get_dependant
    dependants: dict[Any, Any] = {}

    def read_once(*, call: Callable[..., Any], **options: Any) -> Any:
        if threading.current_thread() is not _API_THREAD:
            return read(call=call, **options)
        key = (id(call), json.dumps(options, sort_keys=True))
        if key not in dependants:
            dependants[key] = read(call=call, **options)  # it keeps the function, so the id stays its own
        return dependants[key]

    patch.setattr(utils, "get_dependant", read_once)


class DirectTransport(httpx.BaseTransport):
    """Airflow's execution API, called as a function of one thread, which is also its pool of threads."""

    def __init__(self, app: Any) -> None:
        self._transport = httpx.ASGITransport(app)
        self._lifespan = app.router.lifespan_context(app)  # as long as the process
        asyncio.run_coroutine_threadsafe(self._lifespan.__aenter__(), _LOOP).result()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._respond(request), _LOOP).result()

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())


def call_the_api_directly(patch: pytest.MonkeyPatch) -> None:
    """Let a task call the execution API in one step; Airflow starts threads for each call and passes it through WSGI."""
    import anyio.to_thread
    from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI

    in_a_thread = anyio.to_thread.run_sync

    async def run_sync(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if threading.current_thread() is _API_THREAD:
            return function(*arguments)
        return await in_a_thread(function, *arguments, **options)

    # By app, because Airflow has more than one object for its API, and none of them is hashable.
    transport = functools.cache(DirectTransport)
    patch.setattr(anyio.to_thread, "run_sync", run_sync)
    patch.setattr(InProcessExecutionAPI, "transport", property(lambda api: transport(api.app)))


_LOOP = asyncio.new_event_loop()
_API_THREAD = threading.Thread(target=_LOOP.run_forever, name="execution-api", daemon=True)
_API_THREAD.start()
