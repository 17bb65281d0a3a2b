"""Who of a directory gets an account at all, and which accounts are never touched."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from workplace_provider.identity.directory import NOT_PEOPLE, Identity, MemberKind
from workplace_provider.identity.mapping import context_of, environment
from workplace_provider.identity.text import fold_case, fold_strictly

if TYPE_CHECKING:
    from workplace_provider.identity.accounts import Account

UNCONFIRMED = "email_unconfirmed"
NO_EMAIL = "no_email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Who is meant.

    :param domains: domains of e-mail addresses; empty for any. A subdomain is a domain of its own. A person whose address
        cannot be seen gets no new account, and keeps the one there is as it is
    :param groups: the person must be in one of these; empty for everybody
    :param include: a Jinja expression over the person's fields such as ``'engineer' in title``, or a function
    :param guests: guests are meant, too
    :param exclude: kinds of members that never get an account, beside bots, apps, invited people and people of elsewhere
    :param admit: of those, the kinds that get an account all the same
    :param email_confirmed: ``required_for_create``: a person with an unconfirmed address gets no new account, and keeps the
        one there is as it is, because Slack says so of people who are there; ``required`` treats them as leavers;
        ``ignore`` does not look
    :param protect: accounts and people that are never touched: ids, user names, e-mail addresses, or regular expressions
        that match the whole of one, in any case
    :param protect_admins: accounts of administrators are never linked, disabled or deleted, where the system tells
    :param retired: nobody is meant any more: all accounts of this sync are treated as those of leavers, by the policy
    """

    domains: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
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
        for name in ("domains", "groups", "protect"):
            if isinstance(getattr(self, name), str):
                raise ValueError(f"{name} is a list, not {getattr(self, name)!r}")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        exclude, admit = (frozenset(MemberKind(each) for each in kinds) for kinds in (self.exclude, self.admit))
        object.__setattr__(self, "exclude", exclude | (NOT_PEOPLE - admit))
        object.__setattr__(self, "admit", admit)
        object.__setattr__(self, "_domains", frozenset(fold_case(each).removeprefix("@") for each in self.domains))
        object.__setattr__(self, "_literals", frozenset(map(fold_strictly, self.protect)))
        object.__setattr__(self, "_patterns", _any_of(self.protect))
        object.__setattr__(self, "_includes", _condition(self.include))

    def check_groups(self, known: Collection[str]) -> None:
        """Refuse a scope whose groups the directory does not have: all of their members would be taken for leavers.

        :param known: names and ids of the groups that there are
        :raises ValueError: a group is not among them
        """
        unknown = [group for group in self.groups if group not in known]
        if unknown:
            there = f"there are {', '.join(sorted(known)[:20])}" if known else "its groups were not read"
            raise ValueError(f"scope: the directory has no group {', '.join(map(repr, unknown))}; {there}")

    def exclusion_reason(self, identity: Identity) -> str:
        """Why a person is out of scope; empty when not."""
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
        if self.email_confirmed == "required" and identity.email_confirmed is False:
            return UNCONFIRMED
        if self._includes is not None and not self._includes(identity):
            return "expression"
        return ""

    def reason_to_wait(self, identity: Identity) -> str:
        """Why the person gets no new account, and keeps the one there is as it is; empty when not.

        So it is with an address that is not confirmed, and with one that is not there, whose domain nobody can tell.
        """
        if self.email_confirmed == "required_for_create" and identity.email_confirmed is False:
            return UNCONFIRMED
        return NO_EMAIL if self.domains and not identity.email else ""

    def protects(self, *, identity: Identity | None = None, account: Account | None = None) -> bool:
        """Whether a person or an account is on the list of those that are never touched."""
        if not self.protect:
            return False
        names: list[str] = []
        if identity is not None:
            names += [identity.key, identity.external_id, identity.user_name, identity.email]
        if account is not None:
            names += [account.id, account.external_id, account.user_name, *account.emails]
        return any(self._protected(fold_strictly(name)) for name in names if name)

    def _protected(self, name: str) -> bool:
        return name in self._literals or (self._patterns is not None and self._patterns.fullmatch(name) is not None)


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    usable: list[str] = []
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            # A plain id or address with characters that mean something in expressions.
            if not re.fullmatch(r"[\w.+@:-]+", pattern):
                raise ValueError(f"protect: {pattern!r} is no regular expression: {error}") from error
            continue
        usable.append(f"(?:{pattern})")
    return re.compile("|".join(usable), re.IGNORECASE) if usable else None


def _condition(include: str | Callable[[Identity], bool] | None) -> Callable[[Identity], bool] | None:
    if include is None or not isinstance(include, str):
        return include
    from jinja2 import TemplateError

    try:
        # With undefined_to_none a name that is misspelt would quietly be false for everybody.
        expression = environment().compile_expression(include, undefined_to_none=False)
    except TemplateError as error:
        raise ValueError(f"include: {include!r} is no expression: {error}") from error

    def holds(identity: Identity) -> bool:
        try:
            return bool(expression(**context_of(identity)))
        except TemplateError as error:
            raise ValueError(f"include: {include!r} failed for {identity.key}: {error}") from error

    return holds
