"""The state of the cloud besides the wiki, kept in memory only."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workplace_sandbox.confluence.cloud.accounts import ApiTokens
from workplace_sandbox.confluence.cloud.budget import Budget
from workplace_sandbox.confluence.cloud.clock import CloudClock
from workplace_sandbox.confluence.cloud.content_states import ContentStates
from workplace_sandbox.confluence.cloud.grants import OAuthState
from workplace_sandbox.confluence.cloud.media_passes import MediaPasses
from workplace_sandbox.confluence.locks import AttachmentLocks

if TYPE_CHECKING:
    from datetime import datetime

    from workplace_sandbox.model import Property


@dataclass(slots=True)
class LongTask:
    """A job in the background; it finishes after ``looks_left`` more status requests."""

    id: str
    name: str
    begun: datetime
    looks_left: int
    details: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Conversion:
    """A body that is converted in the background."""

    id: str
    representation: str
    value: str
    looks_left: int


class CloudState:
    """Clock, tokens, points and jobs."""

    def __init__(self) -> None:
        self.clock = CloudClock()
        self.tokens = ApiTokens()
        self.grants = OAuthState(self.clock)
        self.budget = Budget(self.clock)
        self.media = MediaPasses(self.clock)
        self.locks = AttachmentLocks()
        self.task_looks = 1
        self.spoiled_uploads = 0
        self.content_states = ContentStates()
        self.live_docs: set[str] = set()
        self.attachment_properties: dict[str, dict[str, Property]] = {}
        self.conversions: dict[str, Conversion] = {}
        self._tasks: dict[str, LongTask] = {}
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Restore the initial state."""
        self.clock.reset()
        self.tokens.reset()
        self.grants.reset()
        self.budget.reset()
        self.media.reset()
        with self._lock:
            self.task_looks = 1
            self.spoiled_uploads = 0
            self._tasks.clear()
            self.conversions.clear()
            self.attachment_properties.clear()
        self.content_states.reset()
        self.live_docs.clear()

    def upload_fails(self) -> bool:
        """Return whether an upload fails, and count it."""
        with self._lock:
            if self.spoiled_uploads <= 0:
                return False
            self.spoiled_uploads -= 1
            return True

    def begin_task(self, name: str, details: dict[str, Any] | None = None, errors: list[str] | None = None) -> LongTask:
        """Start a job; its work is done at once, and reported later."""
        task = LongTask(str(uuid.uuid4()), name, self.clock.now(), self.task_looks, details or {}, errors or [])
        with self._lock:
            self._tasks[task.id] = task
        return task

    def begin_conversion(self, representation: str, value: str) -> Conversion:
        """Start the conversion of a body."""
        conversion = Conversion(str(uuid.uuid4()), representation, value, self.task_looks)
        self.conversions[conversion.id] = conversion
        return conversion

    def tasks(self) -> list[LongTask]:
        """Return all jobs."""
        with self._lock:
            return list(self._tasks.values())

    def poll_task(self, task_id: str) -> tuple[LongTask, bool] | None:
        """Return a job, and whether it is finished; None when there is none."""
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None:
                return None
            finished = task.looks_left <= 0
            task.looks_left -= 1
            return task, finished
