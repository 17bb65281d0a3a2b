"""The Tableau client beside tableauserverclient, on the same sandbox, in one run.

Every job runs in a process of its own. Lists have a delay before every response, images the time that a server needs to
render them: on a real network requests cost more than work.

    python benchmarks/tableau.py [--repeat 5] [--megabytes 200] [--workbooks 5000]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from side_by_side import OURS, Comparison, arguments_of, measure_here, running_sandbox

PEERS = (OURS, "tsc")
SITE = "analytics"
TOKEN = ("airflow", "sandbox-pat-secret")
VIEW = "WeeklyKPI/UsersByDevice"
REGIONS = ("서울", "부산", "도쿄", "기타, 해외", "R&D \\ Lab")
IMAGES = 8
IMPORTS = {
    "ours": "from workplace_provider.tableau.operators import TableauExportBatchOperator",
    "airflow.providers.tableau": "from airflow.providers.tableau.operators.tableau import TableauOperator",
    "tableauserverclient alone": "import tableauserverclient",
}


def ours(given: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """Return the jobs with this project's client."""
    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.tableau import ExportOptions, PersonalAccessToken, TableauClient, ViewFilters
    from workplace_provider.tableau.client import CSV, PNG, XLSX

    client = TableauClient(given["url"], PersonalAccessToken(*TOKEN), SITE)
    client.sign_in()
    store = ArtifactStore(given["folder"])

    def export(view: str, exported: Any, name: str, **options: Any) -> object:
        with store.publish(given["folder"], name, exported.media_type) as sink:
            return client.export(client.find_view(view), exported, sink, ExportOptions(**options))

    def image(number: int) -> object:
        filters = ViewFilters({"지역": REGIONS[number % len(REGIONS)], "Parameters.기준일": f"2026-11-{number + 10}"})
        return export(VIEW, PNG, f"{number}.png", filters=filters)

    def images() -> object:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(image, range(IMAGES)))

    return {
        "list": lambda: [workbook.name for workbook in client.workbooks(page_size=given["page_size"])],
        "images": images,
        "csv": lambda: export(given["view"], CSV, "big.csv"),
        "xlsx": lambda: export(given["view"], XLSX, "big.xlsx"),
    }


def tsc(given: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """Return the same with tableauserverclient, as its documentation shows it."""
    import tableauserverclient

    server = tableauserverclient.Server(given["url"], use_server_version=True)
    server.auth.sign_in(tableauserverclient.PersonalAccessTokenAuth(*TOKEN, SITE))
    folder = Path(given["folder"])

    def view_of(content_url: str) -> Any:
        options = tableauserverclient.RequestOptions()
        operator = tableauserverclient.RequestOptions.Operator.Equals
        options.filter.add(tableauserverclient.Filter("contentUrl", operator, content_url.replace("/", "/sheets/")))
        return server.views.get(options)[0][0]

    def workbooks() -> object:
        options = tableauserverclient.RequestOptions(pagesize=given["page_size"])
        return [workbook.name for workbook in tableauserverclient.Pager(server.workbooks, options)]

    def images() -> object:
        view = view_of(VIEW)
        for number in range(IMAGES):
            options = tableauserverclient.ImageRequestOptions(maxage=1)
            options.vf("지역", REGIONS[number % len(REGIONS)].replace("\\", "\\\\").replace(",", "\\,"))
            options.parameter("기준일", f"2026-11-{number + 10}")
            server.views.populate_image(view, options)
            (folder / f"{number}.png").write_bytes(view.image)
        return view

    def csv() -> object:
        view = view_of(given["view"])
        server.views.populate_csv(view)
        with (folder / "big.csv").open("wb") as stream:
            stream.writelines(view.csv)
        return view

    def xlsx() -> object:
        view = view_of(given["view"])
        server.views.populate_excel(view)
        with (folder / "big.xlsx").open("wb") as stream:
            stream.writelines(view.excel)
        return view

    return {"list": workbooks, "images": images, "csv": csv, "xlsx": xlsx}


def compare_imports(repeat: int) -> None:
    """Print the cost of an import in a DAG file, after that of Airflow."""
    print(f"\n{'import in a DAG file':<36}{'time':>12}{'modules':>10}{'memory':>11}")
    code = (
        "import airflow.sdk, resource, sys, time; peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "modules, memory, began = len(sys.modules), peak(), time.process_time(); {};"
        "print(time.process_time() - began, len(sys.modules) - modules, (peak() - memory) / 1024)"
    )
    for name, statement in IMPORTS.items():
        runs = []
        for _ in range(repeat):
            command = [sys.executable, "-c", code.format(statement)]
            result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
            if result.returncode:
                print(f"{name:<36}not installed")
                break
            runs.append([float(each) for each in result.stdout.split()[-3:]])
        else:
            seconds, modules, megabytes = (statistics.median(column) for column in zip(*runs, strict=True))
            print(f"{name:<36}{1000 * seconds:>9.0f} ms{modules:>10.0f}{megabytes:>8.1f} MB")


def main() -> None:
    """Start a sandbox, compare, stop it."""
    parser = arguments_of(__doc__, PEERS, repeat=5)
    parser.add_argument("--megabytes", type=int, default=200, help="size of the large files (default 200)")
    parser.add_argument("--workbooks", type=int, default=5000, help="workbooks to list (default 5000)")
    options = parser.parse_args()
    if options.job:
        given = json.loads(Path(options.given).read_text())
        measure_here({OURS: ours, "tsc": tsc}[options.peer](given)[options.job])
        return
    import requests

    with tempfile.TemporaryDirectory() as name, running_sandbox(Path(name)) as addresses:
        folder = Path(name)

        def tell(what: str, **body: Any) -> Any:
            answer = requests.post(f"{addresses['url']}/_sandbox/tableau/{what}", json=body, timeout=60)
            answer.raise_for_status()
            return answer.json()

        tell("workbooks", count=options.workbooks)
        tell("big-view", name="Big", csv_bytes=options.megabytes * 1_000_000, xlsx_bytes=options.megabytes * 1_000_000)
        given = {"url": addresses["tableau_url"], "folder": name, "view": "Big/Big"}
        comparison = Comparison(__file__, PEERS, folder, options.repeat)
        comparison.heading()
        tell("pace", latency_seconds=0.05)
        for size in (100, 1000):
            label = f"list {options.workbooks} workbooks, {size} a page"
            comparison.compare("list", lambda _, size=size: {**given, "page_size": size}, label)
        tell("pace", render_seconds=0.5)
        comparison.compare("images", lambda _: given, f"{IMAGES} images, 0.5 s each to render")
        tell("pace")
        for job in ("csv", "xlsx"):
            comparison.compare(job, lambda _: given, f"{job}, {options.megabytes} MB")
    compare_imports(options.repeat)


if __name__ == "__main__":
    main()
