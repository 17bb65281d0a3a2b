from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.examples import examples
from support.people import Sync, person
from workplace_provider.identity import OperationStatus, TargetError
from workplace_provider.identity.targets.csv_file import CsvTarget

COLUMNS = {"id": "id", "mark": "externalId", "login": "userName", "active": "active", "name": "displayName"}


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(60))
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=4
    )
)
def test_what_is_written_is_read_and_is_no_formula(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.unlink(missing_ok=True)
    target = CsvTarget(path, COLUMNS)
    for number, name in enumerate(names):
        target.create({"userName": f"u{number}", "displayName": name}, {})
    assert [each.attributes.get("displayName", "") for each in target.read()] == names
    for row in rows(path)[1:]:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_a_file_of_somebody_else_keeps_what_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "계정.csv"
    path.write_text("note;x,login,id,mark,active,name\n'tis mine,zoe,1,,yes,Zoe\n", encoding="utf-8")
    target = CsvTarget(path, COLUMNS)
    sync = Sync(target)
    sync.mapping = type(sync.mapping)([each for each in sync.mapping.maps if each.target != "emails.value"])  # type: ignore[attr-defined,call-arg]
    assert sync.run(person("Ann")).complete
    written = rows(path)
    assert written[0] == ["note;x", "login", "id", "mark", "active", "name"]
    assert written[1] == ["'tis mine", "zoe", "1", "", "yes", "Zoe"]
    assert written[2][1] == "ann"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("id,login\n", "a.csv has no column mark, active, name"),
        ("id,mark,login,active,name\n1,,a,true,\n1,,b,true,\n", "line 3: a row has an empty or duplicate id '1'"),
        ("id,mark,login,active,name\n,,a,true,\n", "line 2: a row has an empty or duplicate id ''"),
        ("id,mark,login,active,name\n1,,a,true,x,y\n", "line 2: a row has more cells than columns"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_not_read(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(TargetError, match=problem):
        list(CsvTarget(path, COLUMNS).read())


def test_a_file_keeps_no_secrets_and_no_attribute_without_a_column(tmp_path: Path) -> None:
    target = CsvTarget(tmp_path / "a.csv", COLUMNS)
    with pytest.raises(TargetError, match=r"must not contain secrets\. Remove password"):
        target.create({"userName": "a"}, {"password": "hunter2"})
    result = Sync(target).run(person("Ann"))
    assert result.counts == {OperationStatus.FAILED: 1}
    assert "no column for emails.value" in result.outcomes[0].detail
    with pytest.raises(ValueError, match="no column for active"):
        CsvTarget(tmp_path / "a.csv", {"id": "id", "m": "externalId", "u": "userName"})
