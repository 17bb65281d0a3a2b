"""Operator that tells how many days in a row somebody has contributed on GitHub."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import none_if_blank, parse_bool, parse_choice, parse_int
from workplace_provider.common.artifact_store import ArtifactStore, safe_name
from workplace_provider.common.failure import fail_on_permanent_error
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
    """How somebody stands, as tasks hand it on.

    ``found`` is false for a name that is nobody's; then there are only ``login`` and ``text``. ``streak`` is a number of
    days, ``longest`` that of the longest in the calendar; ``at_least`` tells that the streak may have begun before it.
    ``today`` is the number of today's contributions, ``None`` while GitHub does not show today. ``total`` is GitHub's own,
    of the whole calendar. ``last_day`` is a date in ISO 8601. ``text`` is a sentence in mrkdwn, ``calendar`` lines for a
    code block, ``image`` the artifact of a PNG.
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


class GithubContributionsOperator(WorkplaceOperator):
    """Tell how many days in a row somebody has contributed on GitHub, in a sentence, a calendar and numbers.

    What makes a streak is told in :mod:`workplace_provider.github.contributions.streak`. Without a connection the
    public page of github.com is read, with one that has a token the API.

    :param login: the person's user name, with or without ``@``
    :param tz: time zone in which the person's days begin, such as ``Asia/Seoul``
    :param today: the day on which the streak is told; by default the day in ``tz`` on which the run was due, so that an
        answer is about the day of the question however late it comes
    :param on_unknown: what to do about a name that is nobody's: ``fail``, or ``answer`` with a kind sentence
    :param image: whether to draw the calendar as well, for which the extra ``bot`` is needed
    :param weeks: how many weeks the calendar of text has
    :param enabled: ``False`` skips the task, so that a Param can turn it off
    :param output_path: folder or object-storage URL for the image; by default the provider's ``artifacts_path``
    :param output_conn_id: Airflow connection that opens the object store
    :param github_conn_id: connection of type ``http`` or ``github`` with a token as its password
    """

    template_fields: Sequence[str] = (
        "github_conn_id",
        "login",
        "tz",
        "today",
        "on_unknown",
        "image",
        "weeks",
        "enabled",
        "output_path",
        "output_conn_id",
    )
    ui_color = "#e6f4ea"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"on_unknown": ("fail", "answer")}

    def __init__(
        self,
        *,
        login: str,
        tz: str = "UTC",
        today: date | str | None = None,
        on_unknown: str = "fail",
        image: bool | str = False,
        weeks: int | str = 15,
        enabled: bool | str = True,
        output_path: str | None = None,
        output_conn_id: str | None = None,
        github_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        self.login = login
        self.tz = tz
        self.today = today
        self.on_unknown = on_unknown
        self.image = image
        self.weeks = weeks
        self.enabled = enabled
        self.output_path = output_path
        self.output_conn_id = output_conn_id
        self.github_conn_id = github_conn_id

    def execute(self, context: Context) -> ContributionsResult:
        """Read the calendar, and tell what is in it.

        :return: how the person stands
        :raises AirflowFailException: when a retry cannot help: nobody has that name, the page has changed, the token is
            refused
        :raises AirflowSkipException: when it is not enabled
        """
        with fail_on_permanent_error():
            if not parse_bool(self.enabled, "enabled"):
                raise AirflowSkipException("not enabled")
            parse_choice(self.on_unknown, "on_unknown", self.choices["on_unknown"])
            login = str(none_if_blank(self.login) or "").strip().removeprefix("@")
            login = login_of_profile(login) or login
            today = self._today(context)
            try:
                record = self._record(login, today)
            except NotFound as error:
                if self.on_unknown == "fail":
                    raise
                self.log.info("%s", error)
                return _unknown(login)
            return self._told(context, record, today)

    def _record(self, login: str, today: date) -> Contributions:
        from workplace_provider.github.hooks import contribution_source

        with closing(contribution_source(none_if_blank(self.github_conn_id))) as source:
            return source.contributions(login, today)

    def _told(self, context: Context, record: Contributions, today: date) -> ContributionsResult:
        now = contribution_streak(record, today)
        text = streak_sentence(record, now)
        self.log.info("%s, on %s, by the %s from %s on", text, today, record.source, record.days[0].date)
        return {
            "found": True,
            "login": record.login,
            "url": record.url,
            "streak": now.current.days,
            "at_least": now.current.at_least,
            "longest": now.longest.days,
            "today": now.today,
            "total": record.total,
            "last_day": now.last_day.isoformat() if now.last_day else None,
            "text": text,
            "calendar": calendar_text(record.until(today), parse_int(self.weeks, "weeks", least=1) or 15),
            "image": self._image(context, record, now, today) if parse_bool(self.image, "image") else None,
        }

    def _image(self, context: Context, record: Contributions, now: ContributionStreak, today: date) -> dict[str, Any]:
        drawn = calendar_image(record.until(today), f"{record.login}: {now.current} in a row")
        store = ArtifactStore(self.output_path, self.output_conn_id)
        name = safe_name(f"contributions_{record.login}_{today}.png")
        with store.publish(store.run_folder(context, self.task_id), name, PNG) as sink:
            sink.write(drawn.png)
            sink.describe(pixels=[drawn.width, drawn.height])
        return sink.artifact.as_dict()

    def _today(self, context: Context) -> date:
        day = none_if_blank(self.today)
        if day is None:
            return day_in(self.tz, context["dag_run"].run_after)
        try:
            return date.fromisoformat(str(day).strip()[:10])
        except ValueError:
            raise ValueError(f"today is {day!r}; it must be a date such as 2026-11-19") from None


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
