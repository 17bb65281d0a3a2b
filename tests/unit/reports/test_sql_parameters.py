from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.reports.sql_parameters import bind_parameters, in_format_notation


@pytest.mark.parametrize(
    ("sql", "bound"),
    [
        ("SELECT :day", "SELECT %(day)s"),
        ("WHERE d = :day::date AND n LIKE '50%'", "WHERE d = %(day)s::date AND n LIKE '50%%'"),
        ("SELECT ':day', \":day\" -- :day\n, :day", "SELECT ':day', \":day\" -- :day\n, %(day)s"),
        ("SELECT 'it''s :day' /* :day */, :day % 7", "SELECT 'it''s :day' /* :day */, %(day)s %% 7"),
        ("SELECT :day, :other", "SELECT %(day)s, :other"),
        ("SELECT x % 7 WHERE d = %(day)s", "SELECT x % 7 WHERE d = %(day)s"),
        ("SELECT '지표', :day", "SELECT '지표', %(day)s"),
    ],
)
def test_parameters_get_the_notation_of_the_driver(sql: str, bound: str) -> None:
    assert in_format_notation(sql, {"day"}) == bound


@given(st.text("a:'\"%-/*\n day", max_size=40))
def test_what_the_driver_formats_is_the_query_that_was_written(sql: str) -> None:
    bound = in_format_notation(f"{sql}\n", {"day"})
    if bound != f"{sql}\n":
        assert bound % {"day": ":day"} == f"{sql}\n"


@pytest.mark.parametrize(("placeholder", "sql"), [("%s", "SELECT %(day)s"), ("?", "SELECT :day")])
def test_the_notation_is_that_of_the_connection(placeholder: str, sql: str) -> None:
    task: Any = SimpleNamespace(
        sql="SELECT :day", parameters={"day": 1}, get_db_hook=lambda: SimpleNamespace(placeholder=placeholder)
    )
    bind_parameters({"task": task})
    assert task.sql == sql
