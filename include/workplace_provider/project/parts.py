"""The parts of a new project: their DAG files and definitions, and the connections and pools that they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import workplace_provider

_PACKAGE: Final = Path(workplace_provider.__file__).parent
_INSTALLED: Final = {"dags": _PACKAGE / "example_dags", "include": _PACKAGE / "example_include"}
"""The folders of DAGs and definitions in the wheel; see ``force-include`` in pyproject.toml."""


@dataclass(frozen=True)
class NewConnection:
    """A connection that the user fills in.

    :param conn_id: its id
    :param conn_type: its type
    :param fields: its fields in Airflow's form, with what to enter
    """

    conn_id: str
    conn_type: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Part:
    """A part of a project.

    :param title: what it does, for the README
    :param files: folders and files below ``dags`` and ``include``
    :param extras: extras of the provider
    :param connections: ids in :data:`CONNECTIONS`
    :param settings: what else to set: places in the files
    """

    title: str
    files: tuple[str, ...]
    extras: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


CONNECTIONS: Final = {
    connection.conn_id: connection
    for connection in (
        NewConnection(
            "confluence_default",
            "confluence",
            {
                "host": "https://wiki.example.com/confluence, or https://TEAM.atlassian.net",
                "password": "a personal access token",
            },
        ),
        NewConnection(
            "tableau_default",
            "tableau_rest",
            {"host": "https://tableau.example.com", "login": "name of a personal access token", "password": "its secret"},
        ),
        NewConnection("jira_default", "jira", {"host": "https://jira.example.com", "password": "a personal access token"}),
        NewConnection("slack_report", "slackwebhook", {"password": "the whole URL of a workflow's or incoming webhook"}),
        NewConnection("slack_alarm", "slackwebhook", {"password": "the whole URL of an incoming webhook"}),
        NewConnection("slack_api_default", "slack", {"password": "the bot token of an app, xoxb-…"}),
        NewConnection("slack_app_default", "slack_app", {"password": "the app-level token of the same app, xapp-…"}),
        NewConnection("member_service", "http", {"host": "https://members.example.com/api", "login": "a service account"}),
        NewConnection("github_default", "http", {"host": "https://api.github.com", "password": "a token; may be empty"}),
        NewConnection("warehouse", "sqlite", {"host": "the database; choose the type of yours"}),
    )
}

REPORTS: Final = Part(
    "Reports without Python: each file in `include/reports` is a DAG. Create one with `workplace report new`.",
    ("dags/reports.py",),
    ("reports", "tableau"),
    ("confluence_default", "tableau_default", "slack_api_default", "warehouse"),
)
PARTS: Final = {
    "weekly": Part(
        "Every Thursday, `weekly_report` copies last week's page, moves its dates on, fills it, and posts the link.",
        ("dags/weekly_report.py",),
        ("jira", "tableau"),
        ("confluence_default", "tableau_default", "jira_default", "slack_report", "slack_alarm"),
        ("`dags/weekly_report.py`: space, parent page, title, view and Jira query are the defaults of the form",),
    ),
    "identity": Part(
        "Every morning, `identity_sync` keeps the accounts of other systems in step with the members of Slack.",
        ("dags/identity_sync.py", "include/identity"),
        (),
        ("slack_api_default", "member_service", "slack_alarm"),
        ("`include/identity`: one file per sync; the example is of the sandbox. Check it with `workplace identity check`",),
    ),
    "bot": Part(
        "`slack_bot` answers mentions, and starts DAGs for people who may do so.",
        ("dags/slack_bot.py",),
        ("bot",),
        ("slack_api_default", "slack_app_default", "slack_alarm", "github_default"),
        ("`dags/slack_bot.py`: the commands, and who may use each",),
    ),
}


def part_files(part: Part) -> Iterator[tuple[str, Path]]:
    """Yield the files of a part: the path in the project, and the file to copy.

    :raises FileNotFoundError: if they are not installed
    """
    for name in part.files:
        top, _, rest = name.partition("/")
        source = _folder(top) / rest
        if not source.exists():
            raise FileNotFoundError(
                f"this installation has no {name}; install the wheel of airflow-provider-workplace again"
            )
        files: Sequence[Path] = sorted(source.rglob("*")) if source.is_dir() else [source]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                below = file.relative_to(source).as_posix()
                yield (name if file == source else f"{name}/{below}"), file


def _folder(top: str) -> Path:
    """Return the folder of the wheel, or that of the repository in which the package is developed."""
    installed = _INSTALLED[top]
    return installed if installed.is_dir() else _PACKAGE.parents[1] / top
