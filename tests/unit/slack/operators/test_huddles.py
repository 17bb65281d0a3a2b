from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from workplace_provider.slack.client import Channel, Message
from workplace_provider.slack.operators.threads import ThreadWriter


class Names:
    """Names of everybody."""

    def user(self, user_id: str) -> str:
        return {"U1": "김민수", "U2": "<Alex>"}.get(user_id, user_id)

    def channel(self, channel_id: str) -> str:
        return channel_id

    def group(self, group_id: str) -> str:
        return group_id


@pytest.mark.parametrize(
    ("room", "words"),
    [
        (None, "🎧 Huddle"),
        ({"participant_history": ["U1", "U2"]}, "🎧 Huddle: 김민수, <Alex>"),
        ({"participants": None}, "🎧 Huddle"),
    ],
)
def test_a_huddle_without_words_is_not_an_empty_message(room: dict[str, Any] | None, words: str) -> None:
    writer = ThreadWriter(Channel(id="C1"), Names(), "https://w.slack.com/", UTC, "{count}")  # type: ignore[arg-type]
    huddle = Message(ts="1.000001", channel="C1", user="U1", subtype="huddle_thread", text="", room=room)
    assert writer.plain_text(huddle) == words
    assert writer.plain_text(Message(ts="1.000001", channel="C1", user="U1", text="")) == ""
