"""Public URLs of the pages, all derived from ``[api] base_url``.

The host of a request is not used: behind a proxy it is another one, and a sender can set it to any value.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from workplace_provider.atlassian_consent.names import CALLBACK, PREFIX
from workplace_provider.atlassian_consent.refusals import Refusal
from workplace_provider.common.airflow_ui import ui_base


@dataclass(frozen=True, slots=True)
class Addresses:
    """The public URLs.

    :param base: base URL of Airflow, without a trailing slash
    """

    base: str

    @property
    def home(self) -> str:
        """URL of the page that lists the connections."""
        return f"{self.base}{PREFIX}/"

    @property
    def callback(self) -> str:
        """URL that Atlassian redirects people to; it must be registered as a callback URL of the app."""
        return f"{self.base}{PREFIX}{CALLBACK}"

    @property
    def origin(self) -> str:
        """Value of the header ``Origin`` that browsers send from Airflow's pages."""
        parts = urlsplit(self.base)
        default_port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
        return f"{parts.scheme}://{parts.netloc.lower().removesuffix(default_port)}"

    @property
    def cookie_path(self) -> str:
        """Path below which the browser sends our cookie."""
        return f"{urlsplit(self.base).path}{PREFIX}"

    @property
    def secure(self) -> bool:
        """``True`` when cookies are sent over TLS only."""
        return urlsplit(self.base).scheme == "https"


def configured() -> Addresses:
    """Return the URLs of this Airflow.

    :raises Refusal: when ``[api] base_url`` is not set
    """
    base = ui_base()
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Refusal(
            "The address of Airflow is not configured",
            "Atlassian redirects people to a fixed URL that is derived from [api] base_url, which is not set.",
            "Set [api] base_url to the URL under which people open Airflow, such as https://airflow.example.com.",
            500,
        )
    return Addresses(base)


def check_origin(origin: str | None, addresses: Addresses) -> None:
    """Check that a consent is started from our own page.

    A page of another site cannot send our origin, and a browser always sends the origin of a form.

    :raises Refusal: when the request comes from another origin
    """
    if origin != addresses.origin:
        raise Refusal(
            "Opened under another address",
            "The request did not come from a page under the configured address of this Airflow. Nothing was changed.",
            f"Open {addresses.home} and start there.",
            403,
        )
