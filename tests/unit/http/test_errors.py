"""Errors as people read them: in the first 100 characters of a log line, and in a Slack alarm."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import jinja2
import pytest
from airflow.sdk.exceptions import AirflowFailException

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.confluence.client import connect
from workplace_provider.http import errors
from workplace_provider.http.errors import Invalid, NotFound, WorkplaceError, error_context
from workplace_provider.slack.notifications.alarm import SlackAlarmNotifier
from workplace_sandbox import Sandbox

SHOWN = 100
"""Characters of an error that a list of log lines shows."""
LONG_URL = "https://wiki.example.com/rest/api/content?" + "&".join(f"expand=field{number}" for number in range(90))


def kinds(base: type[WorkplaceError] = WorkplaceError) -> Iterator[type[WorkplaceError]]:
    yield base
    for kind in base.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from kinds(kind)


@pytest.mark.parametrize("status", [None, 404])
@pytest.mark.parametrize("advice", ["", "check the space key; the account must see the space"])
@pytest.mark.parametrize("url", ["", "https://wiki.example.com/x", LONG_URL])
@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_an_error_says_first_what_is_wrong(kind: type[WorkplaceError], url: str, advice: str, status: int | None) -> None:
    method = "GET" if url else ""
    error = kind("no space with key 'ANALYTCS'", system="Wiki", method=method, url=url, status=status, advice=advice)
    text = str(error)
    assert text[:SHOWN].startswith("No space with key 'ANALYTCS'.")
    cause, _, place = text.partition(" (Wiki")
    assert cause == " ".join(
        filter(None, ("No space with key 'ANALYTCS'.", advice and "Check the space key; the account must see the space."))
    )
    assert place.startswith(f", GET {url[:100]}" if url else "")
    assert place.endswith(", 404)" if status else ")")
    assert len(text) < 400, "a URL is cut, and is whole in the attribute"
    assert error.url == url
    assert str(pickle.loads(pickle.dumps(error))) == str(copy.copy(error)) == text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("no page 'Sales'", "No page 'Sales'."),
        ("log-in pages are no files", "Log-in pages are no files."),
        ("max_age is 0", "max_age is 0."),
        ("channel_not_found", "channel_not_found."),
        ("https://x.example/info has no version", "https://x.example/info has no version."),
        ("'a.png' is empty", "'a.png' is empty."),
        ("Stop!", "Stop!"),
        ("is the host right?", "Is the host right?"),
        ("공지가 없습니다.", "공지가 없습니다."),
        ("", ""),
    ],
)
def test_a_cause_is_a_sentence(message: str, text: str) -> None:
    assert str(WorkplaceError(message)) == text


def test_the_hierarchy_at_the_top_of_the_module_is_the_real_one() -> None:
    drawn = [line.split()[1].rstrip() for line in (errors.__doc__ or "").splitlines() if line.strip().startswith(("*", "·"))]
    assert sorted(drawn) == sorted(kind.__name__ for kind in kinds())
    retryable = {
        line.split()[1] for line in (errors.__doc__ or "").splitlines() if line.strip().startswith("·") and " * " in line
    }
    assert retryable == {kind.__name__ for kind in kinds() if kind.retryable_by_default}


def test_a_task_names_the_system_of_an_error_without_request() -> None:
    message = r"^The page title is empty\. \(Confluence\)$"
    with pytest.raises(AirflowFailException, match=message), fail_on_permanent_error("Confluence"):
        raise Invalid("the page title is empty")


def test_log_and_alarm_begin_with_the_cause() -> None:
    with Sandbox(seed=False) as sandbox:
        wiki = connect(sandbox.confluence_url, token=sandbox.confluence_token)
        with pytest.raises(AirflowFailException) as caught, fail_on_permanent_error("Confluence"):
            wiki.find_page("ANALYTCS", "주간 보고")
    text = str(caught.value)
    assert text.startswith("No space with key 'ANALYTCS' on this Confluence site. Check the space key")
    assert text.endswith(", 404)")
    notifier = SlackAlarmNotifier(text="{{ exception }}")
    notifier.render_template_fields({"exception": caught.value}, jinja2.Environment())  # type: ignore[typeddict-item]
    assert notifier.text[:SHOWN].startswith("No space with key 'ANALYTCS' on this Confluence site.")


def test_the_request_in_flight_is_attached_with_its_status() -> None:
    context = error_context(system="Wiki", method="GET", url="https://wiki.example.com/x", status=200)
    with pytest.raises(NotFound, match=r"^No title in it\. \(Wiki, GET https://wiki\.example\.com/x, 200\)$"), context:
        raise NotFound("no title in it")
