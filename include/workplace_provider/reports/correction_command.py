"""The commands ``workplace report republish`` and ``withdraw``."""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.periods import Period, PeriodRule, parse_day
from workplace_provider.common.terminal import print_text
from workplace_provider.reports.reading import ReportError, period_rule, read_definition

if TYPE_CHECKING:
    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.confluence.client import ConfluenceClient
    from workplace_provider.reports.corrections import Corrector, NewContent, Outcome
    from workplace_provider.reports.definition import ReportDefinition
    from workplace_provider.reports.manifest import Announcement, ManifestStore

FOLDER: Final = Path("include/reports")


def add_actions(actions: Any) -> None:
    """Add the two commands to those of ``workplace report``."""
    republish = actions.add_parser(
        "republish",
        help="apply corrected sources to a published report",
        description="Read the sources again and fill the places of the published page. All other text on it stays.",
    )
    withdraw = actions.add_parser(
        "withdraw",
        help="mark a published report as withdrawn",
        description="Add a warning and the label 'withdrawn' to the published page. Nothing is deleted.",
    )
    for parser in (republish, withdraw):
        parser.add_argument("report", metavar="REPORT", help=f"a definition, or the id of one in {FOLDER}")
        parser.add_argument("period", metavar="PERIOD", help="label of the period such as 2026-W47, or its report day")
        parser.add_argument("--reason", required=True, metavar="TEXT", help="why; for the page, the notice and the records")
        parser.add_argument("--dry-run", action="store_true", help="print the changes of the page, and write nothing")
    republish.add_argument("--approve", action="store_true", help="publish even if a check asks for a review")


def withdraw(options: argparse.Namespace) -> int:
    """Withdraw a report."""
    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.reports.manifest import ManifestStore, manifests_of

    path = _path(options.report)
    store = ArtifactStore()
    if path.is_file():
        definition = read_definition(path)
        label = named_period(period_rule(definition), options.period).label
        corrector = _corrector(options, manifests_of(definition, store), label)
    else:
        # The report of a deleted definition.
        corrector = _corrector(options, ManifestStore(store, options.report), options.period)
    with _client(corrector) as client:
        _print(corrector.withdraw(client), "withdrawn", corrector)
    return 0


def republish(options: argparse.Namespace) -> int:
    """Republish a report."""
    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.reports.local_run import artifacts_in
    from workplace_provider.reports.manifest import manifests_of

    path = _path(options.report)
    definition = read_definition(path)
    period = named_period(period_rule(definition), options.period)
    store = ArtifactStore()
    corrector = _corrector(options, manifests_of(definition, store), period.label)
    corrector.manifest()  # before the sources are read
    with TemporaryDirectory() as work, artifacts_in(work), _client(corrector) as client:
        content = _new_content(definition, path, period, store, approved=options.approve)
        _print(corrector.republish(client, content), "republished", corrector)
    return 0


def named_period(rule: PeriodRule, text: str) -> Period:
    """Return the period with a label such as ``2026-W47``, or the one with a report day.

    :raises ReportError: if there is none
    """
    try:
        day = parse_day(text, "PERIOD")
    except ValueError as error:
        raise ReportError(str(error)) from None
    near = rule.at(day)
    for period in (near, near.shift(1), near.shift(-1)):
        if period.label == text or period.day == day:
            return period
    raise ReportError(
        f"PERIOD is {text!r}, which is no period of this report; the nearest are {near.label} ({near.day}) and "
        f"{near.shift(1).label} ({near.shift(1).day})"
    )


def _path(report: str) -> Path:
    path = Path(report)
    return path if path.suffix == ".yaml" else FOLDER / f"{report}.yaml"


def _corrector(options: argparse.Namespace, manifests: ManifestStore, period: str) -> Corrector:
    from workplace_provider.reports.corrections import CorrectionError, Corrector

    try:
        return Corrector(manifests, period, getpass.getuser(), options.reason, _post, options.dry_run)
    except CorrectionError as error:
        raise ReportError(str(error)) from None


@contextmanager
def _client(corrector: Corrector) -> Iterator[ConfluenceClient]:
    """Open the client of the connection that has written the page, and turn errors into those of the command."""
    from workplace_provider.confluence.hooks.confluence import ConfluenceHook
    from workplace_provider.http.errors import WorkplaceError

    try:
        hook = ConfluenceHook(corrector.manifest().page.conn_id or ConfluenceHook.default_conn_name)
        with closing(hook.client):
            yield hook.client
    except (WorkplaceError, ValueError) as error:
        raise error if isinstance(error, ReportError) else ReportError(str(error)) from error


def _new_content(
    definition: ReportDefinition, path: Path, period: Period, store: ArtifactStore, *, approved: bool
) -> NewContent:
    """Read the sources, run the checks, and return the content of the page."""
    from workplace_provider.common.artifacts import as_artifacts
    from workplace_provider.confluence.operators.base import uploads_of
    from workplace_provider.confluence.pages.edits import from_dicts
    from workplace_provider.reports.corrections import NewContent
    from workplace_provider.reports.factory import build_dag
    from workplace_provider.reports.local_run import LocalRun, read_manifests_from
    from workplace_provider.reports.operators import ReportComposeOperator
    from workplace_provider.reports.pages import as_labels
    from workplace_provider.reports.texts import COMPOSE

    dag = build_dag(definition, path.parent)
    read_manifests_from(dag, store.base)
    now = datetime.combine(period.day, dt.time(12), UTC)
    compose, context = LocalRun(dag, now, {"report_date": period.day.isoformat()}).prepare(COMPOSE)
    assert isinstance(compose, ReportComposeOperator)  # noqa: S101 - for mypy
    composed = compose.composed(context)
    if compose.needs_review and not approved:
        failed = [f"{check['source']}: {check['finding']}" for check in composed["checks"] if not check["passed"]]
        raise ReportError(
            f"the report needs a review: {'; '.join(failed) or 'review.when is always'}. Look at the changes with "
            "--dry-run --approve, and use --approve"
        )
    return NewContent(
        edits=[*from_dicts(composed["places"]), *from_dicts(composed["always"])],
        files=uploads_of(composed["files"]),
        labels=as_labels(composed["labels"]),
        rows=composed["rows"],
        pictures=composed["pictures"],
        kept={name: as_artifacts(pictures) for name, pictures in composed.get("kept", {}).items()},
        checks=composed["checks"],
        changes=composed["changes"],
    )


def _post(announcement: Announcement, text: str, key: str, since: datetime) -> str:
    from workplace_provider.slack.client import split_message
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

    with closing(SlackDirectoryHook(slack_conn_id=announcement.conn_id)) as hook:
        posted = hook.poster.post(
            announcement.channel,
            split_message(text),
            dedupe_key=f"report correction {key} {announcement.task}",
            since=since,
            thread_ts=announcement.ts,
        )
    return posted.permalink


def _print(outcome: Outcome, verb: str, corrector: Corrector) -> None:
    if outcome.diff:
        print_text(outcome.diff)
    if corrector.is_dry_run:
        print_text(f"dry run: nothing was written. The page: {outcome.page.title} {outcome.page.url}")
        return
    if not outcome.is_changed:
        print_text(f"nothing to do: the page has this content already. {outcome.page.title} {outcome.page.url}")
        return
    print_text(f"{verb}: {outcome.page.title} (version {outcome.page.version}) {outcome.page.url}")
    for notice in outcome.notices or ("no message in Slack announces this period, so there is no notice",):
        print_text(f"  {notice}")
