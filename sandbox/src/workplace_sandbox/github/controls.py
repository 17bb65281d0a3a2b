"""Controls of GitHub for tests and demos: add contributions, change the day, change the page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from workplace_sandbox.faults import Fault
from workplace_sandbox.github import GITHUB_PATH
from workplace_sandbox.github.markup import CHANGES, MARKUPS
from workplace_sandbox.state.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workplace_sandbox.faults import FaultBoard
    from workplace_sandbox.model import GithubUser
    from workplace_sandbox.store import Store

OVER_HTTP = frozenset(
    {"behave_well", "ratelimit", "remove_person", "set_cost_limit", "set_days", "set_markup", "set_streak", "set_today"}
)
"""The actions that other processes may call: ``POST /_sandbox/github/<action>`` with the arguments as JSON."""


@dataclass(slots=True)
class GithubBehaviour:
    """The settings of GitHub.

    :param today: the current day for GitHub: the last one on the page.
    :param markup: of the page; see ``markup.py``.
    :param cost_limit: the largest number of contributions that a query of the API may cover; None for any number.
    """

    today: date
    markup: str = "tool-tip"
    cost_limit: int | None = None


class GithubControls:
    """The controls of GitHub.

    :param store: the state.
    :param faults: the fault rules, for rate limits.
    :param today: the current day; the real one when None.
    """

    def __init__(self, store: Store, faults: FaultBoard, today: date | None = None) -> None:
        self._store = store
        self._faults = faults
        self._today = today
        self.behaviour = GithubBehaviour(today or date.today())

    def behave_well(self) -> None:
        """Restore the initial page, day and limit."""
        # In place, because the server holds a reference to it.
        self.behaviour.today = self._today or date.today()
        self.behaviour.markup, self.behaviour.cost_limit = "tool-tip", None

    def set_today(self, day: date | str) -> None:
        """Set the current day. GitHub's may be one before or after that of a person elsewhere."""
        self.behaviour.today = _day(day)

    def set_markup(self, markup: str) -> None:
        """Change the markup of the page: one of ``MARKUPS`` or ``CHANGES``.

        :raises ValueError: there is no such markup.
        """
        if markup not in MARKUPS + CHANGES:
            raise ValueError(f"unknown markup {markup!r}: one of {', '.join(MARKUPS + CHANGES)}")
        self.behaviour.markup = markup

    def set_cost_limit(self, contributions: int | None) -> None:
        """Refuse queries of the API about more contributions than that; None for no limit."""
        self.behaviour.cost_limit = contributions

    def ratelimit(self, *, retry_after: int = 60, times: int | None = 1) -> int:
        """Respond to requests with status 429.

        :param retry_after: seconds.
        :param times: the number of requests; None for all.
        :return: the id of the fault's rule.
        """
        headers = {"Retry-After": str(retry_after)}
        return self._faults.add(Fault(f"^{GITHUB_PATH}/", "status", times=times, status=429, headers=headers))

    def set_days(self, login: str, counts: Mapping[date | str, int]) -> GithubUser:
        """Set the contributions of a person to these days only; an unknown person is created.

        :param counts: how many contributions by day, days in ISO 8601.
        """
        return self._store.put_contributor(login, {_day(day): int(count) for day, count in counts.items()})

    def set_streak(self, login: str, days: int, last: date | str | None = None, count: int = 1) -> GithubUser:
        """Set the contributions of a person to some days in a row only.

        :param last: the last of them; today when None.
        :param count: contributions on each.
        """
        end = self.behaviour.today if last is None else _day(last)
        return self._store.put_contributor(login, {end - timedelta(days=number): count for number in range(days)})

    def remove_person(self, login: str) -> None:
        """Delete the account of a person."""
        self._store.remove_contributor(login)

    def run(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Run an action for another process.

        :param action: name of a method; see ``OVER_HTTP``.
        :param arguments: by name.
        :return: the result as JSON.
        :raises NotFoundError: there is no such action.
        :raises TypeError: the arguments do not fit.
        :raises ValueError: a value is invalid.
        """
        if action not in OVER_HTTP:
            raise NotFoundError(action)
        result = getattr(self, action)(**arguments)
        return {"result": result if result is None or isinstance(result, int) else result.login}


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)
