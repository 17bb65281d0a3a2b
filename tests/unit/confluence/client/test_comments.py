from __future__ import annotations

from typing import Any

from support.team_wiki import SPACE
from workplace_provider.confluence.client.comments import report_orphans
from workplace_provider.confluence.client.model import Comment, Page


def test_tags_in_a_block_of_code_cost_no_more_than_their_length() -> None:
    body = f"<p><![CDATA[{'<ac:inline-comment-marker ' * 40_000}]]></p>"
    asked: list[str] = []

    class Client:
        def comments(self, page_id: str) -> list[Comment]:
            asked.append(page_id)
            return []

    client: Any = Client()

    page = Page("1", SPACE, "Title", "current", 1, "https://wiki.invalid/1", None, body)
    report_orphans(client, page, "<p/>")
    assert asked == []
    marked = '<p><ac:inline-comment-marker ac:ref="r">words</ac:inline-comment-marker></p>'
    report_orphans(client, Page("1", SPACE, "Title", "current", 1, "https://wiki.invalid/1", None, marked), "<p/>")
    assert asked == ["1"]
