from __future__ import annotations

import io
from typing import Any

import requests

from workplace_provider.clients.confluence import ConfluenceClient, connect
from workplace_provider.clients.confluence.attaching import LEDGER
from workplace_provider.clients.confluence.copying import MARKER, Copied, CopySpec, PageCopier
from workplace_provider.clients.http import HttpSettings
from workplace_sandbox import Sandbox
from workplace_sandbox.model import Page as StoredPage

SPACE = "ANALYTICS"
LAST_WEEK = "20261112_데이터분석팀 주간 보고"
THIS_WEEK = "20261119_데이터분석팀 주간 보고"
MARKED = '<ac:inline-comment-marker ac:ref="1">늘었다</ac:inline-comment-marker>'
BODY = (
    f"<h1>주간&nbsp;보고</h1>\r\n<p>활성 사용자가 {MARKED}.</p><p></p><p />"
    '<ac:image ac:width="600"><ri:attachment ri:filename="주간활성사용자.png" /></ac:image>'
    '<ac:image><ri:attachment ri:filename="device (mobile).png" /></ac:image>'
    '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[a < b && c]]></ac:plain-text-body>'
    "</ac:structured-macro>"
)
COPIED_BODY = BODY.replace(MARKED, "늘었다")
FILES = {"주간활성사용자.png": b"\x89PNG wau", "device (mobile).png": b"\x89PNG mobile", "표.csv": "지표,값\n".encode()}
LABELS = {"weekly-report", "주간보고"}
PROPERTIES = {"content-appearance-published": "full-width", "content-appearance-draft": "full-width"}
# No test waits: what is waited for is asserted where the policy is tested.
QUICK = HttpSettings(connect_timeout=5, read_timeout=5)


class TeamWiki:
    """A space with the parent page and last week's report, and what a test wants to know of it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        store = sandbox.store
        self.parent = store.create_page(SPACE, "주간 보고", "<p>보고서</p>", author="jimin").id
        self.last_week = store.create_page(SPACE, LAST_WEEK, BODY, parent_id=self.parent, author="jimin").id
        for name, content in FILES.items():
            kind = "image/png" if name.endswith("png") else "text/csv"
            store.add_attachment(self.last_week, name, kind, io.BytesIO(content), "손으로 올림", "jimin")
        store.add_labels(self.last_week, LABELS)
        for key, value in PROPERTIES.items():
            store.set_property(self.last_week, key, value)
        sandbox.clear_requests()

    def client(self, token: str = "sandbox-token") -> ConfluenceClient:
        return connect(self.sandbox.confluence_url, token=token, settings=QUICK, sleep=lambda _: None)

    def copy(self, run: str = "run-1", *, token: str = "sandbox-token", **spec: Any) -> Copied:
        """One attempt of a task that copies last week's page."""
        client = self.client(token)
        try:
            source = client.get_page(self.last_week, body=True)
            given = {"source": source, "title": THIS_WEEK, "parent_id": source.parent_id, "run": run, **spec}
            copier = PageCopier(client, CopySpec(**given))
            return copier.carry_out(copier.plan())
        finally:
            client.close()

    def this_week(self) -> StoredPage:
        """The one page of this week."""
        (page,) = [page for page in self.sandbox.store.pages(SPACE) if page.title == THIS_WEEK]
        return page

    def files(self, page_id: str) -> dict[str, tuple[int, bytes]]:
        """File name to version and content."""
        return {each.filename: (each.version, each.path.read_bytes()) for each in self.sandbox.store.attachments(page_id)}

    def properties(self, page_id: str) -> dict[str, Any]:
        return {each.key: each.value for each in self.sandbox.store.properties(page_id)}

    def assert_one_complete_copy(self) -> None:
        """Exactly one page, at its first version, with everything, and nothing twice."""
        page = self.this_week()
        assert page.body == COPIED_BODY
        assert (page.version, page.parent_id) == (1, self.parent)
        assert self.files(page.id) == {name: (1, content) for name, content in FILES.items()}
        assert {label.name for label in self.sandbox.store.labels(page.id)} == LABELS
        properties = self.properties(page.id)
        assert properties.pop(MARKER)["complete"] is True
        assert set(properties.pop(LEDGER)) == set(FILES)
        assert properties == PROPERTIES

    def writes(self) -> list[tuple[str, str]]:
        """Method and path of the writes so far."""
        return [(each.method, each.path) for each in self.sandbox.requests() if each.method not in ("GET", "HEAD")]

    def fault_was_met(self) -> bool:
        """Whether a request has run into a fault."""
        rules = requests.get(f"{self.sandbox.url}/_sandbox/faults", timeout=5).json()
        return any(rule["hits"] for rule in rules)
