"""Operator that reports a person's streak of contributions on GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import none_if_blank
from workplace_provider.common.artifact_store import ArtifactStore, safe_name
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, choice, integer, optional_text, template, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.github.contributions import (
    calendar_image,
    calendar_text,
    contribution_streak,
    day_in,
    streak_sentence,
    unknown_user,
)
from workplace_provider.github.login import login_of_profile
from workplace_provider.http.errors import NotFound

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.github.contributions import Contributions, ContributionStreak

PNG = "image/png"


class ContributionsResult(TypedDict):
    """A person's contributions in XCom.

    ``found`` is false if GitHub has no such user; then only ``login`` and ``text`` have values. ``streak`` is the number of
    days in a row until today, ``longest`` the longest such number in the calendar; with ``at_least`` the streak may have
    started before the calendar. ``today`` is today's number of contributions, ``None`` while GitHub does not show today.
    ``total`` is GitHub's own number for the calendar. ``last_day`` is a date in ISO 8601. ``text`` is a sentence in mrkdwn,
    ``calendar`` has lines for a code block, ``image`` is the artifact of a PNG.
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
    text: str
    calendar: str
    image: dict[str, Any] | None


def _parse_login(value: Any, _: str) -> str:
    login = str(none_if_blank(value) or "").strip().removeprefix("@")
    return login_of_profile(login) or login


def _parse_day(value: Any, where: str) -> date | None:
    value = none_if_blank(value)
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value).strip()[:10])
    except ValueError:
        raise ValueError(f"{where} is {value!r}; it must be a date such as 2026-11-19") from None


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
            return source.contributions(self.login, today)

    def _result(self, context: Context, record: Contributions, today: date) -> ContributionsResult:
        streak = contribution_streak(record, today)
        text = streak_sentence(record, streak)
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
            "text": text,
            "calendar": calendar_text(record.until(today), self.weeks),
            "image": self._image(context, record, streak, today) if self.image else None,
        }

    def _image(self, context: Context, record: Contributions, streak: ContributionStreak, today: date) -> dict[str, Any]:
        drawing = calendar_image(record.until(today), f"{record.login}: {streak.current} in a row")
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
        "text": unknown_user(login),
        "calendar": "",
        "image": None,
    }
