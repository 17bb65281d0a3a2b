"""The DAG files, docs and docstrings never show ``expand_kwargs`` of an operator or ``@task`` over an XCom.

Airflow renders every string of such an XCom (apache/airflow#38745, see SECURITY.md). Readers copy what they find there.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from workplace_provider import __file__ as provider

pytestmark = pytest.mark.dags

FENCED = re.compile(r"^(?P<indent> *)```(?:python|py)\n(?P<code>.*?)^ *```", re.DOTALL | re.MULTILINE)
EXAMPLE = re.compile(r"::\n\n(?P<code>(?:(?: {4}.*)?\n)+)")
# A paragraph that names the method must also name a safe use, or the danger.
EXPLANATION = re.compile(r"task.?group|unsafe|never|#38745", re.IGNORECASE)


def unsafe_calls(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of ``expand_kwargs`` on anything but a task group, unless it gets a list of literal dicts."""
    groups = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and any("task_group" in ast.unparse(each) for each in node.decorator_list)
    }
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "expand_kwargs":
            call = calls.get(id(node))
            is_group = isinstance(node.value, ast.Name) and node.value.id in groups
            if not (call and (is_group or _is_literal(call))):
                yield node.lineno


def _is_literal(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.List) and all(isinstance(e, ast.Dict) for e in call.args[0].elts)


def unsafe_code(code: str) -> Iterator[str]:
    """Yield what is unsafe in Python code, its docstrings included."""
    tree = ast.parse(code)
    yield from (f"line {line}" for line in unsafe_calls(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from unsafe_prose(ast.get_docstring(node) or "", EXAMPLE)


def unsafe_prose(text: str, examples: re.Pattern[str]) -> Iterator[str]:
    """Yield what is unsafe in the code examples of a text, and the paragraphs that recommend it."""
    for example in examples.finditer(text):
        code = textwrap.dedent(example["code"])
        if "expand_kwargs" in code:
            yield from unsafe_code(code)
    for paragraph in re.split(r"\n\s*\n", examples.sub("::\n\n", text)):
        if "expand_kwargs" in paragraph and not EXPLANATION.search(paragraph):
            yield paragraph.strip()


def test_no_file_shows_the_unsafe_form(repository: Path) -> None:
    python = [*repository.glob("dags/**/*.py"), *repository.glob("benchmarks/**/*.py"), *repository.glob("plugins/**/*.py")]
    python += Path(provider).parent.glob("**/*.py")
    markdown = [*repository.glob("*.md"), *repository.glob("docs/**/*.md"), *repository.glob("benchmarks/**/*.md")]
    assert len(python) > 100
    assert len(markdown) > 10
    unsafe = [f"{file}: {each}" for file in python for each in unsafe_code(file.read_text("utf-8"))]
    unsafe += [f"{file}: {each}" for file in markdown for each in unsafe_prose(file.read_text("utf-8"), FENCED)]
    assert unsafe == []


@pytest.mark.parametrize(
    "code",
    [
        'SlackPostOperator.partial(task_id="answer").expand_kwargs(answers.output)',
        "tell.expand_kwargs(rows())",
        "@task\ndef tell(text): ...\n\ntell.expand_kwargs(rows())",
        "tell.partial(channel='C1').expand_kwargs([first.output, {'text': 'a'}])",
        "tell.expand_kwargs(kwargs=rows())",
        "expand = tell.expand_kwargs",
        'def read():\n    """Return rows, for tasks that answer: ``expand_kwargs`` them over it."""',
        'def read():\n    """Return rows.\n\n    An example::\n\n        tell.expand_kwargs(read())\n    """',
    ],
)
def test_the_unsafe_form_is_found(code: str) -> None:
    assert len(list(unsafe_code(code))) == 1
    assert "```python" in (text := f"# Title\n\n```python\n{code}\n```\n")
    assert list(unsafe_prose(text, FENCED))


@pytest.mark.parametrize(
    "code",
    [
        "@task_group(group_id='a')\ndef answer(text): ...\n\nanswer.expand_kwargs(rows())",
        "tell.expand_kwargs([{'text': '{{ ds }}'}, {'text': 'a'}])",
        "tell.expand(message=rows())",
    ],
)
def test_safe_forms_are_not(code: str) -> None:
    assert list(unsafe_code(code)) == []
