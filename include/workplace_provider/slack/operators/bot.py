"""Operators that read what people ask a bot for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.slack.bot import BotCommand, answers_to, questions_for

if TYPE_CHECKING:
    from airflow.sdk import Context


class SlackCommandOperator(WorkplaceOperator):
    """Return the questions for one command, one dict each, for a mapped task group that answers them.

    People may type Jinja expressions. In a mapped task group they stay data, so expand a function with ``@task_group`` over
    the output, and never an operator or a ``@task`` with ``expand_kwargs``; see ``SECURITY.md``::

        @task_group
        def answer(week, channel, thread_ts, event_id):
            TableauViewImageOperator(task_id="image", view="Active users", filters={"Week": week})
            ...


        answer.expand_kwargs(read_weeks.output)

    The task is skipped when there are no questions for the command.

    :param events: the output of a ``SlackEventsOperator``
    :param command: the command
    :param arguments: what each answering task is given: name to a field of
        :class:`~workplace_provider.slack.bot.Question`, such as ``{"login": "argument"}``; all fields by their own names
        when it is left out
    """

    template_fields: Sequence[str] = ("events",)
    ui_color = "#ecf6e6"

    def __init__(
        self, *, events: Any, command: BotCommand, arguments: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.events = events
        self.command = command
        self.arguments = arguments

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read the questions.

        :return: a dict for each question
        :raises AirflowSkipException: nobody asks for the command
        """
        found = [question.as_dict() for question in questions_for(self.command, self.events or ())]
        if not found:
            raise AirflowSkipException(f"nobody asks for {self.command.name}")
        if self.arguments is None:
            return found
        return [{name: question[field] for name, field in self.arguments.items()} for question in found]


class SlackAnswersOperator(WorkplaceOperator):
    """Return the answers that need no other task, each a ``message`` for a ``SlackPostOperator``.

    It answers ``help``, commands with an ``answer``, unknown commands, and commands without their argument. When there are
    none of these, the task is skipped. An answer may quote what people typed, so post it as data::

        SlackPostOperator.partial(task_id="answer").expand(message=answers.output)

    :param events: the output of a ``SlackEventsOperator``
    :param commands: all commands of the bot
    """

    template_fields: Sequence[str] = ("events",)
    ui_color = "#ecf6e6"

    def __init__(self, *, events: Any, commands: Sequence[BotCommand], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.events = events
        self.commands = tuple(commands)

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Answer.

        :return: for each answer ``channel``, ``thread_ts``, ``text`` and ``dedupe_key``
        :raises AirflowSkipException: everything is for other tasks
        """
        found = [
            {
                "channel": question.channel,
                "thread_ts": question.thread_ts,
                "text": text,
                "dedupe_key": f"answer:{question.event_id}",
            }
            for question, text in answers_to(self.commands, self.events or ())
        ]
        if not found:
            raise AirflowSkipException("other tasks answer")
        return found
