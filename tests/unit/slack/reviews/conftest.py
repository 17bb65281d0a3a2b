from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.slack_workspace import SlackWorkspace, slack_workspace
from workplace_sandbox import Sandbox


@pytest.fixture
def workspace(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackWorkspace]:
    with slack_workspace(sandbox, monkeypatch) as workspace:
        yield workspace
