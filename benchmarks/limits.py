"""Pages that are made to be slow: each edit and each diff of one takes less than a second, and never a RecursionError.

    python benchmarks/limits.py        (make bench)

The exit status is 1 when one takes longer. It measures processor time, which depends on the machine, so this is not a
unit test.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from workplace_provider.confluence.pages import PageDocument, edits, page_diff, same_content
from workplace_provider.confluence.pages.edits import EditError

SECONDS = 1.0
TASK = (
    "<ac:task><ac:task-id>{0}</ac:task-id><ac:task-status>{1}</ac:task-status>"
    "<ac:task-body>할 일 {0}</ac:task-body></ac:task>"
)


def tasks(status: str) -> str:
    return "<ac:task-list>" + "".join(TASK.format(number, status) for number in range(20_000)) + "</ac:task-list>"


def nested(words: str) -> str:
    return "<h2>a</h2>" + "<table><tbody><tr><th>h</th></tr><tr><td>" * 500 + words + "</td></tr></tbody></table>" * 500


WEEKS = f"<p>{'W1~' * 66_667}</p>"
MONTHS = f"<p>{'11~' * 66_667}월</p>"
QUARTERS = f"<p>{'Q4 2026년 ' * 22_000}</p>"
NAMES = f"<p>{'Nov 19-' * 28_000}</p>"
LINKS = (
    '<p><ac:link><ri:page ri:content-title="2026-11-05 보고" /><ac:link-body>2026-11-05</ac:link-body></ac:link></p>' * 1_500
)
ROWS = "<h2>a</h2><table><tr><th>h</th></tr>{}</table>"
SPANS = ROWS.format('<tr><td rowspan="1000">x</td></tr>' * 300)
BOTH_SPANS = ROWS.format('<tr><td rowspan="1000" colspan="1000">x</td></tr>' * 300)
PAGES = {
    "200 kB of W1~": (WEEKS, WEEKS.replace("W1", "W2")),
    "200 kB of 11~": (MONTHS, MONTHS.replace("11", "12")),
    "200 kB of Q4": (QUARTERS, QUARTERS.replace("Q4", "Q3")),
    "200 kB of Nov 19-": (NAMES, NAMES.replace("Nov", "Dec")),
    "1,500 links to pages": (LINKS, LINKS.replace("11-05", "11-12")),
    "20,000 tasks": (tasks("incomplete"), tasks("complete")),
    "300 rows of rowspan 1000": (SPANS, SPANS.replace("x", "y")),
    "300 rows of rowspan and colspan 1000": (BOTH_SPANS, BOTH_SPANS.replace("x", "y")),
    "500 nested tables": (nested("x"), nested("y")),
    "3,000 tables": (ROWS.format("<tr><td>x</td></tr>") * 3000, ROWS.format("<tr><td>y</td></tr>") * 3000),
    "25,000 comments": (f"<p>a{'<!--x-->' * 25_000}</p><p>x</p>", f"<p>a{'<!--x-->' * 25_000}</p><p>y</p>"),
}
EDITS: dict[str, edits.Edit] = {
    "ShiftDates": edits.ShiftDates(days=7),
    "ShiftDates by months": edits.ShiftDates(months=1, around="2026-11-19"),
    "FillText": edits.FillText({"x": 1}, missing="keep"),
    "UncheckTasks": edits.UncheckTasks(if_missing="skip"),
    "CarryOverTasks": edits.CarryOverTasks(if_missing="skip"),
    "ReplaceTableRows": edits.ReplaceTableRows([["a"]], if_missing="skip"),
    "UpsertRow": edits.UpsertRow({"h": "a"}, if_missing="skip"),
    "ClearSection": edits.ClearSection("a", if_missing="skip"),
    "ReplaceSection": edits.ReplaceSection("a", "new", if_missing="skip"),
    "QualifyReferences": edits.QualifyReferences("S"),
}


def timed(name: str, job: Callable[[], object]) -> bool:
    """Print the time of a job, and return whether it is short enough."""
    begun = time.process_time()
    refused = ""
    try:
        job()
    except EditError as error:
        refused = f"  refused: {str(error)[:80]}"
    seconds = time.process_time() - begun
    print(f"{'ok  ' if seconds < SECONDS else 'SLOW'} {seconds:6.3f} s  {name}{refused}", flush=True)
    return seconds < SECONDS


def main() -> int:
    """Run all."""
    results = []
    for page, (before, after) in PAGES.items():
        for name, edit in EDITS.items():
            results.append(timed(f"{page}: {name}", lambda edit=edit, before=before: PageDocument(before).apply([edit])))
        results.append(timed(f"{page}: diff", lambda before=before, after=after: page_diff(before, after)))
        results.append(timed(f"{page}: compare", lambda before=before, after=after: same_content(before, after)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
