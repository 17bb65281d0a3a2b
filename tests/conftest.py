from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from support.examples import ALL
from workplace_sandbox import Sandbox

# How long an example takes is the machine's business, not the code's. `make test-all` names the profile "all".
hypothesis.settings.register_profile("some", deadline=None, max_examples=40)
hypothesis.settings.register_profile("all", deadline=None, max_examples=ALL)
hypothesis.settings.load_profile("some")

REPOSITORY = Path(__file__).resolve().parent.parent

# Airflow reads its settings once, when it is first imported; so they stand here, before any test module is.
AIRFLOW_HOME = tempfile.mkdtemp(prefix="airflow-tests-")
os.environ.update(
    AIRFLOW_HOME=AIRFLOW_HOME,
    AIRFLOW__CORE__DAGS_FOLDER=str(REPOSITORY / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(REPOSITORY / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__FERNET_KEY="",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{AIRFLOW_HOME}/airflow.db",
    AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
    # The first task of a session waits for Airflow to import itself, which a busy machine takes its time for.
    AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT="60",
)


@pytest.fixture(scope="session", autouse=True)
def _airflow_home() -> Iterator[None]:
    """Airflow's files live as long as the session."""
    yield
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


def _shared(*parts: str) -> Path:
    path = REPOSITORY.parent.joinpath("shared", *parts)
    if not path.exists():
        message = f"no {'/'.join(parts)} beside the repository (../shared): data of real systems, not part of the project"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def _running_sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=False) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_running_sandbox: Sandbox) -> Sandbox:
    """A local Confluence, Slack and Tableau: users, an empty space ANALYTICS, two channels, the seeded workbooks."""
    _running_sandbox.reset(seed=False)
    return _running_sandbox


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def recorded_pages() -> list[Path]:
    """Storage-format bodies of real pages."""
    return sorted(_shared("recorded", "confluence", "pages").glob("*.storage.xhtml"))


@pytest.fixture(scope="session")
def recorded_answers() -> list[Path]:
    """Answers of a real site to the request for one page, in the form of version 1."""
    return sorted(_shared("recorded", "confluence", "answers").glob("*/page.v1.yaml"))


@pytest.fixture(scope="session")
def recorded_slack() -> Path:
    """Masked recordings of Slack's answers and events: they tell the keys, not the values."""
    return _shared("recorded", "slack")


@pytest.fixture(scope="session")
def recorded_tableau() -> Path:
    """Answers and exported files of a real Tableau."""
    return _shared("recorded", "tableau")


@pytest.fixture(scope="session")
def data_center_description() -> Path:
    """Atlassian's published OpenAPI description of Confluence Data Center."""
    return _shared("specs", "confluence-dc-10.0.3.json")


@pytest.fixture(scope="session")
def tableau_schema() -> Path:
    """Tableau's published schema of its REST API, without what exports do not need."""
    return _shared("specs", "tableau-ts-api-3.29-subset.xsd")


@pytest.fixture(scope="session")
def cloud_v2_description() -> Path:
    """Atlassian's published OpenAPI description of REST v2 of Confluence Cloud."""
    return _shared("specs", "confluence-v2.json")


@pytest.fixture(scope="session")
def cloud_v1_description() -> Path:
    """Atlassian's published OpenAPI description of what is left of REST v1 of Confluence Cloud."""
    return _shared("specs", "confluence-v1.json")


@pytest.fixture(scope="session")
def jira_cloud_description() -> Path:
    """Atlassian's published OpenAPI description of REST v3 of Jira Cloud, with what a search needs."""
    return _shared("specs", "jira-cloud-v3-search.json")


@pytest.fixture(scope="session")
def jira_agile_description() -> Path:
    """Atlassian's published OpenAPI description of boards and sprints."""
    return _shared("specs", "jira-software-agile.json")


@pytest.fixture(scope="session")
def recorded_cloud_answers() -> Path:
    """A folder of each recorded page with a real cloud's answers about it."""
    return _shared("recorded", "confluence", "answers")


@pytest.fixture(autouse=True)
def _own_secrets() -> Iterator[None]:
    """What one test masks is not masked in the next: a password "token" would mask that word in every message."""
    yield
    # It is there when something was masked; importing it would slow down tests without Airflow.
    if masker := sys.modules.get("airflow.sdk._shared.secrets_masker"):
        masker.reset_secrets_masker()
