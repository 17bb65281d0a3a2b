from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.notice_board import FEED, TABLE
from workplace_provider.notices import BoardError, FeedBoard, HtmlBoard, describe_board, load_board


def test_the_examples_can_be_used(repository: Path) -> None:
    boards = [load_board(file) for file in sorted((repository / "include" / "notices").glob("*.yaml"))]
    assert [(type(board), board.name) for board in boards] == [(HtmlBoard, "company"), (FeedBoard, "releases")]
    assert [board.label for board in boards] == ["사내 공지", "お知らせ"]


def test_the_examples_of_the_guide_can_be_used(repository: Path) -> None:
    guide = (repository / "docs" / "notices.md").read_text(encoding="utf-8")
    boards = [
        describe_board({"name": "x", **yaml.safe_load(text)}) for text in re.findall(r"```yaml\n(.*?)```", guide, re.S)
    ]
    assert [type(board) for board in boards] == [FeedBoard, HtmlBoard]
    documented = set(re.findall(r"^\| `(\w+)` \|", guide, re.M))
    assert documented == {"kind", *FeedBoard.__struct_fields__, *HtmlBoard.__struct_fields__}


def test_a_board_is_called_as_its_file_unless_it_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "인사팀.yaml"
    file.write_text("kind: feed\nurl: https://x.example/rss\n", encoding="utf-8")
    assert (load_board(file).name, load_board(file).label) == ("인사팀", "인사팀")
    file.write_text("kind: feed\nurl: https://x.example/rss\nname: hr\n", encoding="utf-8")
    assert load_board(file).name == "hr"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"kind: feed\nurl: [", "hr.yaml, line 2: while parsing"),
        (b"- kind: feed", "hr.yaml: the description must be a mapping, not list"),
        (b"", "hr.yaml: the description must be a mapping, not NoneType"),
        ("kind: feed\ntitle: 공지".encode("euc-kr"), "hr.yaml: 'utf-8' codec"),
        (
            b"kind: feed\nurl: https://x.example\nmax_new: many",
            "hr.yaml: max_new is 'many'; it must be a whole number",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "hr.yaml"
    file.write_bytes(content)
    with pytest.raises(BoardError) as caught:
        load_board(file)
    assert str(caught.value).startswith(message)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"gone\.yaml: .*No such file"):
        load_board(tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    ("board", "message"),
    [
        ({**FEED, "name": ""}, "name is missing"),
        ({**FEED, "kind": "sitemap"}, "kind: Invalid value 'sitemap'"),
        ({"name": "x", "url": "https://x.example"}, "Object missing required field `kind`"),
        ({**FEED, "select": {}}, "there is a key 'select'"),
        ({**FEED, "max_new": 0}, "max_new is 0; it must be a whole number of at least 1"),
        ({**FEED, "url": "https://x.example/rss"}, "url: with a connection it must be a path that begins with a slash"),
        ({**FEED, "connection": ""}, "url: it is not an http URL; a path needs the key connection"),
        ({**FEED, "connection": "", "url": "file:///etc/passwd"}, "url: must begin with http:// or https://"),
        ({**FEED, "connection": "", "url": "https://ann:pw@x.example/rss"}, "url: contains a user or a password"),
        ({**FEED, "connection": "", "url": "https://x.example/r s?a=b"}, "url: contains a space"),
        ({**FEED, "connection": "", "url": "https://x.example/rss?a=b\n"}, "url: it contains a space, a line break"),
        ({**FEED, "url": "/rss?token=\x1b"}, "url: it contains a space, a line break or a control character"),
        ({**TABLE, "select": {"item": "tr"}}, "select: Object missing required field `title`"),
        ({**TABLE, "select": {"item": "tr[", "title": "a"}}, "select.item: 'tr\\[' is not a valid CSS selector"),
        ({**TABLE, "select": {"item": "tr", "title": "a", "date": "a::after("}}, "select.date: 'a::after\\('"),
        ({**TABLE, "id": "("}, "id: '\\(' is not a valid regular expression"),
        ({**TABLE, "timezone": "Asia/Busan"}, "timezone: unknown time zone 'Asia/Busan'"),
        ({**TABLE, "link_format": "/v"}, "link_format: it must contain {id}"),
        ({**TABLE, "id": "", "link_format": "/v/{id}"}, "link_format: it must contain"),
        ({**TABLE, "charset": "klingon"}, "charset: unknown character set 'klingon'"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(board: dict[str, Any], message: str) -> None:
    with pytest.raises(BoardError, match=f"^board: {message}"):
        describe_board(board)
