"""A session for programs on this machine, which respond late while it is busy."""

from __future__ import annotations

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

ATTEMPTS = 4


def patient_session() -> requests.Session:
    """Return a session that repeats a GET whose response does not arrive or breaks off.

    Every other method may have been processed, so it is not repeated. A refused connection is an error at once: the
    program has ended.
    """
    session = requests.Session()
    session.trust_env = False  # a company's proxy does not know this machine's loopback
    repeat = Retry(None, connect=0, read=ATTEMPTS - 1, redirect=0, status=0, other=0, allowed_methods={"GET"})
    session.mount("http://", HTTPAdapter(max_retries=repeat))
    return session
