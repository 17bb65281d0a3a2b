"""Text of a page as readers see it, and the identity of content without text: mentions, links, emoji and macros."""

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
# Elements of a task list that readers see as a check box, not as text.
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
    """Return the text that a reader sees in an element, on one line.

    Emoji appear as their characters, links without text as their target, mentions as ``@`` and the stored name, and Jira
    issues as their keys. Of other macros, only the parameter ``title`` appears.
    """
    return _join(_words(element, _visible_part))


def plain_text(element: etree._Element) -> str:
    """Return the text in an element without macros, emoji, mentions and links that have no text of their own."""
    return _join(_words(element, _text_part))


def named_text(element: etree._Element, people: People) -> str:
    """Return :func:`visible_text` with the display names of mentioned users; empty if no name is known.

    :param people: source of the display names
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
        return _visible_part(node)

    text = _join(_words(element, read))
    return text if named else ""


def comparison_key(text: str) -> str:
    """Return text normalized for comparison: without differences in white space, case and Unicode composition."""
    return " ".join(unicodedata.normalize("NFC", text.replace("\ufe0f", "")).split()).casefold()


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a cell's content, by which rows are matched.

    :param text: the visible text, normalized for comparison
    :param content: the same, with references in place of the text of mentions, page links, files, Jira issues and macros
    """

    text: str
    content: str

    @classmethod
    def of(cls, element: etree._Element) -> Identity:
        """Return the identity of a cell."""
        return cls(comparison_key(visible_text(element)), comparison_key(_join(_words(element, _reference_part))))

    @property
    def is_empty(self) -> bool:
        """Return whether the cell has no content."""
        return not self.content

    @property
    def bare_text(self) -> str:
        """The text without the ``@`` of mentions."""
        return self.text.replace("@", "")

    @property
    def anywhere(self) -> str:
        """The content without the spaces of page links."""
        return _SPACE.sub("", self.content)

    @property
    def user_kinds(self) -> frozenset[str]:
        """Return the attributes that identify the mentioned users: ``username``, ``userkey`` or ``account-id``."""
        return frozenset(match["kind"] for match in _TOKEN.finditer(self.content) if match["kind"] in _USER_KINDS)

    def is_like(self, other: Identity) -> bool:
        """Return whether both look the same to a reader. If one of them is text only, the texts are compared."""
        if self.anywhere == other.anywhere:
            return not (_SPACE.search(self.content) and _SPACE.search(other.content)) or self.content == other.content
        words_only = "\x01" not in self.content or "\x01" not in other.content
        return words_only and self.bare_text == other.bare_text

    def __str__(self) -> str:
        return self.text or _TOKEN.sub(r"\g<name>", self.content)


def emoji_of(element: etree._Element) -> str:
    """Return the characters of an emoji, or its short name if Unicode does not have the emoji."""
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


def _join(words: Iterator[str]) -> str:
    return " ".join("".join(words).split())


_Read = Callable[["etree._Element"], tuple[str, bool]]
"""A function that returns the text of an element itself, and whether its content is read, too."""


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


def _visible_part(element: etree._Element) -> tuple[str, bool]:
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


def _text_part(element: etree._Element) -> tuple[str, bool]:
    if element.tag in (_MACRO, _EMOTICON, _PARAMETER):
        return "", False
    return (element.get("datetime", ""), True) if element.tag == "time" else ("", True)


def _reference_part(element: etree._Element) -> tuple[str, bool]:
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
    return _visible_part(element)


def _macro_token(macro: etree._Element) -> tuple[str, bool]:
    name = macro.get(_NAME, "")
    parameters = {
        parameter.get(_NAME, ""): _join(_words(parameter, lambda _: ("", True))) or _targets(parameter)
        for parameter in macro.findall(_PARAMETER)
    }
    if name == "status":
        return parameters.get("title", ""), False
    if name == "jira" and (issue := parameters.get("key") or parameters.get("jqlQuery")):
        return _token("jira", issue), False
    listed = ";".join(f"{key}={value}" for key, value in sorted(parameters.items()))
    return _token(f"macro {name}", listed), True


def _is_shown(parameter: etree._Element) -> bool:
    name, macro = parameter.get(_NAME), parameter.getparent()
    of = "" if macro is None else macro.get(_NAME, "")
    return name == "title" or (of == "jira" and name == "key")


def _has_text(link: etree._Element) -> bool:
    bodies = (child for child in link if child.tag in _LINK_BODIES)
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
        kind = next((name for name in _USER_KINDS if target.get(f"{{{RI}}}{name}")), "user")
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
    return "".join(_token_of(node).strip("\x01\x02") for node in element.iter() if isinstance(node.tag, str))


def _token(kind: str, name: str) -> str:
    return f"\x01{kind}:{' '.join(name.replace(chr(2), '').split())}\x02"
