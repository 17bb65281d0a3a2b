"""The people of a directory who should have an account, and the accounts that are never changed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from workplace_provider.identity.directory import NOT_PEOPLE, Identity, MemberKind
from workplace_provider.identity.mapping import context_of, environment
from workplace_provider.identity.text import fold_case, fold_strictly

if TYPE_CHECKING:
    from workplace_provider.identity.accounts import Account

UNCONFIRMED = "email_unconfirmed"
_CHANNEL_ID = re.compile(r"[CG][A-Z0-9]{2,}")
NO_EMAIL = "no_email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The people who should have an account.

        scope = Scope(domains=("example.com",), groups=("analytics",), protect=("ceo@example.com", r"svc-.*"))

    :param domains: domains of e-mail addresses; empty for any. Subdomains are separate domains. A person whose address
        cannot be seen gets no new account; an existing account is not changed
    :param groups: the person must be in one of these groups; empty for all people
    :param channels: the person must be in one of these channels: ids, or names with or without ``#``; empty for all people
    :param include: a Jinja expression over the person's fields such as ``'engineer' in title``, or a function
    :param guests: include guests
    :param exclude: further kinds of members that get no account, besides bots, apps, invited people and external people
    :param admit: kinds of these that get an account nevertheless
    :param email_confirmed: ``required_for_create``: a person with an unconfirmed address gets no new account, and an
        existing account is not changed, because Slack also reports active people as unconfirmed; ``required`` treats them
        as leavers; ``ignore`` does not check
    :param protect: accounts, people and groups that are never changed: ids, names, e-mail addresses, or regular
        expressions that match the whole value, ignoring case
    :param protect_admins: never link, disable or delete accounts of administrators, where the system shows them
    :param retired: no one is in scope: all accounts of this sync are treated like those of leavers, by the policy
    """

    domains: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    include: str | Callable[[Identity], bool] | None = None
    guests: bool = False
    exclude: frozenset[MemberKind] = frozenset()
    admit: frozenset[MemberKind] = frozenset()
    email_confirmed: Literal["required_for_create", "required", "ignore"] = "required_for_create"
    protect: tuple[str, ...] = ()
    protect_admins: bool = True
    retired: bool = False
    _domains: frozenset[str] = field(init=False, repr=False, compare=False)
    _literals: frozenset[str] = field(init=False, repr=False, compare=False)
    _patterns: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _includes: Callable[[Identity], bool] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.email_confirmed not in ("required_for_create", "required", "ignore"):
            raise ValueError(
                f"email_confirmed is {self.email_confirmed!r}; it must be required_for_create, required or ignore"
            )
        for name in ("domains", "groups", "channels", "protect"):
            if isinstance(getattr(self, name), str):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be a list")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "channels", tuple(map(channel_name, self.channels)))
        exclude, admit = (frozenset(MemberKind(kind) for kind in kinds) for kinds in (self.exclude, self.admit))
        object.__setattr__(self, "exclude", exclude | (NOT_PEOPLE - admit))
        object.__setattr__(self, "admit", admit)
        object.__setattr__(self, "_domains", frozenset(fold_case(domain).removeprefix("@") for domain in self.domains))
        object.__setattr__(self, "_literals", frozenset(map(fold_strictly, self.protect)))
        object.__setattr__(self, "_patterns", _any_of(self.protect))
        object.__setattr__(self, "_includes", compile_condition(self.include))

    def check_groups(self, known: Collection[str]) -> None:
        """Refuse a scope with groups or channels that the directory does not have: all people would be leavers.

        :param known: names and ids of all groups and channels
        :raises ValueError: a group or a channel is unknown
        """
        if unread := [channel for channel in self.channels if channel not in known]:
            raise ValueError(
                f"The directory has no channel {', '.join(unread)}. Correct channels in the scope, and "
                "read the channel with channels=[...] of SlackDirectorySnapshotOperator"
            )
        unknown = [group for group in self.groups if group not in known]
        if unknown:
            present = f"Its groups are {', '.join(sorted(known)[:20])}" if known else "Its groups were not read"
            raise ValueError(
                f"The directory has no group {', '.join(map(repr, unknown))}. Correct groups in the scope. {present}"
            )

    def exclusion_reason(self, identity: Identity) -> str:
        """Return why a person is out of scope; empty for a person in scope."""
        if self.retired:
            return "retired"
        if identity.kind in self.exclude:
            return f"kind:{identity.kind}"
        if identity.guest and not self.guests:
            return "guest"
        if self.domains and identity.email and fold_case(identity.email.rpartition("@")[2]) not in self._domains:
            return "domain"
        if self.groups and not set(self.groups).intersection(identity.groups):
            return "group"
        if self.channels and not set(self.channels).intersection(identity.groups):
            return "channel"
        if self.email_confirmed == "required" and identity.email_confirmed is False:
            return UNCONFIRMED
        if self._includes is not None and not identity.hold and not self._includes(identity):
            return "expression"
        return ""

    def reason_to_wait(self, identity: Identity) -> str:
        """Return why a person gets no new account and an existing account is not changed; empty for other people.

        This applies to an unconfirmed address, to a missing address if the scope has domains, and to unknown data.
        """
        if identity.hold:
            return identity.hold
        if self.email_confirmed == "required_for_create" and identity.email_confirmed is False:
            return UNCONFIRMED
        return NO_EMAIL if self.domains and not identity.email else ""

    def protects(self, *, identity: Identity | None = None, account: Account | None = None) -> bool:
        """Return whether a person or an account is protected from every change."""
        if not self.protect:
            return False
        names: list[str] = []
        if identity is not None:
            names += [identity.key, identity.external_id, identity.user_name, identity.email]
        if account is not None:
            names += [account.id, account.external_id, account.user_name, *account.emails]
        return any(self.protects_name(name) for name in names if name)

    def protects_name(self, name: str) -> bool:
        """Return whether a name or an id, such as that of a group, is protected from every change."""
        name = fold_strictly(name)
        return name in self._literals or (self._patterns is not None and self._patterns.fullmatch(name) is not None)


def channel_name(channel: str) -> str:
    """Return the form in which a directory has a channel: its id, or its name with ``#``."""
    text = unicodedata.normalize("NFC", channel.strip())
    return text if _CHANNEL_ID.fullmatch(text) else f"#{text.removeprefix('#').lower()}"


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    usable: list[str] = []
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            # An id or address may contain characters with a meaning in regular expressions.
            if not re.fullmatch(r"[\w.+@:-]+", pattern):
                raise ValueError(f"protect: {pattern!r} is not a valid regular expression: {error}") from error
            continue
        usable.append(f"(?:{pattern})")
    return re.compile("|".join(usable), re.IGNORECASE) if usable else None


def compile_condition(include: str | Callable[[Identity], bool] | None) -> Callable[[Identity], bool] | None:
    """Return the function of an expression over a person's fields.

    :raises ValueError: the expression is invalid
    """
    if include is None or not isinstance(include, str):
        return include
    from jinja2 import TemplateError

    try:
        # With undefined_to_none, a misspelt name would silently be false for all people.
        expression = environment().compile_expression(include, undefined_to_none=False)
    except TemplateError as error:
        raise ValueError(f"include: {include!r} is not a valid expression: {error}") from error

    def holds(identity: Identity) -> bool:
        try:
            return bool(expression(**context_of(identity)))
        except TemplateError as error:
            raise ValueError(f"include: {include!r} failed for {identity.key}: {error}") from error

    return holds
