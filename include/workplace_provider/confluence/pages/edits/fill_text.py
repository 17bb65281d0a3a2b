"""The edit that fills placeholders in the text of a page."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from workplace_provider.confluence.pages.document import AC, AT
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.lines import TextKind, TextKinds, lines
from workplace_provider.confluence.pages.values import Markdown, Storage, escape_text, from_plain, is_block, to_storage
from workplace_provider.confluence.pages.words import comparison_key

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument

_OBJECTS: Final = frozenset({"img", "br", "time", *(f"{{{AC}}}{name}" for name in ("image", "link", "structured-macro"))})
_PLACEHOLDER: Final = re.compile(r"\{\{([^{}]+)\}\}")


@dataclass(frozen=True)
class FillText(Edit):
    """Replace placeholders ``{{name}}`` and variables of Confluence templates with values.

    Inline tags (``{{<strong>na</strong>me}}``) and entities may split a placeholder, but it never spans two blocks. The
    value is written at the start of the placeholder; the tags stay. White space, case and Unicode composition of the name do
    not count. The edit skips code in CDATA, attributes, instructions to authors (``ac:placeholder``) and
    ``ac:adf-extension``. In the parameter of a macro, the value is plain text. Placeholders within a value are not replaced.
    The declaration of a template variable is removed when the variable is filled. A value of several paragraphs, a list or
    a table (``Markdown``, ``Storage``) takes the place of the paragraph that contains only the placeholder.

    https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html, "Template variables".

    ::

        FillText({"wau": 12345, "change": 0.031}, formats={"change": "+.1%"})
        FillText({"notes": Markdown("- **WAU** grew")})

    :param values: name to value, of any type that a table cell can show
    :param formats: name to the format of its number or date, such as ``,.1f`` or ``%m/%d``
    :param expect: expected number of each name on the page; ``None`` for at least one
    :param optional: names that may be missing on the page
    :param missing: when the page has no placeholder for a value: ``fail``, or ``keep`` the page without the value
    :param unfilled: when there is no value for a placeholder: ``keep`` the placeholder, or ``fail``
    :raises EditError: from :meth:`apply`, if a placeholder is missing or found too often, ``unfilled`` is ``fail`` and a
        placeholder has no value, or a value or format is invalid
    """

    template_fields: ClassVar[tuple[str, ...]] = ("values", "formats")

    values: Mapping[str, Any] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    expect: int | None = None
    optional: Sequence[str] = ()
    missing: Literal["fail", "keep"] = "fail"
    unfilled: Literal["keep", "fail"] = "keep"

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        if self.missing not in ("fail", "keep") or self.unfilled not in ("fail", "keep"):
            raise self.error(f"missing is {self.missing!r}, unfilled is {self.unfilled!r}; use 'fail' or 'keep'")
        values = _Values(self)
        present: dict[str, str] = {}
        counts: Counter[str] = Counter()
        replacements: list[tuple[int, int, str]] = []
        for slot in _slots(document):
            key = comparison_key(slot.name)
            present.setdefault(key, " ".join(slot.name.split()))
            counts[key] += 1
            if key in values:
                replacements += self._fill(document, slot, values.markup(key, slot.kind), is_block=values.is_block(key))
        self._check(counts, present, values)
        document.replace([*replacements, *_declarations(document, {key for key in counts if key in values})])

    def _fill(self, document: PageDocument, slot: _Slot, markup: str, *, is_block: bool) -> Iterator[tuple[int, int, str]]:
        paragraph = slot.paragraph if is_block and slot.kind != TextKind.PARAMETER else None
        if paragraph is None:
            yield from ((start, end, "" if number else markup) for number, (start, end) in enumerate(slot.spans))
        elif slot.is_alone:
            span = document.span(paragraph)
            yield span.start, span.end, markup
        else:
            raise self.error(
                f"{{{{{slot.name.strip()}}}}}: the value has paragraphs, lists or tables, which do not fit into a sentence; "
                "put the placeholder into a paragraph of its own"
            )

    def _check(self, counts: Counter[str], present: Mapping[str, str], values: _Values) -> None:
        names = [f"{{{{{name}}}}}" for name in present.values()]
        optional = {comparison_key(name) for name in self.optional}
        for key, name in values.names.items():
            if counts[key] or not (self.missing == "keep" or key in optional):
                self.check_count([name] * counts[key], self.expect, f"{{{{{name}}}}}", names)
        unfilled = [f"{{{{{name}}}}}" for key, name in present.items() if key not in values]
        if unfilled and self.unfilled == "fail":
            raise self.error(f"no value for {', '.join(unfilled)}; add them to values")


class _Values:
    """The values of an edit as markup, each converted once."""

    def __init__(self, edit: FillText) -> None:
        self._edit = edit
        self.names = {comparison_key(name): name for name in edit.values}
        if len(self.names) < len(edit.values):
            raise edit.error(f"two names in values are equal: {', '.join(edit.values)}")
        self._formats = {comparison_key(name): form for name, form in edit.formats.items()}
        if unknown := [name for name in edit.formats if comparison_key(name) not in self.names]:
            raise edit.error(f"formats contains {', '.join(map(repr, unknown))}, which values does not")
        self._converted: dict[tuple[str, bool], str] = {}
        self._blocks: dict[str, bool] = {}

    def __contains__(self, key: str) -> bool:
        return key in self.names

    def is_block(self, key: str) -> bool:
        """Return whether a value has blocks, which do not fit into a paragraph."""
        if key not in self._blocks:
            value = from_plain(self._edit.values[self.names[key]])
            self._blocks[key] = isinstance(value, Storage | Markdown) and is_block(self.markup(key, TextKind.TEXT))
        return self._blocks[key]

    def markup(self, key: str, kind: TextKind) -> str:
        """Return a value as storage format, or as plain text for the parameter of a macro."""
        plain = kind == TextKind.PARAMETER
        if (key, plain) not in self._converted:
            name = self.names[key]
            try:
                value = from_plain(self._edit.values[name])
                self._converted[key, plain] = (_plain_text if plain else to_storage)(value, self._formats.get(key), of=name)
            except ValueError as error:
                raise self._edit.error(f"{{{{{name}}}}}: {error}") from error
        return self._converted[key, plain]


def _plain_text(value: Any, form: str | None, *, of: str = "") -> str:
    """Return a value as text for a macro parameter, which cannot contain markup."""
    if isinstance(value, list | tuple):
        return ", ".join(_plain_text(item, form, of=of) for item in value)
    if isinstance(value, str):
        return escape_text(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime) and not form:
        return value.isoformat()
    markup = to_storage(value, form, of=of)
    if "<" in markup:
        raise ValueError(f"a macro parameter can only contain plain text, not {value!r}")
    return markup


@dataclass(frozen=True, slots=True)
class _Slot:
    """A placeholder, or a variable of a template.

    :param paragraph: the paragraph around it
    :param is_alone: the paragraph contains nothing else
    """

    name: str
    kind: TextKind
    spans: Sequence[tuple[int, int]]
    paragraph: etree._Element | None
    is_alone: bool


def _slots(document: PageDocument) -> Iterator[_Slot]:
    """Yield every placeholder and template variable."""
    kinds = TextKinds()
    for line in lines(document):
        for match in _PLACEHOLDER.finditer(line.text) if "{{" in line.text else ():
            parent = line.parents(*match.span())[0]
            kind = kinds.of(parent)
            if kind != TextKind.HIDDEN and match.group(1).strip():
                spans = [(start, end) for start, end, _ in line.replacements(*match.span(), "")]
                yield _Slot(match.group(1), kind, spans, *_paragraph(parent, match.group()))
    for variable in document.select("//at:var[@at:name]"):
        kind = kinds.of(variable)
        if kind != TextKind.HIDDEN:
            span = document.span(variable)
            spans = [(span.start, span.end)]
            yield _Slot(variable.get(f"{{{AT}}}name", ""), kind, spans, *_paragraph(variable, ""))


def _paragraph(element: etree._Element, text: str) -> tuple[etree._Element | None, bool]:
    """Return the paragraph around an element, and whether it contains only this text."""
    paragraph = next(element.iterancestors("p"), None) if element.tag != "p" else element
    if paragraph is None:
        return None, False
    objects = [child for child in paragraph.iterdescendants() if child is not element and str(child.tag) in _OBJECTS]
    return paragraph, not objects and "".join(map(str, paragraph.itertext())).strip() == text.strip()


def _declarations(document: PageDocument, filled: set[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the replacements that remove the declarations of filled variables, which a page does not need."""
    for block in document.select("//at:declarations"):
        declared = [child for child in block if isinstance(child.tag, str)]
        unneeded = [child for child in declared if comparison_key(child.get(f"{{{AT}}}name", "")) in filled]
        for element in [block] if unneeded and len(unneeded) == len(declared) else unneeded:
            span = document.span(element)
            yield span.start, span.end, ""
