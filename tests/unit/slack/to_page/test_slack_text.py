from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import PageDocument
from workplace_provider.slack.to_page.slack_text import Mentions, SlackText, readable


class People:
    def user(self, user_id: str) -> str:
        return {"U1": "김민수"}.get(user_id, user_id)

    def group(self, group_id: str) -> str:
        return {"S1": "analysts"}.get(group_id, group_id)

    def channel(self, channel_id: str) -> str:
        return {"C1": "데이터-분석"}.get(channel_id, channel_id)


SLACK = SlackText(People(), ZoneInfo("Asia/Seoul"))


def rich(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "rich_text", "elements": list(elements)}]


def section(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def text(value: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": value, **({"style": style} if style else {})}


@pytest.mark.parametrize(
    ("mrkdwn", "storage"),
    [
        ("plain", "plain"),
        ("*bold* _italic_ ~strike~ `code`", "<strong>bold</strong> <em>italic</em> <s>strike</s> <code>code</code>"),
        ("*_both_*", "<strong><em>both</em></strong>"),
        ("*a _b_ ~c~*", "<strong>a <em>b</em> <s>c</s></strong>"),
        ("*a _b* c_", "<strong>a _b</strong> c_"),
        ("*굵게*는 _기울임_을", "<strong>굵게</strong>는 <em>기울임</em>을"),
        ("これは*太字*です", "これは<strong>太字</strong>です"),
        ("snake_case_name 2*3*4 a~b~c", "snake_case_name 2*3*4 a~b~c"),
        ("* not bold* and *not closed", "* not bold* and *not closed"),
        ("__init__ **x** _", "__init__ **x** _"),
        ("*over\nlines*", "*over<br />lines*"),
        ("`*no* _markup_ &lt;b&gt;`", "<code>*no* _markup_ &lt;b&gt;</code>"),
        ("a &amp;&lt;b&gt; c &quot; & d", "a &amp;&lt;b&gt; c &amp;quot; &amp; d"),
        ("&amp;lt;", "&amp;lt;"),
        ("<https://a.example/?x=1&amp;y=2|보고서 &amp; 표>", '<a href="https://a.example/?x=1&amp;y=2">보고서 &amp; 표</a>'),
        ("<https://a.example>", '<a href="https://a.example">https://a.example</a>'),
        ("<mailto:a@b.example|a@b.example>", '<a href="mailto:a@b.example">a@b.example</a>'),
        ("<javascript:alert(1)|click>", "click (javascript:alert(1))"),
        ("*<https://a.example|link>*", '<strong><a href="https://a.example">link</a></strong>'),
        ("<@U1> <@U2|old> <@U3>", "@김민수 @old @U3"),
        ("<#C1> <#C1|> <#C2|secret>", "#데이터-분석 #데이터-분석 #secret"),
        ("<!here> <!channel|channel> <!everyone>", "@here @channel @everyone"),
        ("<!subteam^S1|@analysts> <!subteam^S2>", "@analysts @S2"),
        ("<!date^1763517600^{date_num} {time}|never>", "2025-11-19 11:00"),
        ("<!date^1763517600^at {time_secs}^https://a.example|x>", '<a href="https://a.example">at 11:00:00</a>'),
        ("<!date^soon^{date}|soon>", "&lt;!date^soon^{date}|soon&gt;"),
        ("<unknown thing>", "&lt;unknown thing&gt;"),
        (":tada: 좋아요:+1: :wave::skin-tone-3:", "🎉 좋아요👍 👋🏼"),
        (":우리팀: :not_known: 10:100:00 a:b", ":우리팀: :not_known: 10:100:00 a:b"),
        ("one\ntwo", "one<br />two"),
    ],
)
def test_markup_within_a_paragraph(mrkdwn: str, storage: str) -> None:
    assert SLACK.mrkdwn(mrkdwn) == f"<p>{storage}</p>"


CODE = '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[{}]]></ac:plain-text-body></ac:structured-macro>'


@pytest.mark.parametrize(
    ("mrkdwn", "storage"),
    [
        ("", ""),
        ("a\n\nb", "<p>a</p><p>b</p>"),
        ("&gt; one\n&gt;two\nthree", "<blockquote><p>one<br />two</p></blockquote><p>three</p>"),
        ("a\n&gt;&gt;&gt;b\nc\n\nd", "<p>a</p><blockquote><p>b<br />c</p><p>d</p></blockquote>"),
        ("• a\n• *b*\nc", "<ul><li>a</li><li><strong>b</strong></li></ul><p>c</p>"),
        ("• a\n    ◦ b\n        ▪ c\n• d", "<ul><li>a<ul><li>b<ul><li>c</li></ul></li></ul></li><li>d</li></ul>"),
        ("```\nSELECT 1 &lt; 2;\n```", CODE.format("SELECT 1 < 2;")),
        ("see ```x = a[b[0]]&gt;1``` here", "<p>see </p>" + CODE.format("x = a[b[0]]]]><![CDATA[>1") + "<p> here</p>"),
        ("```<https://a.example|a.example>```", CODE.format("a.example")),
        ("```not closed", "<p>```not closed</p>"),
    ],
)
def test_markup_of_whole_lines(mrkdwn: str, storage: str) -> None:
    assert SLACK.mrkdwn(mrkdwn) == storage
    PageDocument(storage)


def test_what_a_person_wrote_is_read_from_its_rich_text() -> None:
    blocks = rich(
        section(text("안녕 "), text("굵게", bold=True), text("는", italic=True, strike=True), text("\n둘째 줄")),
        section(
            {"type": "user", "user_id": "U1"},
            text(" "),
            {"type": "channel", "channel_id": "C1"},
            text(" "),
            {"type": "broadcast", "range": "here"},
            {"type": "emoji", "name": "우리팀"},
            {"type": "emoji", "name": "wave", "unicode": "1f44b-1f3fc"},
            {"type": "link", "url": "https://a.example/?a=1&b=2", "text": "표", "style": {"bold": True}},
            {"type": "date", "timestamp": 1763517600, "format": "{time}", "fallback": "x"},
            {"type": "usergroup", "usergroup_id": "S1"},
            {"type": "color", "value": "#FF0000"},
        ),
        {"type": "rich_text_quote", "elements": [text("quoted")]},
        {"type": "rich_text_preformatted", "language": "sql", "elements": [text("a ]]> <b>")]},
    )
    assert SLACK.storage("ignored", blocks) == (
        "<p>안녕 <strong>굵게</strong><s><em>는</em></s><br />둘째 줄</p>"
        "<p>@김민수 #데이터-분석 @here:우리팀:👋🏼"
        '<strong><a href="https://a.example/?a=1&amp;b=2">표</a></strong>11:00@analysts#FF0000</p>'
        "<blockquote><p>quoted</p></blockquote>"
        '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">sql</ac:parameter>'
        "<ac:plain-text-body><![CDATA[a ]]]]><![CDATA[> <b>]]></ac:plain-text-body></ac:structured-macro>"
    )


def test_lists_of_rich_text_are_nested() -> None:
    def items(style: str, indent: int, *texts: str, **more: int) -> dict[str, Any]:
        elements = [section(text(each)) for each in texts]
        return {"type": "rich_text_list", "style": style, "indent": indent, "elements": elements, **more}

    blocks = rich(items("bullet", 0, "a"), items("ordered", 1, "b", "c"), items("bullet", 0, "d"), items("ordered", 0, "e"))
    assert SLACK.storage("", blocks) == ("<ul><li>a<ol><li>b</li><li>c</li></ol></li><li>d</li></ul><ol><li>e</li></ol>")
    assert SLACK.storage("", rich(items("ordered", 0, "f", offset=3))) == '<ol start="4"><li>f</li></ol>'


def test_the_blocks_of_bots_are_read() -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "매출 & 비용"}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "*up*"},
            "fields": [{"type": "plain_text", "text": "*as is*"}],
        },
        {"type": "divider"},
        {"type": "context", "elements": [{"type": "image", "image_url": "https://a.example/i.png", "alt_text": "차트"}]},
        {
            "type": "actions",
            "elements": [{"type": "button", "text": {"type": "plain_text", "text": "열기"}, "url": "https://b"}],
        },
        {
            "type": "table",
            "rows": [[{"type": "raw_text", "text": "a"}, {"type": "rich_text", "elements": [section(text("b"))]}]],
        },
        {"type": "markdown", "text": "a <b>"},
    ]
    assert SLACK.storage("fallback", blocks) == (
        "<p><strong>매출 &amp; 비용</strong></p><p><strong>up</strong></p><p>*as is*</p><hr />"
        '<p><a href="https://a.example/i.png">차트</a></p><p><a href="https://b">열기</a></p>'
        "<table><tbody><tr><td><p>a</p></td><td><p>b</p></td></tr></tbody></table><p>a &lt;b&gt;</p>"
    )


def test_a_block_of_a_kind_to_come_leaves_the_text_to_be_read() -> None:
    assert SLACK.storage("*text*", [{"type": "hologram"}]) == "<p><strong>text</strong></p>"
    assert SLACK.storage("", [{"type": "hologram"}]) == "<p>[hologram]</p>"


def test_attachments_of_bots_are_quoted_and_cards_of_links_left_out() -> None:
    alarm = {
        "pretext": "알림",
        "title": "실패",
        "title_link": "https://a.example",
        "text": "*weekly*",
        "fields": [{"title": "DAG", "value": "x"}],
        "footer": "airflow",
    }
    card = {"from_url": "https://news.example", "title": "News", "text": "long"}
    assert SLACK.storage("", [], [alarm, card, {"fallback": "only this"}]) == (
        '<p>알림</p><blockquote><p><strong><a href="https://a.example">실패</a></strong></p>'
        "<p><strong>weekly</strong></p><p><strong>DAG</strong></p><p>x</p><p><em>airflow</em></p></blockquote>"
        "<blockquote><p>only this</p></blockquote>"
    )


def test_the_names_that_are_needed_are_known_beforehand() -> None:
    mentions = Mentions()
    blocks = rich(section({"type": "user", "user_id": "U2"}, {"type": "channel", "channel_id": "C2"}))
    SlackText(mentions).storage("", blocks, [{"text": "<@U3> <#C3>"}])
    SlackText(mentions).storage("<@U1> `<@U4>`")
    assert (mentions.users, mentions.channels) == ({"U1", "U2", "U3", "U4"}, {"C2", "C3"})


def test_a_page_can_be_read_as_text() -> None:
    storage = SLACK.storage("<@U1> *a*\nb\n• c\n```d &lt; e```")
    assert readable(storage) == "@김민수 a\nb\nc\nd < e"


LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"], exclude_characters="\ufffe\uffff")
PIECES = st.one_of(
    st.sampled_from(
        [*"*_~`<>|:&•\n\t #@!^{}", "```", "&gt;", "&gt;&gt;&gt;", "&amp;", "&lt;", "]]>", "    ◦ ", "<@U1>", "<!"]
    ),
    st.sampled_from(["가나", "カナ", "<https://a.example|글>", ":tada:", "<!date^1^{date}|x>", "https://x", "<#C1|>"]),
    st.text(LETTERS, max_size=6),
)
MESSAGES = st.lists(PIECES, max_size=25).map("".join)


@given(MESSAGES)
def test_any_message_is_well_formed(message: str) -> None:
    PageDocument(SLACK.mrkdwn(message))


WORDS = st.text(LETTERS.filter(str.isalnum), min_size=1, max_size=6)
MARKS = st.sampled_from(
    ["*", "_", "~", "`", "```", " ", "\n", "&gt; ", "• ", "    ◦ ", "&amp;", "<", ">", "|", "]]>", ":", "*_", "`*"]
)


@given(st.lists(st.one_of(WORDS, MARKS), max_size=25).map("".join))
def test_no_word_is_lost(message: str) -> None:
    def words(said: str) -> str:
        return "".join(re.findall(r"[^\W_]", said))

    shown = readable(SLACK.mrkdwn(message))
    assert words(shown) == words(message.replace("&gt;", "").replace("&amp;", ""))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(LETTERS, max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "text", "elements", "style", "url", "indent", "rows", "fields", "unicode"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)
KINDS = [
    "rich_text",
    "section",
    "header",
    "context",
    "image",
    "actions",
    "table",
    "markdown",
    "video",
    "rich_text_list",
    "text",
]


@given(
    st.lists(
        st.fixed_dictionaries({"type": st.sampled_from(KINDS), "text": JSON, "elements": JSON, "rows": JSON}), max_size=3
    )
)
def test_any_block_is_well_formed(blocks: list[dict[str, Any]]) -> None:
    PageDocument(SLACK.storage("", blocks))


STYLED = st.dictionaries(st.sampled_from(["bold", "italic", "strike", "code", "underline"]), st.booleans())


@given(
    st.lists(
        st.tuples(st.sampled_from(["section", "quote", "preformatted", "list"]), MESSAGES, STYLED, st.integers(0, 8)),
        max_size=8,
    )
)
def test_rich_text_of_any_words_is_whole_and_well_formed(said: list[tuple[str, str, dict[str, bool], int]]) -> None:
    elements: list[dict[str, Any]] = []
    for kind, words, style, indent in said:
        inner: list[dict[str, Any]] = [text(words, **style)]
        elements.append(
            {"type": f"rich_text_{kind}", "indent": indent, "elements": [section(*inner)] if kind == "list" else inner}
        )
    shown = readable(SLACK.storage("", rich(*elements)))
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", "".join(words for _, words, _, _ in said))


def button(label: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": label}, **more}


def forward(inner: dict[str, Any]) -> dict[str, Any]:
    """The attachment that forwards a message."""
    part = {"team": "T", "channel": "C", "ts": "1", "message": inner}
    return {
        "is_msg_unfurl": True,
        "is_share": True,
        "from_url": "https://w.slack.com/archives/C1/p1",
        "message_blocks": [part],
    }


@pytest.mark.parametrize(
    ("blocks", "attachments", "storage"),
    [
        (
            [
                {
                    "type": "section",
                    "text": {"type": "mrkdwn", "text": "failed"},
                    "accessory": button("Open :tada:", url="https://ci.example/1"),
                }
            ],
            [],
            '<p>failed</p><p><a href="https://ci.example/1">Open 🎉</a></p>',
        ),
        (
            [
                {
                    "type": "section",
                    "accessory": {"type": "image", "alt_text": "graph", "image_url": "https://a.example/g.png"},
                }
            ],
            [],
            '<p><a href="https://a.example/g.png">graph</a></p>',
        ),
        (
            [
                {
                    "type": "section",
                    "accessory": {
                        "type": "static_select",
                        "placeholder": {"type": "plain_text", "text": "Choose"},
                        "options": [{"text": {"type": "plain_text", "text": "hidden"}}],
                    },
                }
            ],
            [],
            "<p>Choose</p>",
        ),
        (
            [
                {
                    "type": "actions",
                    "elements": [
                        button("Yes"),
                        {"type": "radio_buttons", "options": [{"text": {"type": "plain_text", "text": "A"}}]},
                    ],
                }
            ],
            [],
            "<p>Yes A</p>",
        ),
        (
            [{"type": "header", "text": {"type": "plain_text", "text": ":rocket: 배포"}}],
            [],
            "<p><strong>🚀 배포</strong></p>",
        ),
        (
            [{"type": "header", "text": {"type": "plain_text", "text": ":rocket:", "emoji": False}}],
            [],
            "<p><strong>:rocket:</strong></p>",
        ),
        (
            [],
            [
                {
                    "text": "Approve?",
                    "actions": [
                        {"type": "button", "text": "Yes :+1:", "url": "https://a.example"},
                        {"type": "select", "text": "Who"},
                    ],
                }
            ],
            '<blockquote><p>Approve?</p><p><a href="https://a.example">Yes 👍</a> Who</p></blockquote>',
        ),
        (
            [],
            [
                forward(
                    {
                        "text": "said",
                        "attachments": [
                            forward({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*first*"}}]})
                        ],
                    }
                )
            ],
            "<blockquote><p>said</p><blockquote><p><strong>first</strong></p></blockquote></blockquote>",
        ),
        ([], [{**forward({}), "text": "the text alone"}], "<blockquote><p>the text alone</p></blockquote>"),
    ],
)
def test_what_readers_see_is_on_the_page(
    blocks: list[dict[str, Any]], attachments: list[dict[str, Any]], storage: str
) -> None:
    assert SLACK.storage("", blocks, attachments) == storage


def test_a_user_group_has_its_handle() -> None:
    assert SLACK.inline("<!subteam^S1> <!subteam^S2|@old> <!subteam^S3>") == "@analysts @old @S3"
    mentions = Mentions()
    SlackText(mentions).inline("<!subteam^S1>")
    assert mentions.groups == {"S1"}


def nested_forwards(count: int) -> dict[str, Any]:
    message: dict[str, Any] = {"text": "the innermost"}
    for _ in range(count):
        message = {"text": "more", "attachments": [forward(message)]}
    return message


@pytest.mark.parametrize("count", [3, 300, 100_000])
def test_however_deep_a_message_is_its_words_are_there(count: int) -> None:
    lists = [
        {"type": "rich_text_list", "style": "bullet", "indent": level, "elements": [section(text(f"item {level}"))]}
        for level in range(min(count, 300))
    ]
    message = nested_forwards(count)
    for storage in (
        SLACK.mrkdwn("&gt;" * count + " quoted"),
        SLACK.mrkdwn("&gt; " * count + " quoted"),
        SLACK.mrkdwn("*a _b ~c " * min(count, 3_000) + "c~ b_ a* quoted" * min(count, 3_000)),
        SLACK.storage("", rich(*lists)),
        SLACK.storage("see", None, message["attachments"]),
    ):
        words = readable(storage)
        assert any(word in words for word in ("quoted", f"item {min(count, 300) - 1}", "the innermost"))


def test_breaks_are_taken_from_the_ends_only_however_many_there_are() -> None:
    """A pattern tried each of them again, which took a minute for a message of Slack's longest."""
    text = {"type": "text", "text": "\n\na" + "\n" * 40_000 + "b\n"}
    blocks = [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [text]}]}]
    assert SlackText(Mentions()).storage("", blocks) == f"<p>a{'<br />' * 40_000}b</p>"
