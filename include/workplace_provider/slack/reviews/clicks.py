"""Clicks on the buttons of a review: from an event of Slack to an answer in Airflow.

Nothing in a click is believed. Slack vouches for the person and the message; the task is read from the metadata of the
message, which only the app itself can have written; the people who may answer come from Airflow's question, and their
Slack ids from the DAG.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from workplace_provider.common.airflow_api import HitlDetail, TaskKey
from workplace_provider.http.errors import Conflict, NotFound, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.ephemeral import show_to_person
from workplace_provider.slack.client.parts import MessagePart
from workplace_provider.slack.reviews.message import FACT, ReviewedTask, ReviewEnd, closed_message, is_open, option_number

if TYPE_CHECKING:
    from workplace_provider.common.airflow_api import AirflowApi
    from workplace_provider.slack.client.posting import MarkedMessage, MessagePoster
    from workplace_provider.slack.client.reader import SlackReader

log = get_logger("workplace_provider.slack")

# The keys of the facts that are stored with an answer.
DECIDED_BY: Final = "decided_by"
VIA: Final = "via"
CLICK: Final = "click"
_VIA: Final = re.compile(r"slack:[A-Z0-9]*/([UW][A-Z0-9]+)")

SETTLING: Final = timedelta(seconds=5)
"""Airflow 3.3 fails a task that is answered within a second after it has asked (apache/airflow#72716)."""
WAITING: Final = "awaiting_input"
REJECT: Final = "Reject"  # airflow.providers.standard.operators.hitl.ApprovalOperator.REJECT
_NOT_YET: Final = frozenset({"running", "queued", "scheduled"})
_POLLS: Final = 15

Outcome: TypeAlias = Literal["recorded", "not_assigned", "decided", "closed", "ignored"]


@dataclass(frozen=True, slots=True)
class Click:
    """A click on a button, from an event of ``SlackSocketModeTrigger``.

    :param event_id: unique id of the click
    :param channel: id of the channel of the message
    :param ts: id of the message
    :param user: id of the person
    :param user_team: id of the person's workspace
    :param action_id: which button
    :param value: value of the button
    :param thread_ts: id of the message that the message replies to
    """

    event_id: str
    channel: str
    ts: str
    user: str
    user_team: str
    action_id: str
    value: str
    thread_ts: str | None = None

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Click:
        """Read the payload of an event."""
        names = ("event_id", "channel", "ts", "user", "user_team", "action_id", "value")
        values = {name: str(event.get(name) or "") for name in names}
        return cls(**values, thread_ts=event.get("thread_ts") or None)


@dataclass(frozen=True, slots=True)
class ClickResult:
    """The result of a click.

    :param outcome: ``recorded``: it is the answer; ``not_assigned``: the person may not answer; ``decided``: someone has
        answered before; ``closed``: the task no longer waits; ``ignored``: no message of a review has this button
    :param task: the task of the review; ``None`` if the click was ignored
    :param option: the option that was clicked
    :param person: the person's id in Airflow; empty if the DAG does not map them
    """

    outcome: Outcome
    task: ReviewedTask | None = None
    option: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """Turns clicks into answers.

    ::

        desk = ReviewDesk(airflow, hook.reader, hook.poster, people={"U0JIMIN": "jimin"}, service_user="slack-approvals")
        desk.handle(Click.of(event))

    :param airflow: API with the user that is assigned to the reviews beside the reviewers
    :param reader: reads from the workspace with the app's token
    :param poster: reads and changes the app's messages
    :param people: ids of users of Airflow by Slack id; ``T…/U…`` for a person of another workspace
    :param service_user: id in Airflow of the user of the API
    :param sleep: function that waits, in seconds
    """

    airflow: AirflowApi
    reader: SlackReader
    poster: MessagePoster
    people: Mapping[str, str]
    service_user: str
    sleep: Callable[[float], None] = time.sleep

    def handle(self, click: Click) -> ClickResult:
        """Answer a review, or show the person why their click does not count. Handling a click again changes nothing.

        :raises WorkplaceError: Slack or Airflow cannot be reached, or refuses the app or its user
        """
        message = self.poster.own_message(click.channel, click.ts, click.thread_ts)
        task = ReviewedTask.of(message.facts.get(FACT)) if message is not None else None
        number = option_number(click.action_id)
        if message is None or task is None or number is None or click.value != task.key:
            log.warning("the click %s is on no button of a review; it is ignored", click.event_id)
            return ClickResult("ignored")
        return _Handling(self, click, message, task, number).run()

    def person(self, click: Click) -> str:
        """Return the id in Airflow of the person who clicked; empty if the DAG does not map them."""
        # Ids of people are unique in a workspace only.
        is_of_app = click.user_team == self.reader.token_owner().team_id
        return self.people.get(click.user if is_of_app else f"{click.user_team}/{click.user}", "")

    def slack_user(self, person: str) -> str:
        """Return the mention of a user of Airflow, or else their id."""
        ids = [slack_id for slack_id, name in self.people.items() if name == person and "/" not in slack_id]
        return f"<@{ids[0]}>" if ids else person


class _Handling:
    """The handling of one click."""

    def __init__(self, desk: ReviewDesk, click: Click, message: MarkedMessage, task: ReviewedTask, number: int) -> None:
        self._desk = desk
        self._click = click
        self._message = message
        self._task = task
        self._key = TaskKey(task.dag_id, task.run_id, task.task_id, task.map_index)
        self._person = desk.person(click)
        self._number = number
        self._option = ""

    def run(self) -> ClickResult:
        try:
            detail = self._desk.airflow.hitl_detail(self._key)
        except NotFound:
            return self._end(ReviewEnd(reason="its task does not exist any more"))
        assigned = [user.id for user in detail.assigned_users]
        if not self._person or self._person not in assigned:
            return self._refuse(assigned)
        if self._number >= len(detail.options):
            log.warning("the review of %s has no option %d", self._task, self._number)
            return self._result("ignored")
        self._option = detail.options[self._number]
        if detail.try_number != self._task.try_number:
            return self._end(ReviewEnd(reason="the task was started again, and asks in a new message"))
        if not detail.response_received:
            detail = self._answer(self._wait_until_it_waits(detail))
        return self._conclude(detail)

    def _wait_until_it_waits(self, detail: HitlDetail) -> HitlDetail:
        """Wait until the task has asked for long enough, so that an answer does not fail it."""
        posted = self._message.at
        age = datetime.now(UTC) - max(detail.created_at, posted)
        # The clocks of Slack, Airflow and this worker may differ, so the wait has a limit.
        self._desk.sleep(min(max((SETTLING - age).total_seconds(), 0.0), SETTLING.total_seconds()))
        for _ in range(_POLLS):
            if detail.state not in _NOT_YET or detail.response_received:
                break
            self._desk.sleep(1.0)
            detail = self._desk.airflow.hitl_detail(self._key)
        return detail

    def _answer(self, detail: HitlDetail) -> HitlDetail:
        """Answer if the task waits, and return the question as it is afterwards."""
        if detail.response_received or detail.state != WAITING:
            return detail
        via = f"slack:{self._click.user_team}/{self._click.user}"
        facts = {DECIDED_BY: self._person, VIA: via, CLICK: self._click.event_id}
        try:
            self._desk.airflow.answer(self._key, self._option, facts)
        except Conflict:
            log.info("someone answered the review of %s at the same moment", self._task)
        return self._desk.airflow.hitl_detail(self._key)

    def _conclude(self, detail: HitlDetail) -> ClickResult:
        if not detail.response_received:
            # A task that ended while the answer was sent accepts it and ignores it, or it has failed before.
            return self._end(ReviewEnd(reason=f"its task does not wait for an answer (state {detail.state or 'none'})"))
        end = self._end_of(detail)
        if detail.params_input.get(CLICK) == self._click.event_id:
            if detail.state == "failed" and self._option != REJECT:
                # The task failed while the answer was sent. Airflow accepts such an answer and ignores it.
                return self._end(ReviewEnd(reason="its task failed at the same moment"))
            self._close(end)
            return self._result("recorded")
        self._close(end)
        self._show(f"This review was decided before your click. {end.describe()}")
        return self._result("decided")

    def _end_of(self, detail: HitlDetail) -> ReviewEnd:
        option, user = (detail.chosen_options or [""])[0], detail.responded_by_user
        if user is None:
            return ReviewEnd(option, at=detail.responded_at, reason="no one answered in time")
        person, slack_user = person_of_answer(detail.params_input, user.id, self._desk.service_user)
        return ReviewEnd(option, person or user.name, slack_user, detail.responded_at)

    def _refuse(self, assigned: list[str]) -> ClickResult:
        known = [self._desk.slack_user(person) for person in assigned if person in self._desk.people.values()]
        names = f" Assigned: {', '.join(known)}." if known else ""
        self._show(f"You are not assigned to this review, so your click does not count.{names}")
        return self._result("not_assigned")

    def _end(self, end: ReviewEnd) -> ClickResult:
        self._close(end)
        self._show(f"This review is closed: {end.reason}.")
        return self._result("closed")

    def _close(self, end: ReviewEnd) -> None:
        if is_open(self._message):
            self._desk.poster.rewrite(self._click.channel, self._message, closed_message(self._message, end))

    def _show(self, text: str) -> None:
        try:
            show_to_person(
                self._desk.reader,
                self._click.channel,
                self._click.user,
                MessagePart(text),
                thread_ts=self._click.thread_ts,
            )
        except WorkplaceError as error:
            if error.retryable:
                raise
            log.warning("the person who clicked does not see why it does not count: %s", error)

    def _result(self, outcome: Outcome) -> ClickResult:
        return ClickResult(outcome, self._task, self._option, self._person)


def person_of_answer(params_input: Mapping[str, Any], responded_by: str | None, service_user: str) -> tuple[str, str]:
    """Return the ids in Airflow and in Slack of the person whose click is an answer; empty if it was no click.

    Every caller of Airflow's API can send such facts, so they count only in an answer of the service user.
    """
    via, person = str(params_input.get(VIA) or ""), str(params_input.get(DECIDED_BY) or "")
    match = _VIA.fullmatch(via)
    return (person, match[1]) if responded_by == service_user and match and person else ("", "")
