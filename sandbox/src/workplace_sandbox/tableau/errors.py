"""Tableau's errors: a code of six digits, which begins with the HTTP status, a summary and a detail.

The codes are those of reference section 2.5, which differ from method to method. Those marked as plausible are not
documented for the case here.
"""

from __future__ import annotations

_SUMMARIES = {
    "400000": "Bad Request",
    "400003": "Bad Request",  # plausible: an invalid parameter of an export
    "400006": "Invalid page number",
    "400007": "Invalid page size",
    "400065": "Bad Request",  # plausible: a filter, a sort or a field that cannot be read
    "400080": "Bad Request",
    "400081": "Bad Request",
    "400130": "Bad Request",
    "400031": "Bad Request",
    "401000": "Unauthorized Access",
    "401001": "Signin Error",
    "401002": "Unauthorized Access",
    "401003": "Switch Site Error",
    "403004": "Forbidden",
    "403014": "Page size limit exceeded",
    "403032": "Forbidden",
    "403070": "Switch Site Error",
    "403130": "Forbidden",  # plausible: the reference has 4031XX
    "403157": "Forbidden",
    "404000": "Site not found",
    "404001": "Resource Not Found",
    "404002": "Resource Not Found",
    "404003": "Resource Not Found",
    "404006": "Resource Not Found",
    "404011": "Resource Not Found",
    "404012": "Resource Not Found",  # plausible: an unknown flow
    "404018": "Resource Not Found",
    "404048": "Resource Not Found",
    "405000": "Invalid request method",
    "409090": "Resource Conflict",
    "409093": "Resource Conflict",
}


class TableauError(Exception):
    """A response other than success.

    :param code: Tableau's code of six digits.
    :param detail: the reason, for people.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail

    @property
    def status(self) -> int:
        """HTTP status."""
        return int(self.code[:3])

    @property
    def summary(self) -> str:
        """The summary of the code."""
        return _SUMMARIES[self.code]
