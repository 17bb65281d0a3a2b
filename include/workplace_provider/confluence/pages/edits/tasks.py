"""Task lists that move on to the next page: tasks made open again, or only the open ones carried over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from workplace_provider.confluence.pages.document import AC, NAMESPACES
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.selectors import find_sections
from workplace_provider.confluence.pages.words import visible_text

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument

_TASK: Final = f"{{{AC}}}task"
_LIST: Final = f"{{{AC}}}task-list"
_TASKS: Final = "//ac:task[not(ancestor::ac:adf-extension)]"


@dataclass(frozen=True, kw_only=True)
class UncheckTasks(Edit):
    """Make the tasks that are done open again. Nothing else of them changes, their ids neither.

    :param heading: only the tasks in the section of this heading
    :param expect: how many done tasks there must be; ``None`` for any number, none included
    """

    template_fields: ClassVar[tuple[str, ...]] = ("heading",)

    heading: str | None = None
    expect: int | None = None

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        done = _done_tasks(self, document, self.heading, self.expect)
        replacements = []
        for task in done:
            status = _status(task)
            if status is not None:
                span = document.span(status)
                inner = document.storage[span.inner : span.close]
                replacements.append((span.inner, span.close, inner.replace(inner.strip(), "incomplete")))
        document.replace(replacements)


@dataclass(frozen=True, kw_only=True)
class CarryOverTasks(Edit):
    """Let only the open tasks move on: those that are done go, with the white space before them.

    A done task that has an open one under it stays as it is, because it says what the open one is about; its done
    subtasks go. Subtasks are those in the body of a task, and those of a list that follows it in its own list. A list
    that becomes empty goes too. Ids stay.

    :param heading: only the tasks in the section of this heading
    :param expect: how many done tasks there must be; ``None`` for any number, none included
    """

    template_fields: ClassVar[tuple[str, ...]] = ("heading",)

    heading: str | None = None
    expect: int | None = None

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        done = set(_done_tasks(self, document, self.heading, self.expect))
        going = _without_open_ones(document, done)
        replacements: list[tuple[int, int, str]] = []
        gone = 0
        for element in document.select("//ac:task | //ac:task-list"):
            span = document.span(element)
            if element in going and span.start >= gone:
                gone = span.end
                replacements.append((_space_before(document, span.start), gone, ""))
        document.replace(replacements)


def _done_tasks(edit: Edit, document: PageDocument, heading: str | None, expect: int | None) -> list[etree._Element]:
    tasks = document.select(_TASKS)
    if heading is not None:
        (section,) = find_sections(edit, document, heading)
        tasks = [task for task in tasks if section.holds(document, task)]
    done = [task for task in tasks if _is_done(task)]
    if expect is not None:
        edit.expected(done, expect, "a done task", lambda: map(_described, tasks))
    return done


def _without_open_ones(document: PageDocument, done: Iterable[etree._Element]) -> set[etree._Element]:
    """The done tasks with no open one under them, and the lists that hold nothing else."""
    going = set(done)
    # Backwards, so that what stands under a task is decided before the task is.
    for element in reversed(document.select("//ac:task | //ac:task-list")):
        if element.tag == _TASK:
            owner = None if element in going else _owner(element)
            if owner is not None:
                going.discard(owner)
        elif _holds_only(element, going):
            going.add(element)
    return going


def _holds_only(task_list: etree._Element, going: set[etree._Element]) -> bool:
    children = [child for child in task_list if isinstance(child.tag, str)]
    words = "".join([task_list.text or "", *(child.tail or "" for child in task_list)])
    return bool(children) and not words.strip() and all(child in going for child in children)


def _owner(task: etree._Element) -> etree._Element | None:
    """The task that a task stands under."""
    node = task.getparent()
    while node is not None and node.tag != _TASK:
        parent = node.getparent()
        if node.tag == _LIST and parent is not None and parent.tag == _LIST:
            before = next((each for each in node.itersiblings(_TASK, preceding=True)), None)
            if before is not None:
                return before
        node = parent
    return node


def _is_done(task: etree._Element) -> bool:
    status = _status(task)
    return status is not None and (status.text or "").strip() == "complete"


def _status(task: etree._Element) -> etree._Element | None:
    return task.find("ac:task-status", dict(NAMESPACES))


def _described(task: etree._Element) -> str:
    body = task.find("ac:task-body", dict(NAMESPACES))
    return f"{'[x]' if _is_done(task) else '[ ]'} {'' if body is None else visible_text(body)}"


def _space_before(document: PageDocument, start: int) -> int:
    """Where the white space before a place of the source begins."""
    while start and document.storage[start - 1] in " \t\r\n":
        start -= 1
    return start
