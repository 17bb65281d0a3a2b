"""A person connects Confluence in Airflow's UI, and a task uses the consent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from support.consenting import connection_fields
from support.real_airflow import RealAirflow, until
from workplace_sandbox import Sandbox
from workplace_sandbox.local.standalone import LocalAirflow

pytestmark = pytest.mark.e2e

WIKI = "주간-보고"
PATIENCE = 60_000  # milliseconds; the UI is large, and the machine may be busy


@dataclass
class ConsentingTeam:
    """An Airflow with two users beside the administrator: otto may edit connections, vera may not."""

    airflow: LocalAirflow
    sandbox: Sandbox
    browser: Browser

    @contextmanager
    def logged_in(self, name: str, path: str = "/") -> Iterator[Page]:
        """Return a person's browser in which they opened a page and had to log in first."""
        context = self.browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE)
        try:
            page = context.new_page()
            page.goto(f"{self.airflow.url}{path}")
            page.get_by_label("Username").fill(name)
            page.locator("input[type=password]").fill(self.airflow.passwords[name])
            page.get_by_role("button", name="Sign in").click()
            yield page
        finally:
            context.close()

    def variables(self) -> list[str]:
        """Return the names of the Variables of the connection."""
        keys = [variable["key"] for variable in self.airflow.api._call("GET", "/api/v2/variables")["variables"]]
        return [key for key in keys if key.startswith(WIKI)]


@pytest.fixture(scope="module")
def team(shared_airflow: RealAirflow, browser: Browser) -> Iterator[ConsentingTeam]:
    airflow = shared_airflow.airflow
    body = {"connection_id": WIKI, **connection_fields(shared_airflow.sandbox)}
    airflow.api._call("POST", "/api/v2/connections", body)
    yield ConsentingTeam(airflow, shared_airflow.sandbox, browser)
    airflow.api._call("DELETE", f"/api/v2/connections/{quote(WIKI)}")


def test_whoever_may_not_edit_connections_sees_none(team: ConsentingTeam) -> None:
    with team.logged_in("vera", "/confluence-consent/") as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
        assert WIKI not in page.content()


def test_a_person_connects_and_a_task_acts_for_them(team: ConsentingTeam) -> None:
    complaints: list[str] = []
    went: list[str] = []
    with team.logged_in("otto") as ui:
        ui.get_by_role("button", name="Admin").click()
        with ui.context.expect_page() as opened:
            ui.get_by_role("menuitem", name="Connect Atlassian").click()
        page = opened.value
        # A refusal is an error status, and the sandbox's Atlassian has no icon; any other message would be a page against
        # its own policy.
        page.on("console", lambda said: complaints.append(said.text) if "Failed to load resource" not in said.text else None)
        page.on("request", lambda request: went.append(request.url))
        row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=WIKI))
        expect(row).to_contain_text("Not connected yet")

        # First they decline.
        row.get_by_role("button", name="Connect").click()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("No consent was given")
        assert team.variables() == []

        page.get_by_role("link", name="All connections").click()
        row.get_by_role("button", name="Connect").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("is requesting access")
        page.get_by_role("button", name="Accept").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"{WIKI} is connected")
        expect(page.get_by_role("main")).to_contain_text("보고봇")
        assert "code" not in parse_qs(urlsplit(page.url).query)
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"{WIKI} is connected")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert complaints == []
    assert sorted(team.variables()) == [f"{WIKI}_oauth_token", f"{WIKI}_oauth_token_lease"]

    api = team.airflow.api
    until(lambda: api.dag("whoami") is not None, "the DAG to be parsed")
    run_id = str(api.trigger("whoami", run_after=datetime.now(UTC))["dag_run_id"])
    until(lambda: api.runs("whoami")[0]["state"] in ("success", "failed"), "the task")
    assert api.return_value("whoami", run_id, "ask") == "보고봇"

    codes = [parse_qs(urlsplit(url).query).get("code", [""])[0] for url in went if "/callback?" in url]
    secrets = [*filter(None, codes), team.sandbox.cloud_oauth_client[1]]
    assert len(secrets) == 2
    logs = "".join(file.read_text("utf-8", "replace") for file in team.airflow.logs.rglob("*") if file.is_file())
    assert "/confluence-consent/callback" in logs
    assert [secret for secret in secrets if secret in logs] == []
