"""Operator for reactions to messages."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common import fields
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.slack.bot_access import Access
from workplace_provider.slack.reactions import Reaction, allowed_reactions

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.fields import Field


class SlackReactionsOperator(WorkplaceOperator):
    """Return the reactions of allowed people, one dict each, for a mapped task group.

    ::

        @task_group
        def file_issue(text, permalink, channel, ts, reaction_id):
            SlackPostOperator(task_id="confirm", channel=channel, thread_ts=ts, text="…", dedupe_key=reaction_id)

        reactions = SlackReactionsOperator(task_id="reactions", events=read.output, access=Access(groups=["data-oncall"]))
        file_issue.expand_kwargs(reactions.output)

    Of one person's reactions with one emoji to one message, only the last event counts. A reaction that was removed before
    the task runs is omitted, as is one to a deleted message. The text of the message is data of other people: expand a
    ``@task_group`` over the output, no operator or ``@task``; see ``SECURITY.md``. The task is skipped if no reaction is
    left.

    :param events: output of a ``SlackEventsOperator``
    :param access: allowed people and channels; by default the full members of the workspace, in every channel
    :param arguments: keys of the returned dicts; by default ``text``, ``permalink``, ``channel``, ``ts`` and
        ``reaction_id``. Others are ``reaction``, ``is_removed``, ``user`` and ``item_user``
    :param slack_conn_id: connection of type ``slack``; its token needs ``users:read`` and ``reactions:read``
    """

    ui_color = "#ecf6e6"

    events: Field[Any] = fields.template()
    access: Field[Access] = fields.option(default=Access())
    arguments: Field[Sequence[str]] = fields.option(default=("text", "permalink", "channel", "ts", "reaction_id"))
    slack_conn_id: Field[str] = fields.text(default="slack_api_default")

    def __post_init__(self) -> None:
        known = [field.name for field in dataclasses.fields(Reaction)]
        if unknown := [name for name in self.arguments if name not in known]:
            raise ValueError(f"arguments has {unknown[0]!r}; it may have {', '.join(known)}")

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Check the reactions, and read their messages.

        :return: one dict per reaction
        :raises AirflowSkipException: there is no reaction of an allowed person
        """
        from workplace_provider.slack.bot_people import WorkspacePeople
        from workplace_provider.slack.client.reactions import fetch_reacted_message
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        with (
            fail_on_permanent_error("Slack"),
            closing(SlackDirectoryHook(slack_conn_id=self.slack_conn_id)) as hook,
        ):
            reactions = allowed_reactions(
                self.events or (),
                self.access,
                WorkspacePeople(hook),
                # Many people may react to one message.
                cache(lambda channel, ts: fetch_reacted_message(hook.reader, channel, ts)),
            )
        if not reactions:
            raise AirflowSkipException("no reaction of an allowed person")
        return [{name: getattr(reaction, name) for name in self.arguments} for reaction in reactions]
