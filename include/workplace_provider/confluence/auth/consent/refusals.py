"""Why somebody is turned away, in words for the person in front of the page."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is not carried out.

    :param title: what is the matter, in a few words
    :param text: what was found
    :param advice: what to do about it
    :param status: HTTP status of the page
    """

    def __init__(self, title: str, text: str, advice: str = "", status: int = 400) -> None:
        super().__init__(f"{title}: {text}")
        self.title = title
        self.text = text
        self.advice = advice
        self.status = status


def may_not_edit(conn_id: str = "") -> Refusal:
    """Somebody who may not edit connections."""
    what = f"the connection {conn_id}" if conn_id else "connections"
    return Refusal(
        "Not allowed",
        f"Your user may not edit {what}, so it may not decide for whom Airflow acts in Confluence.",
        "Ask an administrator of this Airflow.",
        403,
    )


def not_for_consent(conn_id: str, found: str) -> Refusal:
    """A connection that is not set up for OAuth."""
    return Refusal(
        "Not set up for OAuth",
        f"The connection {conn_id} {found}.",
        "Choose the type Confluence and the credential oauth, with the client id of the app as user, and its secret as "
        "password.",
    )


def unknown_state() -> Refusal:
    """An answer that nobody waits for."""
    return Refusal(
        "Nobody waits for this answer",
        "The consent was answered already, or took longer than ten minutes, or was not begun here. Nothing was changed.",
        "Begin again, and do not reload the page on which you come back.",
    )


def begun_elsewhere() -> Refusal:
    """An answer that comes from another browser or another user than it was begun with."""
    return Refusal(
        "Begun by somebody else",
        "This consent was begun in another browser or by another user of Airflow. Nothing was changed.",
        "Begin again here.",
        403,
    )


def denied() -> Refusal:
    """A person who declined."""
    return Refusal(
        "No consent was given",
        "At Atlassian the request was declined. Nothing was changed: tokens that were there before are there still.",
        "Begin again when you want to give the consent after all.",
    )


def asked_wrongly(error: str, said: str) -> Refusal:
    """Atlassian did not even ask the person."""
    return Refusal(
        "Atlassian did not ask for the consent",
        f"It answered {error}: {said}" if said else f"It answered {error}.",
        "Compare the app's permissions and callback URL in Atlassian's developer console with those on the page before.",
    )


def scopes_missing(missing: list[str]) -> Refusal:
    """A consent that does not reach far enough."""
    return Refusal(
        "Scopes are missing",
        f"The consent does not contain {', '.join(missing)}. Nothing was changed.",
        "Add them to the app in Atlassian's developer console (Permissions, Confluence API), and begin again.",
    )
