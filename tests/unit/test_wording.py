"""The sentences of the source and the documentation are plain technical English.

The word list keeps private vocabulary out: a reader who learned English at school, and a search engine, must find what they
look for. Each entry has the words to use instead.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = (
    "include/workplace_provider",
    "sandbox/src",
    "dags",
    "docs",
    "benchmarks",
    "README.md",
    "SECURITY.md",
    "CHANGELOG.md",
)

INSTEAD: Final = {
    r"anew": "again, from scratch",
    r"mend(?:s|ed|ing|able)?": "fix, recover",
    r"shall": "must, should",
    r"tells?|told": "reports, returns, names, shows",
    r"(?:nobody|somebody|whoever|whosoever)": "no one, someone, a named subject",
    r"carr(?:y|ies|ied|ying) out": "apply, run, execute",
    r"upon": "on",
    r"what lacks|lacks|lacking": "missing, has no",
    r"com(?:es|e|ing) to the same": "is idempotent, is equal",
    r"in a circle": "repeats a cursor",
    r"comes and goes": "appears and disappears",
    r"that which": "a named subject",
    r"learnt": "learned",
    r"lest|thereof|whence|thence|hitherto|henceforth": "a plain word",
    r"keeps no": "does not keep",
}
WORDS: Final = {re.compile(rf"\b(?:{words})\b", re.IGNORECASE): instead for words, instead in INSTEAD.items()}
QUESTION: Final = re.compile(r"(?:what|whether|where|who|whom|whose|which|how|why|when|whatever|whoever)\b", re.IGNORECASE)
# Names in code: identifiers, task ids, stored keys, addresses.
CODE: Final = re.compile(r"``[^`]*``|`[^`]*`|\"[^\"\s]*\"|'[^'\s]*'|https?://\S+")


def files() -> list[Path]:
    """Return the files that people read."""
    found = []
    for source in SOURCES:
        path = PROJECT / source
        found += [path] if path.is_file() else [file for file in path.rglob("*") if file.suffix in (".py", ".md")]
    return sorted(found)


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a document, or the comments and texts of a module, with their numbers."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        # Code blocks are tested as code.
        prose = re.sub(r"(?ms)^```.*?^```", lambda block: "\n" * block[0].count("\n"), text)
        yield from enumerate(prose.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)):
            yield from enumerate(token.string.splitlines(), token.start[0])


def first_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the first line of each docstring of a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.body[0].lineno, docstring.splitlines()[0]


def test_no_sentence_uses_private_vocabulary() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {match[0]!r}: write {instead!r} in: {line.strip()}"
        for path in files()
        for number, line in sentences(path)
        for words, instead in WORDS.items()
        if (match := words.search(CODE.sub("", line)))
    ]
    assert found == []


def test_no_docstring_begins_with_a_question_word() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {line}"
        for path in files()
        if path.suffix == ".py"
        for number, line in first_lines(path)
        if QUESTION.match(line)
    ]
    assert found == []
