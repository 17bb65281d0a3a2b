"""A client for the Slack Web API.

Reading members, messages, names and files returns everything or raises an error. Posting is idempotent by dedupe keys.
"""

from workplace_provider.slack.client.api_response import SlackPage
from workplace_provider.slack.client.attachments import convert_attachments
from workplace_provider.slack.client.directory import DirectorySnapshot, Members, directory_snapshot
from workplace_provider.slack.client.files import download_file
from workplace_provider.slack.client.messages import (
    Estimate,
    Message,
    ReadingBudget,
    SharedFile,
    Thread,
    iter_messages,
    iter_threads,
)
from workplace_provider.slack.client.names import Channel, SlackNames
from workplace_provider.slack.client.parts import MessagePart, split_message
from workplace_provider.slack.client.posting import MessagePoster, PostedMessage
from workplace_provider.slack.client.profiles import (
    ProfileField,
    channel_members,
    member,
    member_channels,
    profile_fields,
    user_fields,
)
from workplace_provider.slack.client.reader import SlackReader, TokenOwner
from workplace_provider.slack.client.recipients import Recipients
from workplace_provider.slack.client.text_table import text_table
from workplace_provider.slack.client.uploads import SlackUpload
from workplace_provider.slack.client.users import MemberKind, SlackUser, UserGroup, classify, iter_users, user_groups

__all__ = [
    "Channel",
    "DirectorySnapshot",
    "Estimate",
    "MemberKind",
    "Members",
    "Message",
    "MessagePart",
    "MessagePoster",
    "PostedMessage",
    "ProfileField",
    "ReadingBudget",
    "Recipients",
    "SharedFile",
    "SlackNames",
    "SlackPage",
    "SlackReader",
    "SlackUpload",
    "SlackUser",
    "Thread",
    "TokenOwner",
    "UserGroup",
    "channel_members",
    "classify",
    "convert_attachments",
    "directory_snapshot",
    "download_file",
    "iter_messages",
    "iter_threads",
    "iter_users",
    "member",
    "member_channels",
    "profile_fields",
    "split_message",
    "text_table",
    "user_fields",
    "user_groups",
]
