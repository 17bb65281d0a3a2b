"""What leaves Airflow for people: messages, alarms, questions, and the result of a connection's test."""

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
"""Slack's blocks are nested less deeply; beyond its own limit of 5, Airflow leaves text as it is."""


def redact_outgoing(value: Value) -> Value:
    """Return a value for people, with what Airflow masks in its logs masked.

    :param value: text, or lists and dicts with texts in them
    """
    from airflow.sdk.log import redact  # type: ignore[attr-defined]  # it is not re-exported explicitly

    redacted = redact(value, max_depth=_DEPTH)
    return type(value)(redacted) if isinstance(value, str) else redacted  # type: ignore[return-value]


def slack_text(value: Any) -> str:
    """Return any value as text for a Slack message: escaped, so that nothing of it is a link or wakes anyone, and redacted.

    In templates, as a macro or a filter::

        {{ macros.workplace.slack_text(ti.xcom_pull("kpis")[0]) }}
        {{ page.title | slack_text }}
    """
    return Mrkdwn(escape(_printed(value)))


def slack_link(text: Any, url: Any) -> str:
    """Return a link for a Slack message: its text is escaped and redacted, its URL has no credential.

    In templates, as a macro or a filter::

        {{ macros.workplace.slack_link(page.title, page.url) }}
        {{ page.title | slack_link(page.url) }}
    """
    return Mrkdwn(linked(_printed(text), redact_outgoing(str(url or ""))))


def markdown_code(text: Any, language: str = "") -> str:
    """Return a block of code for a question to people: no line of the text ends the block, and it is redacted.

    In templates: ``{{ macros.workplace.markdown_code(diff, "diff") }}``

    :param language: what the code is in, for its colours
    """
    code = clean_text(redact_outgoing(str(text)))
    # A fence ends at one that is at least as long. Source: CommonMark, 4.5.
    fence = "`" * (1 + max(map(len, re.findall("`{2,}", code)), default=2))
    return f"{fence}{language}\n{code}\n{fence}"


SLACK_FILTERS: Final[Mapping[str, Callable[..., str]]] = {"slack_text": slack_text, "slack_link": slack_link}
"""Jinja filters of this provider's operators and notifiers; for others, give ``DAG(user_defined_filters=SLACK_FILTERS)``."""


def _printed(value: Any) -> Any:
    if isinstance(value, BaseException):
        value = sanitize_text(str(value) or type(value).__name__)
    return value if value is None else redact_outgoing(value if isinstance(value, str) else str(value))


def checked_test(test: Callable[[Hook], tuple[bool, str]]) -> Callable[[Hook], tuple[bool, str]]:
    """Make a ``test_connection`` whose message can be shown: nothing of it is a secret, or comes from another library.

    :param test: raises what goes wrong, or returns whether the connection can be used and a sentence
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
        # The message of another library may contain a header, a URL or a proxy.
        except Exception as error:
            works, message = False, f"the test failed with {type(error).__name__}; the log of a task has more"
        return works, redact_outgoing(sanitize_text(message))

    return run
