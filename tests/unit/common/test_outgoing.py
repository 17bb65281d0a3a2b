"""What leaves for people: secrets are masked, and text from outside is text."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.log import mask_secret

from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.outgoing import SLACK_FILTERS, markdown_code, redact_outgoing, slack_link, slack_text
from workplace_provider.confluence.operators import ReviewOperator
from workplace_provider.plugin import WorkplacePlugin

SECRET = "S3CRET-with-<&>-in-it"


@pytest.fixture(autouse=True)
def masked() -> None:
    mask_secret(SECRET)


def test_a_secret_is_masked_before_it_is_escaped() -> None:
    assert slack_text(f"login with {SECRET}") == "login with ***"
    assert (
        slack_text(ValueError(f"{SECRET} at https://u:p@h.example/?t=1 <!here>"))
        == "*** at https://h.example/?t=*** &lt;!here&gt;"
    )
    assert slack_text(ValueError()) == "ValueError"
    assert slack_link(SECRET, f"https://a.example/{SECRET}") == "<https://a.example/***|***>"
    assert slack_text(slack_link("a", "https://a.example")) == "<https://a.example|a>"


def test_blocks_are_masked_at_any_depth() -> None:
    block: Any = {"type": "mrkdwn", "text": SECRET}
    for _ in range(9):
        block = {"type": "section", "elements": [block]}
    assert SECRET not in str(redact_outgoing([block]))
    assert redact_outgoing({"blocks": [{"type": "divider"}], "n": 1, "none": None}) == {
        "blocks": [{"type": "divider"}],
        "n": 1,
        "none": None,
    }


@pytest.mark.parametrize("text", ["-a\n+b", "+```\n[Log in](https://evil.example)\n```", "````", "", "`a`"])
def test_a_block_of_code_cannot_be_left(text: str) -> None:
    first, *lines, last = markdown_code(text, "diff").split("\n")
    fence = first.removesuffix("diff")
    assert last == fence
    assert "\n".join(lines) == text
    assert not any(line.strip().startswith(fence) for line in lines)
    assert markdown_code(f"{SECRET}\u202e") == "```\n***\\u202e\n```"


class Printer(WorkplaceOperator):
    template_fields = ("text",)

    def __init__(self, *, text: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text

    def execute(self, context: Any) -> Any:
        return self.text


def test_dag_authors_have_filters_and_macros() -> None:
    with DAG("d", schedule=None) as dag:
        printer = Printer(task_id="p", text="{{ x | slack_text }} {{ x | slack_link('https://a.example') }}")
    printer.render_template_fields({"x": "<!here>", "dag": dag})  # type: ignore[typeddict-unknown-key, arg-type]
    assert printer.text == "&lt;!here&gt; <https://a.example|&lt;!here&gt;>"
    assert {slack_text, slack_link} <= set(WorkplacePlugin.macros)
    other = DAG("o", schedule=None, user_defined_filters=dict(SLACK_FILTERS))
    assert other.get_template_env().from_string("{{ x | slack_text }}").render(x="<a>") == "&lt;a&gt;"


def test_the_log_of_an_operator_is_sanitized(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    Printer(task_id="p", text="").log.warning("page %s by %s", "\x1b[2J\u202e", "https://u:pw@h.example/?t=1")
    shown = caplog.text + "".join(capsys.readouterr())
    assert r"page \x1b[2J\u202e by https://h.example/?t=***" in shown


def test_a_question_to_people_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    review = ReviewOperator(task_id="r", subject=f"Publish {SECRET}?", body=f"with {SECRET}")
    monkeypatch.setattr("airflow.providers.standard.operators.hitl.ApprovalOperator.execute", lambda self, context: None)
    review.execute({})  # type: ignore[typeddict-item]
    assert (review.subject, review.body) == ("Publish ***?", "with ***")
