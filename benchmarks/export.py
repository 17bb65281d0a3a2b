"""Reading a whole wiki beside atlassian-python-api, on the same sandbox, in one run.

Every job runs in a process of its own, the two peers in turn. Time is that of the job without imports; memory is the peak
above that of the process before the job. Every response is delayed, as over a real network.

    python benchmarks/export.py [--repeat 3] [--pages 500] [--latency 50]

The peer writes the same facts of each page as a line of JSON. It has no export: the jobs combine its calls as its
documentation shows them, once page by page, and once with the bodies in its list, which is its fastest way.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from side_by_side import Comparison, arguments_of, measure_here, running_sandbox

SPACE = "ANALYTICS"
TOKEN = "sandbox-token"
PEERS = ("ours", "atlassian")
PAGE_BY_PAGE = "pages one by one, with comments"
LISTED = "bodies in the listing, with comments"
BODIES_ONLY = "bodies only"
AGAIN = "again, nothing has changed"
FACTS = "version,space,ancestors,history,metadata.labels"
COMMENT_FACTS = "version,history,ancestors,extensions.inlineProperties,extensions.resolution,body.storage"


def ours(given: dict[str, Any]) -> Callable[[str], object]:
    """Return the jobs with this project's export: the same two; the last also checks for changed comments."""
    # Lazy imports are not part of a job.
    import airflow.sdk.io.path  # noqa: F401

    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.confluence import connect
    from workplace_provider.confluence.client.model import Scope
    from workplace_provider.confluence.export import ExportSpec, WikiExporter
    from workplace_provider.confluence.operators.export_store import StoredExport

    reader = connect(given["base_url"], token=TOKEN).reader()
    base = f"file://{given['folder']}"

    def work(job: str) -> object:
        spec = ExportSpec(
            Scope("space", SPACE), comments=job != BODIES_ONLY, attachments="none", workers=given.get("workers", 4)
        )
        outcome = WikiExporter(reader, StoredExport(ArtifactStore(base), f"{base}/export"), spec).run(given["key"])
        assert outcome.manifest["pages"] == given["pages"]
        return outcome

    return work


def atlassian(given: dict[str, Any]) -> Callable[[str], object]:
    """Return the same with atlassian-python-api."""
    from atlassian.confluence import ConfluenceServer

    wiki = ConfluenceServer(url=given["base_url"], token=TOKEN, cloud=False)

    def listed(expand: str) -> Iterator[dict[str, Any]]:
        # It takes a page with fewer items than its limit to be the last, so its limit must not exceed the site's.
        yield from wiki.get_all_pages_from_space_as_generator(SPACE, limit=50, expand=expand)

    def with_comments(page: dict[str, Any]) -> dict[str, Any]:
        found = wiki.get_page_comments(page["id"], expand=COMMENT_FACTS, depth="all", limit=100)
        return {**page, "comments": found["results"]}

    def pages(job: str) -> Iterator[dict[str, Any]]:
        if job == AGAIN:
            yield from listed("version")
        elif job == PAGE_BY_PAGE:
            for row in listed("version"):
                yield with_comments(wiki.get_page_by_id(row["id"], expand=f"{FACTS},body.storage"))
        else:
            for row in listed(f"{FACTS},body.storage"):
                yield with_comments(row) if job == LISTED else row

    def work(job: str) -> object:
        count = 0
        with open(Path(given["folder"]) / "atlassian.jsonl", "w", encoding="utf-8") as stream:
            for page in pages(job):
                count += 1
                stream.write(json.dumps(page, ensure_ascii=False) + "\n")
        assert count == given["pages"]
        return count

    return work


def run_job(peer: str, job: str, given_file: str) -> None:
    """Run one job in this process."""
    given = json.loads(Path(given_file).read_text())
    work = {"ours": ours, "atlassian": atlassian}[peer](given)
    measure_here(lambda: work(job))


class Bench:
    """A sandbox with a large space, and folders to export to."""

    def __init__(self, addresses: dict[str, Any], folder: Path, pages: int) -> None:
        import requests

        self.base_url = addresses["confluence_url"]
        self.folder = folder
        self.session = requests.Session()
        self.root = self.base_url.rpartition("/")[0]
        self.count = 0
        listing = {"params": {"spaceKey": SPACE, "limit": 500}, "headers": {"Authorization": f"Bearer {TOKEN}"}}
        there = self.session.get(f"{self.base_url}/rest/api/content", timeout=60, **listing).json()["size"]
        self.pages = pages
        given = {"space": SPACE, "pages": pages - there, "comments": 2, "body_bytes": 5000}
        self.session.post(f"{self.root}/_sandbox/wiki/grow", json=given, timeout=120).raise_for_status()

    def given(self, comparison: Comparison, job: str, peer: str) -> dict[str, Any]:
        """Return the input of one run of a job: a folder of its own, with an export in it for the second run."""
        self.count += 1
        place = self.folder / str(self.count)
        place.mkdir()
        given = {"base_url": self.base_url, "folder": str(place), "pages": self.pages, "key": "first"}
        if job == AGAIN and peer == "ours":
            before = comparison.measured(LISTED, peer, given)
            assert not isinstance(before, str), before
            given["key"] = "second"
        return given

    def delay(self, seconds: float) -> None:
        """Delay every response of the site."""
        fault = {"path": "/rest/api/", "kind": "slow", "delay": seconds, "times": None}
        self.session.post(f"{self.root}/_sandbox/faults", json=fault, timeout=10).raise_for_status()


def main() -> None:
    """Start a sandbox, compare, stop it."""
    parser = arguments_of(__doc__, PEERS, repeat=3)
    parser.add_argument("--pages", type=int, default=500, help="pages of the space, with two comments each (default 500)")
    parser.add_argument("--latency", type=int, default=50, help="milliseconds before every response (default 50)")
    options = parser.parse_args()
    if options.job:
        run_job(options.peer, options.job, options.given)
        return
    with tempfile.TemporaryDirectory() as name, running_sandbox(Path(name)) as addresses:
        folder = Path(name)
        bench = Bench(addresses, folder, options.pages)
        bench.delay(options.latency / 1000)
        comparison = Comparison(__file__, PEERS, folder, options.repeat)
        comparison.heading()
        for job in (PAGE_BY_PAGE, LISTED, BODIES_ONLY, AGAIN):
            comparison.compare(job, lambda peer, job=job: bench.given(comparison, job, peer))


if __name__ == "__main__":
    main()
