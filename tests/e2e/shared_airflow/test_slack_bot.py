"""The bot as people use it: typed in a browser, received by a real triggerer, answered by a real scheduler's tasks."""

from __future__ import annotations

import os
import signal
import time

import pytest
from playwright.sync_api import Browser

from support.real_airflow import RealAirflow, until
from workplace_sandbox.model import SlackMessage

pytestmark = pytest.mark.e2e

CHANNEL = "data-분석"
BOT = "slack_bot"
PATIENCE = 180.0  # seconds; an answer takes five of them, unless the machine is busy


class Bot:
    """A real Airflow with the bot, and its answers."""

    def __init__(self, real: RealAirflow) -> None:
        self.real = real
        self.sandbox = real.sandbox
        self._user = real.sandbox.slack.person("report-bot").id

    def ask(self, text: str) -> str:
        """Ask as a person, and return the id of the message."""
        return str(self.sandbox.slack.write(CHANNEL, "minsu", text).ts)

    def answers(self, ts: str) -> list[SlackMessage]:
        """Return the bot's answers, without the files."""
        said = self.sandbox.store.messages(CHANNEL)
        return [each for each in said if each.user_id == self._user and each.thread_ts == ts and each.text]

    def wait(self, ts: str, patience: float = PATIENCE) -> SlackMessage:
        until(lambda: bool(self.answers(ts)), "an answer", patience)
        return self.answers(ts)[0]

    def at_rest(self) -> bool:
        runs = self.real.airflow.api.runs(BOT)
        return all(run["state"] in ("success", "failed") for run in runs)


@pytest.fixture(scope="module")
def bot(shared_airflow: RealAirflow) -> Bot:
    return Bot(shared_airflow)


def test_who_asks_in_the_channel_sees_the_answer_in_the_thread(bot: Bot, browser: Browser) -> None:
    page = browser.new_page()
    try:
        page.goto(f"{bot.sandbox.url}/slack/archives/{CHANNEL}")
        page.fill("form.sl-composer input[name=text]", "@bot commits octocat")
        page.click("form.sl-composer button")
        begin = time.monotonic()
        question = next(
            each for each in reversed(bot.sandbox.store.messages(CHANNEL)) if each.text.endswith("commits octocat")
        )
        page.goto(f"{bot.sandbox.url}/slack/archives/{CHANNEL}?thread_ts={question.ts}")
        page.wait_for_selector(":text('in a row')", timeout=PATIENCE * 1000)
        print(f"answered {time.monotonic() - begin:.1f} s after it was typed")
        assert page.locator(":text('in a row')").first.is_visible()
    finally:
        page.close()
    until(bot.at_rest, "the runs to end")
    (answer,) = bot.answers(question.ts)
    assert "octocat> has contributed for *12 days* in a row" in answer.text


def test_the_report_is_made_and_its_link_is_told(bot: Bot) -> None:
    answer = bot.wait(bot.ask("@bot report"), 120)
    pages = bot.sandbox.store.pages("ANALYTICS")
    (told,) = [page for page in pages if f"pageId={page.id}|{page.title}>" in answer.text]
    assert "주간 보고" in told.title


def test_a_slash_command_is_answered(bot: Bot) -> None:
    before = len(bot.sandbox.store.messages(CHANNEL))
    bot.sandbox.slack.command(CHANNEL, "minsu", "/commits", "jimin-kim")
    until(
        lambda: any("*5 days* in a row" in each.text for each in bot.sandbox.store.messages(CHANNEL)[before:]), "the answer"
    )


def test_a_worker_that_dies_after_it_has_answered_answers_once(bot: Bot) -> None:
    asked = bot.ask("@bot help")
    bot.real.kill_the_worker_in("/slack/api/chat.postMessage$", "POST")
    bot.wait(asked)
    until(bot.at_rest, "the runs to end")
    assert len(bot.answers(asked)) == 1


def test_what_is_asked_while_the_triggerer_is_dead_is_answered_once_each(bot: Bot) -> None:
    bot.wait(bot.ask("@bot help"))
    until(bot.at_rest, "the runs to end")
    triggerers = bot.real.processes("triggerer")
    assert triggerers
    for process in triggerers:
        os.kill(process.pid, signal.SIGKILL)
    asked = [bot.ask(f"@bot commits {name}") for name in ("octocat", "jimin-kim", "nobody", "octocat", "jimin-kim")]
    bot.real.start_triggerer()
    for ts in asked:
        bot.wait(ts, 180)
    until(bot.at_rest, "the runs to end")
    assert [len(bot.answers(ts)) for ts in asked] == [1] * 5
    texts = [bot.answers(ts)[0].text for ts in asked]
    for word, text in zip(("12 days", "5 days", "nobody", "12 days", "5 days"), texts, strict=True):
        assert word in text
