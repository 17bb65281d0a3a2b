"""The content of a message, as operators take it: text, blocks, attachments, and rows as a table."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workplace_provider.common import fields
from workplace_provider.common.arguments import none_if_blank
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.outgoing import redact_outgoing

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.fields import Field
    from workplace_provider.slack.client import MessagePart


def as_dicts(value: Any) -> Any:
    """Convert models of ``slack_sdk``, also in lists, to dicts, in which templates can be rendered."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return [as_dicts(item) for item in value] if isinstance(value, list | tuple) else value


def _parse_objects(value: Any, where: str) -> list[dict[str, Any]]:
    """Parse blocks or attachments, which a template may have rendered as text."""
    if isinstance(value, str):
        value = _parse_text(value, where) if none_if_blank(value) is not None else None
    if isinstance(value, Mapping):
        value = value.get(where, [value])
    objects = as_dicts(list(value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
    if objects is None:
        return []
    if not isinstance(objects, list) or not all(isinstance(item, Mapping) for item in objects):
        raise ValueError(f"{where} is {value!r}; it must be a list of dicts, or of models of slack_sdk")
    return [dict(item) for item in objects]


def _parse_text(text: str, where: str) -> Any:
    """Parse JSON, or the Python notation that Jinja writes for a list of dicts."""
    from workplace_provider.http.body import parse_json

    for parse in (parse_json, ast.literal_eval):
        try:
            return parse(text)
        # Python's parser raises one of the last two for text that is nested too deeply.
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    raise ValueError(f"{where} is not valid JSON: {text[:80]!r}; in a template, write {{{{ … | tojson }}}}")


class SlackMessageOperator(WorkplaceOperator):
    """Base class of operators that send a message.

    ::

        class ShoutOperator(SlackMessageOperator):
            def execute(self, context):
                self.parse_fields()
                parts = self.message_parts()

    :param text: text in Slack's mrkdwn; with blocks, the text of the notification
    :param blocks: Block Kit blocks: dicts, models of ``slack_sdk``, or JSON
    :param attachments: legacy attachments with pretext, title, fields, color and so on: dicts, or JSON
    :param attachment_style: ``keep`` sends attachments unchanged; ``convert`` replaces their content by blocks
    :param rows: rows below the text, as a table: what :func:`~workplace_provider.common.rows.read_rows` reads, such as the
        output of a SQL operator or a CSV file
    :param row_limit: maximum number of rows in the table; a last line has the number of the others
    :param row_style: ``text`` shows the rows in a code block; ``block`` as Slack's table block, or as ``text`` if they do
        not fit into one, or a block is a table already
    :param thread_ts: message to reply to: ``thread_ts`` of another post's output, or the ``ts`` of any message
    :param reply_broadcast: send a reply to the channel too
    :param unfurl_links: show previews of links; by default Slack decides
    :param unfurl_media: show previews of images and videos; by default Slack decides
    :param enabled: ``False`` skips the task, so that a Param can turn it off
    :param dry_run: log the message without sending it
    :param slack_conn_id: connection of type ``slack`` with the app's token as its password
    """

    ui_color = "#ecf6e6"

    text: Field[str | None] = fields.optional_text(default=None)
    blocks: Field[list[dict[str, Any]]] = fields.template(default=None, parse=_parse_objects, wrap=as_dicts)
    attachments: Field[list[dict[str, Any]]] = fields.template(default=None, parse=_parse_objects, wrap=as_dicts)
    attachment_style: Field[str] = fields.choice("keep", "convert", default="keep")
    rows: Field[Any] = fields.template(default=None)
    row_limit: Field[int] = fields.integer(default=20, least=1)
    row_style: Field[str] = fields.choice("text", "block", default="text")
    thread_ts: Field[str | None] = fields.optional_text(default=None)
    reply_broadcast: Field[bool] = fields.boolean(default=False)
    unfurl_links: Field[bool | None] = fields.optional_boolean(default=None)
    unfurl_media: Field[bool | None] = fields.optional_boolean(default=None)
    enabled: Field[bool] = fields.boolean(default=True)
    is_dry_run: Field[bool] = fields.boolean(default=False, alias="dry_run")
    slack_conn_id: Field[str] = fields.text(default="slack_api_default")

    def message_parts(self, default_text: str = "", *, row_style: str | None = None) -> list[MessagePart]:
        """Return the message in the parts that Slack accepts, with secrets masked.

        :param default_text: the text of a message without any content
        :param row_style: how to show the rows, instead of the operator's way
        :raises ValueError: the content cannot be read
        """
        from workplace_provider.slack.client import convert_attachments, split_message

        attachments = self.attachments
        if self.attachment_style == "convert":
            attachments = convert_attachments(attachments)
        # Before the message is split: half a secret is not recognized.
        blocks, attachments = redact_outgoing(self.blocks), redact_outgoing(attachments)
        text = redact_outgoing(str(self.text or ""))
        if self.rows is not None:
            text, blocks = self._with_table(text, blocks, row_style or self.row_style)
        if not (text.strip() or blocks or attachments):
            text = default_text
        return split_message(text, blocks, attachments)

    def unfurl_options(self) -> dict[str, bool]:
        """Return the arguments of Slack's methods for previews."""
        unfurl = {"unfurl_links": self.unfurl_links, "unfurl_media": self.unfurl_media}
        return {name: value for name, value in unfurl.items() if value is not None}

    def log_dry_run(self, recipient: str, parts: Sequence[MessagePart]) -> None:
        """Log the message instead of sending it."""
        for part in parts:
            self.log.info("dry run, nothing is sent to %s: %s", recipient, part.arguments())

    def _with_table(self, text: str, blocks: list[dict[str, Any]], row_style: str) -> tuple[str, list[dict[str, Any]]]:
        """Return the text and the blocks with the rows as a table."""
        from workplace_provider.common.rows import read_rows
        from workplace_provider.slack.client.table_block import has_table, table_blocks
        from workplace_provider.slack.client.text_table import text_table

        rows = read_rows(self.rows)
        # Before cells are cut: half a secret is not recognized.
        rows = [*redact_outgoing(rows[: self.row_limit]), *rows[self.row_limit :]]
        if row_style == "block":
            table = None if has_table(blocks) else table_blocks(rows, row_limit=self.row_limit)
            if table is not None:
                # With blocks, Slack shows the text only in notifications.
                shown = [_section(text)] if text.strip() and not blocks else []
                return text, [*blocks, *shown, *table]
            self.log.info("the rows are a text table: they do not fit into a table block, or a block is a table already")
        text_rows = text_table(rows, row_limit=self.row_limit)
        if blocks:
            return text, [*blocks, _section(text_rows)]
        return f"{text}\n{text_rows}" if text.strip() else text_rows, blocks


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def run_start(context: Context) -> datetime:
    """Return the earliest time at which a task of a run can have run.

    Clearing a run resets its start date, so ``run_after`` is considered too.
    """
    run = context.get("dag_run")
    times = [getattr(run, name, None) for name in ("run_after", "start_date")]
    return min((time for time in times if isinstance(time, datetime)), default=datetime.now(UTC))
