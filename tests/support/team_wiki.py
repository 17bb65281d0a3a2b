from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Literal

import requests

from workplace_provider.confluence import connect
from workplace_provider.confluence.client import ConfluenceClient
from workplace_provider.confluence.pages import same_content
from workplace_provider.confluence.publishing.attachments import LEDGER
from workplace_provider.confluence.publishing.copy import MARKER, CopySpec, PageCopier, WriteResult
from workplace_provider.http.client import HttpSettings
from workplace_sandbox import Sandbox
from workplace_sandbox.model import Page as StoredPage

Dialect = Literal["datacenter", "cloud"]

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
# The tests wait for nothing: the tests of the policy check its waits.
QUICK = HttpSettings(connect_timeout=5, read_timeout=5)


DIALECTS: tuple[Dialect, ...] = ("datacenter", "cloud")
CONNECTIONS = {
    "datacenter": 'connect({confluence_url!r}, token="sandbox-token")',
    "cloud": 'connect({cloud_url!r}, user={cloud_email!r}, token={cloud_token!r}, deployment="cloud")',
}


class TeamWiki:
    """A space with the parent page and last week's report, with the queries of a test.

    :param dialect: the dialect that the clients use
    """

    def __init__(self, sandbox: Sandbox, dialect: Dialect = "datacenter") -> None:
        self.sandbox = sandbox
        self.dialect = dialect
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

    @property
    def url(self) -> str:
        """The site."""
        return self.sandbox.confluence_url if self.dialect == "datacenter" else self.sandbox.cloud_url

    @property
    def connection(self) -> dict[str, Any]:
        """The fields of an Airflow connection to it."""
        if self.dialect == "datacenter":
            return {"host": self.url, "password": self.sandbox.confluence_token}
        fields = {"host": self.url, "login": self.sandbox.cloud_email, "password": self.sandbox.cloud_token}
        return {**fields, "extra": {"deployment": "cloud"}}

    @property
    def connected(self) -> str:
        """Python source that makes a client, for another process."""
        sandbox = self.sandbox
        names = ("confluence_url", "cloud_url", "cloud_email", "cloud_token")
        return CONNECTIONS[self.dialect].format(**{name: getattr(sandbox, name) for name in names})

    def account(self, user: str) -> str:
        """Return the dialect's name of an account."""
        return user if self.dialect == "datacenter" else self.sandbox.cloud.account_id(user)

    def client(self, user: str = "report-bot", *, sleep: Callable[[float], None] = lambda _: None) -> ConfluenceClient:
        if self.dialect == "datacenter":
            token = self.sandbox.confluence_token + ("" if user == "report-bot" else f"-{user}")
            return connect(self.url, token=token, settings=QUICK, sleep=sleep)
        token = f"{self.sandbox.cloud_token}-{user}"
        email = f"{user}@example.com"
        return connect(self.url, user=email, token=token, deployment="cloud", settings=QUICK, sleep=sleep)

    def copy(self, run: str = "run-1", *, user: str = "report-bot", **spec: Any) -> WriteResult:
        """Copy last week's page as one attempt of a task."""
        client = self.client(user)
        try:
            source = client.get_page(self.last_week, body=True)
            given = {"source": source, "title": THIS_WEEK, "parent_id": source.parent_id, "run": run, **spec}
            copier = PageCopier(client, CopySpec(**given))
            return copier.run(copier.plan())
        finally:
            client.close()

    def is_body(self, stored: str, wanted: str) -> bool:
        """Return whether a body was stored as it was sent: to the byte, or on Cloud, which adds ids to macros, visibly."""
        return stored == wanted if self.dialect == "datacenter" else same_content(stored, wanted)

    def this_week(self) -> StoredPage:
        """Return the one page of this week."""
        (page,) = [page for page in self.sandbox.store.pages(SPACE) if page.title == THIS_WEEK]
        return page

    def files(self, page_id: str) -> dict[str, tuple[int, bytes]]:
        """Return file name to version and content."""
        return {each.filename: (each.version, each.path.read_bytes()) for each in self.sandbox.store.attachments(page_id)}

    def properties(self, page_id: str) -> dict[str, Any]:
        return {each.key: each.value for each in self.sandbox.store.properties(page_id)}

    def assert_one_complete_copy(self) -> None:
        """Check that there is exactly one page, at its first version, with everything, and nothing twice."""
        page = self.this_week()
        assert self.is_body(page.body, COPIED_BODY)
        assert (page.version, page.parent_id) == (1, self.parent)
        assert self.files(page.id) == {name: (1, content) for name, content in FILES.items()}
        assert {label.name for label in self.sandbox.store.labels(page.id)} == LABELS
        properties = self.properties(page.id)
        assert properties.pop(MARKER)["complete"] is True
        assert set(properties.pop(LEDGER)) == set(FILES)
        assert properties == PROPERTIES

    def writes(self) -> list[tuple[str, str]]:
        """Return method and path of the writes so far."""
        return [(each.method, each.path) for each in self.sandbox.requests() if each.method not in ("GET", "HEAD")]

    def fault_was_met(self) -> bool:
        """Return whether a request has run into a fault."""
        rules = requests.get(f"{self.sandbox.url}/_sandbox/faults", timeout=5).json()
        return any(rule["hits"] for rule in rules)
