"""Operators for the questions of people to a bot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common import fields
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.slack.bot import BotCommand, answers_to, questions_for

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.fields import Field
    from workplace_provider.slack.bot import Question
    from workplace_provider.slack.bot_people import WorkspacePeople


class SlackCommandOperator(WorkplaceOperator):
    """Return the questions for one command, one dict each, for a mapped task group that answers them.

    Questions may contain Jinja expressions. In a mapped task group they remain data, so expand a function with
    ``@task_group`` over the output. Do not expand an operator or a ``@task`` with ``expand_kwargs``; see
    ``SECURITY.md``::

        @task_group
        def answer(week, channel, thread_ts):
            TableauViewImageOperator(task_id="image", view="Active users", filters={"Week": week})

        weeks = SlackCommandOperator(
            task_id="weeks", events=read.output, command=BotCommand("week", "shows a week"),
            arguments={"week": "argument", "channel": "channel", "thread_ts": "thread_ts"},
        )
        answer.expand_kwargs(weeks.output)

    The task is skipped if there are no questions for the command. Questions of people without access
    (:class:`~workplace_provider.slack.bot_access.Access`) or above their rate limit are omitted; ``SlackAnswersOperator``
    answers them with the reason.

    :param events: output of a ``SlackEventsOperator``
    :param command: the command
    :param arguments: mapping of a key of the returned dicts to a field of
        :class:`~workplace_provider.slack.bot.Question`, such as ``{"login": "argument"}``; by default all fields with
        their own names
    :param slack_conn_id: connection of type ``slack`` whose token looks up people; it needs ``users:read``
    """

    ui_color = "#ecf6e6"

    events: Field[Any] = fields.template()
    command: Field[BotCommand] = fields.option()
    arguments: Field[Mapping[str, str] | None] = fields.option(default=None)
    slack_conn_id: Field[str] = fields.text(default="slack_api_default")

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read the questions.

        :return: one dict per question
        :raises AirflowSkipException: there is no question for the command
        """
        with fail_on_permanent_error("Slack"), people_of(self.slack_conn_id) as people:
            questions = [question.as_dict() for question in questions_for(self.command, self.events or (), people)]
        if not questions:
            raise AirflowSkipException(f"no question for {self.command.name} to answer")
        if self.arguments is None:
            return questions
        return [{name: question[field] for name, field in self.arguments.items()} for question in questions]


class SlackAnswersOperator(WorkplaceOperator):
    """Return the immediate answers, each as a ``message`` for a ``SlackPostOperator``.

    It answers ``help``, commands with an ``answer``, unknown commands, commands without their argument, and people without
    access to a command. If there are none of these, the task is skipped. An answer may quote the question, so post it as
    data::

        answers = SlackAnswersOperator(task_id="answers", events=read.output, commands=[BotCommand("sum", "adds numbers")])
        SlackPostOperator.partial(task_id="answer").expand(message=answers.output)

    :param events: output of a ``SlackEventsOperator``
    :param commands: all commands of the bot
    :param slack_conn_id: connection of type ``slack`` whose token looks up people; it needs ``users:read``
    """

    ui_color = "#ecf6e6"

    events: Field[Any] = fields.template()
    commands: Field[Sequence[BotCommand]] = fields.option()
    slack_conn_id: Field[str] = fields.text(default="slack_api_default")

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the answers.

        :return: for each answer ``channel``, ``thread_ts``, ``text``, ``dedupe_key``, ``sealed_response_url`` and
            ``visible_to``
        :raises AirflowSkipException: there are no immediate answers
        """
        with fail_on_permanent_error("Slack"), people_of(self.slack_conn_id) as people:
            messages = [
                {
                    "channel": question.channel,
                    "thread_ts": question.thread_ts,
                    "text": text,
                    "dedupe_key": f"answer:{question.event_id}",
                    "sealed_response_url": question.sealed_response_url,
                    "visible_to": question.user if self._is_private(question) else None,
                }
                for question, text in answers_to(self.commands, self.events or (), people)
            ]
        if not messages:
            raise AirflowSkipException("no immediate answers; other tasks answer the questions")
        return messages

    def _is_private(self, question: Question) -> bool:
        """Return whether only the person who asks sees the answer, also one without access to the command."""
        return any(command.private and command.is_meant_by(question) for command in self.commands)


@contextmanager
def people_of(slack_conn_id: str) -> Iterator[WorkspacePeople]:
    """Return a lookup of people with the token of a connection. Nothing is sent before the first lookup."""
    from workplace_provider.slack.bot_people import WorkspacePeople
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

    with closing(SlackDirectoryHook(slack_conn_id=slack_conn_id)) as hook:
        yield WorkspacePeople(hook)
