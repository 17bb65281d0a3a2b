from __future__ import annotations

import re
from pathlib import Path

import pytest

from workplace_provider.cli import main
from workplace_provider.identity import reference
from workplace_provider.identity.definition import KEYS, TARGET_KEYS
from workplace_provider.identity.source_definition import SOURCE_KEYS

CELL = re.compile(r"(?<!\\)\|")


def test_the_page_is_what_the_code_reads(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identity", "reference"]) == 0
    printed = capsys.readouterr().out
    page = (repository / "docs" / "identity_reference.md").read_text("utf-8")
    assert page == printed, "run: workplace identity reference > docs/identity_reference.md"


def test_every_key_has_a_text() -> None:
    rows = [CELL.split(line)[1:-1] for line in reference.identity_reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 120
    assert [cells[0].strip() for cells in rows if not cells[-1].strip()] == []


@pytest.mark.parametrize(
    ("texts", "keys"),
    [
        (reference.DEFINITION, KEYS),
        (reference.TARGET, [key for needed, optional in TARGET_KEYS.values() for key in (*needed, *optional)]),
        (reference.SOURCE, [key for needed, optional in SOURCE_KEYS.values() for key in (*needed, *optional)]),
    ],
    ids=["definition", "target", "source"],
)
def test_no_text_is_for_a_key_that_does_not_exist(texts: dict[str, str], keys: list[str]) -> None:
    assert set(texts) == set(keys)


def test_types_and_defaults_are_in_the_words_of_yaml() -> None:
    page = reference.identity_reference()
    assert "| `rate` | text | `10/s` |" in page
    assert "| `max_plan_age` | duration | `24 hours` |" in page
    assert "| `method` | `GET`, `POST`, `PUT`, `PATCH`, `DELETE` | required |" in page
    assert "| `userName` | text | required |" in page
    assert "| `guests` | true or false | `false` |" in page
    assert not re.search(r"\| (?:Literal|tuple|dict|frozenset|Callable|Mapping)", page)
