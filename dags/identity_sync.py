"""### Identity sync: the accounts of other systems follow the Slack workspace.

Every morning at six this DAG reads the members of the Slack workspace once. Then, for each system with a file in
`include/identity`, it creates accounts for joiners, updates changed accounts, and disables the accounts of leavers. Other
accounts are not changed. If anything changed, Slack gets a message with a report.

**Leavers first.** Accounts of people whom Slack lists as deactivated are disabled before everything else, up to the file's
`max_disable`, even if other operations fail afterwards.

**Gates.** Before anything else is written, the whole plan is checked. If it would disable more accounts than the file
allows, or the workspace or the system is suddenly much smaller, the run waits for an approval (*Required actions*), with
the plan. *When a gate is closed* can also fail or skip the system. The request stays open for four days, and other systems
and later runs do not wait for it. An approval is valid while the plan has not changed.

**If many operations fail,** the run stops. The next run tries a few operations, and continues when they succeed. *Clear
quarantine* skips the trial.

**Several systems.** Each has its own file with mapping, policy and schedule. A system with its own schedule gets its own
DAG, `identity_sync_NAME`. If one system fails, the others still run.

**Within a minute.** With `[workplace] identity_events = true`, the DAG `identity_people` syncs a person as soon as Slack
reports a new, changed or deactivated member. The person is read from Slack again, the same gates apply, and no other
account is changed.

**By hand:** *Trigger* opens a form: only plan (*Mode: plan*), only one person (*Only these people*), or only one system.
A second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher, CronTriggerTimetable, Param, conf, task_group

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.common.dag_files import dags_to_build
from workplace_provider.confluence.operators import ReviewOperator
from workplace_provider.identity.operators import (
    SlackDirectorySnapshotOperator,
    SlackPeopleSnapshotOperator,
    SlackUserSyncOperator,
    SyncFile,
    sync_files,
)
from workplace_provider.slack.notifications import SlackAlarmNotifier
from workplace_provider.slack.operators import SlackEventsOperator, SlackPostOperator
from workplace_provider.slack.triggers import SlackSocketModeTrigger

FOLDER = Path(__file__).parent.parent / "include" / "identity"
DAG_ID = "identity_sync"
DAILY = CronTriggerTimetable("0 6 * * *", timezone="Asia/Seoul")
# User names of Airflow who may approve a plan, in addition to the `reviewers` of a system's file. Without any, all
# users with Airflow's permission to respond may.
REVIEWERS: list[str] = []
# Custom fields of Slack profiles by label or id, for mappings and scopes: {"department": "Department"} gives people
# attributes.department. The app needs users.profile:read, and the first runs read about 100 profiles per minute.
PROFILE_FIELDS: dict[str, str] = {}
ANSWER_WITHIN = timedelta(days=4)
"""A request of Friday can be answered on Monday, also after a holiday."""
OPEN_RUNS = 6
"""Runs that may wait for an answer while later ones continue; the plan of an overtaken run is refused, or compared."""
OF_TARGET = "ti.xcom_pull('sync.{}', key='{}', map_indexes=ti.map_index)"


def read_directory(files: Sequence[SyncFile], outlets: Sequence[Asset]) -> tuple[Any, Any]:
    """Read all people; return the directory, and the people to plan for."""
    snapshot = SlackDirectorySnapshotOperator(
        task_id="snapshot",
        outlets=outlets,
        channels=sorted({channel for file in files for channel in file.channels}),
        profile_fields=PROFILE_FIELDS,
    )
    return snapshot.output["directory"], "{{ (params.only or []) | join(',') }}"


def read_changed_people(changed: Asset) -> tuple[Any, Any]:
    """Read the people of some events again; return the directory, and the people to plan for."""
    events = SlackEventsOperator(task_id="events", asset=changed)
    people = SlackPeopleSnapshotOperator(task_id="people", people=events.output, profile_fields=PROFILE_FIELDS)
    return people.output["directory"], people.output["people"]


def identity_sync(
    dag_id: str,
    schedule: Any,
    files: Sequence[SyncFile],
    outlets: Sequence[Asset] = (),
    changed: Asset | None = None,
) -> DAG:
    """Return the DAG for the systems of some files.

    :param changed: the asset with events about members, to sync only these; otherwise all people
    """
    keys = [file.key for file in files]
    with DAG(
        dag_id=dag_id,
        description="The accounts of other systems follow the members of the Slack workspace",
        doc_md=__doc__,
        schedule=schedule,
        start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Seoul"),
        catchup=False,
        max_active_runs=OPEN_RUNS,
        tags=["slack", "identity", "accounts"],
        default_args={
            "owner": "analytics",
            "retries": 3,
            "retry_delay": timedelta(minutes=1),
            "retry_policy": WorkplaceRetryPolicy(),
            "on_failure_callback": SlackAlarmNotifier(slack_webhook_conn_id="slack_alarm"),
        },
        params={
            "mode": Param(
                "apply",
                type="string",
                enum=["apply", "plan"],
                title="Mode",
                description="plan writes nothing and only reports",
            ),
            "targets": Param(
                [],
                type=["null", "array"],
                items={"type": "string", "enum": keys},
                examples=keys,
                title="Systems",
                description="Leave empty for all",
            ),
            "conn_id": Param(
                None,
                type=["null", "string"],
                enum=[None, *sorted({conn_id for file in files for conn_id in file.conn_ids})],
                title="Connection",
                description="One of the connections that systems allow (conn_ids); others are skipped. Leave empty for the "
                "connection of each system",
            ),
            "only": Param(
                [],
                type=["null", "array"],
                items={"type": "string"},
                title="Only these people",
                description="E-mail addresses, user names or Slack ids. Leave empty for everyone",
            ),
            "on_gate": Param(
                "approve",
                type="string",
                enum=["approve", "fail", "skip"],
                title="When a gate is closed",
                description="Ask a person, fail, or skip the system",
            ),
            "reviewers": Param(
                [],
                type=["null", "array"],
                items={"type": "string"},
                title="Reviewers",
                description="User names, to ask only some of the reviewers. Leave empty to ask all",
            ),
            "clear_quarantine": Param(
                False,
                type="boolean",
                title="Clear quarantine",
                description="Write again after a stopped run, without a trial",
            ),
            "announce_in": Param(
                "#data-alarms",
                type=["null", "string"],
                title="Slack channel",
                description="Channel or person (@name, e-mail address, id) for the report. Leave empty for no message",
            ),
        },
    ) as dag:
        directory, only = read_directory(files, outlets) if changed is None else read_changed_people(changed)

        @task_group(group_id="sync")
        def sync(target: str) -> None:
            of_target: dict[str, Any] = {
                "target": target,
                "folder": str(FOLDER),
                "conn_id": "{{ params.conn_id or '' }}",
                "choose": "{{ (params.targets or []) | join(',') }}",
                "on_gate": "{{ params.on_gate }}",
                "map_index_template": "{{ task.target }}",
            }
            plan = SlackUserSyncOperator(
                task_id="plan",
                mode="plan",
                directory=directory,
                only=only,
                clear_quarantine="{{ params.clear_quarantine }}",
                **of_target,
            )
            leavers = SlackUserSyncOperator(
                task_id="leavers", mode="{{ params.mode }}", plan=plan.output, leavers_only=True, **of_target
            )
            approve = ReviewOperator(
                task_id="approve",
                response_timeout=ANSWER_WITHIN,
                retries=0,  # a request that timed out is not repeated; the next run asks
                subject=plan.output["question"],
                body=plan.output["summary"],
                # The param can only narrow these.
                reviewers=[REVIEWERS, plan.output["reviewers"]],
                only="{{ (params.reviewers or []) | join(',') }}",
                enabled="{{ params.mode == 'apply' and " + OF_TARGET.format("plan", "needs_approval") + " }}",
            )
            apply = SlackUserSyncOperator(
                task_id="apply",
                mode="{{ params.mode }}",
                plan=plan.output,
                approval=approve.output,
                trigger_rule="none_failed_min_one_success",  # the approval may be skipped
                **of_target,
            )
            SlackPostOperator(
                task_id="tell",
                channel="{{ params.announce_in or '' }}",
                text=apply.output["text"],
                files=apply.output["report"],
                enabled="{{ (params.announce_in or '') != '' and " + OF_TARGET.format("apply", "notable") + " }}",
            )
            SlackPostOperator(
                task_id="tell_leavers",
                channel="{{ params.announce_in or '' }}",
                text=leavers.output["text"],
                files=leavers.output["report"],
                enabled="{{ (params.announce_in or '') != '' and " + OF_TARGET.format("leavers", "notable") + " }}",
            )
            plan >> [leavers, approve] >> apply

        sync.expand(target=[file.name for file in files])
    return dag


def members_changed() -> Asset:
    """Return the asset with an event for each new, changed or deactivated member."""
    trigger = SlackSocketModeTrigger(events=["team_join", "user_change"])
    return Asset("slack_members_changed", watchers=[AssetWatcher(name="slack_members", trigger=trigger)])


syncs = list(sync_files(FOLDER, dag_prefix=f"{DAG_ID}_"))
own = {f"{DAG_ID}_{file.key}": file for file in syncs if file.schedule is not None}
people = ["identity_people"] if conf.getboolean("workplace", "identity_events", fallback=False) else []
for name in dags_to_build([DAG_ID, *own, *people]):
    if name == DAG_ID:
        shared = [file for file in syncs if file.schedule is None]
        daily = identity_sync(name, DAILY, shared, [Asset("slack_directory")])
    elif name in own:
        identity_sync(name, own[name].schedule, [own[name]])
    else:
        asset = members_changed()
        identity_sync(name, [asset], [file for file in syncs if not file.has_source], changed=asset)
