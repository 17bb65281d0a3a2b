"""Words of a page as readers see them, and the identity of what is shown without words: mentions, links, emoji, macros."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.pages.document import AC, RI

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import People

_LINK: Final = f"{{{AC}}}link"
_LINK_BODIES: Final = (f"{{{AC}}}link-body", f"{{{AC}}}plain-text-link-body")
_MACRO: Final = f"{{{AC}}}structured-macro"
_PARAMETER: Final = f"{{{AC}}}parameter"
_EMOTICON: Final = f"{{{AC}}}emoticon"
_IMAGE: Final = f"{{{AC}}}image"
_NAME: Final = f"{{{AC}}}name"
_USER: Final = f"{{{RI}}}user"
_USER_KINDS: Final = ("account-id", "userkey", "username")
# What stands in the source of a task list, and is a box to readers.
_NOT_SHOWN: Final = frozenset(f"{{{AC}}}task-{name}" for name in ("id", "uuid", "status"))
_SPACES_BEHIND: Final = frozenset({"p", "br", "li", "div"})
_HEX: Final = re.compile(r"[0-9a-fA-F]{2,6}(-[0-9a-fA-F]{2,6})*")
# Names of Data Center's emoticons:
# https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html, "Emoticons".
_EMOTICONS: Final = {
    "smile": "🙂",
    "sad": "🙁",
    "cheeky": "😛",
    "laugh": "😀",
    "wink": "😉",
    "thumbs-up": "👍",
    "thumbs-down": "👎",
    "information": "ℹ️",
    "tick": "✅",
    "cross": "❌",
    "warning": "⚠️",
    "plus": "➕",
    "minus": "➖",
    "question": "❓",
    "light-on": "💡",
    "light-off": "💡",
    "yellow-star": "⭐",
    "red-star": "⭐",
    "green-star": "⭐",
    "blue-star": "⭐",
    "heart": "❤️",
    "broken-heart": "💔",
}
_TOKEN: Final = re.compile("\x01(?P<kind>[^:\x02]*):(?P<name>[^\x02]*)\x02")
_SPACE: Final = re.compile("(?<=\x01page:)[^\x02\x03]*\x03")


def visible_text(element: etree._Element) -> str:
    """Return the words that a reader sees in an element, in one line.

    Emoji show as their characters, links without a text as what they lead to, mentions as ``@`` and the stored name, Jira
    issues as their keys; of other macros' parameters only the title shows.
    """
    return _joined(_words(element, _shown))


def plain_text(element: etree._Element) -> str:
    """Return the words in an element without macros, emoji, mentions and links that have no text of their own."""
    return _joined(_words(element, _only_words))


def named_text(element: etree._Element, people: People) -> str:
    """Return :func:`visible_text` with the display names of mentioned users; empty when no user could be named.

    :param people: gives the display names
    """
    named = False

    def read(node: etree._Element) -> tuple[str, bool]:
        nonlocal named
        target = _resource(node) if node.tag == _LINK and not _has_text(node) else None
        if target is not None and target.tag == _USER:
            for kind in _USER_KINDS:
                user = target.get(f"{{{RI}}}{kind}")
                if user and (name := people.display_name(kind, user)):
                    named = True
                    return f"@{name}", False
        return _shown(node)

    text = _joined(_words(element, read))
    return text if named else ""


def same_words(text: str) -> str:
    """Return text in the form in which names are compared: white space, case and composition of characters removed."""
    return " ".join(unicodedata.normalize("NFC", text.replace("\ufe0f", "")).split()).casefold()


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one cell from another.

    :param text: the words that a reader sees, as they are compared
    :param content: the same with what mentions, page links, files, Jira issues and macros refer to in place of their words
    """

    text: str
    content: str

    @classmethod
    def of(cls, element: etree._Element) -> Identity:
        """Read the identity of a cell."""
        return cls(same_words(visible_text(element)), same_words(_joined(_words(element, _referred))))

    @property
    def is_empty(self) -> bool:
        """Return whether nothing tells the cell from an empty one."""
        return not self.content

    @property
    def bare_text(self) -> str:
        """The text without the sign of a mention."""
        return self.text.replace("@", "")

    @property
    def anywhere(self) -> str:
        """The content, with page links that do not say in which space."""
        return _SPACE.sub("", self.content)

    @property
    def user_kinds(self) -> frozenset[str]:
        """Return which attributes name the people who are mentioned."""
        return frozenset(match["kind"] for match in _TOKEN.finditer(self.content) if match["kind"] in _USER_KINDS)

    def is_like(self, other: Identity) -> bool:
        """Return whether both are the same to a reader; words count where one of them is nothing but words."""
        if self.anywhere == other.anywhere:
            return not (_SPACE.search(self.content) and _SPACE.search(other.content)) or self.content == other.content
        words_only = "\x01" not in self.content or "\x01" not in other.content
        return words_only and self.bare_text == other.bare_text

    def __str__(self) -> str:
        return self.text or _TOKEN.sub(r"\g<name>", self.content)


def emoji_of(element: etree._Element) -> str:
    """Return the characters of an emoji; its short name where Confluence has a picture that Unicode lacks."""
    number = element.get(f"{{{AC}}}emoji-id", "")
    if _HEX.fullmatch(number) and (text := _characters(number)):
        return text
    fallback = element.get(f"{{{AC}}}emoji-fallback", "")
    if fallback and not fallback.startswith(":"):
        return fallback
    name = element.get(_NAME, "")
    return fallback or element.get(f"{{{AC}}}emoji-shortname", "") or _EMOTICONS.get(name) or (f":{name}:" if name else "")


def _characters(number: str) -> str:
    try:
        return "".join(chr(int(part, 16)) for part in number.split("-"))
    except (ValueError, OverflowError):
        return ""


def _joined(words: Iterator[str]) -> str:
    return " ".join("".join(words).split())


_Read = Callable[["etree._Element"], tuple[str, bool]]
"""Gives the words that an element shows by itself, and whether what is in it is read too."""


def _words(root: etree._Element, read: _Read) -> Iterator[str]:
    from lxml import etree

    walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    for event, node in walk:
        if event == "start":
            words, inside = ("", False) if node.tag in _NOT_SHOWN else read(node)
            yield words
            if inside:
                yield node.text or ""
            else:
                walk.skip_subtree()
            continue
        if node is root:
            return
        if node.tag in _SPACES_BEHIND:
            yield " "
        yield node.tail or ""


def _shown(element: etree._Element) -> tuple[str, bool]:
    tag = element.tag
    if tag == _PARAMETER:
        return "", _is_shown(element)
    if tag == "time":
        return element.get("datetime", ""), True
    if tag == _EMOTICON:
        return emoji_of(element), False
    if tag == _LINK and not _has_text(element):
        return _target_text(element), False
    return "", True


def _only_words(element: etree._Element) -> tuple[str, bool]:
    if element.tag in (_MACRO, _EMOTICON, _PARAMETER):
        return "", False
    return (element.get("datetime", ""), True) if element.tag == "time" else ("", True)


def _referred(element: etree._Element) -> tuple[str, bool]:
    tag = element.tag
    if tag == _EMOTICON:
        return emoji_of(element), False
    if tag == _LINK and (token := _token_of(element)):
        return token, False
    if tag == _IMAGE:
        return _token_of(element) or _token("image", ""), False
    if tag == _MACRO:
        return _macro_token(element)
    if tag == _PARAMETER:
        return "", False
    return _shown(element)


def _macro_token(macro: etree._Element) -> tuple[str, bool]:
    name = macro.get(_NAME, "")
    parameters = {
        each.get(_NAME, ""): _joined(_words(each, lambda _: ("", True))) or _targets(each)
        for each in macro.findall(_PARAMETER)
    }
    if name == "status":
        return parameters.get("title", ""), False
    if name == "jira" and (issue := parameters.get("key") or parameters.get("jqlQuery")):
        return _token("jira", issue), False
    said = ";".join(f"{key}={value}" for key, value in sorted(parameters.items()))
    return _token(f"macro {name}", said), True


def _is_shown(parameter: etree._Element) -> bool:
    name, macro = parameter.get(_NAME), parameter.getparent()
    of = "" if macro is None else macro.get(_NAME, "")
    return name == "title" or (of == "jira" and name == "key")


def _has_text(link: etree._Element) -> bool:
    bodies = (each for each in link if each.tag in _LINK_BODIES)
    return any(len(body) or "".join(str(text) for text in body.itertext()).strip() for body in bodies)


def _resource(element: etree._Element) -> etree._Element | None:
    return next((child for child in element if isinstance(child.tag, str) and child.tag.startswith(f"{{{RI}}}")), None)


def _target_text(link: etree._Element) -> str:
    target = _resource(link)
    if target is None:
        return link.get(f"{{{AC}}}anchor", "")
    if target.tag == _USER:
        return f"@{next((name for kind in _USER_KINDS if (name := target.get(f'{{{RI}}}{kind}'))), '')}"
    names = ("content-title", "filename", "value", "space-key", "content-id")
    return next((value for name in names if (value := target.get(f"{{{RI}}}{name}"))), "")


def _token_of(element: etree._Element) -> str:
    target = _resource(element)
    if target is None:
        return ""
    if target.tag == _USER:
        kind = next((each for each in _USER_KINDS if target.get(f"{{{RI}}}{each}")), "user")
        return _token(kind, target.get(f"{{{RI}}}{kind}", ""))
    kind = str(target.tag).rpartition("}")[2]
    place = _token_of(target).strip("\x01\x02")  # of a file: the page that has it
    space = target.get(f"{{{RI}}}space-key", "")
    title = target.get(f"{{{RI}}}content-title")
    if title is not None:
        anchor = element.get(f"{{{AC}}}anchor")
        prefix = f"{space}\x03" if space else ""
        return _token("page", prefix + title + (f"#{anchor}" if anchor else ""))
    names = ("filename", "value", "content-id", "space-key")
    return _token(kind, place + next((value for name in names if (value := target.get(f"{{{RI}}}{name}"))), ""))


def _targets(element: etree._Element) -> str:
    return "".join(_token_of(each).strip("\x01\x02") for each in element.iter() if isinstance(each.tag, str))


def _token(kind: str, name: str) -> str:
    return f"\x01{kind}:{' '.join(name.replace(chr(2), '').split())}\x02"
