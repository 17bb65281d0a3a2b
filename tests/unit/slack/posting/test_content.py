from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.log import mask_secret

from support.slack_workspace import CHANNEL, SlackWorkspace, context
from workplace_provider.slack.operators import SlackPostOperator


def post(ctx: Any = None, **arguments: Any) -> Any:
    operator = SlackPostOperator(task_id="post", **{"channel": CHANNEL, "text": "주간 보고", **arguments})
    return json.loads(json.dumps(operator.execute(context() if ctx is None else ctx)))


def contents(workspace: SlackWorkspace) -> dict[str, bytes]:
    return {file.name: file.path.read_bytes() for file in workspace.sandbox.store.slack_files()}


@pytest.mark.parametrize("content", ["이름,수\n안나,1\n", "이름,수\n안나,1\n".encode()])
def test_content_is_shared_as_a_file(workspace: SlackWorkspace, content: str | bytes) -> None:
    result = post(content=content, content_name="보고.csv")
    assert [file["name"] for file in result["files"]] == ["보고.csv"]
    assert contents(workspace) == {"보고.csv": "이름,수\n안나,1\n".encode()}
    assert post(content=content, content_name="보고.csv") == result
    assert len(workspace.said) == 2


def test_content_has_a_name_and_no_snippet_type_by_default(workspace: SlackWorkspace) -> None:
    post(content="x")
    assert list(contents(workspace)) == ["content.txt"]


def test_content_comes_before_files_and_counts_as_one(workspace: SlackWorkspace) -> None:
    assert [file["name"] for file in post(content="x", files=[__file__], file_limit=1)["files"]] == ["content.txt"]


def test_content_alone_is_a_message_with_its_name(workspace: SlackWorkspace) -> None:
    post(text=None, content=b"\x00\xff", content_name="<!channel>.bin")
    assert workspace.texts[0] == "&lt;!channel&gt;.bin"
    assert list(contents(workspace).values()) == [b"\x00\xff"]


def test_a_secret_in_text_is_masked(workspace: SlackWorkspace) -> None:
    mask_secret("s3cret-in-content")
    post(content="password s3cret-in-content")
    assert contents(workspace) == {"content.txt": b"password ***"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"content": ""}, "content is empty"),
        ({"content": b""}, "content is empty"),
        ({"content": ["a"]}, "content is list; it must be text or bytes"),
        ({"content_name": "a.txt"}, "content is missing"),
        ({"content_type": "sql"}, "content is missing"),
        ({"content": "x" * 1_000_001, "content_type": "sql"}, "(?i)the snippet content.txt has 1000001 bytes"),
        ({"content": "x", "key": "status"}, "cannot be split or have files"),
    ],
)
def test_wrong_content_fails_before_anything_is_posted(workspace: SlackWorkspace, arguments: Any, message: str) -> None:
    with pytest.raises((AirflowFailException, ValueError), match=message):
        post(**arguments)
    assert not workspace.said


def test_content_cannot_come_from_the_message_of_another_task(workspace: SlackWorkspace) -> None:
    with pytest.raises(AirflowFailException, match="unknown key 'content'"):
        post(message={"text": "x", "content": "y"})
