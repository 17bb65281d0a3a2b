from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.common import escape
from workplace_provider.http.errors import Invalid, TooLarge
from workplace_provider.slack.client import MessagePart, convert_attachments, split_message
from workplace_provider.slack.client.parts import MOST_BLOCKS, MOST_CHARACTERS, characters, split_text

WORDS = st.sampled_from(
    ["보고서", "日本語", "a", "x" * 700, "<https://a.example/?b=1&amp;c|글 자>", "&amp;", " ", "\n", "\n\n", "👩‍💻", "*b*"]
)
TEXTS = st.lists(WORDS, max_size=120).map("".join)
SECTIONS = st.builds(lambda text: {"type": "section", "text": {"type": "mrkdwn", "text": text}}, TEXTS.filter(str.strip))
BLOCKS = st.lists(SECTIONS | st.just({"type": "divider"}), min_size=1, max_size=70)
WHITE_SPACE = str.maketrans("", "", " \n")


def letters(text: str) -> str:
    """A text without white space, which a part may end or begin with."""
    return text.translate(WHITE_SPACE)


def said(value: Any) -> str:
    """All text of blocks, in order."""
    if isinstance(value, dict):
        return "".join(each if name == "text" and isinstance(each, str) else said(each) for name, each in value.items())
    return "".join(map(said, value)) if isinstance(value, list | tuple) else ""


def assert_within_limits(part: MessagePart) -> None:
    blocks = [*part.blocks, *(block for each in part.attachments for block in each.get("blocks", ()))]
    assert len(blocks) <= MOST_BLOCKS
    assert characters(blocks) <= MOST_CHARACTERS
    for block in blocks:
        if block["type"] == "section":
            assert len(block.get("text", {}).get("text", "")) <= 3000
            assert len(block.get("fields", ())) <= 10
    if not part.blocks:
        assert len(part.text) <= 4000


@given(TEXTS)
def test_no_text_is_lost_and_no_link_is_cut(text: str) -> None:
    parts = split_text(text)
    assert letters("".join(parts)) == letters(text)
    for part in parts:
        assert len(part) <= 4000
        assert part.strip()
        assert part.count("<") == part.count(">")
        assert part.count("&") == part.count("&amp;")


@given(st.text(max_size=300), st.integers(20, 60))
def test_any_text_is_cut_without_loss(text: str, longest: int) -> None:
    text = text.replace("`", "")
    parts = split_text(text, longest)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(part) <= longest for part in parts)


def test_a_text_is_cut_between_paragraphs() -> None:
    assert split_text("a" * 30 + "\n\n" + "b" * 30, 50) == ["a" * 30 + "\n\n", "b" * 30]
    assert split_text("") == split_text(" \n") == []


def test_a_code_block_is_closed_and_opened_again() -> None:
    parts = split_text("```\n" + "line\n" * 20 + "```", 60)
    assert len(parts) > 1
    assert all(part.startswith("```\n") and part.endswith("```") and len(part) <= 60 for part in parts)
    assert "".join(parts).count("line") == 20


@given(BLOCKS)
def test_no_block_is_lost_and_each_part_is_within_limits(blocks: list[dict[str, Any]]) -> None:
    parts = split_message("알림", blocks)
    for part in parts:
        assert_within_limits(part)
    assert letters("".join(said(part.blocks) for part in parts)) == letters(said(blocks))
    assert [part.text for part in parts] == ["알림"] + [""] * (len(parts) - 1)


def test_what_fits_is_one_part_as_it_was() -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "a"}, "block_id": "b"}, {"type": "header"}]
    assert split_message("t", blocks) == [MessagePart("t", tuple(blocks))]


def test_a_long_section_keeps_its_id_and_button_once() -> None:
    text = {"type": "mrkdwn", "text": "word " * 1000}
    fields = [{"type": "mrkdwn", "text": str(number)} for number in range(12)]
    (part,) = split_message("", [{"type": "section", "text": text, "block_id": "b", "fields": fields}])
    assert [block.get("block_id") for block in part.blocks] == ["b", None, None]
    assert [len(block.get("fields", ())) for block in part.blocks] == [0, 10, 2]


def test_headers_and_markdown_are_cut_too() -> None:
    header = {"type": "header", "text": {"type": "plain_text", "text": "h" * 200}}
    markdown = {"type": "markdown", "text": "m" * 14_000}
    parts = split_message("", [header, markdown])
    assert [[characters(block) for block in part.blocks] for part in parts] == [[146, 54, 11_996], [2_004]]


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(Invalid, match="The message is empty"):
        split_message(" ")
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "x" * 14_000}]]}
    with pytest.raises(TooLarge, match="A block of the type table has 14000 characters"):
        split_message("", [table])


NAMES = ("pretext", "author_name", "title", "text", "footer")
PLAIN = st.text(alphabet="가나<>&*_ab日\n ", min_size=1, max_size=80)
ATTACHMENTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(NAMES, PLAIN),
        "fields": st.lists(
            st.fixed_dictionaries({"title": PLAIN, "value": PLAIN, "short": st.booleans()}), min_size=1, max_size=14
        ),
        "color": st.just("#36a64f"),
    },
)


@given(ATTACHMENTS)
def test_an_attachment_becomes_blocks_with_all_its_text_escaped(attachment: dict[str, Any]) -> None:
    (converted,) = convert_attachments([attachment])
    shown = letters(said(converted.get("blocks", ())))
    for name in NAMES:
        assert letters(escape(attachment.get(name, ""))) in shown
    for field in attachment.get("fields", ()):
        assert letters(escape(field["title"])) in shown
        assert letters(escape(field["value"])) in shown
    assert converted.get("color") == attachment.get("color")
    assert "<" not in shown
    if converted.get("blocks"):
        for part in split_message("", (), [converted]):
            assert_within_limits(part)


@given(st.lists(ATTACHMENTS, max_size=40), TEXTS)
def test_many_converted_attachments_are_within_limits(attachments: list[dict[str, Any]], text: str) -> None:
    converted = [each for each in convert_attachments(attachments) if each.get("blocks")]
    parts = split_message(f"a{text}", (), converted)
    for part in parts:
        assert_within_limits(part)
    shown = [block for part in parts for each in part.attachments for block in each["blocks"]]
    assert shown == [block for each in converted for block in each["blocks"]]


def test_a_long_attachment_stays_in_its_colour() -> None:
    (converted,) = convert_attachments([{"color": "good", "text": "word " * 4000, "mrkdwn_in": ["text"]}])
    parts = split_message("a", (), [converted])
    assert [each["color"] for part in parts for each in part.attachments] == ["good", "good"]
    assert letters("".join(said(list(part.attachments)) for part in parts)) == "word" * 4000


def test_what_has_buttons_of_the_old_form_stays_as_it_is() -> None:
    old = {"text": "a", "callback_id": "c", "actions": [{"name": "yes", "type": "button"}]}
    assert convert_attachments([old]) == [old]


def test_pictures_and_links_are_converted() -> None:
    (converted,) = convert_attachments(
        [{"title": "표", "title_link": "https://a.example/?x=1|2", "image_url": "https://a.example/i.png", "ts": "x<y"}]
    )
    title, image, footer = converted["blocks"]
    assert title["text"]["text"] == "*<https://a.example/?x=1%7C2|표>*"
    assert (image["image_url"], image["alt_text"]) == ("https://a.example/i.png", "표")
    assert footer["elements"][0]["text"] == "x&lt;y"
