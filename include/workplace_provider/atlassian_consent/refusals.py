"""Reasons to refuse a request, worded for the person who sees the page."""

from __future__ import annotations


class Refusal(Exception):
    """A refused request.

    :param title: the problem in a few words
    :param text: the cause
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
    """Return the refusal for a user who may not edit connections."""
    what = f"the connection {conn_id}" if conn_id else "connections"
    return Refusal(
        "Not allowed",
        f"Your user may not edit {what}, so it may not choose the account that Airflow uses.",
        "Ask an administrator of this Airflow.",
        403,
    )


def not_for_consent(conn_id: str, problem: str) -> Refusal:
    """Return the refusal for a connection that is not set up for OAuth."""
    return Refusal(
        "Not set up for OAuth",
        f"The connection {conn_id} {problem}.",
        "Choose the type Confluence or Jira and the credential oauth, with the client id of the app as user, and its secret "
        "as password.",
    )


def unknown_state() -> Refusal:
    """Return the refusal for a redirect with an unknown state."""
    return Refusal(
        "Unknown or expired consent request",
        "The request was finished already, took longer than ten minutes, or was not started here. Nothing was changed.",
        "Start again, and do not reload the page that Atlassian redirects you to.",
    )


def started_elsewhere() -> Refusal:
    """Return the refusal for a redirect in another browser, or of another user, than the one that started the consent."""
    return Refusal(
        "Started by another user",
        "This consent was started in another browser or by another user of Airflow. Nothing was changed.",
        "Start again here.",
        403,
    )


def denied() -> Refusal:
    """Return the refusal for a person who declined."""
    return Refusal(
        "No consent was given",
        "The request was declined at Atlassian. Nothing was changed; earlier tokens stay.",
        "Start again to give the consent.",
    )


def authorization_failed(error: str, description: str) -> Refusal:
    """Return the refusal for an authorization request that Atlassian rejected without asking the person."""
    return Refusal(
        "Atlassian rejected the request",
        f"Atlassian returned {error}: {description}" if description else f"Atlassian returned {error}.",
        "Compare the app's permissions and callback URL in Atlassian's developer console with those on the previous page.",
    )


def scopes_missing(missing: list[str]) -> Refusal:
    """Return the refusal for a consent without all scopes."""
    return Refusal(
        "Scopes are missing",
        f"The consent does not include {', '.join(missing)}. Nothing was changed.",
        "Add them to the app in Atlassian's developer console (Permissions), and start again.",
    )
