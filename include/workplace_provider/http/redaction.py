"""Sanitizing of texts that leave this provider: no control characters, no secrets in URLs."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote_plus

MASK: Final = "***"

# Control characters drive a terminal, bidirectional ones reorder what a reader sees (CVE-2021-42574), and a lone surrogate
# cannot be written as UTF-8. Tab and line feed are layout. Joiners stay: emoji and Persian need them.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_LEVELS: Final = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]{0,30}:/{1,3}[^\s<>\"'`|\\^{}/][^\s<>\"'`|\\^{}]*", re.I)
# A word behind these is a credential when it has a digit or a capital inside: "Basic authentication" is none. The bounds
# keep a text of many such words linear.
_CREDENTIAL: Final = re.compile(
    r"\b((?i:bearer|basic))((?:[\s:=+]|%20){1,4})(?=[\w.~+/=-]{0,200}?(?:\d|[a-z][A-Z]))[\w.~+/=-]{8,}"
)
# What tokens look like by themselves: Slack, Atlassian, GitHub, a JSON Web Token.
_TOKEN: Final = re.compile(
    r"(?<![\w-])(?:(?:xox[a-z](?:\.xox[a-z])?|xapp|xwfp)-[\w-]{8,}"
    r"|A(?:TATT|TCTT|TSTT|TOA|TBB)[\w+/=-]{16,}"
    r"|gh[a-z]_\w{16,}|github_pat_\w{16,}"
    r"|eyJ[\w-]{8,1000}\.[\w-]{8,}(?:\.[\w-]+)?)"
)
# A value behind the name of a secret, in JSON or as name=value without spaces.
_NAMED: Final = re.compile(
    r"""(?<![\w-])([\w-]{0,30}(?:token|secret|passwd|password|api_?key)["']?(?:=|\s{0,3}:\s{0,3}(?=["']))["']?)"""
    r"""[^\s"'&<>,;{}()\[\]]{6,}""",
    re.I,
)
_SCHEME: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?[/\\]{2,}|[a-z][a-z0-9+.-]*:[/\\]", re.I)
_HOST: Final = re.compile(r"(\[[0-9a-f:.%]+\]|[\w.*-]+)(:\d{0,5})?", re.I)
_PATH_PARAMETER: Final = re.compile(r";([^/;=]*)=[^/;]*")
# The rest of these paths is a password: webhooks, response URLs, workflow triggers.
_SECRET_PATHS: Final = re.compile(r"(hooks\.slack(?:-gov)?\.com(?::\d+)?/[\w-]+)/.+", re.I)
# A parameter of a link is a secret by its name, or by a vague name with a value as long as a token's: "code=notice" is a
# board, "author=ann" a person.
_SECRET_NAME: Final = re.compile(
    r"token|secret|passw|pwd|passphrase|signature|credential|api[_-]?key|access[_-]?key|jwt|session_?id|sessid"
    r"|^(?:auth|sig|sas|sid|ticket|hmac|x-amz-.*|x-goog-.*|awsaccesskeyid|googleaccessid)$",
    re.I,
)
_VAGUE_NAME: Final = re.compile(r"^(?:.*key|code|hash|auth.*|private.*|k|t|s)$", re.I)
_LONG_VALUE: Final = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w.~+/%=-]{16,}")
# The parameters that this provider's own requests and the links to pages have. Of any other only the name is shown: what a
# board, a feed or a signed URL calls its token is not known.
_SHOWN_PARAMETERS: Final = frozenset(
    {
        *("attributes", "body-format", "body_format", "channel", "cql", "count", "cursor", "depth", "direction"),
        *("draftid", "excludedattributes", "expand", "fields", "filename", "filter", "focusedcommentid", "from", "ids"),
        *("include-archived", "inclusive", "jql", "latest", "limit", "maxage", "maxresults", "name", "offset", "oldest"),
        *("page", "pageid", "pagenumber", "pagesize", "preview", "resolution", "root-level", "selectedpageid", "size"),
        *("sort", "sortby", "sortorder", "space", "space-id", "spacekey", "start", "startat", "startindex", "status"),
        *("tab", "team_id", "title", "to", "ts", "type", "types", "user", "validatequery", "version", "vizheight"),
        *("map_index", "try_number", "vizwidth", "year"),
    }
)


def clean_text(text: str) -> str:
    r"""Return a text whose control characters and bidirectional marks are escapes that a reader can see.

    >>> clean_text("report\u202egpj.exe")
    'report\\u202egpj.exe'
    """
    return _INVISIBLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def remove_invisible(text: str, replacement: str = "") -> str:
    """Return a text without control characters and bidirectional marks, for file names."""
    return _INVISIBLE.sub(replacement, text)


def has_invisible(text: str) -> bool:
    """Return whether a text has control characters or bidirectional marks."""
    return _INVISIBLE.search(text) is not None


def sanitize_url(url: str) -> str:
    """Return a URL for errors and logs: without user info and fragment, and without values that may be secrets.

    It takes anything that was meant as a URL, and never raises.

    >>> sanitize_url("https://user:pw@feeds.example.com/a.xml?page=2&token=abc#x")
    'https://feeds.example.com/a.xml?page=2&token=***'
    """
    if not url:
        return ""
    scheme, rest = _split_scheme(clean_text(url.strip()).replace("\n", "").replace("\t", ""))
    before, question, query = rest.partition("#")[0].partition("?")
    if scheme or before[:1] == "/":
        location = _location(before, rest) if scheme else before
    else:  # "https//user:pw@host" and "user:pw@host"
        location = _location(before.rpartition("@")[2], rest)
    if location == MASK:  # the split at "?" and "#" was inside of a password
        return f"{scheme}{MASK}"
    location = _SECRET_PATHS.sub(rf"\1/{MASK}", _PATH_PARAMETER.sub(rf";\1={MASK}", location))
    return f"{scheme}{location}{question}{_masked_query(query)}"


def sanitize_link(url: str) -> str:
    """Return a URL for people to open: without user info, and without parameters that carry a secret.

    Other parameters stay, since the link needs them. What is no address of the web gives an empty text.

    >>> sanitize_link("https://user:pw@board.example.com/view?no=7&access_token=abc#top")
    'https://board.example.com/view?no=7#top'
    """
    url = remove_invisible(url.strip()).replace("\n", "").replace("\t", "")
    if re.match(r"mailto:[^\s?]+@[^\s?]+$", url, re.I):
        return url
    scheme, rest = _split_scheme(url)
    before, hash_sign, fragment = rest.partition("#")
    before, _, query = before.partition("?")
    host = before.partition("/")[0].rpartition("@")[2]
    location = _location(before, rest)
    if scheme.lower() not in ("http://", "https://") or not _HOST.fullmatch(host) or location == MASK:
        return ""
    location = _PATH_PARAMETER.sub(lambda match: "" if _is_secret(match[0][1:]) else match[0], location)
    kept = "&".join(part for part in query.split("&") if part and not _is_secret(part))
    fragment = "" if any(map(_is_secret, fragment.split("&"))) else fragment
    return f"{scheme}{location}{'?' if kept else ''}{kept}{hash_sign if fragment else ''}{fragment}"


def sanitize_text(text: str, *, links: bool = False) -> str:
    """Return a text for errors and logs: :func:`clean_text`, with every URL in it sanitized and credentials masked.

    :param links: people open the URLs: what :func:`sanitize_link` leaves of them
    >>> sanitize_text("GET https://u:p@wiki.example.com/x failed")
    'GET https://wiki.example.com/x failed'
    """
    text = clean_text(text)
    if ":/" in text:
        text = _URL.sub(lambda match: _sanitize_match(match[0], links=links), text)
    text = _TOKEN.sub(MASK, _CREDENTIAL.sub(rf"\1\2{MASK}", text))
    return _NAMED.sub(rf"\1{MASK}", text)


def sanitize_exception(error: BaseException) -> None:
    """Sanitize the texts of an exception and of those that it was raised from, in place: a log shows them all."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        with suppress(AttributeError):  # an exception of an extension module may be read-only
            current.args = tuple(sanitize_text(arg) if isinstance(arg, str) else arg for arg in current.args)
        current = current.__cause__ or current.__context__


class _SanitizingFilter(logging.Filter):
    """Sanitizes the message of every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = sanitize_text(record.getMessage()), ()
        if record.exc_info and record.exc_info[1] is not None:
            sanitize_exception(record.exc_info[1])
        return True


_FILTER: Final = _SanitizingFilter()


def get_logger(name: str) -> logging.Logger:
    """Return a logger whose messages are sanitized, whatever is in them."""
    logger = logging.getLogger(name)
    logger.addFilter(_FILTER)  # adding it twice has no effect
    return logger


class SanitizingLogger:
    """A logger of Airflow whose messages are sanitized.

    :param logger: of ``structlog`` or the standard library
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._logger, name)
        if name not in _LEVELS:
            return method

        def write(message: object, *args: object, **kwargs: Any) -> None:
            method(sanitize_text(str(message) % args if args else str(message)), **kwargs)

        return write


def _split_scheme(url: str) -> tuple[str, str]:
    match = _SCHEME.match(url)
    return (match[0], url[match.end() :]) if match else ("", url)


def _location(before: str, rest: str) -> str:
    """Return host and path without user info; :data:`MASK` when it is not clear where a password ends."""
    authority, slash, path = before.partition("/")
    host = authority.rpartition("@")[2]
    if _HOST.fullmatch(host):
        # The part before an unescaped "/" of a password, as in user:12/34@host, looks like host and port.
        if ":" in host and "@" not in authority and "@" in path.partition("/")[0] and "." not in host:
            return MASK
        return f"{host}{slash}{path}"
    # "user:pa/ss@host" and "user:pa#ss@host": what follows the last "@" is the host.
    if "@" in rest:
        host, slash, path = rest.rpartition("@")[2].partition("/")
        if _HOST.fullmatch(host.partition("?")[0].partition("#")[0]):
            return f"{host.partition('?')[0].partition('#')[0]}{slash}{path.partition('?')[0].partition('#')[0]}"
    return MASK


def _masked_query(query: str) -> str:
    separator = ";" if "&" not in query and query.count(";") else "&"
    return separator.join(map(_masked_parameter, query.split(separator))) if query else ""


def _masked_parameter(part: str) -> str:
    name, equals, _ = part.partition("=")
    if not equals:
        return part if part.lower() in _SHOWN_PARAMETERS or not part else MASK
    if name.lower() in _SHOWN_PARAMETERS:
        return part
    return f"{name if len(name) <= 40 else MASK}={MASK}"


def _is_secret(parameter: str) -> bool:
    name, equals, value = unquote_plus(parameter).partition("=")
    if not equals:
        return False
    return bool(_SECRET_NAME.search(name) or (_VAGUE_NAME.match(name) and _LONG_VALUE.fullmatch(value)))


def _sanitize_match(found: str, *, links: bool) -> str:
    url = found.rstrip(".,;:!?)]…")
    if url.lower().startswith("file:"):
        return found
    return ((links and sanitize_link(url)) or sanitize_url(url)) + found[len(url) :]
