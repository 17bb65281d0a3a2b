"""Operators for reviews whose reviewers answer with buttons in Slack."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped

from workplace_provider.common import fields
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.outgoing import redact_outgoing, slack_link, slack_text
from workplace_provider.confluence.operators.review import ReviewOperator, narrow_reviewers
from workplace_provider.slack.operators.base import run_start
from workplace_provider.slack.operators.post import dedupe_key

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.execution_time.hitl import HITLUser

    from workplace_provider.common.fields import Field
    from workplace_provider.slack.client.posting import MessagePoster
    from workplace_provider.slack.reviews.message import ReviewedTask, ReviewEnd

STATE_KEY: Final = "slack_review"
SERVICE_USER: Final = "slack-approvals"
_SLACK_ID: Final = re.compile(r"(?:T[A-Z0-9]+/)?[UW][A-Z0-9]{2,}")


def parse_people(value: Any, where: str) -> dict[str, str]:
    """Return ids of users of Airflow by Slack id.

    :raises ValueError: it is no mapping of Slack ids to texts
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} is a {type(value).__name__}; it must map Slack ids to users of Airflow")
    for slack_id, user in value.items():
        if not isinstance(slack_id, str) or not _SLACK_ID.fullmatch(slack_id):
            raise ValueError(f"{where}: {slack_id!r} is not a Slack id; use Copy member ID in the profile in Slack")
        if not isinstance(user, str) or not user.strip():
            raise ValueError(f"{where}: the user of {slack_id} is {user!r}; it must be the id of a user of Airflow")
    return dict(value)


class SlackReviewOperator(ReviewOperator):
    """A :class:`ReviewOperator` that also asks in Slack, with buttons for the reviewers.

    ::

        SlackReviewOperator(
            task_id="review", subject="Publish the report?", reviewers=["jimin", "alex"], channel="#reviews",
            text="*Publish the report?* {{ macros.workplace.slack_link('The draft', ti.xcom_pull('draft')['url']) }}",
        )

    The message is posted once per try of the task. ``SlackReviewAnswerOperator``, in the DAG ``slack_approvals``, turns a
    click into the answer, and the message then shows the person, the answer and the time. The result names the person in
    ``responded_by_user``, as for an answer in Airflow. See ``docs/slack_approvals.md``.

    :param channel: id, or name with or without ``#``; for a direct message the person's id, ``@name`` or e-mail address.
        Leave empty to ask in Airflow only
    :param text: content of the message in Slack's mrkdwn; by default the subject with a link to Airflow
    :param labels: texts of the buttons, such as ``{"Approve": "승인", "Reject": "반려"}``
    :param service_user: id of the user with which ``SlackReviewAnswerOperator`` calls Airflow. It is assigned beside the
        reviewers; its answers count only with the name of a reviewer
    :param slack_conn_id: connection of type ``slack`` with the app's token as its password
    """

    channel: Field[str | None] = fields.optional_text(default=None)
    text: Field[str | None] = fields.optional_text(default=None)
    labels: Field[Mapping[str, str] | None] = fields.option(default=None)
    service_user: Field[str] = fields.text(default=SERVICE_USER)
    slack_conn_id: Field[str] = fields.text(default="slack_api_default")

    def check_fields(self) -> None:
        """Check that answers from Slack can be attributed to a reviewer."""
        super().check_fields()
        if self.channel is None:
            return
        if not self.reviewers:
            raise ValueError("reviewers is empty; a review in Slack needs them, since everyone in a channel can click")
        if self.service_user in self.reviewers:
            raise ValueError(f"{self.service_user} is a reviewer and service_user; it must not be a person")
        if self.params:
            raise ValueError("params cannot be filled in with a button; omit them, or channel")

    def execute(self, context: Context) -> Any:
        """Ask in Airflow and in Slack, and wait for the answer without a worker."""
        with fail_on_permanent_error("Slack"):
            self.parse_fields()
        if self.channel is not None:
            # Airflow calls the notifiers when the question is stored, so that no click comes too early.
            self.notifiers = [*self.notifiers, self._ask]
        return super().execute(context)

    def users_to_assign(self, people: Sequence[str]) -> list[HITLUser] | None:
        """Return the reviewers, and the user that answers for those who click."""
        names = [*people, self.service_user] if self.channel is not None else people
        return super().users_to_assign(names)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Return the answer with the person who gave it, and show it in the message.

        :raises AirflowFailException: the service user answered without the name of a reviewer
        """
        from workplace_provider.slack.reviews.message import ReviewEnd

        with fail_on_permanent_error("Slack"):
            self.parse_fields()
        if self.channel is None:
            return super().execute_complete(context, event)
        end = ReviewEnd(reason="no one answered in time")
        try:
            if "error" not in event:
                event, end = self._identify(event)
            return super().execute_complete(context, event)
        except DownstreamTasksSkipped:
            # Airflow 3.3 stores no result of a task that skips others, and so no author of a rejection.
            names = ("chosen_options", "params_input", "responded_at", "responded_by_user")
            context["ti"].xcom_push(key="return_value", value={name: event[name] for name in names})
            raise
        finally:
            self._show_end(context, end)

    def _identify(self, event: dict[str, Any]) -> tuple[dict[str, Any], ReviewEnd]:
        """Return the answer with the person who clicked as its author."""
        from workplace_provider.slack.reviews.clicks import person_of_answer
        from workplace_provider.slack.reviews.message import ReviewEnd

        option, at, user = event["chosen_options"][0], event["responded_at"], event["responded_by_user"]
        if user is None:
            return event, ReviewEnd(option, at=at, reason="no one answered in time")
        if user["id"] != self.service_user:
            # A person's own answer; what they sent with it does not name another one.
            return {**event, "params_input": {}}, ReviewEnd(option, user["name"], at=at)
        person, slack_user = person_of_answer(event["params_input"] or {}, user["id"], self.service_user)
        if person not in narrow_reviewers(self.reviewers, self.only):
            raise AirflowFailException(
                f"{self.service_user} answered without the name of a reviewer, so the answer does not count. Only"
                " SlackReviewAnswerOperator may use this user; change its password if someone else knows it"
            )
        author = {"id": person, "name": person}
        return {**event, "responded_by_user": author}, ReviewEnd(option, person, slack_user, at)

    def _ask(self, context: Context) -> None:
        """Post the message with the buttons."""
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook
        from workplace_provider.slack.reviews.message import FACT, ReviewEnd, open_message

        task, store = _reviewed_task(context), context["task_state_store"]
        with fail_on_permanent_error("Slack"), closing(SlackDirectoryHook(slack_conn_id=self.slack_conn_id)) as hook:
            text = str(redact_outgoing(self.text)) if self.text else self._default_text(context)
            message = open_message(text, str(self.subject), task, self.options, self.labels)
            earlier = store.get(STATE_KEY)
            if isinstance(earlier, Mapping) and earlier.get("try_number") != task.try_number:
                self._close(hook.poster, earlier, ReviewEnd(reason="the task was started again, and asks in a new message"))
            posted = hook.poster.post(
                hook.find_recipient(str(self.channel)).id,
                [message],
                dedupe_key=f"review:{task.try_number}:{dedupe_key(context, self.task_id)}",
                since=run_start(context),
                facts={FACT: task.as_fact()},
            )
            store.set(STATE_KEY, {"channel": posted.channel, "ts": posted.ts, "try_number": task.try_number})
            self.log.info("asked in %s", posted.permalink)

    def _default_text(self, context: Context) -> str:
        title = f"*{slack_text(self.subject)}*"
        try:
            return f"{title}\n{slack_link('Open in Airflow', self.generate_link_to_ui(task_instance=context['ti']))}"
        except ValueError:  # no [api] base_url
            return title

    def _show_end(self, context: Context, end: ReviewEnd) -> None:
        """Replace the buttons by the end of the review. An error is only logged, since the answer is in Airflow."""
        from workplace_provider.http.errors import WorkplaceError
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        try:
            with closing(SlackDirectoryHook(slack_conn_id=self.slack_conn_id)) as hook:
                self._close(hook.poster, context["task_state_store"].get(STATE_KEY), end)
        except (WorkplaceError, ValueError) as error:
            self.log.warning("the message in Slack cannot show the end of the review: %s", error)

    def _close(self, poster: MessagePoster, place: Any, end: ReviewEnd) -> None:
        from workplace_provider.slack.reviews.message import closed_message, is_open

        if not isinstance(place, Mapping):
            return  # posting failed
        channel, ts = str(place["channel"]), str(place["ts"])
        message = poster.own_message(channel, ts)
        if message is not None and is_open(message):
            poster.rewrite(channel, message, closed_message(message, end))


class SlackReviewAnswerOperator(WorkplaceOperator):
    """Answer a review of a ``SlackReviewOperator`` for the person who clicked a button.

    ::

        clicks = SlackEventsOperator(task_id="clicks", asset=clicked)
        SlackReviewAnswerOperator.partial(task_id="answer", people={"U024BE7LH": "jimin"}).expand(click=clicks.output)

    A click counts if the app itself posted the message, the task of the message still waits, and ``people`` maps the person
    to a user of Airflow who is assigned to it. Other people get an answer that only they see. The first answer counts. A
    retry after an interruption changes nothing. A click on another button skips the task.

    :param click: payload of an event ``block_actions``
    :param people: ids of users of Airflow by Slack id; for a person of another workspace of the organization ``T…/U…``.
        It is no template: a person must not choose their own user
    :param service_user: id in Airflow of the user of ``airflow_conn_id``, as in ``SlackReviewOperator``
    :param airflow_conn_id: connection of type ``http`` to Airflow's own API, with login and password of the service user
    :param slack_conn_id: connection of type ``slack`` with the app's token as its password
    """

    ui_color = "#ecf6e6"

    click: Field[Mapping[str, Any]] = fields.template()
    people: Field[Mapping[str, str]] = fields.option(parse=parse_people)
    service_user: Field[str] = fields.text(default=SERVICE_USER)
    airflow_conn_id: Field[str] = fields.text(default="airflow_api")
    slack_conn_id: Field[str] = fields.text(default="slack_api_default")

    def execute(self, context: Context) -> dict[str, Any]:
        """Handle the click.

        :return: ``outcome``, ``task``, ``option`` and ``person``; see :class:`~workplace_provider.slack.reviews.ClickResult`
        :raises AirflowSkipException: the button does not belong to a review, or the person clicks too often
        """
        from workplace_provider.common.airflow_connection import airflow_api
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook
        from workplace_provider.slack.reviews.clicks import Click, ReviewDesk

        with fail_on_permanent_error("Slack"):
            self.parse_fields()
            if self.click.get("over_limit"):
                raise AirflowSkipException(f"{self.click.get('user')} clicks more often than the rate limit of the events")
            with (
                airflow_api(self.airflow_conn_id) as airflow,
                closing(SlackDirectoryHook(slack_conn_id=self.slack_conn_id)) as hook,
            ):
                desk = ReviewDesk(airflow, hook.reader, hook.poster, self.people, self.service_user)
                result = desk.handle(Click.of(self.click))
        if result.outcome == "ignored":
            raise AirflowSkipException("the button does not belong to a review")
        self.log.info("%s: %s", result.outcome, result)
        return asdict(result)


def _reviewed_task(context: Context) -> ReviewedTask:
    from workplace_provider.slack.reviews.message import ReviewedTask

    ti: Any = context["ti"]
    index = -1 if ti.map_index is None else ti.map_index
    return ReviewedTask(ti.dag_id, ti.run_id, ti.task_id, index, ti.try_number)
