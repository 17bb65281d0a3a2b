"""Operators that report the contribution streaks of one person or of several people on GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import none_if_blank, parse_names
from workplace_provider.common.artifact_store import ArtifactStore, safe_name
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, choice, integer, optional_text, template, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.github.contributions import (
    BoardEntry,
    board_text,
    calendar_image,
    calendar_text,
    contribution_streak,
    day_in,
    ranked,
    since_sentence,
    streak_sentence,
    unknown_user,
)
from workplace_provider.github.login import login_of_profile
from workplace_provider.http.errors import NotFound

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.github.contributions import Contributions, ContributionStreak

PNG = "image/png"
FIRST_YEAR = 2008
"""Each year of a streak is a request, so the start date has a limit."""
MAX_PEOPLE = 50
"""Most people on a board: each is a request, and a message of Slack has a limited length."""
CALENDAR_DAYS = 371
"""Most days of the picture, as on GitHub's page: 53 weeks."""


class ContributionsResult(TypedDict):
    """A person's contributions in XCom.

    ``found`` is false if GitHub has no such user; then only ``login`` and ``text`` have values. ``streak`` is the number of
    days in a row until today, ``longest`` the longest such number in the calendar; with ``at_least`` the streak may have
    started before the calendar. ``today`` is today's number of contributions, ``None`` while GitHub does not show today.
    ``total`` is GitHub's own number for the calendar. ``last_day`` is a date in ISO 8601. ``active_days`` and
    ``missed_days`` are the numbers of days with and without contributions, since the start date if there is one. ``text`` is
    a sentence in mrkdwn, ``calendar`` has lines for a code block, ``image`` is the artifact of a PNG.
    """

    found: bool
    login: str
    url: str | None
    streak: int | None
    at_least: bool
    longest: int | None
    today: int | None
    total: int | None
    last_day: str | None
    active_days: int | None
    missed_days: int | None
    text: str
    calendar: str
    image: dict[str, Any] | None


class BoardResult(TypedDict):
    """The contributions of several people in XCom.

    ``text`` is a board in mrkdwn with a line for each person. ``people`` has the numbers of each person, in the order of
    the board: ``rank``, ``login``, ``streak``, ``at_least``, ``today``, ``active_days`` and ``missed_days``. ``unknown``
    lists the names that GitHub does not have.
    """

    text: str
    people: list[dict[str, Any]]
    unknown: list[str]


def _parse_login(value: Any, _: str) -> str:
    login = str(none_if_blank(value) or "").strip().removeprefix("@")
    return login_of_profile(login) or login


def _parse_logins(value: Any, where: str) -> tuple[str, ...]:
    """Return the distinct names in their order; GitHub ignores capitals."""
    logins = {login.lower(): login for name in parse_names(value, where) if (login := _parse_login(name, where))}
    if not logins or len(logins) > MAX_PEOPLE:
        raise ValueError(f"{where} has {len(logins)} names; it must have 1 to {MAX_PEOPLE} user names")
    return tuple(logins.values())


def _parse_day(value: Any, where: str) -> date | None:
    value = none_if_blank(value)
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value).strip()[:10])
    except ValueError:
        raise ValueError(f"{where} is {value!r}; it must be a date such as 2026-11-19") from None


def _parse_start(value: Any, where: str) -> date | None:
    day = _parse_day(value, where)
    if day is not None and day.year < FIRST_YEAR:
        raise ValueError(f"{where} is {day}; GitHub exists since {FIRST_YEAR}")
    return day


class GithubContributionsOperator(WorkplaceOperator):
    """Report a person's streak of contributions on GitHub: a sentence, a calendar and numbers.

    :mod:`workplace_provider.github.contributions.streak` defines a streak. Without a connection the operator reads the
    public page of github.com; with a connection that has a token it uses the API.

    ::

        GithubContributionsOperator(task_id="streak", login="octocat", tz="Asia/Seoul", on_unknown="answer")

    :param login: the person's user name, with or without ``@``, or the URL of the profile
    :param tz: time zone of the person's days, such as ``Asia/Seoul``
    :param today: last day of the streak; by default the day in ``tz`` for which the run was due, so that a late run
        uses the day of the question
    :param since: start date: only the days from it on count, so that the streak is exact, and the sentence has the numbers
        of active and missed days. A date before last year needs a connection with a token
    :param on_unknown: if GitHub has no such user: ``fail``, or ``answer`` to return a sentence for the person who asked
    :param image: draw the calendar too; this needs the extra ``bot``
    :param weeks: number of weeks in the text calendar
    :param enabled: ``False`` skips the task, so that a Param can turn it off
    :param output_path: folder or object-storage URL for the image; by default the provider's ``artifacts_path``
    :param output_conn_id: Airflow connection of the object store
    :param github_conn_id: connection of type ``http`` or ``github`` with a token as its password
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True}
    ui_color = "#e6f4ea"

    login: Field[str] = template(parse=_parse_login)
    tz: Field[str] = text(default="UTC")
    today: Field[date | None] = template(default=None, parse=_parse_day)
    since: Field[date | None] = template(default=None, parse=_parse_start)
    on_unknown: Field[str] = choice("fail", "answer", default="fail")
    image: Field[bool] = boolean(default=False)
    weeks: Field[int] = integer(default=15, least=1)
    enabled: Field[bool] = boolean(default=True)
    output_path: Field[str | None] = optional_text(default=None)
    output_conn_id: Field[str | None] = optional_text(default=None)
    github_conn_id: Field[str | None] = optional_text(default=None)

    def execute(self, context: Context) -> ContributionsResult:
        """Read the calendar and summarize it.

        :return: see :class:`ContributionsResult`
        :raises AirflowFailException: for an error that a retry cannot fix: an unknown user, a changed page, a rejected token
        :raises AirflowSkipException: if it is not enabled
        """
        with fail_on_permanent_error("GitHub"):
            self.parse_fields()
            if not self.enabled:
                raise AirflowSkipException("not enabled")
            today = self.today or day_in(self.tz, context["dag_run"].run_after)
            try:
                record = self._record(today)
            except NotFound as error:
                if self.on_unknown == "fail":
                    raise
                self.log.info("%s", error)
                return _unknown(self.login)
            return self._result(context, record, today)

    def _record(self, today: date) -> Contributions:
        from workplace_provider.github.hooks import contribution_source

        with closing(contribution_source(self.github_conn_id)) as source:
            return source.contributions(self.login, today, self.since)

    def _result(self, context: Context, record: Contributions, today: date) -> ContributionsResult:
        streak = contribution_streak(record, today, self.since)
        text = streak_sentence(record, streak) + (f" {since_sentence(streak)}" if self.since else "")
        self.log.info("%s (on %s; %s since %s)", text, today, record.source, record.days[0].date)
        return {
            "found": True,
            "login": record.login,
            "url": record.url,
            "streak": streak.current.days,
            "at_least": streak.current.at_least,
            "longest": streak.longest.days,
            "today": streak.today,
            "total": record.total,
            "last_day": streak.last_day.isoformat() if streak.last_day else None,
            "active_days": streak.active_days,
            "missed_days": streak.missed_days,
            "text": text,
            "calendar": calendar_text(record.until(today), self.weeks),
            "image": self._image(context, record, streak, today) if self.image else None,
        }

    def _image(self, context: Context, record: Contributions, streak: ContributionStreak, today: date) -> dict[str, Any]:
        drawing = calendar_image(record.until(today)[-CALENDAR_DAYS:], f"{record.login}: {streak.current} in a row")
        store = ArtifactStore(self.output_path, self.output_conn_id)
        name = safe_name(f"contributions_{record.login}_{today}.png")
        with store.publish(store.run_folder(context, self.task_id), name, PNG) as sink:
            sink.write(drawing.png)
            sink.describe(pixels=[drawing.width, drawing.height])
        return sink.artifact.as_dict()


def _unknown(login: str) -> ContributionsResult:
    return {
        "found": False,
        "login": login,
        "url": None,
        "streak": None,
        "at_least": False,
        "longest": None,
        "today": None,
        "total": None,
        "last_day": None,
        "active_days": None,
        "missed_days": None,
        "text": unknown_user(login),
        "calendar": "",
        "image": None,
    }


class GithubBoardOperator(WorkplaceOperator):
    """Report the contribution streaks of several people on GitHub as one message, the longest streak first.

    A name that does not exist has a line of its own, so that one wrong name does not keep the others from the board.

    ::

        board = GithubBoardOperator(
            task_id="board", logins=["octocat", "jimin-kim"], tz="Asia/Seoul", since="2026-11-01",
            github_conn_id="github_default",
        )
        SlackPostOperator(task_id="post", channel="#잔디심기", text=board.output["text"])

    :param logins: user names, with or without ``@``, or URLs of profiles; 50 at most
    :param tz: time zone of the people's days, such as ``Asia/Seoul``
    :param today: last day of the streaks; by default the day in ``tz`` for which the run was due
    :param since: start date: only the days from it on count. A date before last year needs a connection with a token
    :param github_conn_id: connection of type ``http`` or ``github`` with a token as its password
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True}
    ui_color = "#e6f4ea"

    logins: Field[tuple[str, ...]] = template(parse=_parse_logins)
    tz: Field[str] = text(default="UTC")
    today: Field[date | None] = template(default=None, parse=_parse_day)
    since: Field[date | None] = template(default=None, parse=_parse_start)
    github_conn_id: Field[str | None] = optional_text(default=None)

    def execute(self, context: Context) -> BoardResult:
        """Read the calendars and rank the people.

        :return: see :class:`BoardResult`
        :raises AirflowFailException: for an error that a retry cannot fix, such as a changed page or a rejected token
        """
        with fail_on_permanent_error("GitHub"):
            self.parse_fields()
            today = self.today or day_in(self.tz, context["dag_run"].run_after)
            entries, unknown = self._read(today)
            return {
                "text": board_text(entries, unknown, has_start=self.since is not None),
                "people": [
                    {
                        "rank": rank,
                        "login": entry.record.login,
                        "streak": entry.streak.current.days,
                        "at_least": entry.streak.current.at_least,
                        "today": entry.streak.today,
                        "active_days": entry.streak.active_days,
                        "missed_days": entry.streak.missed_days,
                    }
                    for rank, entry in ranked(entries)
                ],
                "unknown": unknown,
            }

    def _read(self, today: date) -> tuple[list[BoardEntry], list[str]]:
        from workplace_provider.github.hooks import contribution_source

        entries, unknown = [], []
        with closing(contribution_source(self.github_conn_id)) as source:
            for login in self.logins:
                try:
                    record = source.contributions(login, today, self.since)
                except NotFound as error:
                    self.log.warning("%s", error)
                    unknown.append(login)
                else:
                    entries.append(BoardEntry(record, contribution_streak(record, today, self.since)))
        return entries, unknown
