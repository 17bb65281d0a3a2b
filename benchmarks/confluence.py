"""The Confluence client beside atlassian-python-api, on the same sandbox, in one run.

Every job runs in a process of its own, the two peers in turn, so that a drift of the machine affects both. Time is that
of the job without imports; memory is the peak above that of the process before the job.

    python benchmarks/confluence.py [--repeat 5] [--megabytes 300] [--latency 20]

The small jobs run a second time with a delay before every response: on a real network requests cost more than work.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from side_by_side import Comparison, arguments_of, measure_here, running_sandbox

SPACE = "ANALYTICS"
TOKEN = "sandbox-token"
CHILDREN = 400
PEERS = ("ours", "atlassian")
JOBS = ("list 400 children", "copy a page with 6 files", "update a 1.8 MB page", "upload", "download")


def ours(base_url: str) -> dict[str, Callable[[dict[str, Any]], object]]:
    """Return the jobs with this project's client."""
    from workplace_provider.confluence import connect
    from workplace_provider.confluence.publishing.attachments import Attacher, make_upload
    from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier
    from workplace_provider.http.client import FilePart

    wiki = connect(base_url, token=TOKEN)

    def copy(given: dict[str, Any]) -> object:
        source = wiki.get_page(given["source"], body=True)
        copier = PageCopier(wiki, CopySpec(source, given["title"], source.parent_id, "benchmark"))
        return copier.run(copier.plan())

    def upload(given: dict[str, Any]) -> object:
        attacher = Attacher(wiki, given["page"])
        return attacher.run(attacher.plan([make_upload(FilePart.at(given["file"], given["name"]))]))

    def download(given: dict[str, Any]) -> object:
        attachment = wiki.find_attachment(given["page"], given["name"])
        assert attachment is not None
        with open(given["into"], "wb") as sink:
            return wiki.download_attachment(attachment, sink)

    return {
        "list 400 children": lambda given: [page.title for page in wiki.children(given["parent"])],
        "copy a page with 6 files": copy,
        "update a 1.8 MB page": lambda given: wiki.update_page(given["page"], lambda _: given["body"]),
        "upload": upload,
        "download": download,
    }


def atlassian(base_url: str) -> dict[str, Callable[[dict[str, Any]], object]]:
    """Return the same with atlassian-python-api, as its documentation shows it; missing calls are composed of others."""
    from atlassian.confluence import ConfluenceServer

    wiki = ConfluenceServer(url=base_url, token=TOKEN, cloud=False)

    def children(given: dict[str, Any]) -> object:
        # Its own paging loses the context path on the second page, so the pages are requested one by one.
        titles: list[str] = []
        while True:
            path = f"rest/api/content/{given['parent']}/child/page"
            rows = wiki.get(path, params={"start": len(titles), "limit": 100, "expand": "version"})["results"]
            titles += [row["title"] for row in rows]
            if len(rows) < 100:
                return titles

    def copy(given: dict[str, Any]) -> object:
        source = wiki.get_page_by_id(given["source"], expand="body.storage,ancestors,space,version")
        page = wiki.create_page(
            SPACE, given["title"], source["body"]["storage"]["value"], parent_id=source["ancestors"][-1]["id"]
        )
        for attachment in wiki.get_attachments_from_content(given["source"])["results"]:
            content = wiki.get(attachment["_links"]["download"], not_json_response=True)
            kind = attachment["extensions"]["mediaType"]
            wiki.attach_content(content, attachment["title"], kind, page_id=page["id"])
        for label in wiki.get_page_labels(given["source"])["results"]:
            wiki.set_page_label(page["id"], label["name"])
        return page

    def download(given: dict[str, Any]) -> object:
        found = wiki.get_attachments_from_content(given["page"], filename=given["name"])["results"][0]
        return Path(given["into"]).write_bytes(wiki.get(found["_links"]["download"], not_json_response=True))

    return {
        "list 400 children": children,
        "copy a page with 6 files": copy,
        "update a 1.8 MB page": lambda given: wiki.update_page(given["page"], given["page_title"], given["body"]),
        "upload": lambda given: wiki.attach_file(given["file"], name=given["name"], page_id=given["page"]),
        "download": download,
    }


def run_job(peer: str, job: str, given_file: str) -> None:
    """Run one job in this process."""
    given = json.loads(Path(given_file).read_text())
    work = {"ours": ours, "atlassian": atlassian}[peer](given["base_url"])[job]
    measure_here(lambda: work(given))


class Bench:
    """A sandbox with the pages that the jobs need."""

    def __init__(self, base_url: str, folder: Path, megabytes: int) -> None:
        import requests

        self.base_url = base_url
        self.folder = folder
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"
        self.megabytes = megabytes
        self.count = 0
        self.parent = self._page("benchmark", "<p>x</p>")
        for number in range(CHILDREN):
            self._page(f"child {number}", "<p>x</p>", self.parent)
        self.source = self._page("report", "<p>보고</p>" * 2000, self.parent)
        for number in range(6):
            self._attach(self.source, f"chart {number}.png", io.BytesIO(b"\x89PNG" + bytes(200_000)))
        self.big = folder / "big.bin"
        with self.big.open("wb") as stream:
            for _ in range(megabytes):
                stream.write(bytes(1_000_000))
        self.files = self._page("files", "<p>x</p>", self.parent)
        with self.big.open("rb") as stream:
            self._attach(self.files, "big.bin", stream)

    def given(self, job: str, peer: str) -> dict[str, Any]:
        """Return the input of one run of a job; pages that it changes are fresh ones."""
        self.count += 1
        given: dict[str, Any] = {"base_url": self.base_url}
        if job.startswith("list"):
            given["parent"] = self.parent
        elif job.startswith("copy"):
            given |= {"source": self.source, "title": f"copy {self.count}"}
        elif job.startswith("update"):
            title = f"page {self.count}"
            given |= {"page": self._page(title, "<p>한글</p>" * 120_000), "page_title": title}
            given["body"] = "<p>한글!</p>" * 120_000
        elif job == "upload":
            given |= {"page": self._page(f"page {self.count}", "<p>x</p>"), "file": str(self.big), "name": "big.bin"}
        else:
            given |= {"page": self.files, "name": "big.bin", "into": str(self.folder / f"{peer}.bin")}
        return given

    def delay(self, seconds: float) -> None:
        """Delay every response of the site."""
        fault = {"path": "/rest/api/|/download/", "kind": "slow", "delay": seconds, "times": None}
        url = self.base_url.rpartition("/")[0] + "/_sandbox/faults"
        self.session.post(url, json=fault, timeout=10).raise_for_status()

    def _page(self, title: str, body: str, parent: str | None = None) -> str:
        content: dict[str, Any] = {
            "type": "page",
            "title": title,
            "space": {"key": SPACE},
            "body": {"storage": {"value": body, "representation": "storage"}},
        }
        if parent:
            content["ancestors"] = [{"id": parent}]
        answer = self.session.post(f"{self.base_url}/rest/api/content", json=content, timeout=60)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def _attach(self, page: str, name: str, data: IO[bytes]) -> None:
        from workplace_provider.http.multipart import MultipartBody

        body = MultipartBody({}, name, data, "application/octet-stream")
        headers = {"X-Atlassian-Token": "no-check", "Content-Type": body.content_type}
        url = f"{self.base_url}/rest/api/content/{page}/child/attachment"
        self.session.post(url, data=body, headers=headers, timeout=300).raise_for_status()


def main() -> None:
    """Start a sandbox, compare, stop it."""
    parser = arguments_of(__doc__, PEERS, repeat=5)
    parser.add_argument("--megabytes", type=int, default=300, help="size of the file up and down (default 300)")
    parser.add_argument("--latency", type=int, default=20, help="milliseconds before every response (default 20, 0: none)")
    options = parser.parse_args()
    if options.job:
        run_job(options.peer, options.job, options.given)
        return
    with tempfile.TemporaryDirectory() as name, running_sandbox(Path(name)) as addresses:
        folder = Path(name)
        bench = Bench(addresses["confluence_url"], folder, options.megabytes)
        comparison = Comparison(__file__, PEERS, folder, options.repeat)
        comparison.heading()
        for job in JOBS:
            label = f"{job} {options.megabytes} MB" if job in ("upload", "download") else job
            comparison.compare(job, lambda peer, job=job: bench.given(job, peer), label)
        if options.latency:
            bench.delay(options.latency / 1000)
            print(f"\nwith {options.latency} ms before every response")
            for job in JOBS[:3]:
                comparison.compare(job, lambda peer, job=job: bench.given(job, peer))


if __name__ == "__main__":
    main()
