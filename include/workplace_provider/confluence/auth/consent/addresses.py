"""Under which addresses people and Atlassian find the pages: all of them come from ``[api] base_url``.

The address of a request says nothing, because a proxy may stand before Airflow, and a sender writes into it what they like.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from airflow.configuration import conf

from workplace_provider.confluence.auth.consent.names import CALLBACK, PREFIX
from workplace_provider.confluence.auth.consent.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Addresses:
    """The public addresses.

    :param base: of Airflow, without a slash at its end
    """

    base: str

    @property
    def home(self) -> str:
        """The page that lists the connections."""
        return f"{self.base}{PREFIX}/"

    @property
    def callback(self) -> str:
        """Where Atlassian sends people back to; has to be registered with the app."""
        return f"{self.base}{PREFIX}{CALLBACK}"

    @property
    def origin(self) -> str:
        """What browsers send as ``Origin`` from Airflow's pages."""
        parts = urlsplit(self.base)
        usual = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
        return f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"

    @property
    def cookie_path(self) -> str:
        """Below which the browser sends our cookie."""
        return f"{urlsplit(self.base).path}{PREFIX}"

    @property
    def secure(self) -> bool:
        """Whether cookies go over TLS only."""
        return urlsplit(self.base).scheme == "https"


def configured() -> Addresses:
    """The addresses of this Airflow.

    :raises Refusal: when it does not know its own
    """
    base = str(conf.get("api", "base_url", fallback="") or "").rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Refusal(
            "Airflow does not know its own address",
            "Atlassian sends people back to a fixed address, which is made of [api] base_url; that is not set.",
            "Set [api] base_url to the address under which people open Airflow, such as https://airflow.example.com.",
            500,
        )
    return Addresses(base)


def check_origin(origin: str | None, addresses: Addresses) -> None:
    """Let only our own page begin a consent.

    A page of another site cannot name our origin, and a browser always names the origin of a form that it sends.

    :raises Refusal: when the request comes from elsewhere
    """
    if origin != addresses.origin:
        raise Refusal(
            "Asked from elsewhere",
            "It was not this Airflow's page that asked, or the page was opened under another address than Airflow's own.",
            f"Open {addresses.home} and begin there: that is where Atlassian will send you back to.",
            403,
        )
