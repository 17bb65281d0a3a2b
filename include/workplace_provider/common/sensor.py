"""Base classes of sensors: checks in which a temporary error counts as "not yet", and waiting in the triggerer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.http.errors import WorkplaceError

if TYPE_CHECKING:
    from airflow.sdk import Context


class WorkplaceSensor(WorkplaceOperator, BaseSensorOperator):
    """Base class of sensors. They wait without a worker slot by default.

    A subclass names its :attr:`system` and implements :meth:`check`.

    :param deferrable: wait in the triggerer
    :param poke_interval: time between two pokes, in seconds or as a ``timedelta``
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"mode": "reschedule"}
    default_poke_interval: ClassVar[float] = 60
    system: ClassVar[str] = ""
    """Name of the system in the errors of a check."""

    if TYPE_CHECKING:
        # Type checkers know only fields of dataclasses; see WorkplaceOperator.
        poke_interval: Any = 60
        deferrable: bool = False
        timeout: Any = None
        soft_fail: bool = False
        mode: str = "reschedule"
        exponential_backoff: bool = False
        max_wait: Any = None
        silent_fail: bool = False
        never_fail: bool = False

    # The arguments are named here, so that Airflow fills them from the DAG's default_args before the defaults apply.
    def __init__(
        self,
        *,
        poke_interval: timedelta | float | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=self.default_poke_interval if poke_interval is None else poke_interval, **kwargs)
        self.deferrable = deferrable

    def poke(self, context: Context) -> PokeReturnValue:
        """Check once. A transient error, such as a server that restarts at night, counts as "not yet"."""
        with fail_on_permanent_error(self.system):
            self.parse_fields()
            try:
                return self.check(context)
            except WorkplaceError as error:
                if not error.retryable:
                    raise
                self.log.warning("not yet: %s", error)
                return PokeReturnValue(is_done=False)

    def check(self, context: Context) -> PokeReturnValue:
        """Return whether the condition is met, and the sensor's result."""
        raise NotImplementedError

    def time_out(self, message: str) -> Exception:
        """Return the exception that ends a sensor which waited too long: a skip with ``soft_fail``."""
        return AirflowSkipException(message) if self.soft_fail else AirflowSensorTimeout(message)


class RecheckingSensor(WorkplaceSensor):
    """Base class of sensors that check on a worker also if they are deferrable. Only the time in between is deferred."""

    def execute(self, context: Context) -> Any:
        """Wait until the condition is met.

        :return: the result of the check that found it
        :raises AirflowFailException: the error is permanent, so that a retry cannot help
        :raises AirflowSensorTimeout: the condition was not met within ``timeout`` seconds
        """
        if not self.deferrable:
            return super().execute(context)
        return self.look_again(context)

    def look_again(self, context: Context, event: Any = None, *, deadline: str = "") -> Any:
        """Check once, and defer again if the condition is not met yet. Deferred tasks resume here, by this name.

        :param event: the trigger's event, which has no content
        :param deadline: time of the sensor's time-out; by default it begins now, as in the first check. Airflow's
            ``dag.test()`` loses the arguments of a deferred task
        """
        deadline = deadline or (datetime.now(UTC) + timedelta(seconds=self.timeout)).isoformat()
        result = self.poke(context)
        if result:
            return result.xcom_value
        if datetime.now(UTC) + timedelta(seconds=self.poke_interval) > datetime.fromisoformat(deadline):
            raise self.time_out(self.describe_timeout(context))
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.defer(
            trigger=TimeDeltaTrigger(timedelta(seconds=self.poke_interval)),
            method_name="look_again",
            kwargs={"deadline": deadline},
        )
        return None

    def describe_timeout(self, context: Context) -> str:
        """Return the message of a time-out."""
        raise NotImplementedError
