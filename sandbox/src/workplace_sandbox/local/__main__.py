"""The command `python -m workplace_sandbox.local demo|up|pictures|cluster`: each is also a target of `make`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from workplace_sandbox.local.console import Progress
from workplace_sandbox.local.demo import Plan, run

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run.

    :return: the exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m workplace_sandbox.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="demo|up|pictures|cluster")
    for name, text in (
        ("demo", "run the DAGs in a real Airflow on the sandbox, show the results, stop everything"),
        ("up", "the same, and stay up until Ctrl-C"),
        ("pictures", "the same as demo, and take screenshots of the result"),
        ("cluster", "start the sandbox and an Airflow on Celery, PostgreSQL, Redis and S3, and stay up until Ctrl-C"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        if name != "cluster":
            command.add_argument("--page", type=Path, help="a page in storage format to copy as last week's report")
        command.add_argument("--project", type=Path, default=Path(), help="directory with dags/ and plugins/")
        command.add_argument("--work", type=Path, help="directory for all output (PROJECT/.demo or .cluster)")
        if name == "pictures":
            command.add_argument("--to", type=Path, help="directory for the screenshots (PROJECT/docs/pictures)")
        command.add_argument("--settings", type=Path, help="PROJECT/airflow_settings.yaml")
    options = parser.parse_args(arguments)
    project = options.project.resolve()
    if not (project / "dags").is_dir():
        parser.error(f"{project} has no dags/: run it in the project's directory, or name the directory with --project")
    settings = options.settings or project / "airflow_settings.yaml"
    if options.command == "cluster":
        from workplace_sandbox.local.cluster import run_cluster  # needs the packages of the extra "cluster"

        return run_cluster(project, (options.work or project / ".cluster").resolve(), settings, Progress())
    if options.page and not options.page.is_file():
        parser.error(f"--page: there is no file {options.page}")
    plan = Plan(
        project=project,
        work=(options.work or project / ".demo").resolve(),
        settings=settings,
        page=options.page.resolve() if options.page else None,
        pictures=(options.to or project / "docs" / "pictures").resolve() if options.command == "pictures" else None,
    )
    return run(plan, Progress(), stay=options.command == "up")


if __name__ == "__main__":
    sys.exit(main())
