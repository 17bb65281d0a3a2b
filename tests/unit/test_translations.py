"""The pages that exist in three languages, and whether their translations are of the present English text."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
LANGUAGES = ("ko", "ja")
TRANSLATED = ("index", "tutorial_report")
MARK = re.compile(r"<!-- translation of ([\w.]+), ([0-9a-f]{12}) -->\n")
FENCED = re.compile(r"^```.*?^```$", flags=re.M | re.S)
LINK = re.compile(r"\]\(([\w./#-]+)\)")


@pytest.mark.parametrize("name", TRANSLATED)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_is_of_the_present_text_with_its_code_and_links(name: str, language: str) -> None:
    english, file = (DOCS / f"{name}.md").read_text("utf-8"), DOCS / f"{name}.{language}.md"
    assert file.is_file(), f"{name}.md has no translation {file.name}"
    text = file.read_text("utf-8")
    mark = MARK.match(text)
    digest = hashlib.sha256(english.encode()).hexdigest()[:12]
    assert mark, f"{file.name} must begin with <!-- translation of {name}.md, {digest} -->"
    assert mark.groups() == (f"{name}.md", digest), f"{file.name} is outdated: translate what changed, and write {digest}"
    assert FENCED.findall(text) == FENCED.findall(english)
    assert text.count("\n## ") == english.count("\n## ")

    def links(page: str) -> set[str]:
        return {link for link in LINK.findall(page) if not link.startswith(name)}

    assert links(text) == links(english)


def test_no_translation_is_forgotten() -> None:
    present = {file.name.split(".")[0] for language in LANGUAGES for file in DOCS.glob(f"*.{language}.md")}
    assert present == set(TRANSLATED)
