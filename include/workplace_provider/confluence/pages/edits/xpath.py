"""The edit for changes that no other edit covers: elements selected by an XPath expression."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, get_args

from workplace_provider.confluence.pages.document import AC, NAMESPACES
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.selectors import Replacement, change_attributes, overlaps, replace_inner
from workplace_provider.confluence.pages.values import Link, from_plain, to_storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument

XPathAction = Literal["replace", "remove", "inner", "before", "after", "attribute"]
_ACTIONS: Final = get_args(XPathAction)
_ATTRIBUTE_NAME: Final = re.compile(r"(?:(?:ac|ri|at|xml):)?[^\W\d][\w.-]*")
_ADDRESSES: Final = frozenset({"href", "ri:value"})


@dataclass(frozen=True)
class XPathEdit(Edit):
    """Change the elements that match an XPath 1.0 expression; the prefixes are ``ac``, ``ri`` and ``at``.

    Elements in ``ac:adf-extension`` match only if the expression names an ``ac:adf-`` element, because they are a second
    copy of other content.

    ::

        XPathEdit("//table[1]", "attribute", "wide", attribute="data-layout")
        XPathEdit("//p[@class='footer']", "replace", Storage("<p>Updated daily</p>"), expect=None)

    :param xpath: expression for elements, such as ``//table[@data-layout='wide']//td[3]``
    :param action: ``replace`` the elements, ``remove`` them, replace their ``inner`` content, insert the value ``before`` or
        ``after`` them, or set an ``attribute``
    :param value: text, which is escaped, or one of :mod:`workplace_provider.confluence.pages.values`, such as
        ``Storage``. For an attribute: text or a number; ``None`` removes the attribute
    :param attribute: name of the attribute, with its prefix
    :param expect: expected number of elements; ``None`` for at least one
    :raises EditError: the action is unknown, or does not fit ``value`` and ``attribute``; from :meth:`apply`, if the number
        of elements is another one, or the expression or the value is invalid
    """

    template_fields: ClassVar[tuple[str, ...]] = ("xpath", "value", "attribute")

    xpath: str
    action: XPathAction
    value: Any = None
    attribute: str | None = None
    expect: int | None = 1

    def __post_init__(self) -> None:
        """Check the combination of action, value and attribute."""
        if self.action not in _ACTIONS:
            raise EditError(f"XPathEdit: action is {self.action!r}; it must be one of {', '.join(_ACTIONS)}")
        if (self.action == "attribute") != (self.attribute is not None):
            raise EditError("XPathEdit: give the name of an attribute with the action 'attribute', and only then")
        if self.action == "remove" and self.value is not None:
            raise EditError("XPathEdit: the action 'remove' takes no value")

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        elements = self._find(document)
        if self.action == "attribute":
            changes = {self._attribute_name(): self._attribute_value()}
            document.replace([part for element in elements for part in change_attributes(document, element, changes)])
            return
        spans = [document.span(element) for element in elements]
        if self.action in ("replace", "remove", "inner") and overlaps([(span.start, span.end) for span in spans]):
            raise self.error(f"{self.xpath!r} matches an element inside another match; only one of them can be changed")
        markup = "" if self.action == "remove" else self._markup()
        document.replace([part for element in elements for part in self._change(document, element, markup)])

    def _change(self, document: PageDocument, element: etree._Element, markup: str) -> list[Replacement]:
        span = document.span(element)
        if self.action == "inner":
            return replace_inner(document, element, markup)
        if self.action == "before":
            return [(span.start, span.start, markup)]
        if self.action == "after":
            return [(span.end, span.end, markup)]
        return [(span.start, span.end, markup)]

    def _find(self, document: PageDocument) -> list[etree._Element]:
        from lxml import etree

        try:
            nodes = document.root.xpath(self.xpath, namespaces=NAMESPACES)
        except etree.XPathError as error:
            raise self.error(f"{self.xpath!r} is not a valid XPath expression: {error}") from error
        if not isinstance(nodes, list) or any(isinstance(node, str | bytes | tuple) for node in nodes):
            raise self.error(f"{self.xpath!r} selects text, an attribute or a number; select the element instead")
        elements = [node for node in nodes if isinstance(node, etree._Element) and isinstance(node.tag, str)]
        if any(element is document.root for element in elements):
            raise self.error(f"{self.xpath!r} selects the whole page; select elements in it")
        if "adf-" not in self.xpath:
            elements = [node for node in elements if next(node.iterancestors(f"{{{AC}}}adf-extension"), None) is None]
        return list(self.check_count(elements, self.expect, f"the XPath {self.xpath!r}", _element_counts(document)))

    def _markup(self) -> str:
        if self.value is None:
            raise self.error(f'the action {self.action!r} needs a value; use "" for an empty one')
        try:
            return to_storage(from_plain(self.value))
        except ValueError as error:
            raise self.error(f"value: {error}") from error

    def _attribute_name(self) -> str:
        name = self.attribute or ""
        if not _ATTRIBUTE_NAME.fullmatch(name) or name.startswith("xmlns"):
            raise self.error(f"{name!r} is not a valid attribute name")
        return name

    def _attribute_value(self) -> str | None:
        if self.value is None:
            return None
        if not isinstance(self.value, str | int | float):
            raise self.error(f"value is {self.value!r}; for an attribute, it must be text or a number")
        value = str(self.value).lower() if isinstance(self.value, bool) else str(self.value)
        if self.attribute in _ADDRESSES:
            try:
                # The same check as for links: the target must not be a script.
                Link(url=value)
            except ValueError as error:
                raise self.error(str(error)) from error
        return value


def _element_counts(document: PageDocument) -> Iterator[str]:
    """Yield the elements of the page with their counts, the most frequent first."""
    root = document.root
    names = (
        f"{element.prefix}:{str(element.tag).rpartition('}')[2]}" if element.prefix else str(element.tag)
        for element in root.iter("*")
        if element is not root
    )
    yield from (f"{count} {name}" for name, count in Counter(names).most_common())
