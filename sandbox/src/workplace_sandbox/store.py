"""The sandbox's state: SQLite for everything but the bytes of files, which are beside it."""

from __future__ import annotations

from workplace_sandbox.model import (
    Attachment,
    BoardNotice,
    Comment,
    Folder,
    GithubUser,
    Issue,
    JiraProject,
    Label,
    MemberAccount,
    MemberChange,
    Page,
    PageVersion,
    Property,
    SlackChannel,
    SlackFile,
    SlackMessage,
    SlackUser,
    SlackUserGroup,
    Space,
    Template,
    User,
)
from workplace_sandbox.state.attachments import AttachmentTables
from workplace_sandbox.state.comments import CommentTable
from workplace_sandbox.state.contributors import ContributorTables
from workplace_sandbox.state.database import FIRST_CONTENT_ID, now
from workplace_sandbox.state.ephemeral import EphemeralTable
from workplace_sandbox.state.errors import (
    FileNameTakenError,
    NotFoundError,
    ParentError,
    StoreError,
    TitleTakenError,
    VersionConflictError,
)
from workplace_sandbox.state.folders import FolderTables
from workplace_sandbox.state.issues import IssueTables
from workplace_sandbox.state.members import MemberTables, MemberTakenError
from workplace_sandbox.state.metadata import OPERATIONS, MetadataTables, Restrictions
from workplace_sandbox.state.notices import NoticeTable
from workplace_sandbox.state.pages import KEEP, Keep
from workplace_sandbox.state.people import PersonTables
from workplace_sandbox.state.scheduled import ScheduledTable
from workplace_sandbox.state.slack_files import SlackFileTables
from workplace_sandbox.state.templates import TemplateTable
from workplace_sandbox.state.users import UserTable


class Store(
    UserTable,
    AttachmentTables,
    MetadataTables,
    CommentTable,
    FolderTables,
    TemplateTable,
    PersonTables,
    SlackFileTables,
    EphemeralTable,
    ScheduledTable,
    IssueTables,
    MemberTables,
    ContributorTables,
    NoticeTable,
):
    """The whole state of the sandbox.

    :param directory: the directory of the database and the files; created if it does not exist. A later ``Store`` on
        the same directory finds the same state.
    """

    def is_empty(self) -> bool:
        """Return whether the state is empty, so that a first start can fill it."""
        return not self.users() and not self.spaces()


__all__ = [
    "FIRST_CONTENT_ID",
    "KEEP",
    "OPERATIONS",
    "Attachment",
    "BoardNotice",
    "Comment",
    "FileNameTakenError",
    "Folder",
    "GithubUser",
    "Issue",
    "JiraProject",
    "Keep",
    "Label",
    "MemberAccount",
    "MemberChange",
    "MemberTakenError",
    "NotFoundError",
    "Page",
    "PageVersion",
    "ParentError",
    "Property",
    "Restrictions",
    "SlackChannel",
    "SlackFile",
    "SlackMessage",
    "SlackUser",
    "SlackUserGroup",
    "Space",
    "Store",
    "StoreError",
    "Template",
    "TitleTakenError",
    "User",
    "VersionConflictError",
    "now",
]
