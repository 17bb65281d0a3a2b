"""What goes into a page, and how it is written in storage format. Text is always escaped; markup is a type of its own."""

from __future__ import annotations

import datetime as dt
import numbers
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, get_args

from workplace_provider.confluence.pages.document import PageDocument

StatusColour = Literal["Grey", "Red", "Yellow", "Blue", "Green", "Purple"]
COLOURS: Final = get_args(StatusColour)

# XML 1.0 has no way to write these. They are shown as the Unicode picture of the control character, so that nothing
# disappears silently; what has no picture becomes the replacement character.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SAFE_URL = re.compile(r"(?i)(https?|mailto|ftp|tel|slack|file):|[/#?.]")

# Names of columns whose whole numbers are read digit by digit: 2026 and not 2,026.
_YEAR_NAME: Final = re.compile(r"^(년|해|연|年|yr|fy|cy|year|years)$|(연도|년도|年度|year)$")
_ID_NAME: Final = re.compile(r"^(id|ids|no|zip|zipcode|code|pk|key)$|(번호|코드|아이디|番号|コード)$")
_UNIT: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")


@dataclass(frozen=True, slots=True)
class Storage:
    """Storage markup that is put in as it is.

    :param markup: well-formed storage format
    :raises IllFormedStorage: when it is not
    """

    markup: str

    def __post_init__(self) -> None:
        """Refuse what would break the page."""
        PageDocument(self.markup)


@dataclass(frozen=True, slots=True)
class Link:
    """A link with its text: to a URL, to a page by title, or to a file of the page.

    :param text: what people read; the target when it is empty
    :param url: address
    :param page: title of a page
    :param space: key of that page's space, when it is another
    :param attachment: name of a file of this page
    """

    text: str = ""
    url: str | None = None
    page: str | None = None
    space: str | None = None
    attachment: str | None = None

    def __post_init__(self) -> None:
        """Refuse a link without exactly one target, and a script as its target."""
        if sum(target is not None for target in (self.url, self.page, self.attachment)) != 1:
            raise ValueError(f"the link {self.text!r} needs exactly one target: url, page or attachment")
        if self.url is not None and not _SAFE_URL.match(self.url.strip()):
            raise ValueError(f"{self.url!r} is no address that a page may link to")


@dataclass(frozen=True, slots=True)
class User:
    """A mention.

    :param username: account name (Data Center)
    :param userkey: user key (Data Center)
    :param account_id: account id (Cloud)
    """

    username: str | None = None
    userkey: str | None = None
    account_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse a mention of nobody."""
        if sum(bool(name) for name in (self.username, self.userkey, self.account_id)) != 1:
            raise ValueError("a user needs exactly one of username, userkey and account_id")


@dataclass(frozen=True, slots=True)
class Status:
    """A status lozenge.

    :param title: its text
    :param colour: Grey, Red, Yellow, Blue, Green or Purple
    """

    title: str
    colour: StatusColour = "Grey"

    def __post_init__(self) -> None:
        """Refuse a colour that Confluence does not know."""
        if self.colour not in COLOURS:
            raise ValueError(f"{self.colour!r} is no colour of a status: {', '.join(COLOURS)}")


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that is a file of the page.

    :param filename: name of the attachment
    :param width: pixels
    :param alt: text for those who do not see it
    :param caption: text below it
    """

    filename: str
    width: int | None = None
    alt: str = ""
    caption: str = ""


_PLAIN: Final[Mapping[str, type]] = {"link": Link, "user": User, "status": Status, "image": Image}
_WRITTEN: Final[Mapping[str, Callable[[str], Any]]] = {
    "date": dt.date.fromisoformat,
    "datetime": dt.datetime.fromisoformat,
    "decimal": Decimal,
}


def escape_text(text: str) -> str:
    """Text as it is written between tags: never markup, never ill-formed, nothing lost."""
    escaped = _UNWRITABLE.sub(_picture, text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A carriage return is a line break to XML and would be gone after the next save.
    return escaped.replace("\r\n", "\n").replace("\r", "\n")


def quote_attribute(text: str) -> str:
    """Text as it is written as the value of an attribute, with its quotes."""
    escaped = escape_text(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return f'"{escaped}"'


def cdata(text: str) -> str:
    """Text as it is written in a CDATA section, with the section's ends; a ``]]>`` in it is divided between two sections."""
    writable = _UNWRITABLE.sub(_picture, text).replace("\r\n", "\n").replace("\r", "\n")
    return f"<![CDATA[{writable.replace(']]>', ']]]]><![CDATA[>')}]]>"


def code_macro(code: str, language: str = "") -> str:
    """A block of code, as the macro that shows it.

    :param language: name for the colours, as the macro knows it
    """
    parameter = f'<ac:parameter ac:name="language">{escape_text(language)}</ac:parameter>' if language else ""
    body = f"<ac:plain-text-body>{cdata(code)}</ac:plain-text-body>"
    return f'<ac:structured-macro ac:name="code">{parameter}{body}</ac:structured-macro>'


def to_storage(value: Any, form: str | None = None, *, of: str = "") -> str:
    """Write a value in storage format.

    Numbers have thousands separators, except years and ids (see ``of``). Floats are written with the 15 digits that are
    certain: 0.1 + 0.2 is 0.3. What is missing (``None``, NaN, ``NaT``) is empty. Infinity and bytes are refused without a
    format: with one, infinity is ``∞``, and bytes are text in that encoding, or ``hex``.

    :param value: text, a number, a date, ``None``, one of this module's types, or a list of those
    :param form: how to write a number or date: a format specification of Python such as ``,.1f`` or ``.1%``, for dates
        that of ``strftime``
    :param of: name of the column or place that the value is for: 2026 in a column ``연도`` is a year
    :return: markup for inside a paragraph or cell
    :raises ValueError: when the format does not fit the value, or the value has no form on a page
    """
    if is_missing(value):
        return ""
    if isinstance(value, list | tuple):
        if nested := next((each for each in value if isinstance(each, list | tuple)), None):
            raise ValueError(
                f"{_shown(nested)} is a list in a list, which a cell cannot show; hand on rows and columns apart"
            )
        return ", ".join(to_storage(each, form, of=of) for each in value)
    if isinstance(value, Storage):
        return value.markup
    if isinstance(value, Link):
        return _link(value)
    if isinstance(value, User):
        return _user(value)
    if isinstance(value, Status):
        return _status(value)
    if isinstance(value, Image):
        return image_storage(value)
    return _plain(value, form, of)


def is_missing(value: Any) -> bool:
    """Return whether a value stands for none: ``None``, NaN, and what pandas has for them."""
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return True
    return isinstance(value, numbers.Real | Decimal) and bool(value != value)  # only NaN differs from itself


def from_plain(value: Any) -> Any:
    """A value of this module from its plain form, as it comes through XCom, JSON or YAML.

    ``{"status": {"title": "DONE", "colour": "Green"}}``, ``{"link": {"text": ..., "url": ...}}``, ``{"user": {...}}``,
    ``{"image": {...}}``, ``{"storage": "<p>...</p>"}``, ``{"date": "2026-11-19"}``, ``{"datetime": ...}``,
    ``{"decimal": "1.50"}``. Everything else is returned as it is.

    :raises ValueError: when a mapping is none of these; the message says what was found
    """
    if isinstance(value, list | tuple):
        return [from_plain(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((kind, given),) = value.items()
        if kind in _PLAIN and isinstance(given, Mapping):
            try:
                return _PLAIN[kind](**given)
            except TypeError as error:
                raise ValueError(f"{dict(value)!r} is no {kind}: {error}") from None
        if kind == "storage" and isinstance(given, str):
            return Storage(given)
        if kind in _WRITTEN and isinstance(given, str):
            try:
                return _WRITTEN[kind](given)
            except (ValueError, ArithmeticError):
                raise ValueError(f"{given!r} is no {kind}") from None
    raise ValueError(f"{dict(value)!r} is no value: the kinds are {', '.join([*_PLAIN, 'storage', *_WRITTEN])}")


def image_storage(image: Image) -> str:
    """A picture in storage format."""
    attributes = f' ac:width="{image.width}"' if image.width else ""
    attributes += f" ac:alt={quote_attribute(image.alt)}" if image.alt else ""
    caption = f"<ac:caption><p>{escape_text(image.caption)}</p></ac:caption>" if image.caption else ""
    file = f"<ri:attachment ri:filename={quote_attribute(image.filename)} />"
    return f"<ac:image{attributes}>{file}{caption}</ac:image>"


def _plain(value: Any, form: str | None, of: str) -> str:
    if isinstance(value, Mapping | set | frozenset):
        raise ValueError(f"{_shown(value)} is no value of a cell; hand on text, a number, a date, or a list of those")
    if isinstance(value, bytes | bytearray | memoryview):
        return _break_lines(_bytes(bytes(value), form))
    if isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool):
        return escape_text(_number(value, form, of))
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime) and not form:
        return f'<time datetime="{value.isoformat()}" />'
    if form and not isinstance(value, str | bool):
        return escape_text(_formatted(value, form))
    text = value.strftime("%Y-%m-%d %H:%M") if isinstance(value, dt.datetime) else str(value)
    return _break_lines(text)


def _break_lines(text: str) -> str:
    return escape_text(text).replace("\n", "<br />")


def _formatted(value: Any, form: str) -> str:
    try:
        return format(value, form)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{value!r} cannot be written as {form!r}: {error}") from error


def _number(value: numbers.Real | Decimal, form: str | None, of: str) -> str:
    number = value if isinstance(value, int | float | Decimal) else _plain_number(value)
    if not isinstance(number, int) and not Decimal(number).is_finite():
        if not form:
            raise ValueError(f"{value!r} is no figure to show; leave it out, or give its column a format")
        return "∞" if number > 0 else "-∞"
    if form:
        return _formatted(number, form)
    whole = isinstance(number, int) or number == int(number)
    if whole and _is_label(int(number), of):
        return str(int(number))
    if isinstance(number, float):
        # A double has 15 certain decimal digits; what comes behind them is rounding of the binary form.
        text = f"{number:.15g}"
        return text if number and not 1e-9 <= abs(number) < 1e21 else _decimal(Decimal(repr(float(text))))
    return f"{number:,}" if isinstance(number, int) else _decimal(number)


def _plain_number(value: numbers.Real) -> int | float:
    """A number of another library, such as numpy, as Python's own; a float of 32 bits keeps the digits that it shows."""
    return int(value) if isinstance(value, numbers.Integral) else float(str(value) if _is_short_float(value) else value)


def _is_short_float(value: numbers.Real) -> bool:
    return type(value).__name__ in ("float16", "float32", "half", "single")


def _decimal(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.removeprefix("-") if not number else text


def _is_label(number: int, of: str) -> bool:
    """Return whether a whole number is a year or an id rather than a figure, which has no thousands separator."""
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
        raise ValueError(f"{_shown(value)} is bytes; decode them, or give their column an encoding or 'hex' as its format")
    try:
        return value.decode(form)
    except LookupError:
        raise ValueError(f"{form!r} is no encoding for bytes") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{_shown(value)} is no {form}: {error.reason}") from error


def _shown(value: Any) -> str:
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
        who = f"ri:account-id={quote_attribute(user.account_id)}"
    elif user.userkey:
        who = f"ri:userkey={quote_attribute(user.userkey)}"
    else:
        who = f"ri:username={quote_attribute(user.username or '')}"
    return f"<ac:link><ri:user {who} /></ac:link>"


def _status(status: Status) -> str:
    return (
        '<ac:structured-macro ac:name="status">'
        f'<ac:parameter ac:name="colour">{status.colour}</ac:parameter>'
        f'<ac:parameter ac:name="title">{escape_text(status.title)}</ac:parameter>'
        "</ac:structured-macro>"
    )


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"
