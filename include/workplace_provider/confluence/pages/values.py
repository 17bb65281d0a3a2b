"""Values for a page and their storage format. Text is always escaped; markup has a type of its own, :class:`Storage`."""

from __future__ import annotations

import datetime as dt
import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, get_args

from workplace_provider.confluence.pages.document import AC, IllFormedStorage, PageDocument

StatusColour = Literal["Grey", "Red", "Yellow", "Blue", "Green", "Purple"]
COLOURS: Final = get_args(StatusColour)

# XML 1.0 cannot represent these characters. Control characters become their Unicode control pictures, so that nothing
# disappears silently; the others become the replacement character.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SAFE_URL = re.compile(r"(?i)(https?|mailto|ftp|tel|slack|file):|[/#?.]")

# Names of columns whose whole numbers have no thousands separators: 2026 and not 2,026.
_YEAR_NAME: Final = re.compile(r"^(년|해|연|年|yr|fy|cy|year|years)$|(연도|년도|年度|year)$")
_ID_NAME: Final = re.compile(r"^(id|ids|no|zip|zipcode|code|pk|key)$|(번호|코드|아이디|番号|コード)$")
_UNIT: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")

_BLOCKS: Final = frozenset(
    {"p", "ul", "ol", "dl", "table", "div", "blockquote", "pre", "hr", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {f"{{{AC}}}{name}" for name in ("task-list", "layout", "adf-extension")}
)
_MACRO: Final = f"{{{AC}}}structured-macro"
_MACRO_BODIES: Final = (f"{{{AC}}}rich-text-body", f"{{{AC}}}plain-text-body")


@dataclass(frozen=True, slots=True)
class Storage:
    """Storage format that is inserted without escaping.

    :param markup: well-formed storage format
    :raises IllFormedStorage: the markup is not well-formed
    """

    markup: str

    def __post_init__(self) -> None:
        """Check that the markup is well-formed."""
        PageDocument(self.markup)


@dataclass(frozen=True, slots=True)
class Markdown:
    """Markdown, which becomes storage format: see :func:`~workplace_provider.confluence.pages.markdown_to_storage`.

    A text of one paragraph fits into a sentence or a cell. Pictures and links without ``https:`` are attachments of the
    page. HTML is text.

    :param text: Markdown
    :param headings: level of the headings with one ``#``
    :param inserted: values for the marked places of the text, which operators set when they render templates
    """

    text: str
    headings: int = 1
    inserted: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a URL, to a page by its title, or to an attachment of the page.

    :param text: text of the link; the target is shown when it is empty
    :param url: URL to link to
    :param page: title of a page to link to
    :param space: key of that page's space, if it is another space
    :param attachment: name of an attachment of this page
    :raises ValueError: there is no target or more than one, or the URL is a script
    """

    text: str = ""
    url: str | None = None
    page: str | None = None
    space: str | None = None
    attachment: str | None = None

    def __post_init__(self) -> None:
        """Check that the link has exactly one target, and that it is not a script."""
        if sum(target is not None for target in (self.url, self.page, self.attachment)) != 1:
            raise ValueError(f"the link {self.text!r} must have exactly one target: url, page or attachment")
        if self.url is not None and not _SAFE_URL.match(self.url.strip()):
            raise ValueError(f"a page must not link to {self.url!r}; use an http, https, mailto or other safe URL")


@dataclass(frozen=True, slots=True)
class User:
    """A mention of a user.

    :param username: account name (Data Center)
    :param userkey: user key (Data Center)
    :param account_id: account id (Cloud)
    :raises ValueError: none of the names is given, or more than one
    """

    username: str | None = None
    userkey: str | None = None
    account_id: str | None = None

    def __post_init__(self) -> None:
        """Check that exactly one name is given."""
        if sum(bool(name) for name in (self.username, self.userkey, self.account_id)) != 1:
            raise ValueError("a user must have exactly one of username, userkey and account_id")


@dataclass(frozen=True, slots=True)
class Status:
    """A status lozenge.

    :param title: text of the lozenge
    :param colour: Grey, Red, Yellow, Blue, Green or Purple
    :raises ValueError: the colour is another one
    """

    title: str
    colour: StatusColour = "Grey"

    def __post_init__(self) -> None:
        """Check that Confluence has this colour."""
        if self.colour not in COLOURS:
            raise ValueError(f"the colour of a status is {self.colour!r}; it must be one of {', '.join(COLOURS)}")


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is an attachment of the page.

    :param filename: name of the attachment
    :param width: width in pixels
    :param alt: alternative text for screen readers
    :param caption: text below the image
    """

    filename: str
    width: int | None = None
    alt: str = ""
    caption: str = ""


_VALUE_TYPES: Final[Mapping[str, type]] = {
    "link": Link, "user": User, "status": Status, "image": Image, "markdown": Markdown,
}  # fmt: skip
_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "storage": Storage,
    "markdown": Markdown,
    "date": dt.date.fromisoformat,
    "datetime": dt.datetime.fromisoformat,
    "decimal": Decimal,
}


def escape_text(text: str) -> str:
    """Escape text for a place between tags. The result is never markup and always well-formed, and no character is lost."""
    escaped = _UNWRITABLE.sub(_visible_control, text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # XML normalizes a carriage return to a line break, so it would be lost at the next save.
    return escaped.replace("\r\n", "\n").replace("\r", "\n")


def quote_attribute(text: str) -> str:
    """Return text as a quoted and escaped attribute value."""
    escaped = escape_text(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return f'"{escaped}"'


def cdata(text: str) -> str:
    """Return text as a CDATA section; a ``]]>`` in the text is split between two sections."""
    writable = _UNWRITABLE.sub(_visible_control, text).replace("\r\n", "\n").replace("\r", "\n")
    return f"<![CDATA[{writable.replace(']]>', ']]]]><![CDATA[>')}]]>"


def code_macro(code: str, language: str = "") -> str:
    """Return a block of code as a ``code`` macro.

    :param language: language for syntax highlighting, by the macro's name for it
    """
    parameter = f'<ac:parameter ac:name="language">{escape_text(language)}</ac:parameter>' if language else ""
    body = f"<ac:plain-text-body>{cdata(code)}</ac:plain-text-body>"
    return f'<ac:structured-macro ac:name="code">{parameter}{body}</ac:structured-macro>'


def to_storage(value: Any, form: str | None = None, *, of: str = "") -> str:
    """Return a value in storage format.

    Numbers get thousands separators, except years and ids (see ``of``). Floats are rounded to the 15 digits that a double
    represents exactly: 0.1 + 0.2 is 0.3. Missing values (``None``, NaN, ``NaT``) are empty. Infinity and bytes need a
    format: infinity is then ``∞``, and bytes are decoded with that encoding, or written as ``hex``.

    :param value: text, a number, a date, ``None``, one of this module's types, or a list of those
    :param form: format of a number or date: a Python format specification such as ``,.1f`` or ``.1%``, and for dates a
        ``strftime`` format
    :param of: name of the value's column or place: 2026 in a column ``연도`` is a year
    :return: markup for the inside of a paragraph or cell
    :raises ValueError: the format does not fit the value, or a page cannot show the value
    """
    if is_missing(value):
        return ""
    if isinstance(value, list | tuple):
        if nested := next((item for item in value if isinstance(item, list | tuple)), None):
            raise ValueError(
                f"a cell cannot show a list in a list: {_excerpt(nested)}. Pass one value for each row and column"
            )
        return ", ".join(to_storage(item, form, of=of) for item in value)
    for kind, convert in _CONVERTERS:
        if isinstance(value, kind):
            return convert(value)
    return _scalar(value, form, of)


def blocks(value: Storage | Markdown) -> str:
    """Return markup for a place between paragraphs."""
    if isinstance(value, Storage):
        return value.markup
    from workplace_provider.confluence.pages.markdown import markdown_to_storage

    return markdown_to_storage(value.text, headings=value.headings, inserted=value.inserted)


def is_missing(value: Any) -> bool:
    """Return whether a value is missing: ``None``, NaN, or the missing values of pandas."""
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return True
    return isinstance(value, numbers.Real | Decimal) and bool(value != value)  # only NaN differs from itself


def is_block(markup: str) -> bool:
    """Return whether markup has blocks, such as paragraphs, which do not fit into a paragraph."""
    return any(
        element.tag in _BLOCKS or (element.tag == _MACRO and any(child.tag in _MACRO_BODIES for child in element))
        for element in PageDocument(markup).root
    )


def from_plain(value: Any) -> Any:
    """Return a value of this module from its plain form, which XCom, JSON and YAML can carry.

    ``{"status": {"title": "DONE", "colour": "Green"}}``, ``{"link": {"text": ..., "url": ...}}``, ``{"user": {...}}``,
    ``{"image": {...}}``, ``{"storage": "<p>...</p>"}``, ``{"markdown": "**WAU** grew"}``, ``{"date": "2026-11-19"}``,
    ``{"datetime": ...}``, ``{"decimal": "1.50"}``. Any other value is returned unchanged.

    :raises ValueError: a mapping is none of these; the message shows the mapping
    """
    if isinstance(value, list | tuple):
        return [from_plain(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((kind, content),) = value.items()
        if kind in _VALUE_TYPES and isinstance(content, Mapping):
            try:
                return _VALUE_TYPES[kind](**content)
            except TypeError as error:
                raise ValueError(f"{dict(value)!r} is not a valid {kind}: {error}") from None
        if kind in _PARSERS and isinstance(content, str):
            try:
                return _PARSERS[kind](content)
            except IllFormedStorage:
                raise
            except (ValueError, ArithmeticError):
                raise ValueError(f"{content!r} is not a valid {kind}") from None
    raise ValueError(
        f"{dict(value)!r} is not a value for a page; a mapping must have one key of "
        f"{', '.join(dict.fromkeys([*_VALUE_TYPES, *_PARSERS]))}"
    )


def image_storage(image: Image) -> str:
    """Return an image in storage format."""
    attributes = f' ac:width="{image.width}"' if image.width else ""
    attributes += f" ac:alt={quote_attribute(image.alt)}" if image.alt else ""
    caption = f"<ac:caption><p>{escape_text(image.caption)}</p></ac:caption>" if image.caption else ""
    file = f"<ri:attachment ri:filename={quote_attribute(image.filename)} />"
    return f"<ac:image{attributes}>{file}{caption}</ac:image>"


def _scalar(value: Any, form: str | None, of: str) -> str:
    if isinstance(value, Mapping | set | frozenset):
        raise ValueError(f"a cell cannot show {_excerpt(value)}; pass text, a number, a date, or a list of those")
    if isinstance(value, bytes | bytearray | memoryview):
        return _break_lines(_bytes(bytes(value), form))
    if isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool):
        return escape_text(_number(value, form, of))
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime) and not form:
        return f'<time datetime="{value.isoformat()}" />'
    if form and not isinstance(value, str | bool):
        return escape_text(_apply_format(value, form))
    text = value.strftime("%Y-%m-%d %H:%M") if isinstance(value, dt.datetime) else str(value)
    return _break_lines(text)


def _break_lines(text: str) -> str:
    return escape_text(text).replace("\n", "<br />")


def _apply_format(value: Any, form: str) -> str:
    try:
        return format(value, form)
    except (ValueError, TypeError) as error:
        raise ValueError(f"the format {form!r} does not fit {value!r}: {error}") from error


def _number(value: numbers.Real | Decimal, form: str | None, of: str) -> str:
    number = value if isinstance(value, int | float | Decimal) else _plain_number(value)
    if not isinstance(number, int) and not Decimal(number).is_finite():
        if not form:
            raise ValueError(f"a page cannot show {value!r} without a format; leave it out, or give its column a format")
        return "∞" if number > 0 else "-∞"
    if form:
        return _apply_format(number, form)
    whole = isinstance(number, int) or number == int(number)
    if whole and _is_label(int(number), of):
        return str(int(number))
    if isinstance(number, float):
        # A double represents 15 decimal digits exactly; further digits are rounding errors of the binary form.
        text = f"{number:.15g}"
        return text if number and not 1e-9 <= abs(number) < 1e21 else _decimal(Decimal(repr(float(text))))
    return f"{number:,}" if isinstance(number, int) else _decimal(number)


def _plain_number(value: numbers.Real) -> int | float:
    """Return a number of another library, such as numpy, as a Python number; a 32-bit float keeps its displayed digits."""
    return int(value) if isinstance(value, numbers.Integral) else float(str(value) if _is_short_float(value) else value)


def _is_short_float(value: numbers.Real) -> bool:
    return type(value).__name__ in ("float16", "float32", "half", "single")


def _decimal(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.removeprefix("-") if not number else text


def _is_label(number: int, of: str) -> bool:
    """Return whether a whole number is a year or an id, which get no thousands separators."""
    words = _UNIT.sub("", of.rpartition(" / ")[2]).casefold().split()
    if not words:
        return False
    last = re.split(r"[_\W]+", words[-1].strip(".#:"))[-1]
    if _YEAR_NAME.search(last) and 1000 <= number <= 2999:
        return True
    return _ID_NAME.search(last) is not None


def _bytes(value: bytes, form: str | None) -> str:
    if form == "hex":
        return value.hex()
    if not form:
        raise ValueError(
            f"a page cannot show bytes without a format: {_excerpt(value)}. Decode them, or give the column an encoding or "
            "'hex' as its format"
        )
    try:
        return value.decode(form)
    except LookupError:
        raise ValueError(f"unknown encoding {form!r} for bytes") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{_excerpt(value)} is not valid {form}: {error.reason}") from error


def _excerpt(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _link(link: Link) -> str:
    if link.url is not None:
        return f"<a href={quote_attribute(link.url.strip())}>{escape_text(link.text or link.url)}</a>"
    if link.page is not None:
        space = f" ri:space-key={quote_attribute(link.space)}" if link.space else ""
        target = f"<ri:page{space} ri:content-title={quote_attribute(link.page)} />"
    else:
        target = f"<ri:attachment ri:filename={quote_attribute(link.attachment or '')} />"
    text = link.text or link.page or link.attachment or ""
    return f"<ac:link>{target}<ac:link-body>{escape_text(text)}</ac:link-body></ac:link>"


def _user(user: User) -> str:
    if user.account_id:
        name = f"ri:account-id={quote_attribute(user.account_id)}"
    elif user.userkey:
        name = f"ri:userkey={quote_attribute(user.userkey)}"
    else:
        name = f"ri:username={quote_attribute(user.username or '')}"
    return f"<ac:link><ri:user {name} /></ac:link>"


def _status(status: Status) -> str:
    return (
        '<ac:structured-macro ac:name="status">'
        f'<ac:parameter ac:name="colour">{status.colour}</ac:parameter>'
        f'<ac:parameter ac:name="title">{escape_text(status.title)}</ac:parameter>'
        "</ac:structured-macro>"
    )


def _markdown(markdown: Markdown) -> str:
    from workplace_provider.confluence.pages.markdown import markdown_to_storage

    return markdown_to_storage(markdown.text, headings=markdown.headings, inserted=markdown.inserted, inline=True)


_CONVERTERS: Final[Sequence[tuple[type, Callable[[Any], str]]]] = (
    (Storage, lambda storage: storage.markup),
    (Link, _link),
    (User, _user),
    (Status, _status),
    (Image, image_storage),
    (Markdown, _markdown),
)


def _visible_control(match: re.Match[str]) -> str:
    code = ord(match.group())
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"
