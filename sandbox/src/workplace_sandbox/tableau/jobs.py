"""Background jobs: refreshes of extracts and runs of flows. The clock moves them from queued to running to ended.

Source: reference sections 1.2 and 1.3 of "reach".
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from workplace_sandbox.tableau.catalogue import luid
from workplace_sandbox.tableau.errors import TableauError

if TYPE_CHECKING:
    from workplace_sandbox.tableau.clock import TableauClock

Target = Literal["workbook", "datasource", "flow"]
SUCCESS, FAILED, CANCELLED = "0", "1", "2"
STATUS = {SUCCESS: "Success", FAILED: "Failed", CANCELLED: "Cancelled"}


@dataclass(frozen=True, slots=True)
class TableauJob:
    """A job.

    :param site: content URL of its site.
    :param target: kind of the content.
    :param content: LUID of the content.
    :param user: who started it.
    :param failure: the reason with which it will fail; empty for success.
    :param cancelled_at: when a user cancelled it.
    """

    luid: str
    site: str
    target: Target
    content: str
    name: str
    user: str
    incremental: bool
    created_at: datetime
    started_at: datetime
    ends_at: datetime
    failure: str = ""
    cancelled_at: datetime | None = None

    def ended_at(self, now: datetime) -> datetime | None:
        """Return when it has ended."""
        end = self.cancelled_at or self.ends_at
        return end if end <= now else None

    def code(self, now: datetime) -> str:
        """Return the finish code; empty while it is queued or running."""
        if self.ended_at(now) is None:
            return ""
        return CANCELLED if self.cancelled_at else FAILED if self.failure else SUCCESS

    def status(self, now: datetime) -> str:
        """Return the status in the list of jobs."""
        return STATUS.get(self.code(now)) or ("InProgress" if self.started_at <= now else "Pending")


@dataclass
class JobBoard:
    """The jobs of all sites.

    Attributes may be set at any time: ``queue_seconds`` and ``run_seconds`` of the jobs that start later, ``failures`` with
    reasons, one for each of the next jobs that fails.

    :param clock: the clock of the server.
    :param on_success: called once for each job that has ended with success.
    """

    clock: TableauClock
    on_success: Callable[[TableauJob], None]
    queue_seconds: float = 0.0
    run_seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    _jobs: dict[str, TableauJob] = field(default_factory=dict)
    _applied: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        """Remove all jobs, and restore the pace."""
        with self._lock:
            self._jobs.clear()
            self._applied.clear()
            self.failures.clear()
            self.queue_seconds = self.run_seconds = 0.0

    def start(
        self, site: str, target: Target, content: str, name: str, user: str, *, incremental: bool = False
    ) -> TableauJob:
        """Queue a job.

        :raises TableauError: 409093: one for the same content is queued or running.
        """
        now = self.clock.now()
        with self._lock:
            if any(job.content == content and job.ended_at(now) is None for job in self._jobs.values()):
                raise TableauError("409093", f"Job for '{name}' is already queued. Not queuing a duplicate.")
            begins = now + timedelta(seconds=self.queue_seconds)
            job = TableauJob(
                luid(site, "job", f"{content}/{len(self._jobs)}"),
                site,
                target,
                content,
                name,
                user,
                incremental,
                now,
                begins,
                begins + timedelta(seconds=self.run_seconds),
                self.failures.pop(0) if self.failures else "",
            )
            self._jobs[job.luid] = job
        return job

    def settle(self) -> None:
        """Apply the jobs that have ended since the last call."""
        now = self.clock.now()
        with self._lock:
            ended = [job for job in self._jobs.values() if job.code(now) == SUCCESS and job.luid not in self._applied]
            self._applied.update(job.luid for job in ended)
        for job in ended:
            self.on_success(job)

    def of_site(self, site: str) -> list[TableauJob]:
        """Return the jobs of a site, the oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if job.site == site]

    def get(self, site: str, wanted: str) -> TableauJob:
        """Return a job by LUID.

        :raises TableauError: 404018.
        """
        with self._lock:
            job = self._jobs.get(wanted)
        if job is None or job.site != site:
            raise TableauError("404018", f"Job '{wanted}' could not be found.")
        return job

    def cancel(self, site: str, wanted: str) -> TableauJob:
        """Cancel a job that has not ended."""
        job, now = self.get(site, wanted), self.clock.now()
        if job.ended_at(now) is None:
            job = replace(job, cancelled_at=now)
            with self._lock:
                self._jobs[wanted] = job
        return job
