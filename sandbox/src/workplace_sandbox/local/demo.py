"""The demonstration: weekly reports, an analytics document and an identity sync, run by a real Airflow's scheduler.

The two weeks before come first, by `airflow backfill create`, because each week copies the week before it. Then this
week's run, and a second one for the same week, which must find the page and not create another. Then the analytics
document of this week. Last, the accounts of the member service are synced with the Slack workspace, twice: the second run
has nothing to do.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from rich.table import Table
from rich.text import Text

from workplace_sandbox.local.accounts import Accounts
from workplace_sandbox.local.errors import LocalError
from workplace_sandbox.local.processes import ProcessEnded, signals_held_back
from workplace_sandbox.local.program import Interrupted, free_port, interruptible, report_error, work_directory
from workplace_sandbox.local.rest import ApiError
from workplace_sandbox.local.sandbox import LocalSandbox
from workplace_sandbox.local.settings import read_settings
from workplace_sandbox.local.standalone import USER, LocalAirflow
from workplace_sandbox.local.weeks import WEEK, backfill_range, due, title_begins, week_of
from workplace_sandbox.members import MEMBERS_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workplace_sandbox.local.console import Progress, Step

DAG_ID = "weekly_report"
DOCUMENT_DAG_ID = "analytics_doc"
ACCOUNTS_DAG_ID = "identity_sync"
YAML_DAG_ID = "weekly_kpis"
"""The report that is described in a YAML file."""
PAGES_DAG_ID = "page_reports"
"""The DAG that makes the report which is described on a template page in the wiki."""
PAGE_TASKS = {
    DAG_ID: ("copy_last_week", -1),
    DOCUMENT_DAG_ID: ("publish", -1),
    YAML_DAG_ID: ("publish", -1),
    PAGES_DAG_ID: ("make.publish", 0),
}
"""The task of each DAG that writes a page, and its map index."""
LISTENING = ("slack_bot", "slack_approvals", "notice_watch")
"""The DAGs that `up` switches on for people to try."""
ANSWERING_USER = "slack-approvals"
"""The user of Airflow that answers reviews for people who click in Slack."""
DAG_IDS = (*PAGE_TASKS, ACCOUNTS_DAG_ID, *LISTENING)
GRAPH = "주간활성사용자.png"
DEVICE_PICTURES = tuple(f"주간활성사용자_{device}.png" for device in ("PC", "모바일", "태블릿"))
DOCUMENTS = {
    DOCUMENT_DAG_ID: ("analytics document", DEVICE_PICTURES),
    YAML_DAG_ID: ("report from YAML", DEVICE_PICTURES[:2]),
    PAGES_DAG_ID: ("report of a template page", DEVICE_PICTURES[:2]),
}
"""The DAGs that fill a page from many sources: what each makes, and the pictures on it."""
SPACE = "ANALYTICS"
SANDBOX_PORT, AIRFLOW_PORT = 8765, 8080  # preferred by `up`, so that the addresses stay the same from day to day

START_PATIENCE = 300.0  # seconds for Airflow to start: about ten on an idle machine, a minute and more on a busy one
PARSE_PATIENCE = 120.0
RUN_PATIENCE = 300.0
COMMAND_PATIENCE = 120.0
BACKFILL_ATTEMPTS = 4
BACKFILL_PAUSE = 2.0  # seconds between two of them
POLL = 0.5
FINISHED = {"success", "failed"}


class DemoError(LocalError):
    """The demonstration failed; the message names the step."""


class TookTooLong(DemoError):
    """A step was not finished in time."""


@dataclass(frozen=True)
class Plan:
    """The demonstration's files and settings.

    :param project: directory with `dags/`, `plugins/` and the settings.
    :param work: directory for all output; emptied at the start.
    :param settings: connections, pools and variables.
    :param page: a page in storage format that replaces the last report in the wiki.
    :param pictures: directory for screenshots of the result; none are taken when it is None.
    """

    project: Path
    work: Path
    settings: Path
    page: Path | None = None
    pictures: Path | None = None


@dataclass(frozen=True)
class Run:
    """A finished run: its state, its duration, and the page with its result."""

    dag_id: str
    run_id: str
    state: str
    seconds: float
    week: date
    title: str
    link: str

    @classmethod
    def read(cls, airflow: LocalAirflow, run: dict[str, Any], week: date) -> Run:
        """Read Airflow's record of a run that makes a page."""
        page = airflow.api.return_value(run["dag_id"], run["dag_run_id"], *PAGE_TASKS[run["dag_id"]]) or {}
        seconds = float(run["duration"] or 0)
        return cls(run["dag_id"], run["dag_run_id"], run["state"], seconds, week, page.get("title", ""), page.get("url", ""))


class Demo:
    """The sandbox and Airflow, and the scenario that runs on both.

    :param plan: the files and settings.
    :param progress: the output.
    :param stay: whether people will work with it, so that it should have the default ports.
    """

    def __init__(self, plan: Plan, progress: Progress, *, stay: bool) -> None:
        self._plan = plan
        self._progress = progress
        self._stay = stay
        self._is_set_up = False
        self._is_listening = False
        self.sandbox = LocalSandbox(plan.work, free_port(SANDBOX_PORT if stay else 0), plan.page)
        port = free_port(AIRFLOW_PORT if stay else 0)
        self.airflow = LocalAirflow(plan.project, plan.work, port, schedule=stay, people={ANSWERING_USER: "user"})

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start both, and end both on every exit."""
        with ExitStack() as stack:
            stack.callback(self._stop)
            self.sandbox.program.start()
            self.airflow.start()
            yield

    def scenario(self) -> list[Run]:
        """Run the weeks and check the results.

        :return: the runs, in the order of their weeks.
        :raises DemoError: a run failed, or a result is wrong.
        """
        self._get_ready()
        self._wait_for_dag()
        now = datetime.now(UTC)
        this_week = week_of(now)
        weeks = [this_week - 2 * WEEK, this_week - WEEK]
        if self._stay and due(this_week) < now:
            # People will work with this Airflow, so its schedule is on. After a backfill up to last week, the scheduler
            # would create this week's run at once, beside the backfill's own runs, before last week's page exists. As part
            # of the backfill it waits its turn. (On a Thursday before nine no run is due, and a backfill takes no future
            # run.)
            weeks.append(this_week)
        self._create_backfill(weeks)
        self.airflow.api.unpause(DAG_ID)
        self._wait_for_runs(f"Backfill of {_dates(weeks)}")
        if this_week not in weeks:
            self.airflow.api.trigger(DAG_ID, run_after=now)
            self._wait_for_runs(f"This week's run, {this_week}")
        again = self.airflow.api.trigger(DAG_ID, run_after=datetime.now(UTC), conf={"report_date": str(this_week)})
        self._wait_for_runs(f"Another run for {this_week}")
        runs = [
            # The second run for the week has the date in its param; every other one in its run date.
            Run.read(
                self.airflow,
                run,
                this_week if run["dag_run_id"] == again["dag_run_id"] else week_of(_moment(run["run_after"])),
            )
            for run in self.airflow.api.runs(DAG_ID)
        ]
        self._check(runs, [*weeks, this_week])
        made = [*runs, *self._documents(now), *self._accounts()]
        if self._stay:
            for dag_id in LISTENING:
                self.airflow.api.unpause(dag_id)
            self._is_listening = True
        return made

    def _documents(self, now: datetime) -> list[Run]:
        """Run the analytics document, the report from YAML and that of a template page, and check their pages.

        :raises DemoError: a run failed, or its result is wrong.
        """
        week = week_of(now)
        started = {}
        for dag_id in DOCUMENTS:
            self.airflow.api.unpause(dag_id)
            # With a date, the report of the template page is made also if a scheduled run was faster.
            conf = {"report_date": str(week)} if dag_id == PAGES_DAG_ID else None
            started[dag_id] = self.airflow.api.trigger(dag_id, run_after=now, conf=conf)["dag_run_id"]
        return [self._document(dag_id, started[dag_id], *document, week) for dag_id, document in DOCUMENTS.items()]

    def _document(self, dag_id: str, run_id: str, name: str, pictures: Sequence[str], week: date) -> Run:
        self._wait_for_runs(f"The {name} of this week", dag_id)
        record = next(run for run in self.airflow.api.runs(dag_id) if run["dag_run_id"] == run_id)
        run = Run.read(self.airflow, record, week)
        present = [file for file in pictures if self.sandbox.attachment_digest(page_id_of(run.link), file)]
        if not run.link or len(present) != len(pictures) or self.sandbox.announcements(run.link) < 1:
            raise DemoError(
                f"the {name} {run.link or '(missing)'} must have a Slack message and all its pictures; it has {present}"
            )
        self._progress.say(f"✓ The {name} has its pictures and was announced in Slack")
        return run

    def _accounts(self) -> list[Run]:
        """Sync the accounts with the Slack workspace, and once more, which must change nothing.

        :raises DemoError: a run failed, or the accounts are wrong.
        """
        before = Accounts.read(self.sandbox)
        self.airflow.api.unpause(ACCOUNTS_DAG_ID)
        first = self._sync("Syncing the accounts with Slack")
        after = Accounts.read(self.sandbox)
        wrong = after.faults_since(before)
        again = self._sync("Syncing the accounts again")
        if Accounts.read(self.sandbox) != after:
            wrong.append("the second run must not change anything, but did")
        if wrong:
            raise DemoError("the accounts are wrong:\n" + "\n".join(f"- {line}" for line in wrong))
        self._progress.say(
            "✓ New members have an account, former members none that is enabled, and no other account was changed"
        )
        return [first, again]

    def _sync(self, title: str) -> Run:
        api = self.airflow.api
        api.trigger(ACCOUNTS_DAG_ID, run_after=datetime.now(UTC))
        self._wait_for_runs(title, ACCOUNTS_DAG_ID)
        run = api.runs(ACCOUNTS_DAG_ID)[-1]
        result = api.return_value(ACCOUNTS_DAG_ID, run["dag_run_id"], "sync.apply", map_index=0) or {}
        headline = str(result.get("text", "")).partition("\n")[0].replace("*", "")
        week, link = week_of(_moment(run["run_after"])), f"{self.sandbox.url}{MEMBERS_PATH}"
        return Run(ACCOUNTS_DAG_ID, run["dag_run_id"], run["state"], float(run["duration"] or 0), week, headline, link)

    def report(self, runs: list[Run]) -> None:
        """Show the runs, and write the pages as files and the facts as JSON."""
        table = Table(title="Runs of the scheduler", title_justify="left")
        for column in ("DAG", "Run", "State", "Seconds", "Result", "Link"):
            table.add_column(column, justify="right" if column == "Seconds" else "left", overflow="fold")
        for run in runs:
            table.add_row(
                run.dag_id, run.run_id, run.state, f"{run.seconds:.1f}", run.title, Text(run.link, style=f"link {run.link}")
            )
        self._progress.table(table)
        reports = [run for run in runs if run.dag_id == DAG_ID]
        links = {run.link: run.title for run in reports}
        messages = {link: self.sandbox.announcements(link) for link in links}
        self._progress.say(
            f"{len(links)} report pages for {len(reports)} runs, {sum(messages.values())} Slack messages, "
            "an analytics document, a report from YAML, one of a template page, and accounts in sync with Slack."
        )
        index = self.sandbox.export(self._plan.work / "pages")
        if not self._stay:
            self._progress.say("The links work only while the demonstration runs; `make up` runs the same and stays up.")
        self._progress.say(f"The pages as files: {index}")
        facts = {
            "runs": [{**vars(run), "week": str(run.week)} for run in runs],
            "pages": [{"link": link, "title": title, "messages": messages[link]} for link, title in links.items()],
        }
        (self._plan.work / "result.json").write_text(
            json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )

    def take_pictures(self, runs: list[Run], directory: Path) -> None:
        """Take screenshots of the document, the channel, and the DAG in Airflow's UI.

        :raises LocalError: there is no browser, or a page does not load.
        """
        from workplace_sandbox.local.pictures import Picture, take

        document = next(run for run in runs if run.dag_id == DOCUMENT_DAG_ID)
        dag = f"{self.airflow.url}/dags/{DOCUMENT_DAG_ID}"
        pictures = [
            Picture("analytics_doc", document.link, "핵심 지표", tall=1500),
            Picture("slack_channel", self.sandbox.addresses["slack_channel_url"], document.title),
            Picture("dag_graph", f"{dag}/runs/{quote(document.run_id, safe='')}", "publish"),
            Picture("trigger_form", dag, "Report date", tall=1100, press="Trigger"),
        ]
        with self._progress.step("Taking pictures"):
            files = take(pictures, directory, airflow=self.airflow.url, token=self.airflow.api.token)
        self._progress.say("\n".join(map(str, files)))

    @property
    def is_up(self) -> bool:
        """True while both programs run, and the addresses of the sandbox are known."""
        try:
            self.sandbox.program.check()
            self.airflow.program.check()
        except ProcessEnded:
            return False
        return bool(self.sandbox.addresses)

    def print_addresses(self) -> None:
        """Print the address of each part that runs, and name the parts that do not run."""
        addresses = self.sandbox.addresses
        self._progress.say(
            f"""
Sandbox  {addresses["url"]}
Wiki     {addresses["confluence_url"]}
Jira     {addresses["jira_url"]}
Tableau  {addresses["tableau_url"]}/
Slack    {addresses["slack_channel_url"]}
Accounts {addresses["url"]}{MEMBERS_PATH}
Notices  {addresses["url"]}/board
{self._airflow_address()} Ctrl-C stops everything."""
        )

    def _airflow_address(self) -> str:
        if missing := self.airflow.missing():
            return f"Airflow is not ready, {_waiting_for(missing)}. Its logs are in {self.airflow.logs}."
        address = (
            f"Airflow  {self.airflow.url}   user {USER}   password {self.airflow.password}\n"
            f'Terminal: after ". {_shown(self.airflow.shell)}" the commands airflow and workplace use this Airflow.\n'
        )
        if self._is_listening:
            return f'{address}Type "@bot help" into the Slack channel.'
        paused = f"The DAGs {', '.join(LISTENING)} are paused: mentions in Slack get no answer."
        return address + (paused if self._is_set_up else f"Not all connections are in place. {paused}")

    def stay(self) -> NoReturn:
        """Run until the user ends the program.

        :raises ProcessEnded: the sandbox or Airflow ends before.
        """
        while True:
            self.sandbox.program.check()
            self.airflow.program.check()
            time.sleep(POLL)

    def _get_ready(self) -> None:
        with self._progress.step("Starting the sandbox") as step:
            self._wait(step, START_PATIENCE, lambda: "" if self.sandbox.ready() else "not ready yet")
        settings = read_settings(self._plan.settings, self.sandbox.url, self.sandbox.addresses["warehouse"])
        with self._progress.step("Starting Airflow") as step:
            self._wait(step, START_PATIENCE, lambda: _waiting_for(self.airflow.missing()))
        self.airflow.log_in()
        settings.connect_to_airflow(self.airflow.url, self.airflow.passwords[ANSWERING_USER])
        self.airflow.api.apply(settings)
        self._is_set_up = True
        self._progress.say(f"✓ {self._plan.settings.name}: connections, pools and variables are in place")

    def _wait_for_dag(self) -> None:
        def missing() -> str:
            if errors := self.airflow.api.import_errors():
                raise DemoError("\n".join(f"{name} cannot be imported:\n{trace}" for name, trace in errors.items()))
            return "" if all(map(self.airflow.api.dag, DAG_IDS)) else "not parsed yet"

        with self._progress.step(f"Reading the DAGs {', '.join(DAG_IDS)}") as step:
            self._wait(step, PARSE_PATIENCE, missing)

    def _create_backfill(self, weeks: list[date]) -> None:
        """Create the backfill by Airflow's own command.

        Under SQLite the command can lose against the scheduler and leave nothing, without an error (Airflow rolls the
        transaction back). So this checks the API for the result.
        """
        begin, end = backfill_range(weeks[0], weeks[-1])
        # The runs go one after the other: each copies the week before. The DAG's own max_active_runs does not apply to
        # backfills.
        command = ["backfill", "create", "--dag-id", DAG_ID, "--from-date", begin, "--to-date", end]
        command += ["--max-active-runs", "1"]
        with self._progress.step(f"airflow {' '.join(command)}") as step:
            for attempt in range(1, BACKFILL_ATTEMPTS + 1):
                if attempt > 1:
                    step.detail(f"attempt {attempt}")
                status, output = self.airflow.command(command, COMMAND_PATIENCE)
                if self.airflow.api.backfills(DAG_ID):
                    break
                if attempt == BACKFILL_ATTEMPTS:
                    raise DemoError(f"the backfill could not be created; the command ended with {status}:\n{output}")
                time.sleep(BACKFILL_PAUSE)
        created = {week_of(_moment(run["run_after"])) for run in self.airflow.api.runs(DAG_ID)}
        if created != set(weeks):
            raise DemoError(f"the backfill made runs for {_dates(created)} instead of {_dates(weeks)}")

    def _wait_for_runs(self, title: str, dag_id: str = DAG_ID) -> None:
        """Wait until every run of a DAG has ended.

        :raises DemoError: with the log of the failed task, as soon as a run has failed; or when it takes too long.
        """

        def unfinished() -> str:
            runs = self.airflow.api.runs(dag_id)
            for run in runs:
                if run["state"] == "failed":
                    raise DemoError(f"run {run['dag_run_id']} failed.\n{self._logs_of(run, {'failed'})}")
            waiting = [run for run in runs if run["state"] not in FINISHED]
            if not waiting:
                return ""
            done = f"{len(runs) - len(waiting)} of {len(runs)} runs done"
            return f"{done}; {self._where(waiting[0])}"

        with self._progress.step(title) as step:
            try:
                self._wait(step, RUN_PATIENCE, unfinished)
            except TookTooLong as error:
                stuck = [run for run in self.airflow.api.runs(dag_id) if run["state"] not in FINISHED]
                logs = "\n".join(self._logs_of(run, None) for run in stuck)
                raise DemoError(f"{error}\n{logs}") from error

    def _where(self, run: dict[str, Any]) -> str:
        """Return the running tasks of a run, e.g. "copy_last_week running"."""
        tasks = self.airflow.api.task_instances(run["dag_id"], run["dag_run_id"])
        parts = [
            f"{task['task_id']} {task['state']}" + (f", try {task['try_number']}" if task["try_number"] > 1 else "")
            for task in tasks
            if task["state"] not in {None, "success", "skipped"}
        ]
        return ", ".join(parts) or f"{run['dag_run_id']} {run['state']}"

    def _logs_of(self, run: dict[str, Any], states: set[str] | None) -> str:
        """Return the logs of a run's tasks that are in one of these states, or of all that have started."""
        parts = []
        dag_id, run_id = run["dag_id"], run["dag_run_id"]
        for task in self.airflow.api.task_instances(dag_id, run_id):
            if task["try_number"] < 1 or (states is not None and task["state"] not in states):
                continue
            head = f"--- log of {task['task_id']} ({task['state']}, try {task['try_number']}) in {run_id}"
            try:
                lines = self.airflow.api.log(dag_id, run_id, task["task_id"], task["try_number"])
            except ApiError as error:
                lines = [f"(Airflow did not return it: {error}. The files are under {self.airflow.logs})"]
            parts.append("\n".join([head, *lines]))
        return "\n".join(parts)

    def _check(self, runs: list[Run], weeks: list[date]) -> None:
        """Compare the wiki and the channel with the expected result.

        :raises DemoError: with a list of all differences.
        """
        graphs: dict[str, str] = {}
        wrong = [
            f"run {run.run_id} is about {run.title!r} instead of {title_begins(run.week)}…"
            for run in runs
            if not run.title.startswith(title_begins(run.week))
        ]
        for week in sorted(set(weeks)):
            about = [run for run in runs if run.week == week]
            links, titles = {run.link for run in about}, {run.title for run in about}
            if len(links) != 1 or len(titles) != 1 or not all(links):
                wrong.append(f"{week}: one page expected, the runs name {sorted(links)} with titles {sorted(titles)}")
                continue
            (link,), (title,) = links, titles
            if (page_count := len(self.sandbox.pages_titled(SPACE, title))) != 1:
                wrong.append(f"{week}: the wiki has {page_count} pages {title!r} instead of one")
            graph = self.sandbox.attachment_digest(page_id_of(link), GRAPH)
            if not graph:
                wrong.append(f"{week}: the page has no {GRAPH}")
            elif graph in graphs:
                wrong.append(f"{week}: the page shows the same {GRAPH} as {graphs[graph]}")
            graphs[graph] = str(week)
            if (message_count := self.sandbox.announcements(link)) != len(about):
                wrong.append(f"{week}: {message_count} messages give {link}, for {len(about)} runs")
        if wrong:
            raise DemoError("the result is wrong:\n" + "\n".join(f"- {line}" for line in wrong))
        self._progress.say("✓ Each week has one page with its own graph, and each run has announced its page once")

    def _wait(self, step: Step, patience: float, missing: Callable[[], str]) -> None:
        """Poll until nothing is missing.

        :param missing: returns the missing parts; "" ends the wait.
        :raises TookTooLong: after ``patience`` seconds.
        """
        while text := missing():
            step.detail(text)
            if step.seconds > patience:
                raise TookTooLong(f"{step.title}: not done in {patience:.0f} s ({text})")
            self.sandbox.program.check()
            self.airflow.program.check()
            time.sleep(POLL)

    def _stop(self) -> None:
        """End both; a second Ctrl-C does not interrupt this."""
        with signals_held_back(), self._progress.step("Stopping everything"), ExitStack() as stack:
            stack.callback(self.sandbox.program.stop)
            stack.callback(self.airflow.stop)


def run(plan: Plan, progress: Progress, *, stay: bool) -> int:
    """Run the demonstration.

    :param stay: keep everything running afterwards, also after a failure, for a person to look at.
    :return: the program's exit status: 0 when every run succeeded and the result is as expected.
    """
    started = time.monotonic()
    status: int | None = None
    try:
        with interruptible(), work_directory(plan.work, progress):
            demo = Demo(plan, progress, stay=stay)
            with demo.running():
                status = _run_scenario(demo, progress, plan.pictures)
                progress.say(f"Logs: {plan.work / 'logs'}")
                if stay and demo.is_up:
                    demo.print_addresses()
                    demo.stay()
    except Interrupted as interrupted:
        if not stay or status is None:  # with `up`, Ctrl-C is the normal end after all runs
            status = interrupted.status
    except Exception as error:
        status = 1
        report_error(error, progress)
    progress.say(f"{'Done' if status == 0 else 'Not done'} after {time.monotonic() - started:.0f} s.")
    return 1 if status is None else status


def _run_scenario(demo: Demo, progress: Progress, pictures: Path | None) -> int:
    """Run the scenario, report the result, and return the exit status."""
    try:
        runs = demo.scenario()
        demo.report(runs)
        if pictures is not None:
            demo.take_pictures(runs, pictures)
    except Exception as error:  # report any error, and end everything in order
        report_error(error, progress)
        return 1
    return 0


def page_id_of(link: str) -> str:
    """Return the id of the page that a link opens."""
    return link.rpartition("pageId=")[2]


def _shown(path: Path) -> str:
    """Return a path as people type it in the folder where the program was started."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _dates(weeks: Any) -> str:
    return ", ".join(str(week) for week in sorted(weeks)) or "no week"


def _waiting_for(parts: list[str]) -> str:
    return f"waiting for {', '.join(parts)}" if parts else ""
