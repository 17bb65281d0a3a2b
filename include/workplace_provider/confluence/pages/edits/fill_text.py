"""The edit that fills placeholders in the text of a page."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from workplace_provider.confluence.pages.document import AT
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.lines import Place, Places, lines
from workplace_provider.confluence.pages.values import escape_text, from_plain, to_storage
from workplace_provider.confluence.pages.words import same_words

if TYPE_CHECKING:
    from workplace_provider.confluence.pages.document import PageDocument

_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]+)\}\}")


@dataclass(frozen=True)
class FillText(Edit):
    """Put values where the page says ``{{name}}``, and where a Confluence template has a variable of that name.

    A placeholder may be cut up by inline tags (``{{<strong>na</strong>me}}``) and entities; it never spans two blocks. The
    value goes where the placeholder begins; the tags stay. White space, case and composition of the name do not count.
    Code in CDATA, attributes, instructions to authors (``ac:placeholder``) and the inside of ``ac:adf-extension`` are left
    alone. In the parameter of a macro the value is plain text. What a value brings is never filled again. The declaration
    of a template variable goes when the variable is filled.

    https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html, "Template variables".

    :param values: name to value: all that a cell can hold
    :param formats: name to the format of its number or date, such as ``,.1f`` or ``%m/%d``
    :param expect: how often each name must be on the page; ``None`` for at least once
    :param optional: names that may be missing
    :param missing: what to do when the page has no place for a value: ``fail``, or ``keep`` the page without it
    :param unfilled: what to do with placeholders that no value was given for: ``keep`` them, or ``fail``
    """

    template_fields: ClassVar[tuple[str, ...]] = ("values", "formats")

    values: Mapping[str, Any] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    expect: int | None = None
    optional: Sequence[str] = ()
    missing: Literal["fail", "keep"] = "fail"
    unfilled: Literal["keep", "fail"] = "keep"

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        if self.missing not in ("fail", "keep") or self.unfilled not in ("fail", "keep"):
            raise self.refused(f"missing is {self.missing!r}, unfilled is {self.unfilled!r}: they are 'fail' or 'keep'")
        values = _Values(self)
        there: dict[str, str] = {}
        counts: Counter[str] = Counter()
        replacements: list[tuple[int, int, str]] = []
        for name, place, spans in _slots(document):
            key = same_words(name)
            there.setdefault(key, " ".join(name.split()))
            counts[key] += 1
            if key in values:
                markup = values.markup(key, place)
                replacements += [(start, end, markup if not number else "") for number, (start, end) in enumerate(spans)]
        self._check(counts, there, values)
        document.replace([*replacements, *_declarations(document, {key for key in counts if key in values})])

    def _check(self, counts: Counter[str], there: Mapping[str, str], values: _Values) -> None:
        names = [f"{{{{{name}}}}}" for name in there.values()]
        optional = {same_words(name) for name in self.optional}
        for key, name in values.names.items():
            if counts[key] or not (self.missing == "keep" or key in optional):
                self.expected([name] * counts[key], self.expect, f"{{{{{name}}}}}", lambda: names)
        left = [f"{{{{{name}}}}}" for key, name in there.items() if key not in values]
        if left and self.unfilled == "fail":
            raise self.refused(f"no value was given for {', '.join(left)}")


class _Values:
    """The values of an edit as markup, each written once."""

    def __init__(self, edit: FillText) -> None:
        self._edit = edit
        self.names = {same_words(name): name for name in edit.values}
        if len(self.names) < len(edit.values):
            raise edit.refused(f"two of the names are the same: {', '.join(edit.values)}")
        self._formats = {same_words(name): form for name, form in edit.formats.items()}
        if unknown := [name for name in edit.formats if same_words(name) not in self.names]:
            raise edit.refused(f"there is a format for {', '.join(map(repr, unknown))} and no value")
        self._written: dict[tuple[str, bool], str] = {}

    def __contains__(self, key: str) -> bool:
        return key in self.names

    def markup(self, key: str, place: Place) -> str:
        plain = place == Place.PARAMETER
        if (key, plain) not in self._written:
            name = self.names[key]
            try:
                value = from_plain(self._edit.values[name])
                self._written[key, plain] = (_plain_text if plain else to_storage)(value, self._formats.get(key), of=name)
            except ValueError as error:
                raise self._edit.refused(f"{{{{{name}}}}}: {error}") from error
        return self._written[key, plain]


def _plain_text(value: Any, form: str | None, *, of: str = "") -> str:
    """A value as the text of a macro's parameter, which holds no markup."""
    if isinstance(value, list | tuple):
        return ", ".join(_plain_text(each, form, of=of) for each in value)
    if isinstance(value, str):
        return escape_text(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime) and not form:
        return value.isoformat()
    markup = to_storage(value, form, of=of)
    if "<" in markup:
        raise ValueError(f"the parameter of a macro holds plain text, and this is {value!r}")
    return markup


def _slots(document: PageDocument) -> Iterator[tuple[str, Place, list[tuple[int, int]]]]:
    """Name, place and source spans of every placeholder and template variable."""
    places = Places()
    for line in lines(document):
        for match in _PLACEHOLDER.finditer(line.text) if "{{" in line.text else ():
            place = places.of(line.parents(*match.span())[0])
            if place != Place.HIDDEN and match.group(1).strip():
                yield match.group(1), place, [(start, end) for start, end, _ in line.replaced(*match.span(), "")]
    for variable in document.select("//at:var[@at:name]"):
        place = places.of(variable)
        if place != Place.HIDDEN:
            span = document.span(variable)
            yield variable.get(f"{{{AT}}}name", ""), place, [(span.start, span.end)]


def _declarations(document: PageDocument, filled: set[str]) -> Iterator[tuple[int, int, str]]:
    """Take away the declarations of variables that are filled; a page has no use for them."""
    for block in document.select("//at:declarations"):
        declared = [each for each in block if isinstance(each.tag, str)]
        done = [each for each in declared if same_words(each.get(f"{{{AT}}}name", "")) in filled]
        for element in [block] if done and len(done) == len(declared) else done:
            span = document.span(element)
            yield span.start, span.end, ""
