from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from support.real_airflow import RealAirflow, real_airflow, until
from support.wheels import build_wheel
from workplace_sandbox import Sandbox
from workplace_sandbox.local.environment import install, make_venv
from workplace_sandbox.local.weeks import ZONE

# Otto may edit connections, Vera may not.
PEOPLE = {"otto": "op", "vera": "viewer"}
# Asks Confluence for the owner of the credential of a connection that a test makes.
WHOAMI = """
from airflow.sdk import dag, task


@dag(schedule=None)
def whoami():
    @task
    def ask():
        from workplace_provider.confluence.hooks import ConfluenceHook

        return ConfluenceHook("주간-보고").client.current_user().display_name

    ask()


whoami()
"""

SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Try the wheel in the clean environment before the steps of the image add to it."""
    items.sort(key=lambda item: item.path.name == "test_image.py")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, as the system has it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        message = "no Chromium on this machine (Debian: apt-get install chromium fonts-noto-cjk)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        yield started
        started.close()


@pytest.fixture(scope="session")
def _one_airflow(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAirflow]:
    # The DAGs' days begin in Seoul, and so do those of the people who contribute in the sandbox.
    with Sandbox(today=datetime.now(ZONE).date()) as sandbox:
        work = tmp_path_factory.mktemp("airflow")
        dags = ("weekly_report", "analytics_doc", "identity_sync", "slack_bot", "whoami")
        with real_airflow(repository, work, sandbox, dags=dags, people=PEOPLE, more_dags={"whoami.py": WHOAMI}) as started:
            yield started


@pytest.fixture(scope="module")
def shared_airflow(_one_airflow: RealAirflow) -> Iterator[RealAirflow]:
    """A real Airflow with all DAGs of the project, for every test of the session that needs one.

    The bot listens; no run starts by the clock. A module finds the sandbox as it was seeded, and no run under way.
    """
    _one_airflow.reset()
    until(lambda: _one_airflow.sandbox.slack.socket_count() > 0, "the triggerer to listen")
    yield _one_airflow
    _one_airflow.end_runs()


@pytest.fixture(scope="session")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The provider's wheel."""
    return build_wheel(repository, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def clean_environment(repository: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment with the provider's wheel, its dependencies, and pytest."""
    python = make_venv(tmp_path_factory.mktemp("clean-environment") / "venv")
    install(python, [str(wheel), "pytest"], repository / "constraints.txt")
    return python
