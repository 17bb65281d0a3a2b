"""Edits of task lists on a copied page: reopen all tasks, or carry over only the open ones."""

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
    """Reopen the tasks that are done. Everything else about them stays, including their ids.

    ::

        UncheckTasks(heading="Weekly checklist")

    :param heading: change only the tasks in the section of this heading
    :param expect: expected number of done tasks; ``None`` for any number, including 0
    :raises EditError: from :meth:`apply`, if the number of done tasks is another one, or the heading is missing
    """

    template_fields: ClassVar[tuple[str, ...]] = ("heading",)

    heading: str | None = None
    expect: int | None = None

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
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
    """Remove the tasks that are done, so that only the open ones are carried over to a copied page.

    A done task with open subtasks stays, because it is their context; its done subtasks are removed. Subtasks are the tasks
    in the body of a task, and those of a list that follows it within its own list. A list that becomes empty is removed,
    too. Ids stay.

    ::

        CarryOverTasks(heading="To do")

    :param heading: change only the tasks in the section of this heading
    :param expect: expected number of done tasks; ``None`` for any number, including 0
    :raises EditError: from :meth:`apply`, if the number of done tasks is another one, or the heading is missing
    """

    template_fields: ClassVar[tuple[str, ...]] = ("heading",)

    heading: str | None = None
    expect: int | None = None

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        done = set(_done_tasks(self, document, self.heading, self.expect))
        removable = _removable(document, done)
        replacements: list[tuple[int, int, str]] = []
        gone = 0
        for element in document.select("//ac:task | //ac:task-list"):
            span = document.span(element)
            if element in removable and span.start >= gone:
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
        edit.check_count(done, expect, "a done task", map(_describe, tasks))
    return done


def _removable(document: PageDocument, done: Iterable[etree._Element]) -> set[etree._Element]:
    """Return the done tasks without open subtasks, and the lists that contain only such tasks."""
    removable = set(done)
    # Backwards, so that subtasks are decided before their task.
    for element in reversed(document.select("//ac:task | //ac:task-list")):
        if element.tag == _TASK:
            owner = None if element in removable else _owner(element)
            if owner is not None:
                removable.discard(owner)
        elif _holds_only(element, removable):
            removable.add(element)
    return removable


def _holds_only(task_list: etree._Element, removable: set[etree._Element]) -> bool:
    children = [child for child in task_list if isinstance(child.tag, str)]
    words = "".join([task_list.text or "", *(child.tail or "" for child in task_list)])
    return bool(children) and not words.strip() and all(child in removable for child in children)


def _owner(task: etree._Element) -> etree._Element | None:
    """Return the task of a subtask; ``None`` for a task at the top level."""
    node = task.getparent()
    while node is not None and node.tag != _TASK:
        parent = node.getparent()
        if node.tag == _LIST and parent is not None and parent.tag == _LIST:
            before = next(node.itersiblings(_TASK, preceding=True), None)
            if before is not None:
                return before
        node = parent
    return node


def _is_done(task: etree._Element) -> bool:
    status = _status(task)
    return status is not None and (status.text or "").strip() == "complete"


def _status(task: etree._Element) -> etree._Element | None:
    return task.find("ac:task-status", dict(NAMESPACES))


def _describe(task: etree._Element) -> str:
    body = task.find("ac:task-body", dict(NAMESPACES))
    return f"{'[x]' if _is_done(task) else '[ ]'} {'' if body is None else visible_text(body)}"


def _space_before(document: PageDocument, start: int) -> int:
    """Return the start of the white space before a position in the source."""
    while start and document.storage[start - 1] in " \t\r\n":
        start -= 1
    return start
