"""The controls of the workspace from another process, and what is there from the start."""

from __future__ import annotations

import pytest
import requests

from workplace_sandbox.cli import addresses


def act(sandbox, action, /, **arguments):
    return requests.post(f"{sandbox.url}/_sandbox/slack/{action}", json=arguments, timeout=30)


def test_an_unseeded_workspace_has_the_users_and_two_empty_channels(sandbox):
    assert [channel.label for channel in sandbox.store.channels()] == ["#weekly-report", "#data-alarms"]
    names = {person.name for person in sandbox.store.people()}
    assert names == {"report-bot", "jimin", "haruka", "alex", "viewer", "slackbot"}
    assert {user.username for user in sandbox.store.users()} == names - {"slackbot"}
    assert sandbox.messages() == []


def test_people_keep_their_ids(sandbox):
    before = {person.name: person.id for person in sandbox.store.people()}
    sandbox.reset(seed=False)
    assert {person.name: person.id for person in sandbox.store.people()} == before


def test_the_controls_over_http(sandbox):
    person = act(sandbox, "add_person", name="minsu", real_name="박민수", title="데이터 엔지니어").json()
    assert (person["email"], person["title"]) == ("minsu@example.com", "데이터 엔지니어")
    channel = act(sandbox, "add_channel", name="새-채널", members=["minsu"]).json()
    said = act(sandbox, "say", channel="새-채널", user="minsu", text="안녕", at="2026-11-19T09:00:00+09:00").json()
    assert said["ts"].startswith("1795046400.")
    act(sandbox, "react", channel=channel["id"], ts=said["ts"], name="eyes", user="jimin")
    assert act(sandbox, "deactivate", who="minsu").json()["deleted"] is True
    assert act(sandbox, "add_people", count=10).json() == {"result": 17}
    act(sandbox, "set_page_behaviour", behaviour="short")
    assert sandbox.slack.page_behaviour == "short"
    assert [message.text for message in sandbox.messages("새-채널")] == ["안녕"]


@pytest.mark.parametrize(
    ("action", "arguments", "status"),
    [
        ("run", {"action": "say"}, 404),
        ("__init__", {}, 404),
        ("say", {"channel": "nowhere", "user": "jimin", "text": "x"}, 404),
        ("say", {"channel": "weekly-report", "user": "nobody", "text": "x"}, 404),
        ("say", {"text": "x"}, 400),
        ("add_person", {"name": "x", "wrong": 1}, 400),
        ("set_page_behaviour", {"behaviour": "strange"}, 400),
    ],
)
def test_controls_that_do_not_exist_or_fit(sandbox, action, arguments, status):
    assert act(sandbox, action, **arguments).status_code == status


def test_a_form_from_the_internet_controls_nothing(sandbox):
    answer = requests.post(f"{sandbox.url}/_sandbox/slack/add_people", data={"count": "5"}, timeout=30)
    assert answer.status_code == 415


def test_a_reset_takes_odd_behaviour_back(sandbox):
    sandbox.slack.page_behaviour, sandbox.slack.share_after = "empty", None
    sandbox.reset(seed=False)
    assert (sandbox.slack.page_behaviour, sandbox.slack.share_after) == ("full", 0)


def test_the_addresses_name_the_web_api(sandbox):
    assert addresses(sandbox)["slack_api_url"] == sandbox.slack_api_url == f"{sandbox.url}/slack/api/"


def test_the_same_name_in_another_unicode_form_is_the_same_channel(sandbox):
    import unicodedata

    made = sandbox.slack.add_channel(unicodedata.normalize("NFD", "데이터"))
    assert sandbox.slack.channel(unicodedata.normalize("NFC", "#데이터")) == made
