"""Slack: reading members, messages with their threads, names and files, all or an error; and posting, exactly once."""

from workplace_provider.slack.client.answers import Page
from workplace_provider.slack.client.attachments import convert_attachments
from workplace_provider.slack.client.directory import DirectorySnapshot, Members, directory_snapshot
from workplace_provider.slack.client.files import download_file
from workplace_provider.slack.client.groups import UserGroup, user_groups
from workplace_provider.slack.client.messages import (
    Estimate,
    Message,
    SharedFile,
    Thread,
    iter_messages,
    iter_threads,
)
from workplace_provider.slack.client.names import Channel, SlackNames
from workplace_provider.slack.client.parts import Part, split_message
from workplace_provider.slack.client.posting import MessagePoster, Posted
from workplace_provider.slack.client.reader import SlackReader, TokenOwner
from workplace_provider.slack.client.uploads import Upload
from workplace_provider.slack.client.users import MemberKind, SlackUser, classify, iter_users

__all__ = [
    "Channel",
    "DirectorySnapshot",
    "Estimate",
    "MemberKind",
    "Members",
    "Message",
    "MessagePoster",
    "Page",
    "Part",
    "Posted",
    "SharedFile",
    "SlackNames",
    "SlackReader",
    "SlackUser",
    "Thread",
    "TokenOwner",
    "Upload",
    "UserGroup",
    "classify",
    "convert_attachments",
    "directory_snapshot",
    "download_file",
    "iter_messages",
    "iter_threads",
    "iter_users",
    "split_message",
    "user_groups",
]
