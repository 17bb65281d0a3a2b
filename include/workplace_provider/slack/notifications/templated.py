"""Base class of the notifiers: template values are inserted as text, not as markup."""

from __future__ import annotations

from collections.abc import Collection, Generator
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseNotifier

from workplace_provider.common.mrkdwn import Mrkdwn
from workplace_provider.common.outgoing import SLACK_FILTERS, slack_text
from workplace_provider.http.redaction import sanitize_text

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context


class TemplatedNotifier(BaseNotifier):
    """Base class of notifiers that post to Slack.

    In the fields of ``message_fields``, each ``{{ … }}`` is escaped for Slack, and secrets that Airflow masks in logs are
    masked. The markup of the template itself is kept. ``slack_link`` creates a link, and ``| safe`` inserts a value that
    is markup already, such as the output of a task::

        SlackAlarmNotifier(text="*{{ dag.dag_id }}*: {{ exception }} {{ 'Open the log' | slack_link(ti.log_url) }}")
    """

    message_fields: ClassVar[Collection[str]] = ("text", "blocks")
    render_template_as_native_obj = False
    """A message is always text, even if the DAG renders templates as Python objects: "0x10" does not become 16."""

    def __call__(self, *args: Any) -> None:
        """Render a copy. ``BaseNotifier`` renders in place, so a second call would render the result of the first."""
        super(TemplatedNotifier, copy(self)).__call__(*args)

    def __await__(self) -> Generator[Any, None, None]:
        """Render a copy, in an event loop."""
        return super(TemplatedNotifier, copy(self)).__await__()

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render all fields; values in those of the message are escaped."""
        env = jinja_env or self.get_template_env(dag=context.get("dag"))
        env.filters.update(SLACK_FILTERS)
        others = [field for field in self.template_fields if field not in self.message_fields]
        messages = [field for field in self.template_fields if field in self.message_fields]
        self._do_render_template_fields(self, others, context, env, set())
        self._do_render_template_fields(self, messages, context, env.overlay(finalize=_as_text), set())


def _as_text(value: Any) -> str:
    """Return a template value as escaped text, unless ``| safe`` or ``slack_link`` has made it markup."""
    if isinstance(value, Mrkdwn):
        return value
    if hasattr(value, "__html__"):
        return str(value)
    if isinstance(value, BaseException):
        return slack_text(value)
    return slack_text(sanitize_text(str(value), links=True))
