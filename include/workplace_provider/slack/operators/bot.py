"""Operators that read what people ask a bot for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.slack.bot import BotCommand, answers_to, questions_for

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.slack.bot_people import WorkspacePeople


class SlackCommandOperator(WorkplaceOperator):
    """Return the questions for one command, one dict each, for a mapped task group that answers them.

    People may type Jinja expressions. In a mapped task group they stay data, so expand a function with ``@task_group`` over
    the output, and never an operator or a ``@task`` with ``expand_kwargs``; see ``SECURITY.md``::

        @task_group
        def answer(week, channel, thread_ts, event_id):
            TableauViewImageOperator(task_id="image", view="Active users", filters={"Week": week})
            ...


        answer.expand_kwargs(read_weeks.output)

    The task is skipped when there are no questions for the command. Questions of people who may not use it
    (:class:`~workplace_provider.slack.bot_access.Access`), or who are above their rate limit, are left out;
    ``SlackAnswersOperator`` tells them the reason.

    :param events: the output of a ``SlackEventsOperator``
    :param command: the command
    :param arguments: what each answering task is given: name to a field of
        :class:`~workplace_provider.slack.bot.Question`, such as ``{"login": "argument"}``; all fields by their own names
        when it is left out
    :param slack_conn_id: connection of type ``slack`` whose token looks up who asks; it needs ``users:read``
    """

    template_fields: Sequence[str] = ("events", "slack_conn_id")
    ui_color = "#ecf6e6"

    def __init__(
        self,
        *,
        events: Any,
        command: BotCommand,
        arguments: Mapping[str, str] | None = None,
        slack_conn_id: str = "slack_api_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.events = events
        self.command = command
        self.arguments = arguments
        self.slack_conn_id = slack_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read the questions.

        :return: a dict for each question
        :raises AirflowSkipException: nobody asks for the command
        """
        with fail_on_permanent_error(), people_of(self.slack_conn_id) as people:
            found = [question.as_dict() for question in questions_for(self.command, self.events or (), people)]
        if not found:
            raise AirflowSkipException(f"no question for {self.command.name} that may be answered")
        if self.arguments is None:
            return found
        return [{name: question[field] for name, field in self.arguments.items()} for question in found]


class SlackAnswersOperator(WorkplaceOperator):
    """Return the answers that need no other task, each a ``message`` for a ``SlackPostOperator``.

    It answers ``help``, commands with an ``answer``, unknown commands, and commands without their argument, and it tells
    people who may not use a command the reason. When there are none of these, the task is skipped. An answer may quote what
    people typed, so post it as data::

        SlackPostOperator.partial(task_id="answer").expand(message=answers.output)

    :param events: the output of a ``SlackEventsOperator``
    :param commands: all commands of the bot
    :param slack_conn_id: connection of type ``slack`` whose token looks up who asks; it needs ``users:read``
    """

    template_fields: Sequence[str] = ("events", "slack_conn_id")
    ui_color = "#ecf6e6"

    def __init__(
        self, *, events: Any, commands: Sequence[BotCommand], slack_conn_id: str = "slack_api_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.events = events
        self.commands = tuple(commands)
        self.slack_conn_id = slack_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Answer.

        :return: for each answer ``channel``, ``thread_ts``, ``text``, ``dedupe_key`` and ``sealed_response_url``
        :raises AirflowSkipException: everything is for other tasks
        """
        with fail_on_permanent_error(), people_of(self.slack_conn_id) as people:
            found = [
                {
                    "channel": question.channel,
                    "thread_ts": question.thread_ts,
                    "text": text,
                    "dedupe_key": f"answer:{question.event_id}",
                    "sealed_response_url": question.sealed_response_url,
                }
                for question, text in answers_to(self.commands, self.events or (), people)
            ]
        if not found:
            raise AirflowSkipException("other tasks answer")
        return found


@contextmanager
def people_of(slack_conn_id: str) -> Iterator[WorkspacePeople]:
    """Look people up with the token of a connection; nothing is sent before the first lookup."""
    from workplace_provider.slack.bot_people import WorkspacePeople
    from workplace_provider.slack.hooks.directory import SlackDirectoryHook

    with closing(SlackDirectoryHook(slack_conn_id=slack_conn_id)) as hook:
        yield WorkspacePeople(hook)
