"""Messages as Slack shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_sandbox.ui.mrkdwn import mrkdwn, plain_text

if TYPE_CHECKING:
    from unit.sandbox.ui.open_wiki import Wiki

NOON = datetime(2026, 11, 19, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* _b_ ~c~ `d`", "<b>a</b> <i>b</i> <s>c</s> <code>d</code>"),
        ("2 * 3 * 4, snake_case_name", "2 * 3 * 4, snake_case_name"),
        ("*_a_*", "<b><i>a</i></b>"),
        ("`*a*`", "<code>*a*</code>"),
        ("a\nb", "a<br>b"),
        ("```\nx < 1\ny\n```", "<pre>x &lt; 1\ny\n</pre>"),
        ("<https://a.example/?b=1&amp;c=2|글>", '<a href="https://a.example/?b=1&amp;c=2" rel="noopener noreferrer">글</a>'),
        ("<mailto:a@b.example>", '<a href="mailto:a@b.example" rel="noopener noreferrer">a@b.example</a>'),
        ("see https://a.example/x.", 'see <a href="https://a.example/x" rel="noopener noreferrer">https://a.example/x</a>.'),
        ("*<https://a.example|x>*", '<b><a href="https://a.example" rel="noopener noreferrer">x</a></b>'),
        ("&lt;b&gt; &amp;amp;", "&lt;b&gt; &amp;amp;"),
        ("<b>", "&lt;b&gt;"),
        ("&gt; a\n&gt; b\nc", "<blockquote>a<br>b</blockquote>c"),
        ("<@U1|jimin> <!here> <#C1|data>", None),
        ("<!date^1796101320^{date} {time}|2026-12-01 05:02 UTC>", "2026-12-01 05:02 UTC"),
        (":tada: :own_one:", "🎉 :own_one:"),
        ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)|x&gt;"),
        (None, ""),
        (7, ""),
        ({"type": "plain_text", "text": "*a* :tada:"}, "*a* 🎉"),
        ({"type": "mrkdwn", "text": "*a*"}, "<b>a</b>"),
    ],
)  # fmt: skip
def test_mrkdwn(text: object, html: str | None) -> None:
    shown = str(mrkdwn(text))
    if html is None:
        assert [e.text for e in lxml.html.fragment_fromstring(shown, create_parent="p").findall("span")] == [
            "@jimin",
            "@here",
            "#data",
        ]
    else:
        assert shown == html


@given(st.text(alphabet="<>&*_~`|:/@!#\n hjavscript\"'\ue000\ue0010", max_size=60))
def test_no_text_becomes_markup_of_its_own(text: str) -> None:
    for shown in (mrkdwn(text), plain_text(text)):
        tree = lxml.html.fragment_fromstring(f"<p>{shown}</p>", create_parent="div")
        for element in tree.iter():
            assert element.tag in ("div", "p", "b", "i", "s", "code", "pre", "a", "br", "blockquote", "span")
            assert set(element.attrib) <= {"href", "rel", "class"}
            assert str(element.get("href") or "http").startswith(("http", "mailto"))


def post(wiki: Wiki, channel: str, payload: dict[str, Any], *, source: str = "incoming", minutes: int = 0) -> str:
    text = payload.get("text", "")
    at = NOON + timedelta(minutes=minutes)
    wiki.store.add_message(channel, "보고봇", text if isinstance(text, str) else "", payload, source, at)  # type: ignore[arg-type]
    return wiki.text(f"/slack/archives/{channel.removeprefix('#')}")


def test_blocks(wiki: Wiki) -> None:
    def plain(text: str) -> dict[str, Any]:
        return {"type": "plain_text", "text": text}

    def marked(text: str) -> dict[str, Any]:
        return {"type": "mrkdwn", "text": text}

    bold = {"type": "text", "text": "진한", "style": {"bold": True}}
    blocks = [
        {"type": "header", "text": plain("머리글")},
        {"type": "section", "text": marked("*굵게*"), "fields": [marked("칸")]},
        {"type": "divider"},
        {"type": "context", "elements": [marked("작은 글")]},
        {"type": "image", "image_url": "https://a.example/i.png", "alt_text": "그림", "title": plain("제목")},
        {"type": "actions", "elements": [{"type": "button", "text": plain("열기"), "url": "https://a.example"}]},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [bold]}]},
        {"type": "table"},
    ]
    text = post(wiki, "#blocks", {"text": "only in notifications", "blocks": blocks})
    for part in (
        "머리글",
        "<b>굵게</b>",
        "칸",
        "<hr>",
        "작은 글",
        "https://a.example/i.png",
        "열기",
        "<b>진한</b>",
        "table",
    ):
        assert part in text, part
    assert "only in notifications" not in text


def test_attachments_of_2016(wiki: Wiki) -> None:
    text = post(
        wiki,
        "#attachments",
        {
            "attachments": [
                {
                    "color": "danger",
                    "pretext": "앞",
                    "title": "실패",
                    "title_link": "https://a.example",
                    "text": "`503`",
                    "fields": [{"title": "DAG", "value": "weekly_report", "short": True}],
                    "footer": "Airflow",
                }
            ]
        },
    )
    for part in ("--bar: #e01e5a", "앞", 'href="https://a.example"', "<code>503</code>", "weekly_report", "Airflow"):
        assert part in text, part


def test_workflow_message_shows_text_or_variables(wiki: Wiki) -> None:
    text = post(wiki, "#workflow", {"report_link": "https://a.example/p"}, source="workflow")
    assert "WORKFLOW" in text
    assert "report_link" in text
    assert 'href="https://a.example/p"' in text


def test_newest_is_last_and_days_are_divided(wiki: Wiki) -> None:
    post(wiki, "#order", {"text": "second"}, minutes=1)
    post(wiki, "#order", {"text": "first"}, minutes=0)
    text = post(wiki, "#order", {"text": "third"}, minutes=60 * 24)
    assert text.index("first") < text.index("second") < text.index("third")
    assert text.count('class="sl-day"') == 2
    assert text.count("follows") == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"blocks": "x"},
        {"blocks": [1, None, "x", [], {}]},
        {"blocks": [{"type": "section", "text": "bare"}, {"type": "section", "text": 7, "fields": 8, "accessory": 9}]},
        {"blocks": [{"type": "actions", "elements": [{"type": "button", "url": ["x"], "text": None}]}]},
        {"blocks": [{"type": "image", "image_url": {"a": 1}, "alt_text": 5}, {"type": "context", "elements": {"a": 1}}]},
        {"blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "link"}]}]}]},
        {"attachments": [{"color": 5, "fields": "x", "title": 3, "text": []}, 5], "text": 9},
        {"attachments": {"a": 1}},
        {"text": "<script>alert(1)</script>", "attachments": [{"title": "<script>", "title_link": "javascript:x"}]},
    ],
)
def test_odd_payloads_give_a_page(wiki: Wiki, payload: dict[str, Any]) -> None:
    text = post(wiki, "#odd", payload)
    assert "<script" not in text
    assert "javascript:x" not in text
    assert "built-in" not in text
