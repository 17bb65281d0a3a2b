"""Old results: ``maxAge`` in minutes, and entries of their own for pictures and data."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from support.tableau_rest import TableauRest, sign_in
from workplace_sandbox import Sandbox


@pytest.fixture
def api(sandbox: Sandbox) -> TableauRest:
    return sign_in(sandbox.tableau_url)


def last_week(api: TableauRest, **params: str | int) -> str:
    return api.rows("WeeklyKPI/WeeklyActiveUsers", params)[-1]["날짜"]


def pass_minutes(sandbox: Sandbox, minutes: float) -> None:
    sandbox.tableau.clock.advance(timedelta(minutes=minutes))


def refresh(sandbox: Sandbox) -> None:
    sandbox.tableau.refresh_extract("WeeklyKPI", through=date(2030, 1, 3))


def test_a_result_is_old_for_twelve_hours_unless_a_request_says_otherwise(sandbox, api):
    before = last_week(api)
    refresh(sandbox)
    pass_minutes(sandbox, 200)
    assert last_week(api) == before
    assert last_week(api, maxAge=201) == before
    assert last_week(api, maxAge=200) == "2030-01-03"
    assert last_week(api) == "2030-01-03", "what is new is for everybody"


def test_the_usual_age_ends(sandbox, api):
    before = last_week(api)
    refresh(sandbox)
    for _ in range(4):
        pass_minutes(sandbox, 179)
        assert last_week(api) == before
    pass_minutes(sandbox, 5)
    assert last_week(api) == "2030-01-03"


@pytest.mark.parametrize("age", [0, 1])
def test_less_than_a_minute_is_a_minute(sandbox, api, age):
    before = last_week(api)
    refresh(sandbox)
    pass_minutes(sandbox, 0.5)
    assert last_week(api, maxAge=age) == before
    pass_minutes(sandbox, 0.5)
    assert last_week(api, maxAge=age) == "2030-01-03"


def test_there_is_no_longest_age(sandbox, api):
    before = last_week(api)
    refresh(sandbox)
    for _ in range(10):
        pass_minutes(sandbox, 200)
        assert last_week(api, maxAge=100_000) == before


def test_picture_and_data_age_apart(sandbox, api):
    view = api.view("WeeklyKPI/WeeklyActiveUsers")
    before = last_week(api)
    refresh(sandbox)
    fresh = api.ok(f"/views/{view}/image").content
    assert last_week(api) == before, "a fresh picture beside old data"
    pass_minutes(sandbox, 1)
    assert last_week(api, maxAge=1) == "2030-01-03"
    assert api.ok(f"/views/{view}/image").content == fresh


def test_other_filters_and_options_are_other_results(sandbox, api):
    view = api.view("WeeklyKPI/WeeklyActiveUsers")
    old = api.ok(f"/views/{view}/image").content
    last_week(api)
    refresh(sandbox)
    assert last_week(api, vf_기기="PC,모바일,태블릿") == "2030-01-03"
    assert api.ok(f"/views/{view}/image", {"vf_기기": ""}).content != old
    assert api.ok(f"/views/{view}/image").content == old


def test_a_reset_forgets_results_and_refreshes(sandbox, api):
    before = last_week(api)
    refresh(sandbox)
    sandbox.tableau.reset()
    again = sign_in(sandbox.tableau_url)
    assert last_week(again) == before
    assert api.refusal("/views") == "401002"
