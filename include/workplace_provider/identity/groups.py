"""Groups of a system: the rules that say who is a member, and the interface of a system with groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, runtime_checkable

from workplace_provider.http.errors import WorkplaceError
from workplace_provider.identity.accounts import TargetError
from workplace_provider.identity.privilege import is_admin_value
from workplace_provider.identity.scope import channel_name, compile_condition
from workplace_provider.identity.text import fold_case

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Identity
    from workplace_provider.identity.state import SyncState

GROUP_MARK: Final = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group as the system stores it.

    :param external_id: the mark that a sync has written; empty for a group without a mark
    :param members: ids of the accounts in the group, as far as they were read; nested groups are not among them
    """

    id: str
    name: str
    external_id: str = ""
    members: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRule:
    """The people who are in a group or have a right.

        rule = MemberRule(groups=("engineers",), include="'lead' in title")

    :param groups: handles or ids of groups of the directory; a person must be in one of them
    :param channels: ids or names of channels; a person must be in one of them
    :param include: a Jinja expression over the person's fields such as ``attributes.department == 'Sales'``, or a function.
        All of the three that are given must hold
    """

    groups: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    include: str | Callable[[Identity], bool] | None = None
    _includes: Callable[[Identity], bool] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("groups", "channels"):
            if isinstance(getattr(self, name), str):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be a list")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "channels", tuple(map(channel_name, self.channels)))
        object.__setattr__(self, "_includes", compile_condition(self.include))

    def matches(self, identity: Identity) -> bool:
        """Return whether a person fulfils the rule."""
        for names in (self.groups, self.channels):
            if names and not set(names).intersection(identity.groups):
                return False
        return self._includes is None or self._includes(identity)

    def check(self, known: Collection[str], where: str) -> None:
        """Refuse groups and channels that the directory does not have: no one would match.

        :param known: names and ids of the directory's groups and channels
        :param where: the place of the rule in messages
        :raises ValueError: one is unknown
        """
        if unknown := [group for group in self.groups if group not in known]:
            present = f"Its groups are {', '.join(sorted(known)[:20])}" if known else "Its groups were not read"
            raise ValueError(f"The directory has no group {unknown[0]!r}. Correct {where}.groups. {present}")
        if unread := [channel for channel in self.channels if channel not in known]:
            raise ValueError(
                f"The directory has no channel {unread[0]}. Correct {where}.channels, and read the channel with "
                "channels=[...] of SlackDirectorySnapshotOperator"
            )


class MemberValues:
    """The values of an attribute with several values, such as roles, each with a rule for the people who have it.

        AttributeMap("roles", MemberValues({"agent": MemberRule(groups=("support",))}), allow=("agent",))

    A sync adds and removes these values only; other values of an account stay.

    :param rules: the rules, by value
    """

    def __init__(self, rules: Mapping[str, MemberRule]) -> None:
        self.rules = dict(rules)
        self.values = tuple(sorted(self.rules))

    def __call__(self, identity: Identity) -> list[str]:
        """Return the values of a person."""
        return [value for value in self.values if self.rules[value].matches(identity)]

    def check(self, known: Collection[str], where: str) -> None:
        """Refuse groups and channels that the directory does not have; see :meth:`MemberRule.check`."""
        for value, rule in self.rules.items():
            rule.check(known, f"{where}.values.{value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRule:
    """A group of the system whose members this sync manages.

        GroupRule(name="Analysts", members=MemberRule(groups=("analytics",)), adopt=True)

    :param name: the group's name in the system. A group that does not exist is created
    :param members: the people who are members; without ``groups`` and ``include``, everyone in scope
    :param adopt: take over a group with this name that exists and does not have our mark. Without it, such a group is a
        conflict
    :param others: members whom this sync did not add: ``keep`` leaves them, ``remove`` removes them. Nested groups and
        protected accounts always stay
    :param grants_admin: the group may have a name of administrators
    """

    name: str
    members: MemberRule = field(default_factory=MemberRule)
    adopt: bool = False
    others: Literal["keep", "remove"] = "keep"
    grants_admin: bool = False

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("a group has no name")
        if self.others not in ("keep", "remove"):
            raise ValueError(f"others is {self.others!r}; it must be keep or remove")
        if is_admin_value(self.name) and not self.grants_admin:
            raise ValueError(
                f"{self.name!r} looks like a group of administrators, and its members would become ones. If that is meant, "
                "set grants_admin: true"
            )


@dataclass(frozen=True, slots=True)
class GroupSnapshot:
    """The groups of a system at one moment.

    :param groups: the groups that rules may mean, with their members
    :param unreadable: the reason why the groups could not be read; empty when they could
    """

    groups: tuple[Group, ...] = ()
    unreadable: str = ""


NO_GROUPS: Final = GroupSnapshot()


class GroupTarget(Protocol):
    """The groups of a system."""

    @property
    def lists_members(self) -> bool:
        """Return whether the system lists the members of a group. Otherwise, it is asked for one member at a time."""
        ...

    @property
    def batch(self) -> int:
        """The largest number of members in one request."""
        ...

    def find(self, names: Collection[str]) -> list[Group]:
        """Return the groups that may have these names, without members; a system may return others as well."""
        ...

    def get(self, group_id: str, candidates: Collection[str]) -> Group | None:
        """Return a group with its members; ``None`` if it does not exist.

        :param candidates: the accounts to ask for, if the system does not list members
        """
        ...

    def create(self, name: str, external_id: str) -> Group:
        """Create a group without members.

        :raises AccountExists: a group with this name exists
        """
        ...

    def mark(self, group_id: str, external_id: str) -> None:
        """Write our mark to a group."""
        ...

    def change_members(self, group_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add accounts to a group, or remove them. Other members stay.

        :raises TargetError: a change was refused, or the outcome is unknown
        """
        ...


@runtime_checkable
class HasGroups(Protocol):
    """A system with groups."""

    @property
    def groups(self) -> GroupTarget:
        """The groups of the system."""
        ...


def group_mark(source: str, name: str) -> str:
    """Return the mark of a group: ``slack:T1:group:Analysts``."""
    return f"{source}:{GROUP_MARK}:{name}"


def check_names(rules: Sequence[GroupRule]) -> None:
    """Refuse two rules for the same group; systems ignore the case of names.

    :raises ValueError: a name is declared twice
    """
    names: dict[str, str] = {}
    for rule in rules:
        other = names.setdefault(fold_case(rule.name), rule.name)
        if other is not rule.name:
            raise ValueError(f"groups has {other!r} and {rule.name!r}, which are the same group")


def check_rules(rules: Sequence[GroupRule], known: Collection[str]) -> None:
    """Refuse rules with groups that the directory does not have: the groups of the system would lose all members.

    :param known: names and ids of the directory's groups
    :raises ValueError: a name is declared twice, or a group is unknown
    """
    check_names(rules)
    for rule in rules:
        rule.members.check(known, f"groups.{rule.name}")


def read_groups(target: object, rules: Sequence[GroupRule], source: str, previous: SyncState) -> GroupSnapshot:
    """Read the groups that rules name, for a plan.

    Groups that the state has are also read by their ids, because a list may be incomplete::

        snapshot = read_groups(target, definition.groups, directory.source, state)
        plan = make_plan(..., groups=definition.groups, group_snapshot=snapshot)

    :param source: the prefix of marks
    :raises ValueError: there are rules, and the system has no groups
    """
    if not rules:
        return NO_GROUPS
    if not isinstance(target, HasGroups):
        raise ValueError("The system has no groups. Remove groups from the definition")
    try:
        return GroupSnapshot(tuple(_read(target.groups, rules, (source, *previous.sources), previous)))
    except (WorkplaceError, TargetError) as error:
        # Accounts of leavers are disabled nevertheless, so a refused credential is no error of the whole run here.
        return GroupSnapshot(unreadable=str(error))


def _read(target: GroupTarget, rules: Sequence[GroupRule], sources: Sequence[str], previous: SyncState) -> list[Group]:
    names = {fold_case(rule.name) for rule in rules}
    marks = {group_mark(source, rule.name) for source in sources for rule in rules}
    remembered: dict[str, Sequence[str]] = {
        str(stored["id"]): tuple(stored.get("members", ()))
        for name, stored in previous.groups.items()
        if any(rule.name == name for rule in rules)
    }
    listed = target.find([rule.name for rule in rules])
    # A renamed group is found by its mark.
    wanted = [group.id for group in listed if fold_case(group.name) in names or group.external_id in marks]
    found: list[Group] = []
    for group_id in dict.fromkeys((*wanted, *remembered)):
        members = remembered.get(group_id, ())
        # Without a list of members, those that this sync has added are taken as members; writing them asks for each.
        group = target.get(group_id, ())
        if group is not None:
            found.append(group if target.lists_members else _with_members(group, members))
    return sorted(found, key=lambda group: group.id)


def _with_members(group: Group, members: Sequence[str]) -> Group:
    return Group(id=group.id, name=group.name, external_id=group.external_id, members=frozenset(members))
