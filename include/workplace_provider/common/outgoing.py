"""Redaction of texts that people read: messages, alarms, questions, and the result of a connection test."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, TypeVar

from workplace_provider.common.mrkdwn import Mrkdwn, escape, linked
from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.redaction import clean_text, sanitize_text

Value = TypeVar("Value")
Hook = TypeVar("Hook")

_DEPTH: Final = 100
"""Deeper than Slack nests its blocks. Below its own default depth of 5, Airflow would not redact text."""


def redact_outgoing(value: Value) -> Value:
    """Return a value in which the secrets that Airflow masks in its logs are masked.

    :param value: text, or lists and dicts with texts in them
    """
    from airflow.sdk.log import redact  # type: ignore[attr-defined]  # it is not re-exported explicitly

    redacted = redact(value, max_depth=_DEPTH)
    return type(value)(redacted) if isinstance(value, str) else redacted  # type: ignore[return-value]


def slack_text(value: Any) -> str:
    """Return a value as redacted text for a Slack message, escaped so that it has no link and no mention.

    In templates, as a macro or a filter::

        {{ macros.workplace.slack_text(ti.xcom_pull("kpis")[0]) }}
        {{ page.title | slack_text }}
    """
    return Mrkdwn(escape(_to_text(value)))


def slack_link(text: Any, url: Any) -> str:
    """Return a link for a Slack message, with an escaped and redacted text and a URL without credentials.

    In templates, as a macro or a filter::

        {{ macros.workplace.slack_link(page.title, page.url) }}
        {{ page.title | slack_link(page.url) }}
    """
    return Mrkdwn(linked(_to_text(text), redact_outgoing(str(url or ""))))


def markdown_code(text: Any, language: str = "") -> str:
    """Return a redacted block of code for a question to people. No line of the text ends the block.

    In templates: ``{{ macros.workplace.markdown_code(diff, "diff") }}``

    :param language: language of the code, for its colors
    """
    code = clean_text(redact_outgoing(str(text)))
    # A fence ends at one that is at least as long. Source: CommonMark, 4.5.
    fence = "`" * (1 + max(map(len, re.findall("`{2,}", code)), default=2))
    return f"{fence}{language}\n{code}\n{fence}"


SLACK_FILTERS: Final[Mapping[str, Callable[..., str]]] = {"slack_text": slack_text, "slack_link": slack_link}
"""Jinja filters of this provider's operators and notifiers; for other operators, use ``DAG(user_defined_filters=…)``."""


def _to_text(value: Any) -> Any:
    if isinstance(value, BaseException):
        value = sanitize_text(str(value) or type(value).__name__)
    return value if value is None else redact_outgoing(value if isinstance(value, str) else str(value))


def checked_test(test: Callable[[Hook], tuple[bool, str]]) -> Callable[[Hook], tuple[bool, str]]:
    """Decorate a ``test_connection`` so that its message has no secret and no text of another library.

    :param test: returns whether the connection works and a sentence, or raises an error
    """

    @wraps(test)
    def run(hook: Hook) -> tuple[bool, str]:
        from airflow.sdk.exceptions import AirflowException

        try:
            works, message = test(hook)
        except UnicodeError as error:
            works, message = False, type(error).__name__
        except (WorkplaceError, ValueError, AirflowException) as error:
            works, message = False, str(error)
        # The message of another library may have a header, a URL or a proxy in it.
        except Exception as error:
            works, message = False, f"the test failed with {type(error).__name__}; see the log of a task for details"
        return works, redact_outgoing(sanitize_text(message))

    return run
