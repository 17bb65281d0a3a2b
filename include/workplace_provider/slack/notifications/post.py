"""Notifier with throttling, so that a channel stays readable when many tasks fail at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.slack.client import MessagePoster
    from workplace_provider.slack.client.posting import MarkedMessage

from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.authorship import parse_icon
from workplace_provider.slack.notifications.alarm import DEFAULT_TEXT
from workplace_provider.slack.notifications.templated import TemplatedNotifier

log = get_logger("workplace_provider.slack")

HELD_BACK: Final = "_{count} more of these were held back since the last one._"
_KEY: Final = "throttle_key"
_COUNT: Final = "held_back"
_LONGEST_SPAN: Final = timedelta(days=7)
"""How far back the previous notice is searched, which has the number of notices that were held back."""


class SlackPostNotifier(TemplatedNotifier):
    """Post a notice from a callback, and hold back further notices of the same kind for some minutes.

    ::

        DAG("weekly", default_args={"on_failure_callback": SlackPostNotifier(channel="#alerts", throttle_minutes=30)})

    Notices that are held back are counted in the metadata of the posted notice, where every worker finds it. The next notice
    shows the count. If several workers post at the same moment, the first notice remains and the others are deleted; if they
    count at the same moment, the count may be too low.

    Values in the template are escaped and redacted, see
    :class:`~workplace_provider.slack.notifications.templated.TemplatedNotifier`. A long text continues in the thread. If the
    channel cannot be read, the notice is posted anyway: too many notices are better than none.

    :param channel: id, or name with or without ``#``; for a direct message the person's id, ``@name`` or e-mail address
    :param text: notice, a template in Slack's mrkdwn
    :param key: kind of the notice, a template; notices with the same key are throttled together
    :param throttle_minutes: at most one notice of a kind in this many minutes; 0 posts all
    :param blocks: Block Kit blocks as dicts, in addition to or instead of the text
    :param held_back_text: text about the notices that were held back, with ``{count}``
    :param username: name of the sender instead of the app's, with the scope ``chat:write.customize``
    :param icon: icon of the sender: an emoji such as ``:memo:``, or an https URL of a picture; also with that scope
    :param slack_conn_id: connection of type ``slack`` with the app's token as its password
    """

    template_fields: Sequence[str] = ("slack_conn_id", "channel", "text", "key", "throttle_minutes", "blocks")

    def __init__(
        self,
        *,
        channel: str,
        text: str = DEFAULT_TEXT,
        key: str = "{{ dag.dag_id }}",
        throttle_minutes: float | str = 10,
        blocks: Sequence[dict[str, Any]] | None = None,
        held_back_text: str = HELD_BACK,
        username: str | None = None,
        icon: str | None = None,
        slack_conn_id: str = "slack_api_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channel = channel
        self.text = text
        self.key = key
        self.throttle_minutes = throttle_minutes
        self.blocks = blocks
        self.held_back_text = held_back_text
        self.username = username
        self.icon = icon
        self.slack_conn_id = slack_conn_id

    def notify(self, context: Context) -> None:
        """Post the notice, or count it.

        :raises WorkplaceError: Slack did not accept it
        """
        from workplace_provider.slack.hooks.directory import SlackDirectoryHook

        with closing(SlackDirectoryHook(slack_conn_id=self.slack_conn_id)) as hook:
            self._post(hook.poster, hook.find_recipient(self.channel).id)

    async def async_notify(self, context: Context) -> None:
        """Post the notice from the triggerer."""
        await asyncio.to_thread(self.notify, context)

    def _post(self, poster: MessagePoster, channel: str) -> None:
        from workplace_provider.slack.client import split_message
        from workplace_provider.slack.client.posting import LONGEST_CHANGE

        now = datetime.now(UTC)
        last, current = self._earlier(poster, channel, now)
        if self._count(poster, channel, current):
            return
        held_back = int(last.facts.get(_COUNT) or 0) if last else 0
        summary = self.held_back_text.format(count=held_back) if held_back else ""
        blocks = list(self.blocks or ())
        if summary and blocks:
            blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": summary}]})
        # Counting updates the notice, and chat.update limits the bytes of the text. An escaped character has up to five.
        longest = LONGEST_CHANGE // 5
        text = "\n".join(filter(None, (summary, self.text)))
        parts = split_message(text[:longest] if blocks else text, blocks, longest_text=longest)
        key, facts = uuid4().hex, {_KEY: self.key, _COUNT: 0}
        options = {**({"username": self.username} if self.username else {}), **parse_icon(self.icon, "icon")}
        posted = poster.post(channel, parts[:1], dedupe_key=key, since=now, facts=facts, is_first=True, options=options)
        _, concurrent = self._earlier(poster, channel, now)
        # Notices of other workers before ours, without those in which counting has just failed.
        known = {notice.ts for notice in current}
        winners = [notice for notice in concurrent if notice.ts < posted.ts and notice.ts not in known]
        if self._count(poster, channel, winners):
            poster.delete(channel, posted.ts)
        elif len(parts) > 1:
            poster.post(channel, parts, dedupe_key=key, since=now, options=options)

    @property
    def _span(self) -> timedelta:
        return timedelta(minutes=float(self.throttle_minutes))

    def _count(self, poster: MessagePoster, channel: str, notices: Sequence[MarkedMessage]) -> bool:
        """Count our notice in the first given notice that can be updated, and return whether there was one.

        Errors are only logged: too many notices are better than none, so a notice that cannot be counted is posted.
        """
        from workplace_provider.http.errors import WorkplaceError

        for notice in notices:
            try:
                poster.change(channel, notice, {**notice.facts, _COUNT: int(notice.facts.get(_COUNT) or 0) + 1})
            except WorkplaceError as error:
                log.warning("cannot count a notice in the message %s: %s", notice.ts, error)
            else:
                log.info("held back a notice of %r: one was posted at %s", self.key, notice.at.isoformat())
                return True
        return False

    def _earlier(
        self, poster: MessagePoster, channel: str, now: datetime
    ) -> tuple[MarkedMessage | None, list[MarkedMessage]]:
        """Return the newest notice of the kind, and those within the throttle time, oldest first."""
        newest: MarkedMessage | None = None
        current: list[MarkedMessage] = []
        for notice in self._notices(poster, channel, now - _LONGEST_SPAN):
            newest = newest or notice
            if now - notice.at >= self._span:
                break
            current.insert(0, notice)
        return newest, current

    def _notices(self, poster: MessagePoster, channel: str, since: datetime) -> Iterator[MarkedMessage]:
        from workplace_provider.http.errors import WorkplaceError

        if not self._span:
            return
        try:
            yield from (notice for notice in poster.own_messages(channel, since) if notice.facts.get(_KEY) == self.key)
        except WorkplaceError as error:
            log.warning("the channel cannot be searched for earlier notices, so none is held back: %s", error)
