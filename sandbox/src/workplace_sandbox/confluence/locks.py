"""Optimistic locking of attachments, which makes parallel uploads to one page fail on a real server."""

from __future__ import annotations

import threading
from collections import Counter

from workplace_sandbox.confluence.errors import RestError


class AttachmentLocks:
    """Counts the attachment changes of each page.

    A change that began before another one of the same page was finished is refused with 500, like Hibernate's version
    check on servers. Creating attachments in parallel works. Source: reference section 2.1 (text2confl#18).
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._changes: Counter[str] = Counter()

    def begin(self, page_id: str) -> int:
        """Start a change.

        :return: the argument of ``finish``.
        """
        with self._guard:
            return self._changes[page_id]

    def finish(self, page_id: str, begun_at: int) -> None:
        """Claim the change, right before the write.

        :raises RestError: 500 when another change of the page was finished since ``begin``.
        """
        with self._guard:
            if self._changes[page_id] != begun_at:
                raise RestError(
                    500,
                    "org.springframework.orm.hibernate5.HibernateOptimisticLockingFailureException: "
                    "Batch update returned unexpected row count from update [0]; actual row count: 0; expected: 1",
                )
            self._changes[page_id] += 1
