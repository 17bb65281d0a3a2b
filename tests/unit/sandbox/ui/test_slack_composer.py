"""The form on the page of a channel: what a person types, and what the page shows of it."""

from __future__ import annotations

import pytest
import requests
from bs4 import BeautifulSoup, Tag

from workplace_sandbox import Sandbox

CHANNEL = "weekly-report"


@pytest.fixture
def page(sandbox: Sandbox) -> str:
    return f"{sandbox.url}/slack/archives/{CHANNEL}"


def tree(address: str) -> BeautifulSoup:
    return BeautifulSoup(requests.get(address, timeout=10).text, "lxml")


def form(address: str) -> Tag:
    found = tree(address).select_one("form.sl-composer")
    assert found is not None
    return found


def test_a_message_of_a_member(sandbox: Sandbox, page: str) -> None:
    alex = sandbox.slack.person("alex")
    assert alex.shown_name in [option.get_text() for option in form(page).select("option")]
    answer = requests.post(page, data={"as": alex.id, "text": "@bot 3 < 4 & <b>"}, timeout=10)
    (message,) = sandbox.messages(f"#{CHANNEL}")
    bot = sandbox.slack.person("report-bot")
    assert (message.user_id, message.text) == (alex.id, f"<@{bot.id}> 3 &lt; 4 &amp; &lt;b&gt;")
    shown = BeautifulSoup(answer.text, "lxml")
    assert f"@{bot.shown_name} 3 < 4 & <b>" in shown.select_one(".sl-messages").get_text()
    assert shown.select_one("option[selected]")["value"] == alex.id


def test_mentions_are_those_of_members(sandbox: Sandbox, page: str) -> None:
    requests.post(page, data={"as": "jimin", "text": "@alex @nobody user@example.com"}, timeout=10)
    (message,) = sandbox.messages(f"#{CHANNEL}")
    assert message.text == f"<@{sandbox.slack.person('alex').id}> @nobody user@example.com"


def test_a_reply_in_the_thread_that_is_open(sandbox: Sandbox, page: str) -> None:
    parent = sandbox.slack.say(CHANNEL, "jimin", "질문")
    hidden = form(f"{page}?thread_ts={parent.ts}").select_one("input[name=thread_ts]")
    assert hidden is not None
    requests.post(page, data={"as": "alex", "text": "답", "thread_ts": hidden["value"]}, timeout=10)
    assert sandbox.messages(f"#{CHANNEL}")[1].thread_ts == parent.ts


def test_a_command_and_what_only_its_author_sees(sandbox: Sandbox, page: str) -> None:
    requests.post(page, data={"as": "jimin", "text": "/report"}, timeout=10)
    url = sandbox.slack.deliveries("slash_commands")[0].payload["response_url"]
    requests.post(url, json={"text": "준비 중 <b>"}, timeout=10)
    whispers = [" ".join(each.get_text().split()) for each in tree(page).select(".sl-whisper")]
    assert any("Only visible to" in each and "준비 중" in each for each in whispers)
    assert sandbox.messages(f"#{CHANNEL}") == []


def test_a_form_of_another_site_is_refused(sandbox: Sandbox, page: str) -> None:
    fields = {"as": "jimin", "text": "몰래"}
    for origin in ("https://example.com", "null"):
        assert requests.post(page, data=fields, headers={"Origin": origin}, timeout=10).status_code == 403
    assert sandbox.messages() == []
    assert requests.post(page, data=fields, headers={"Origin": sandbox.url}, timeout=10).ok
    assert len(sandbox.messages()) == 1


@pytest.mark.parametrize("fields", [{"as": "nobody", "text": "x"}, {"text": "x"}])
def test_somebody_must_have_written_it(sandbox: Sandbox, page: str, fields: dict[str, str]) -> None:
    assert requests.post(page, data=fields, timeout=10).status_code == 404
    assert sandbox.messages() == []


def test_nothing_is_no_message(sandbox: Sandbox, page: str) -> None:
    assert requests.post(page, data={"as": "jimin", "text": "  "}, timeout=10).ok
    assert sandbox.messages() == []


def test_an_archived_channel_takes_nothing(sandbox: Sandbox) -> None:
    sandbox.slack.add_channel("old", members=["jimin"], archived=True)
    address = f"{sandbox.url}/slack/archives/old"
    assert tree(address).select_one("form") is None
    assert requests.post(address, data={"as": "jimin", "text": "x"}, timeout=10).status_code == 404


def test_the_form_says_when_the_app_hears_nothing(sandbox: Sandbox) -> None:
    sandbox.slack.add_channel("without", members=["jimin"])
    field = form(f"{sandbox.url}/slack/archives/without").select_one("input[name=text]")
    assert "not in this channel" in str(field["placeholder"])


def test_only_the_pages_own_script_may_run(page: str, sandbox: Sandbox) -> None:
    answer = requests.get(page, timeout=10)
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    script = requests.get(f"{sandbox.url}/_ui/channel.js", timeout=10)
    assert script.headers["Content-Type"].startswith("text/javascript")
