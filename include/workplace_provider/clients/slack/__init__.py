"""Reading Slack: members, messages with their threads, names and files, all of them or an error."""

from workplace_provider.clients.slack.answers import Page
from workplace_provider.clients.slack.directory import DirectorySnapshot, Members, directory_snapshot
from workplace_provider.clients.slack.files import download_file
from workplace_provider.clients.slack.messages import (
    Estimate,
    Message,
    SharedFile,
    Thread,
    iter_messages,
    iter_threads,
)
from workplace_provider.clients.slack.names import Channel, SlackNames
from workplace_provider.clients.slack.reader import SlackReader, TokenOwner
from workplace_provider.clients.slack.users import MemberKind, SlackUser, classify, iter_users

__all__ = [
    "Channel",
    "DirectorySnapshot",
    "Estimate",
    "MemberKind",
    "Members",
    "Message",
    "Page",
    "SharedFile",
    "SlackNames",
    "SlackReader",
    "SlackUser",
    "Thread",
    "TokenOwner",
    "classify",
    "directory_snapshot",
    "download_file",
    "iter_messages",
    "iter_threads",
    "iter_users",
]
