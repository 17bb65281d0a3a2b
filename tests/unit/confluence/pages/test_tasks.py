from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import PageDocument
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.edits.tasks import CarryOverTasks, UncheckTasks


def task(number: int, done: bool, body: str) -> str:
    status = "complete" if done else "incomplete"
    return (
        f"<ac:task><ac:task-id>{number}</ac:task-id><ac:task-status>{status}</ac:task-status>"
        f"<ac:task-body>{body}</ac:task-body></ac:task>"
    )


def applied(page: str, *wanted: Edit) -> str:
    return PageDocument(page).apply(wanted).storage


DONE, OPEN = task(1, True, "지난&nbsp;주 <b>보고</b>"), task(2, False, "다음 주")
FIRST = f"<h2>할 일</h2>\r\n<ac:task-list>\n{DONE}\n{OPEN}\n</ac:task-list>"
SECOND = f"<h2>회고</h2><ac:task-list>{DONE}</ac:task-list><p>끝</p>"
PAGE = FIRST + SECOND


def test_done_tasks_become_open_and_nothing_else_changes() -> None:
    opened = PAGE.replace(">complete<", ">incomplete<")
    assert applied(PAGE, UncheckTasks()) == opened
    assert applied(opened, UncheckTasks()) == opened
    spaced = PAGE.replace(">complete<", ">\n complete <")
    assert applied(spaced, UncheckTasks()) == PAGE.replace(">complete<", ">\n incomplete <")
    assert applied(PAGE, UncheckTasks(heading="회고")) == FIRST + SECOND.replace(">complete<", ">incomplete<")


def test_only_open_tasks_move_on() -> None:
    assert applied(PAGE, CarryOverTasks()) == (
        f"<h2>할 일</h2>\r\n<ac:task-list>\n{OPEN}\n</ac:task-list><h2>회고</h2><p>끝</p>"
    )
    assert applied(PAGE, CarryOverTasks(heading="할 일")) == PAGE.replace(f"\n{DONE}", "", 1)


@pytest.mark.parametrize("edit", [UncheckTasks, CarryOverTasks])
def test_counts_and_headings_are_checked(edit: type[UncheckTasks] | type[CarryOverTasks]) -> None:
    assert applied(PAGE, edit(expect=2)) == applied(PAGE, edit())
    assert applied("<p/>", edit(expect=0)) == applied("<p/>", edit()) == "<p/>"
    with pytest.raises(EditError, match=r"a done task was found 2 times, expected 3.*\[x\] 지난 주 보고"):
        applied(PAGE, edit(expect=3))
    with pytest.raises(EditError, match=r"the heading '없음' was found 0.*'할 일'"):
        applied(PAGE, edit(heading="없음"))


@pytest.mark.parametrize(
    ("page", "result"),
    [
        # A subtask in the body of its task.
        ((1, True, [(2, False, [])]), (1, True, [(2, False, [])])),
        ((1, True, [(2, True, []), (3, False, [])]), (1, True, [(3, False, [])])),
        ((1, False, [(2, True, [])]), (1, False, [])),
        ((1, True, [(2, True, [])]), None),
        ((1, True, [(2, True, [(3, False, [])])]), (1, True, [(2, True, [(3, False, [])])])),
    ],
)
@pytest.mark.parametrize("nesting", ["body", "list"])
def test_a_done_task_stays_with_its_open_subtasks(page: object, result: object, nesting: str) -> None:
    expected = "" if result is None else f"<ac:task-list>{nested(result, nesting)}</ac:task-list>"
    assert applied(f"<ac:task-list>{nested(page, nesting)}</ac:task-list>", CarryOverTasks()) == expected


def nested(tree: object, nesting: str) -> str:
    """A task with its subtasks, in its body (Data Center) or in a list that follows it in its own list (Cloud)."""
    number, done, under = tree  # type: ignore[misc]
    inner = f"<ac:task-list>{''.join(nested(each, nesting) for each in under)}</ac:task-list>" if under else ""
    return task(number, done, f"t{inner}") if nesting == "body" else task(number, done, "t") + inner


def test_lists_keep_what_is_no_task() -> None:
    assert applied("<ac:task-list><!-- x --></ac:task-list>", CarryOverTasks()) == "<ac:task-list><!-- x --></ac:task-list>"
    assert applied("<ac:task-list></ac:task-list>", CarryOverTasks()) == "<ac:task-list></ac:task-list>"
    assert applied(f"<ac:task-list>글{DONE}</ac:task-list>", CarryOverTasks()) == "<ac:task-list>글</ac:task-list>"
    inside = f"<ac:adf-extension><ac:task-list>{DONE}</ac:task-list></ac:adf-extension>"
    assert applied(inside, CarryOverTasks(), UncheckTasks()) == inside


TREES = st.recursive(
    st.tuples(st.booleans(), st.just([])),
    lambda inner: st.tuples(st.booleans(), st.lists(inner, max_size=3)),
    max_leaves=12,
)


@given(st.lists(TREES, min_size=1, max_size=4), st.sampled_from(["body", "list"]))
def test_every_open_task_is_still_there_and_no_done_one_without_need(trees: list[object], nesting: str) -> None:
    numbers = iter(range(1, 1000))

    def numbered(tree: object) -> object:
        done, under = tree  # type: ignore[misc]
        return next(numbers), done, [numbered(each) for each in under]

    page = f"<p>앞</p><ac:task-list>{''.join(nested(numbered(each), nesting) for each in trees)}</ac:task-list><p>뒤</p>"
    result = applied(page, CarryOverTasks())
    assert result.startswith("<p>앞</p>")
    assert result.endswith("<p>뒤</p>")
    pattern = re.compile(r"<ac:task-id>(\d+)</ac:task-id><ac:task-status>incomplete<")
    assert pattern.findall(result) == pattern.findall(page)
    assert applied(result, CarryOverTasks()) == result
    assert "<ac:task-list></ac:task-list>" not in result


def test_many_tasks() -> None:
    page = f"<ac:task-list>{' '.join([DONE, OPEN] * 10_000)}</ac:task-list>"
    assert applied(page, CarryOverTasks()) == f"<ac:task-list> {' '.join([OPEN] * 10_000)}</ac:task-list>"


@pytest.mark.contract
def test_recorded_pages_change_in_their_tasks_only(recorded_pages: list[Path]) -> None:
    for path in recorded_pages:
        body = path.read_bytes().decode()
        for edit in (UncheckTasks(), CarryOverTasks()):
            if "<ac:task-status>complete<" not in body:
                assert applied(body, edit) == body, path.name
            own = f"{body}<ac:task-list>{DONE}{OPEN}</ac:task-list>"
            changed = applied(own, edit)
            assert changed.startswith(applied(body, edit)), path.name
            assert OPEN in changed
            assert DONE not in changed
