"""The Slack parts against ``backlot``, a server of Slack's answers that others measured on a live workspace."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from workplace_provider.confluence.pages import PageDocument
from workplace_provider.http.errors import AuthFailed, NotFound
from workplace_provider.slack.client import MemberKind, classify
from workplace_provider.slack.client.users import SlackUser
from workplace_provider.slack.hooks import SlackDirectoryHook
from workplace_provider.slack.to_page.slack_text import SlackText, readable

pytestmark = pytest.mark.contract

ALL_TIME = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
Said = tuple[str, str, str]


@dataclass(frozen=True)
class Backlot:
    """The server, and the corpus that it serves."""

    url: str
    token: str
    people: dict[str, str]
    records: list[dict[str, Any]]


@pytest.fixture(scope="module")
def backlot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backlot]:
    data = tmp_path_factory.mktemp("backlot")
    environment = {**os.environ, "DO_NOT_TRACK": "1", "BACKLOT_DATA_DIR": str(data), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "backlot"]
    subprocess.run([*command, "import", "--bundled"], env=environment, cwd=data, check=True, capture_output=True, timeout=60)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [*command, "serve", "--port", str(port), "--log-level", "error", "--disable-telemetry"]
    log = data / "serve.log"
    with log.open("wb") as output:
        server = subprocess.Popen(serve, env=environment, cwd=data, stdout=output, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}/slack/api/"
        _wait_until_up(url, server, log)
        roster = yaml.safe_load((data / "tokens.yaml").read_text())
        corpus = resources.files("backlot").joinpath("data", "hello.jsonl").read_text().splitlines()
        yield Backlot(
            url=url,
            token=roster["admin_token"],
            people={each["email"]: each["name"] for each in roster["users"]},
            records=[each for line in corpus if (each := json.loads(line))["source_type"] == "slack"],
        )
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            requests.get(f"{url}api.test", timeout=1)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"backlot did not start: {log.read_text()}")


@pytest.fixture
def hook(backlot: Backlot, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackDirectoryHook]:
    connection = {"conn_type": "slack", "password": backlot.token, "extra": {"base_url": backlot.url}}
    monkeypatch.setenv("AIRFLOW_CONN_BACKLOT", json.dumps(connection))
    hook = SlackDirectoryHook(slack_conn_id="backlot")
    yield hook
    hook.close()


def said_in(backlot: Backlot) -> set[Said]:
    """Channel, author and words of every message of the corpus."""
    said: set[Said] = set()
    for record in backlot.records:
        for message in (record, *record.get("replies", [])):
            said.add((record["channel"], message["author_name"], message["content"]))
    return said


def channels_of(hook: SlackDirectoryHook) -> dict[str, str]:
    pages = hook.paginate("conversations.list", "channels", {"types": "public_channel,private_channel"}, page_size=1)
    return {each["name"]: each["id"] for page in pages for each in page.items}


def test_every_channel_is_listed(backlot: Backlot, hook: SlackDirectoryHook) -> None:
    assert set(channels_of(hook)) == {record["channel"] for record in backlot.records}


@pytest.mark.parametrize("page_size", [1, 999])
def test_every_message_with_every_reply_is_read_once(
    backlot: Backlot, hook: SlackDirectoryHook, page_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    paginate = type(hook.reader).paginate
    monkeypatch.setattr(
        type(hook.reader), "paginate", lambda *args, **more: paginate(*args, **{**more, "page_size": page_size})
    )
    found: list[Said] = []
    for name, channel in channels_of(hook).items():
        messages = list(hook.iter_messages(channel, *ALL_TIME))
        assert [each.ts for each in messages] == sorted({each.ts for each in messages})
        hook.names.learn_users(each.user for each in messages if each.user)
        writer = SlackText(hook.names)
        for each in messages:
            storage = writer.storage(each.text, each.blocks, each.attachments)
            PageDocument(storage)
            found.append((name, hook.names.user(each.user or ""), readable(storage)))
    assert len(found) == len(set(found))
    assert set(found) == said_in(backlot)


def test_a_window_has_its_messages_and_no_others(backlot: Backlot, hook: SlackDirectoryHook) -> None:
    begin = datetime(2026, 2, 17, tzinfo=UTC)
    end = begin + timedelta(days=7)
    for name, channel in channels_of(hook).items():
        found = sorted(each.text for each in hook.iter_messages(channel, begin, end) if each.text)
        assert found == sorted(
            message["content"]
            for record in backlot.records
            for message in (record, *record.get("replies", []))
            if record["channel"] == name and begin <= datetime.fromisoformat(message["created"]) < end
        )


def test_the_directory_is_whole(backlot: Backlot, hook: SlackDirectoryHook) -> None:
    snapshot = hook.directory_snapshot()
    people: dict[str, SlackUser] = {user.email: user for user in snapshot.users}
    assert {email: user.real_name for email, user in people.items()} == backlot.people
    assert {classify(user) for user in snapshot.users} == {MemberKind.PERSON}
    assert hook.directory_snapshot().sha256 == snapshot.sha256
    assert [user.id for user in hook.iter_users()] == [
        each["id"] for page in hook.paginate("users.list", "members", page_size=3) for each in page.items
    ]


def test_refusals_are_understood(hook: SlackDirectoryHook, backlot: Backlot, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound, match="channel_not_found"):
        list(hook.iter_messages("C00000000", *ALL_TIME))
    connection = {"conn_type": "slack", "password": "xoxb-wrong", "extra": {"base_url": backlot.url}}
    monkeypatch.setenv("AIRFLOW_CONN_STRANGER", json.dumps(connection))
    with pytest.raises(AuthFailed, match="invalid_auth"):
        SlackDirectoryHook(slack_conn_id="stranger").directory_snapshot()
