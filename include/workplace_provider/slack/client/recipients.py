"""Recipients of messages: channels, and people through their direct message with the app.

People choose their display names, so a name can match the wrong person. A name that several members have is an error; for
confidential messages, use an id or an e-mail address.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from workplace_provider.http.errors import Forbidden, Invalid, NotFound, WorkplaceError
from workplace_provider.http.redaction import remove_invisible
from workplace_provider.slack.client.api_response import SYSTEM, Envelope
from workplace_provider.slack.client.names import Channel
from workplace_provider.slack.client.users import Member, MemberKind, SlackUser, classify, iter_users

if TYPE_CHECKING:
    from workplace_provider.slack.client.names import SlackNames
    from workplace_provider.slack.client.reader import SlackReader

# Ids have nine characters or more. Slack's channel names have no capitals; "#" marks one that is written in capitals.
_USER_ID: Final = re.compile(r"[UW][A-Z0-9]{8,}")
_MOST_CANDIDATES: Final = 5
_LONGEST_NAME: Final = 40
_REASONS: Final = {
    MemberKind.DEACTIVATED: "the account is deactivated",
    MemberKind.INVITED: "the invitation is not accepted yet",
    MemberKind.GUEST: "a guest gets no direct messages from this provider",
    MemberKind.SINGLE_CHANNEL_GUEST: "a guest gets no direct messages from this provider",
    MemberKind.STRANGER: "the person belongs to another organization",
    MemberKind.BOT: "it is a bot",
    MemberKind.APP: "it is the bot of an app",
    MemberKind.WORKFLOW_BOT: "it is the bot of a workflow",
    MemberKind.SLACKBOT: "it is Slackbot",
}


_Error = TypeVar("_Error", bound=WorkplaceError)


class _Opened(Envelope, kw_only=True):
    channel: Channel


def is_person(recipient: str) -> bool:
    """Return whether a recipient is a person: an id (``U…``, ``W…``), ``@name`` or an e-mail address.

    ::

        is_person("U0123456789"), is_person("@anna"), is_person("anna@example.com")  # all True
        is_person("#general")  # False

    A channel's name contains no ``@``.
    """
    text = recipient.strip()
    return _USER_ID.fullmatch(text) is not None or ("@" in text and not text.startswith("#"))


class Recipients:
    """Finds the conversation of a recipient: a channel, or the direct message with a person.

    ::

        recipients = Recipients(reader, SlackNames(reader))
        recipients.find("anna@example.com").id  # "D0123456789"

    The token needs ``im:write`` and ``users:read`` for people, and ``users:read.email`` for addresses.

    :param reader: reads from the workspace
    :param names: finds channels
    :param team_id: workspace; required with a token of an Enterprise organization
    """

    def __init__(self, reader: SlackReader, names: SlackNames, *, team_id: str | None = None) -> None:
        self._reader = reader
        self._names = names
        self._team_id = team_id

    def find(self, recipient: str) -> Channel:
        """Return the channel, or the direct message with a person, which is opened if necessary.

        :param recipient: id or name of a channel; id, ``@name`` (display name or handle) or e-mail address of a person
        :raises NotFound: there is no such channel or person
        :raises Invalid: several people have the name, or the member cannot receive messages of the app
        :raises Forbidden: the token needs another scope
        """
        text = recipient.strip()
        if not is_person(text):
            (channel,) = self._names.channels([recipient])
            return channel
        try:
            user = self._find_person(text)
            _check_kind(user, text)
            # Posting to "U…" reaches the direct message too, but only "D…" can be searched for an earlier post.
            opened = self._reader.submit("conversations.open", _Opened, {"users": user.id}, idempotent=True)
        except Forbidden as error:
            raise _with_advice(error) from error
        return Channel(id=opened.channel.id, name=opened.channel.name, is_private=True)

    def find_member_id(self, person: str) -> str:
        """Return the id of a person, also of a guest; an id is returned unchanged, without a request.

        :param person: id, ``@name`` (display name or handle) or e-mail address
        :raises NotFound: there is no such person
        :raises Invalid: several people have the name
        """
        text = person.strip()
        return text if _USER_ID.fullmatch(text) else self._find_person(text).id

    def _find_person(self, text: str) -> SlackUser:
        if text.startswith("@"):
            return self._find_by_name(text)
        if "@" in text:
            return self._fetch("users.lookupByEmail", {"email": text}, f"no member has the e-mail address {_quote(text)}")
        return self._fetch("users.info", {"user": text}, f"no member has the id {_quote(text)}")

    def _fetch(self, method: str, params: dict[str, Any], missing: str) -> SlackUser:
        try:
            member: Member = self._reader.get(method, "user", Member, params)
        except NotFound as error:
            advice = "the account may be deactivated or in another workspace; write # before the name of a channel"
            raise _copy(error, missing, advice) from error
        return member.slim()

    def _find_by_name(self, text: str) -> SlackUser:
        name = _fold(text.removeprefix("@"))
        if not name:
            raise Invalid(f"no name of a person in {_quote(text)}", advice="write @ and a display name or handle")
        matches: dict[str, SlackUser] = {}
        for user in iter_users(self._reader, team_id=self._team_id):
            if name in (_fold(user.display_name), _fold(user.name)):
                matches[user.id] = user
        # Members who cannot receive messages do not make a name ambiguous: a guest or bot could take anyone's name.
        people = [user for user in matches.values() if classify(user) not in _REASONS]
        if len(people) > 1:
            raise Invalid(
                f"{len(people)} people have the name {_quote(text)}: {_candidates(people)}",
                system=SYSTEM,
                code="ambiguous_name",
                advice="use the id or the e-mail address",
            )
        if people or matches:
            return people[0] if people else next(iter(matches.values()))
        raise NotFound(
            f"no member has the display name or handle {_quote(text)}",
            system=SYSTEM,
            method="GET",
            code="user_not_found",
            advice="check the name in the person's profile, or use the id or the e-mail address",
        )


def _check_kind(user: SlackUser, recipient: str) -> None:
    """Reject members who are not full members of the workspace.

    :raises Invalid: bot, guest, deactivated account or person of another organization
    """
    if reason := _REASONS.get(classify(user)):
        raise Invalid(
            f"cannot send a direct message to {_quote(recipient)} ({user.id}): {reason}",
            system=SYSTEM,
            code="not_a_full_member",
            advice="choose a full member of the workspace, or a channel",
        )


def _with_advice(error: Forbidden) -> Forbidden:
    if error.code != "missing_scope":
        return error
    advice = "direct messages need im:write, im:history and users:read, and users:read.email for e-mail addresses"
    return _copy(error, error.message, f"{advice}; add the scope to the app and install the app again")


def _copy(error: _Error, message: str, advice: str) -> _Error:
    """Return the error of a request with another message and advice."""
    return type(error)(
        message,
        system=error.system,
        method=error.method,
        url=error.url,
        status=error.status,
        code=error.code,
        advice=advice,
    )


def _candidates(people: Sequence[SlackUser]) -> str:
    first = sorted(people, key=lambda user: user.id)[:_MOST_CANDIDATES]
    more = f" and {len(people) - len(first)} more" if len(people) > len(first) else ""
    return ", ".join(f"{user.id} ({_quote(user.real_name or user.name)})" for user in first) + more


def _quote(text: str) -> str:
    """Return a name that people chose, for an error: in one line, short, without control characters."""
    return repr(" ".join(remove_invisible(text, " ").split())[:_LONGEST_NAME])


def _fold(name: str) -> str:
    """Return a name for comparison, composed: macOS sends Korean letters decomposed (NFD)."""
    return " ".join(unicodedata.normalize("NFC", name).lower().split())
