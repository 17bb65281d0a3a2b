"""Account sync from a directory: snapshot, plan, gates, apply, report. Independent of Airflow and of any system."""

from workplace_provider.identity.accounts import (
    Account,
    AccountChanged,
    AccountExists,
    AccountMissing,
    BulkTarget,
    Capabilities,
    IdentityTarget,
    Lookup,
    LookupKey,
    TargetError,
    Write,
    WriteKind,
)
from workplace_provider.identity.applying import apply_plan, check_generation
from workplace_provider.identity.directory import Directory, Identity, MemberKind
from workplace_provider.identity.directory_file import InvalidDirectoryFile, directory_lines, read_directory
from workplace_provider.identity.gates import Verdict, blocking_gates, evaluate, leavers_may_pass
from workplace_provider.identity.groups import (
    Group,
    GroupRule,
    GroupSnapshot,
    GroupTarget,
    HasGroups,
    MemberRule,
    MemberValues,
    read_groups,
)
from workplace_provider.identity.journal import FileJournal, Journal, MemoryJournal
from workplace_provider.identity.lookups import lookups, missing_lookups
from workplace_provider.identity.mapping import SCIM_MAPPING, AttributeMap, AttributeMapping, MappingError
from workplace_provider.identity.next_state import merge_state
from workplace_provider.identity.plan import (
    AttributeChange,
    InvalidPlanFile,
    Operation,
    OperationKind,
    Plan,
    PlanSummary,
    diff_plans,
    read_plan,
)
from workplace_provider.identity.planning import make_plan
from workplace_provider.identity.policy import SyncPolicy
from workplace_provider.identity.reading import AccountSnapshot, read_accounts
from workplace_provider.identity.report import html_report, markdown_report
from workplace_provider.identity.results import ApplyResult, OperationStatus, Outcome, PlanRefused
from workplace_provider.identity.scope import Scope
from workplace_provider.identity.source_definition import MergeRule
from workplace_provider.identity.state import SyncState

__all__ = [
    "SCIM_MAPPING",
    "Account",
    "AccountChanged",
    "AccountExists",
    "AccountMissing",
    "AccountSnapshot",
    "ApplyResult",
    "AttributeChange",
    "AttributeMap",
    "AttributeMapping",
    "BulkTarget",
    "Capabilities",
    "Directory",
    "FileJournal",
    "Group",
    "GroupRule",
    "GroupSnapshot",
    "GroupTarget",
    "HasGroups",
    "Identity",
    "IdentityTarget",
    "InvalidDirectoryFile",
    "InvalidPlanFile",
    "Journal",
    "Lookup",
    "LookupKey",
    "MappingError",
    "MemberKind",
    "MemberRule",
    "MemberValues",
    "MemoryJournal",
    "MergeRule",
    "Operation",
    "OperationKind",
    "OperationStatus",
    "Outcome",
    "Plan",
    "PlanRefused",
    "PlanSummary",
    "Scope",
    "SyncPolicy",
    "SyncState",
    "TargetError",
    "Verdict",
    "Write",
    "WriteKind",
    "apply_plan",
    "blocking_gates",
    "check_generation",
    "diff_plans",
    "directory_lines",
    "evaluate",
    "html_report",
    "leavers_may_pass",
    "lookups",
    "make_plan",
    "markdown_report",
    "merge_state",
    "missing_lookups",
    "read_accounts",
    "read_directory",
    "read_groups",
    "read_plan",
]
