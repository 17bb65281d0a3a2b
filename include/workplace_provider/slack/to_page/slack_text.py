"""Conversion of Slack messages to storage format: mrkdwn, Block Kit blocks and attachments of bots.

Text that is not valid markup is kept as it was written, so that no word is lost.
Source: https://docs.slack.dev/messaging/formatting-message-text and https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Protocol, TypeAlias

from workplace_provider.confluence.pages.document import AC, PageDocument
from workplace_provider.confluence.pages.values import Link, code_macro, escape_text, to_storage
from workplace_provider.slack.to_page.emoji import emoji

Block: TypeAlias = Mapping[str, Any]

_INLINE: Final = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<(?P<special>[^<>\n]+)>"
    r"|:(?P<emoji>[^\s:<>&`]+):(?::skin-tone-(?P<tone>[2-6]):)?"
    r"|(?P<marker>[*_~])"
    r"|(?P<line>\n)"
)
_FENCE: Final = re.compile(r"```(.*?)```", re.S)
_QUOTED: Final = re.compile(r"(?:&gt;|>) ?")
_QUOTED_TO_THE_END: Final = re.compile(r"(?:&gt;|>){3} ?")
_BULLET: Final = re.compile(r"(?P<indent>[ \t]*)(?P<bullet>[•◦▪])[ \t\u00a0]+(?P<text>.*)")
_DATE: Final = re.compile(r"!date\^(?P<seconds>-?\d{1,12})\^(?P<form>[^^|]*)(?:\^(?P<url>[^|]*))?(?:\|(?P<fallback>.*))?")
_PLACE: Final = re.compile(r"\{(\w+)\}")
_TEXT_FIELDS: Final = (
    *("pretext", "author_name", "title", "text", "fallback", "value", "url", "fields", "elements", "rows", "accessory"),
    *("blocks", "message_blocks", "message", "attachments", "actions", "footer"),
)
_TAGS: Final = {"*": "strong", "_": "em", "~": "s"}
_STYLES: Final = {"bold": "strong", "italic": "em", "strike": "s", "underline": "u", "code": "code"}
_DATE_FORMS: Final = {"time": "%H:%M", "time_secs": "%H:%M:%S", "ago": "%Y-%m-%d %H:%M"}
_BREAK: Final = "<br />"
_BULLETS: Final = "•◦▪"
_SHORT_CODE: Final = re.compile(r":([^\s:<>&`]+):(?::skin-tone-([2-6]):)?")
DEEPEST: Final = 12
"""Nesting depth of quotes, lists and forwarded messages; deeper ones become text, since XML parsers limit the depth."""
_MOST_OPEN: Final = 4
_ENDS_LINE: Final = frozenset({"p", "li", "blockquote", "tr", "hr", f"{{{AC}}}structured-macro"})


class Names(Protocol):
    """Names of people, channels and user groups by id."""

    def user(self, user_id: str) -> str:
        """Return the name of a person."""

    def channel(self, channel_id: str) -> str:
        """Return the name of a channel, without ``#``."""

    def group(self, group_id: str) -> str:
        """Return the handle of a user group, without ``@``."""


@dataclass(slots=True)
class Mentions:
    """A collector of the ids in messages, whose names can then be looked up before the messages are written.

    ::

        mentions = Mentions()
        SlackText(mentions).storage("Ask <@U0ANNA>")
        mentions.users  # {"U0ANNA"}
    """

    users: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)

    def user(self, user_id: str) -> str:
        """Record a person."""
        self.users.add(user_id)
        return user_id

    def channel(self, channel_id: str) -> str:
        """Record a channel."""
        self.channels.add(channel_id)
        return channel_id

    def group(self, group_id: str) -> str:
        """Record a user group."""
        self.groups.add(group_id)
        return group_id


@dataclass(frozen=True, slots=True)
class SlackText:
    """A converter of messages to storage format.

    ::

        SlackText(names).storage("*Done* :tada:")  # "<p><strong>Done</strong> 🎉</p>"

    :param names: names of the mentioned people and channels
    :param zone: time zone of dates in messages
    """

    names: Names
    zone: tzinfo = UTC

    def storage(
        self, text: str | None, blocks: Iterable[Block] | None = None, attachments: Iterable[Block] | None = None
    ) -> str:
        """Return a message in storage format, as paragraphs, lists, quotes and code.

        A message that is nested too deeply becomes plain text with a paragraph per line.

        :param text: text in mrkdwn; if there are blocks, they have the same text in more detail
        :param blocks: Block Kit blocks
        :param attachments: attachments of a bot; Slack's own link previews are omitted
        """
        blocks, attachments = list(blocks or ()), list(attachments or ())
        try:
            return self._message(text, blocks, attachments, 0)
        except RecursionError:
            texts = "\n".join(_texts([text, blocks, attachments]))
            return "".join(_paragraph(escape_text(_unescape(line))) for line in texts.split("\n"))

    def _message(self, text: str | None, blocks: Sequence[Block], attachments: Iterable[Block], depth: int) -> str:
        if blocks and (not text or all(block.get("type") in _BLOCKS for block in blocks)):
            body = "".join(self._block(block) for block in blocks)
        else:
            body = self.mrkdwn(text or "")
        return body + "".join(self._attachment(attachment, depth) for attachment in attachments)

    def mrkdwn(self, text: str) -> str:
        """Return mrkdwn text as block elements of storage format."""
        parts: list[str] = []
        # Every second piece is the content of a code fence.
        for number, piece in enumerate(_FENCE.split(text.replace("\r\n", "\n"))):
            if number % 2:
                parts.append(code_macro(self._bare(piece.removeprefix("\n").removesuffix("\n"))))
            else:
                parts.append(self._lines(piece.split("\n")))
        return "".join(parts)

    def inline(self, text: str) -> str:
        """Return mrkdwn text as inline markup for a paragraph."""
        parts: list[str] = []
        opened: list[tuple[str, int]] = []
        position = 0
        while match := _INLINE.search(text, position):
            parts.append(_plain(text[position : match.start()]))
            position = match.end()
            before, after = text[match.start() - 1 : match.start()], text[position : position + 1]
            if match["code"] is not None:
                parts.append(f"<code>{escape_text(self._bare(match['code']))}</code>")
            elif match["special"] is not None:
                parts.append(self._special(match["special"])[1])
            elif match["emoji"] is not None:
                # Not in "10:30:00" and the like.
                character = None if before.isascii() and before.isalnum() else emoji(match["emoji"], match["tone"] or "")
                parts.append(character or ":")
                if character is None:
                    position = match.start() + 1
            elif match["line"] is not None:
                parts.append("<br />")
                opened.clear()
            else:
                _mark(match["marker"], before, after, parts, opened)
        parts.append(_plain(text[position:]))
        return "".join(parts)

    def _lines(self, lines: Sequence[str], depth: int = 0) -> str:
        """Return lines without code fences as block elements."""
        parts: list[str] = []
        at = 0
        while at < len(lines):
            line = lines[at]
            end = at + 1
            if match := _QUOTED_TO_THE_END.match(line):
                end = len(lines)
                parts.append(self._quote([line[match.end() :], *lines[at + 1 :]], depth))
            elif _is_quoted(line):
                end = _run_end(lines, at, _is_quoted)
                parts.append(self._quote([_QUOTED.sub("", quoted, count=1) for quoted in lines[at:end]], depth))
            elif _is_bullet(line):
                end = _run_end(lines, at, _is_bullet)
                parts.append(_nested_list(map(self._bullet, lines[at:end])))
            elif line.strip():
                end = _run_end(lines, at, _is_prose)
                parts.append(f"<p>{self.inline(chr(10).join(lines[at:end]))}</p>")
            at = end
        return "".join(parts)

    def _quote(self, lines: Sequence[str], depth: int) -> str:
        if depth >= DEEPEST:
            return f"<p>{self.inline(chr(10).join(lines))}</p>" if any(map(str.strip, lines)) else ""
        inner = self._lines(lines, depth + 1)
        return f"<blockquote>{inner}</blockquote>" if inner else ""

    def _bullet(self, line: str) -> _ListItem:
        match = _BULLET.fullmatch(line)
        if match is None:
            raise AssertionError(f"{line!r} is not a bullet")
        level = max(len(match["indent"].expandtabs(4)) // 4, _BULLETS.index(match["bullet"]))
        return level, "ul", "", self.inline(match["text"])

    def _bare(self, text: str) -> str:
        """Return code without entities, and without the brackets that Slack adds around URLs in code too."""
        pieces = re.split(r"<([^<>\n]+)>", text)
        return "".join(self._special(piece)[0] if number % 2 else _unescape(piece) for number, piece in enumerate(pieces))

    def _special(self, inside: str) -> tuple[str, str]:
        """Return the content of angle brackets as bare text and as markup."""
        target, _, label = inside.partition("|")
        label = _unescape(label)
        if match := re.fullmatch(r"@([A-Z0-9]+)", target):
            return _both("@" + self._user(match[1], label))
        if match := re.fullmatch(r"#([A-Z0-9]+)", target):
            return _both("#" + (label or self.names.channel(match[1])))
        if match := _DATE.fullmatch(inside):
            return self._date(match)
        if match := re.fullmatch(r"!subteam\^([A-Z0-9]+)", target):
            return _both(self._group(match[1], label))
        if match := re.fullmatch(r"!(here|channel|everyone)", target):
            return _both(f"@{match[1]}")
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", target):
            return _link(_unescape(target), label)
        return _both(_unescape(f"<{inside}>"))

    def _user(self, user_id: str, label: str = "") -> str:
        name = self.names.user(user_id)
        return label if label and name == user_id else name

    def _group(self, group_id: str, label: str | None = None) -> str:
        """Return the handle of a user group: the present one as Slack shows it, or else that of the message."""
        # Optional, for implementations of Names from before user groups were supported.
        lookup = getattr(self.names, "group", None)
        handle = lookup(group_id) if lookup else group_id
        return label if label and handle == group_id else f"@{handle}"

    def _date(self, match: re.Match[str]) -> tuple[str, str]:
        fallback = _unescape(match["fallback"] or "")
        try:
            moment = datetime.fromtimestamp(int(match["seconds"]), self.zone)
        except (ValueError, OverflowError, OSError):
            return _both(fallback or _unescape(f"<{match[0]}>"))
        form = _unescape(match["form"])
        text = _PLACE.sub(lambda place: moment.strftime(_DATE_FORMS.get(place[1], "%Y-%m-%d")), form) or fallback
        return _link(_unescape(match["url"]), text) if match["url"] else _both(text)

    def _block(self, block: Block) -> str:
        write = _BLOCKS.get(str(block.get("type")))
        return write(self, block) if write else _paragraph(escape_text(f"[{block.get('type')}]"))

    def _rich_text(self, block: Block) -> str:
        parts: list[str] = []
        items: list[_ListItem] = []
        for section in _elements(block):
            kind = section.get("type")
            if kind == "rich_text_list":
                # Slack sends a nested list as a sequence of flat lists with an indent.
                items += self._rich_list(section)
                continue
            parts.append(_nested_list(items))
            items = []
            if kind == "rich_text_preformatted":
                code = "".join(self._bare_element(element) for element in _elements(section))
                parts.append(code_macro(code, str(section.get("language") or "")))
            elif kind == "rich_text_quote":
                parts.append(f"<blockquote>{_paragraph(self._section(section))}</blockquote>")
            else:
                parts.append(_paragraph(self._section(section)))
        parts.append(_nested_list(items))
        return "".join(parts)

    def _rich_list(self, block: Block) -> Iterator[_ListItem]:
        level = _number(block.get("indent"))
        tag = "ol" if block.get("style") == "ordered" else "ul"
        offset = _number(block.get("offset"))
        attribute = f' start="{offset + 1}"' if tag == "ol" and offset else ""
        for element in _elements(block):
            yield level, tag, attribute, _trim(self._section(element))

    def _section(self, block: Block) -> str:
        return "".join(self._element(element) for element in _elements(block))

    def _element(self, element: Block) -> str:
        kind = element.get("type")
        if kind == "link":
            markup = _link(str(element.get("url") or ""), str(element.get("text") or ""))[1]
        else:
            markup = _broken_lines(self._bare_element(element))
        style = element.get("style")
        for name, tag in _STYLES.items():
            if isinstance(style, Mapping) and style.get(name) and markup:
                markup = f"<{tag}>{markup}</{tag}>"
        return markup

    def _bare_element(self, element: Block) -> str:
        """Return an element of rich text as bare text."""
        kind = element.get("type")
        if kind == "user":
            return "@" + self._user(str(element.get("user_id") or ""))
        if kind == "channel":
            return "#" + self.names.channel(str(element.get("channel_id") or ""))
        if kind == "usergroup":
            return self._group(str(element.get("usergroup_id") or ""))
        if kind == "broadcast":
            return f"@{element.get('range')}"
        if kind == "emoji":
            return _emoji_element(element)
        if kind == "date":
            return self._date_element(element)
        for key in ("text", "fallback", "url", "value"):
            if isinstance(element.get(key), str):
                return str(element[key])
        return f"[{kind}]"

    def _date_element(self, element: Block) -> str:
        form = str(element.get("format") or "{date_num} {time}")
        fallback = str(element.get("fallback") or "")
        match = _DATE.fullmatch(f"!date^{element.get('timestamp')}^{form}")
        return self._date(match)[0] if match else fallback or form

    def _text_object(self, value: Any) -> str:
        """Return a text object of Block Kit as block elements of storage format."""
        if not isinstance(value, Mapping):
            return ""
        text = str(value.get("text") or "")
        return self.mrkdwn(text) if value.get("type") == "mrkdwn" else _paragraph(_broken_lines(_plain_text(value)))

    def _section_block(self, block: Block) -> str:
        texts = "".join(map(self._text_object, [block.get("text"), *_mappings(block.get("fields"))]))
        accessory = block.get("accessory")
        return texts + (_paragraph(self._control(accessory)) if isinstance(accessory, Mapping) else "")

    def _control(self, element: Block) -> str:
        """Return the visible text of a button, a menu or an image beside a text."""
        kind = str(element.get("type"))
        if kind == "image":
            return self._picture(element)
        labels = [_text_of(element), _text_of(element, "placeholder")]
        options = element.get("options") if kind in ("checkboxes", "radio_buttons") else element.get("initial_option")
        choices = [_text_of(option) for option in ([options] if isinstance(options, Mapping) else _mappings(options))]
        values = [str(element.get(key) or "") for key in ("initial_date", "initial_time", "initial_value")]
        texts = dict.fromkeys(filter(None, (*labels, *choices, *values)))
        return _link(str(element.get("url") or ""), _with_emoji(", ".join(texts)))[1]

    def _header(self, block: Block) -> str:
        return _paragraph(f"<strong>{_broken_lines(_text_of(block))}</strong>") if _text_of(block) else ""

    def _context(self, block: Block) -> str:
        return "".join(self._image(e) if e.get("type") == "image" else self._text_object(e) for e in _elements(block))

    def _image(self, block: Block) -> str:
        return _paragraph(self._picture(block))

    def _picture(self, block: Block) -> str:
        name = _text_of(block, "title") or str(block.get("alt_text") or "")
        return _link(str(block.get("image_url") or ""), name)[1]

    def _video(self, block: Block) -> str:
        url = str(block.get("title_url") or block.get("video_url") or "")
        return _paragraph(_link(url, _text_of(block, "title"))[1]) + self._text_object(block.get("description"))

    def _actions(self, block: Block) -> str:
        return _paragraph(" ".join(filter(None, map(self._control, _elements(block)))))

    def _table(self, block: Block) -> str:
        rows = ("".join(f"<td>{self._cell(cell)}</td>" for cell in _mappings(row)) for row in _as_list(block.get("rows")))
        body = "".join(f"<tr>{row}</tr>" for row in rows if row)
        return f"<table><tbody>{body}</tbody></table>" if body else ""

    def _cell(self, cell: Block) -> str:
        return (
            self._rich_text(cell)
            if cell.get("type") == "rich_text"
            else _paragraph(_broken_lines(str(cell.get("text") or "")))
        )

    def _markdown(self, block: Block) -> str:
        return self._lines(escape_text(str(block.get("text") or "")).split("\n"))

    def _attachment(self, attachment: Block, depth: int = 0) -> str:
        if attachment.get("from_url") and not attachment.get("is_msg_unfurl"):
            return ""
        inner: list[str] = []
        if author := attachment.get("author_name"):
            inner.append(_paragraph(escape_text(str(author))))
        if title := attachment.get("title"):
            markup = self.inline(str(title))
            if link := attachment.get("title_link"):
                markup = _link(str(link), _unescape(str(title)))[1]
            inner.append(_paragraph(f"<strong>{markup}</strong>"))
        inner += [self._block(block) for block in _mappings(attachment.get("blocks"))]
        forwarded = [self._forwarded_message(message, depth) for message in _mappings(attachment.get("message_blocks"))]
        inner += forwarded
        if not any(forwarded):  # a forwarded message has the same content in its text and in its blocks
            inner.append(self.mrkdwn(str(attachment.get("text") or "")))
        for field_ in _mappings(attachment.get("fields")):
            inner.append(_paragraph(f"<strong>{self.inline(str(field_.get('title') or ''))}</strong>"))
            inner.append(self.mrkdwn(str(field_.get("value") or "")))
        # Legacy buttons and menus, from before Block Kit.
        inner.append(_paragraph(" ".join(filter(None, map(self._control, _mappings(attachment.get("actions")))))))
        if image := attachment.get("image_url"):
            inner.append(_paragraph(_link(str(image), "")[1]))
        if footer := attachment.get("footer"):
            inner.append(_paragraph(f"<em>{self.inline(str(footer))}</em>"))
        body = "".join(inner) or self.mrkdwn(str(attachment.get("fallback") or ""))
        quoted = f"<blockquote>{body}</blockquote>" if body else ""
        return self.mrkdwn(str(attachment.get("pretext") or "")) + quoted

    def _forwarded_message(self, part: Block, depth: int) -> str:
        """Return a forwarded message, which may itself contain a forwarded message."""
        message = part.get("message")
        if not isinstance(message, Mapping):
            return ""
        blocks, attachments = list(_mappings(message.get("blocks"))), list(_mappings(message.get("attachments")))
        text = str(message.get("text") or "")
        if depth >= DEEPEST:
            return _paragraph(escape_text(" ".join(_texts([blocks or text, attachments]))))
        return self._message(text, blocks, attachments, depth + 1)


def readable(storage: str) -> str:
    """Return the text of a page in storage format, line by line.

    :raises IllFormedStorage: the page is not well-formed
    """
    lines: list[str] = []

    def walk(element: Any) -> None:
        if element.tag == "br":
            lines.append("\n")
        lines.append(element.text or "")
        for child in element:
            walk(child)
            lines.append(child.tail or "")
        if element.tag in _ENDS_LINE:
            lines.append("\n")

    walk(PageDocument(storage).root)
    return re.sub(r"\n{2,}", "\n", "".join(lines)).strip()


_ListItem: TypeAlias = tuple[int, str, str, str]
"""Depth, tag of the list (``ul`` or ``ol``) with its attributes, and markup of the item."""

_BLOCKS: Final[Mapping[str, Callable[[SlackText, Block], str]]] = {
    "rich_text": SlackText._rich_text,
    "section": SlackText._section_block,
    "header": SlackText._header,
    "context": SlackText._context,
    "divider": lambda _self, _block: "<hr />",
    "image": SlackText._image,
    "video": SlackText._video,
    "actions": SlackText._actions,
    "table": SlackText._table,
    "markdown": SlackText._markdown,
}


def _mark(marker: str, before: str, after: str, parts: list[str], opened: list[tuple[str, int]]) -> None:
    """Append a marker: as tags if it closes an open one, otherwise as a character for now.

    Markers are only valid at the edge of a word. Korean, Chinese and Japanese letters count as edges, since particles follow
    without a space.
    """
    closes = before and not before.isspace() and before != marker and _is_edge(after) and after != marker
    if closes and (index := next((n for n in reversed(range(len(opened))) if opened[n][0] == marker), None)) is not None:
        _, at = opened[index]
        # Markers that were opened inside and not closed remain characters.
        del opened[index:]
        parts[at] = f"<{_TAGS[marker]}>"
        parts.append(f"</{_TAGS[marker]}>")
        return
    is_free = sum(other == marker for other, _ in opened) < _MOST_OPEN
    if is_free and after and not after.isspace() and after != marker and _is_edge(before) and before != marker:
        opened.append((marker, len(parts)))
    parts.append(marker)


def _is_edge(character: str) -> bool:
    return not character.isalnum() or unicodedata.east_asian_width(character) in ("W", "F")


def _nested_list(items: Iterable[_ListItem]) -> str:
    parts: list[str] = []
    opened: list[str] = []
    for depth, tag, attributes, body in items:
        level = min(depth, len(opened), DEEPEST)
        while len(opened) > level + 1 or (len(opened) == level + 1 and opened[-1] != tag):
            parts.append(f"</li></{opened.pop()}>")
        if len(opened) == level + 1:
            parts.append("</li>")
        else:
            opened.append(tag)
            parts.append(f"<{tag}{attributes}>")
        parts.append(f"<li>{body}")
    parts += [f"</li></{tag}>" for tag in reversed(opened)]
    return "".join(parts)


def _link(url: str, label: str) -> tuple[str, str]:
    """Return a link as bare text and as markup; a URL that a page may not link to is shown as text."""
    text = label or url
    try:
        return text, to_storage(Link(text, url=url))
    except ValueError:
        shown = f"{label} ({url})" if label and url else text
        return shown, escape_text(shown)


def _emoji_element(element: Block) -> str:
    name = str(element.get("name") or "")
    try:
        return "".join(chr(int(code, 16)) for code in str(element["unicode"]).split("-"))
    except (KeyError, ValueError, OverflowError):
        return emoji(name, str(element.get("skin_tone") or "")) or f":{name}:"


def _run_end(lines: Sequence[str], start: int, belongs: Callable[[str], bool]) -> int:
    """Return the end of the run of similar lines that begins at ``start``."""
    end = start + 1
    while end < len(lines) and belongs(lines[end]):
        end += 1
    return end


def _is_quoted(line: str) -> bool:
    return _QUOTED.match(line) is not None


def _is_bullet(line: str) -> bool:
    return _BULLET.fullmatch(line) is not None


def _is_prose(line: str) -> bool:
    return bool(line.strip()) and not _is_quoted(line) and not _is_bullet(line)


def _elements(block: Block) -> Iterator[Block]:
    return _mappings(block.get("elements"))


def _mappings(value: Any) -> Iterator[Block]:
    return (item for item in _as_list(value) if isinstance(item, Mapping))


def _as_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _number(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _text_of(block: Block, key: str = "text") -> str:
    value = block.get(key)
    return _plain_text(value) if isinstance(value, Mapping) else str(value or "")


def _plain_text(value: Block) -> str:
    """Return the text of a text object, with ``:names:`` replaced by emoji unless the object disables them."""
    text = str(value.get("text") or "")
    if value.get("type", "plain_text") != "plain_text" or value.get("emoji") is False:
        return text
    return _with_emoji(text)


def _with_emoji(text: str) -> str:
    return _SHORT_CODE.sub(lambda match: emoji(match[1], match[2] or "") or match[0], text)


def _texts(parts: Sequence[Any]) -> Iterator[str]:
    """Yield the texts in blocks and attachments at any depth, in order, without recursion."""
    stack: list[Any] = [*reversed(parts)]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, Mapping):
            stack += [part[key] for key in reversed(_TEXT_FIELDS) if part.get(key)]
        elif isinstance(part, list | tuple):
            stack += reversed(part)


def _both(text: str) -> tuple[str, str]:
    return text, escape_text(text)


def _plain(text: str) -> str:
    return escape_text(_unescape(text))


def _unescape(text: str) -> str:
    """Replace the three entities that Slack uses."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _broken_lines(text: str) -> str:
    return escape_text(text).replace("\n", _BREAK)


def _trim(markup: str) -> str:
    """Return markup without line breaks at its ends. Not by a pattern with ``$``, which takes quadratic time."""
    start, end = 0, len(markup)
    while markup.startswith(_BREAK, start, end):
        start += len(_BREAK)
    while markup.endswith(_BREAK, start, end):
        end -= len(_BREAK)
    return markup[start:end]


def _paragraph(markup: str) -> str:
    markup = _trim(markup)
    return f"<p>{markup}</p>" if markup else ""
