"""Pages as documents beside lxml alone, BeautifulSoup and regular expressions: fidelity, time and memory.

Fidelity: how many pages stay the same, to the byte, after being parsed and written; and how many change only in one table
after that table got a row. Pages are the seeded wiki's and, where they lie beside the repository, real ones. Time and
memory: parse and write, and the same with one cell set, over pages of 10 kB to 20 MB; each run in a process of its own,
the peers in turn.

    python benchmarks/pages.py [--repeat 3] [--largest 20000]
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

NAMESPACES = (
    'xmlns:ac="http://atlassian.com/content" xmlns:ri="http://atlassian.com/resource/identifier" '
    'xmlns:at="http://atlassian.com/template"'
)
OPEN, CLOSE = f"<page {NAMESPACES}>", "</page>"
MARK = "benchmark"
KILOBYTES = (10, 100, 1000, 5000, 20000)
UNIT = (
    "<h2>지표&nbsp;요약</h2><p>주간 <strong>활성</strong> 사용자 &mdash; <em>늘었다</em>.<br/></p>"
    "<table><tbody><tr><th>지표</th><th>값</th></tr>"
    '<tr><td>WAU</td><td><p style="text-align: right;">1</p></td></tr></tbody></table>'
    '<ac:image ac:width="600"><ri:attachment ri:filename="가.png" /></ac:image>'
    '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[select 1 < 2 && "x"]]></ac:plain-text-body>'
    "</ac:structured-macro>\r\n"
)

Peer = Callable[[str, bool], str]
"""Parses a body, sets the last cell of its first table when asked to, and writes it."""


def ours(body: str, edit: bool) -> str:
    """Parse and write with this project."""
    from workplace_provider.confluence.pages import PageDocument, edits

    document = PageDocument(body)
    if edit:
        document.apply([edits.SetCell(table=0, row=-1, column=0, value=MARK)])
    return document.storage


def lxml_alone(body: str, edit: bool) -> str:
    """Parse and write with lxml, after HTML's entities, which XML does not know, were replaced by characters."""
    import html

    from lxml import etree

    known = {"amp", "lt", "gt", "quot", "apos"}
    named = re.sub(r"&(\w+);", lambda m: m.group() if m.group(1) in known else html.unescape(m.group()), body)
    root = etree.fromstring(f"{OPEN}{named}{CLOSE}".encode(), etree.XMLParser(strip_cdata=False, huge_tree=True))
    if edit:
        root.find(".//table").findall(".//tr")[-1].find("*").text = MARK
    text = etree.tostring(root, encoding="unicode")
    return text[text.index(">") + 1 : -len(CLOSE)]


def soup(parser: str) -> Peer:
    """Return BeautifulSoup with one of its parsers."""

    def run(body: str, edit: bool) -> str:
        from bs4 import BeautifulSoup

        tree = BeautifulSoup(f"{OPEN}{body}{CLOSE}" if parser == "xml" else body, parser)
        if edit:
            tree.find("table").find_all("tr")[-1].find(["td", "th"]).string = MARK
        text = str(tree)
        return text[text.index(OPEN[:5]) :] if parser == "xml" else text

    return run


def regular_expressions(body: str, edit: bool) -> str:
    """Edit as scripts do: the first cell of the last row, as far as an expression can find it."""
    if not edit:
        return body
    found = re.search(r"<table.*?</table>", body, re.S)
    table = found.group() if found else ""
    head, row, tail = table.rpartition("<tr")
    changed = head + row + re.sub(r"(<t[dh][^>]*>).*?(</t[dh]>)", rf"\g<1>{MARK}\g<2>", tail, count=1, flags=re.S)
    return body.replace(table, changed, 1)


PEERS: dict[str, Peer] = {
    "ours": ours,
    "lxml": lxml_alone,
    "bs4 html.parser": soup("html.parser"),
    "bs4 lxml": soup("lxml"),
    "bs4 xml": soup("xml"),
    "regex": regular_expressions,
}


def pages() -> dict[str, str]:
    """Return all available pages."""
    from datetime import date

    from workplace_sandbox import Sandbox

    with Sandbox(today=date(2026, 11, 22)) as sandbox:
        found = {page.title: page.body for page in sandbox.store.pages("ANALYTICS")}
    recorded = Path(__file__).resolve().parents[2] / "shared" / "recorded" / "confluence" / "pages"
    found |= {file.name: file.read_bytes().decode() for file in sorted(recorded.glob("*.xhtml"))}
    return found


def outside_first_table(body: str) -> tuple[str, str]:
    """Return the text before and after the first table, nested ones aside."""
    start = body.index("<table")
    depth = 0
    for match in re.finditer(r"<(/?)table\b", body[start:]):
        depth += -1 if match.group(1) else 1
        if depth == 0:
            return body[:start], body[start + match.end() :]
    return body[:start], ""


def fidelity(bodies: dict[str, str]) -> None:
    """Print for each peer how many pages it keeps."""
    with_table = {title: body for title, body in bodies.items() if "<table" in body}
    print(f"{'':<18}{'kept to the byte':>18}{'edit touches the table only':>30}")
    for name, peer in PEERS.items():
        kept = sum(_try(peer, body, False) == body for body in bodies.values())
        clean = 0
        for body in with_table.values():
            result = _try(peer, body, True)
            clean += result is not None and MARK in result and outside_first_table(result) == outside_first_table(body)
        print(f"{name:<18}{f'{kept} of {len(bodies)}':>18}{f'{clean} of {len(with_table)}':>30}")


def _try(peer: Peer, body: str, edit: bool) -> str | None:
    try:
        return peer(body, edit)
    except Exception:  # a peer that cannot read a page has not kept it
        return None


def run_one(name: str, file: str, edit: bool) -> None:
    """Parse and write one page in this process; prints seconds and bytes of memory above the start."""
    body = Path(file).read_bytes().decode()
    PEERS[name](UNIT, edit)  # imports and first-call costs are not measured
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    PEERS[name](body, edit)
    seconds = time.perf_counter() - started
    print(json.dumps([seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024]))


def speed(folder: Path, largest: int, repeat: int, edit: bool) -> None:
    """Print seconds, their ratio to lxml alone, and memory, by size."""
    print("\nparse, set one cell, write" if edit else "\nparse and write")
    print(f"{'size':<10}" + "".join(f"{name:>26}" for name in PEERS))
    for kilobytes in (size for size in KILOBYTES if size <= largest):
        file = folder / "page.xhtml"
        file.write_bytes((UNIT * (kilobytes * 1000 // len(UNIT.encode()) + 1)).encode())
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in PEERS}
        for _ in range(repeat):
            for name in PEERS:
                command = [sys.executable, __file__, "--peer", name, "--page", str(file), *(["--edit"] if edit else [])]
                result = subprocess.run(command, capture_output=True, text=True, timeout=900, check=True)
                seconds, memory = json.loads(result.stdout.strip().splitlines()[-1])
                runs[name].append((seconds, memory))
        base = statistics.median(run[0] for run in runs["lxml"])
        cells = []
        for name in PEERS:
            seconds = statistics.median(run[0] for run in runs[name])
            memory = statistics.median(run[1] for run in runs[name]) / 1e6
            cells.append(f"{f'{seconds:.3f} s {seconds / base:.1f}x {memory:.0f} MB':>26}")
        print(f"{kilobytes:>6} kB " + "".join(cells), flush=True)


def main() -> None:
    """Compare fidelity, then speed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each peer and size (default 3)")
    parser.add_argument("--largest", type=int, default=20000, help="kilobytes of the largest page (default 20000)")
    parser.add_argument("--peer", choices=list(PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--page", help=argparse.SUPPRESS)
    parser.add_argument("--edit", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        run_one(options.peer, options.page, options.edit)
        return
    fidelity(pages())
    with tempfile.TemporaryDirectory() as folder:
        for edit in (False, True):
            speed(Path(folder), options.largest, options.repeat, edit)


if __name__ == "__main__":
    main()
