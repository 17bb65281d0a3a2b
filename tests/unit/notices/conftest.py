from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.notice_board import NoticeBoard
from support.slack_workspace import SlackWorkspace, slack_workspace
from workplace_sandbox import Sandbox


@pytest.fixture
def workspace(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackWorkspace]:
    """The sandbox's Slack, and a connection to it; nobody waits."""
    with slack_workspace(sandbox, monkeypatch) as workspace:
        extra = {"base_url": sandbox.slack_api_url, "timeout": 5, "max_retry_wait": 0.01}
        connection = {"conn_type": "slack", "password": sandbox.slack_bot_token, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(connection))
        yield workspace


@pytest.fixture
def board(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> NoticeBoard:
    """The sandbox's notice board with three notices, and a connection to it."""
    connection = {"conn_type": "http", "host": sandbox.url, "extra": {"max_retry_wait": 0.01}}
    monkeypatch.setenv("AIRFLOW_CONN_NOTICE_BOARD", json.dumps(connection))
    board = NoticeBoard(sandbox)
    for title in ("개인정보 처리방침 변경", "年末年始の営業について", "사내 식당 메뉴 개편"):
        board.add(title)
    return board
