"""The edit for what the others do not do."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, get_args

from workplace_provider.confluence.pages.document import AC, NAMESPACES
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.selectors import Replacement, changed_attributes, inside, overlapping
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
    """Change the elements that an XPath 1.0 expression finds; the prefixes are ``ac``, ``ri`` and ``at``.

    Elements in ``ac:adf-extension`` are found only when the expression names an ``ac:adf-`` element, because they are the
    double of others.

    :param xpath: expression for elements, such as ``//table[@data-layout='wide']//td[3]``
    :param action: ``replace`` the elements, ``remove`` them, replace what is ``inner`` to their tags, put the value
        ``before`` or ``after`` them, or set an ``attribute``
    :param value: text, which is escaped, or one of :mod:`workplace_provider.confluence.pages.values`, such as
        ``Storage``; of an attribute text or a number, and ``None`` takes the attribute away
    :param attribute: its name as it is written, with the prefix
    :param expect: how many elements there must be; ``None`` for any number but none
    """

    template_fields: ClassVar[tuple[str, ...]] = ("xpath", "value", "attribute")

    xpath: str
    action: XPathAction
    value: Any = None
    attribute: str | None = None
    expect: int | None = 1

    def __post_init__(self) -> None:
        """Refuse what no page can make right."""
        if self.action not in _ACTIONS:
            raise EditError(f"XPathEdit: {self.action!r} is no action: {', '.join(_ACTIONS)}")
        if (self.action == "attribute") != (self.attribute is not None):
            raise EditError("XPathEdit: the action 'attribute' needs the name of one, and the others have none")
        if self.action == "remove" and self.value is not None:
            raise EditError("XPathEdit: the action 'remove' has no value")

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""
        found = self._found(document)
        if self.action == "attribute":
            value = self._attribute_value()
            name = self._attribute_name()
            document.replace([each for element in found for each in changed_attributes(document, element, {name: value})])
            return
        spans = [document.span(element) for element in found]
        if self.action in ("replace", "remove", "inner") and overlapping([(span.start, span.end) for span in spans]):
            raise self.refused(f"{self.xpath!r} finds an element inside another one that it finds")
        markup = "" if self.action == "remove" else self._markup()
        document.replace([each for element in found for each in self._changed(document, element, markup)])

    def _changed(self, document: PageDocument, element: etree._Element, markup: str) -> list[Replacement]:
        span = document.span(element)
        if self.action == "inner":
            return inside(document, element, markup)
        if self.action == "before":
            return [(span.start, span.start, markup)]
        if self.action == "after":
            return [(span.end, span.end, markup)]
        return [(span.start, span.end, markup)]

    def _found(self, document: PageDocument) -> list[etree._Element]:
        from lxml import etree

        try:
            nodes = document.root.xpath(self.xpath, namespaces=NAMESPACES)
        except etree.XPathError as error:
            raise self.refused(f"{self.xpath!r} is no XPath expression: {error}") from error
        if not isinstance(nodes, list) or any(isinstance(node, str | bytes | tuple) for node in nodes):
            raise self.refused(f"{self.xpath!r} finds no elements but text, an attribute or a number; name the element")
        elements = [node for node in nodes if isinstance(node, etree._Element) and isinstance(node.tag, str)]
        if any(element is document.root for element in elements):
            raise self.refused(f"{self.xpath!r} finds the page as a whole")
        if "adf-" not in self.xpath:
            elements = [each for each in elements if next(each.iterancestors(f"{{{AC}}}adf-extension"), None) is None]
        return list(self.expected(elements, self.expect, f"the XPath {self.xpath!r}", lambda: _there(document)))

    def _markup(self) -> str:
        if self.value is None:
            raise self.refused(f'the action {self.action!r} needs a value; "" is an empty one')
        try:
            return to_storage(from_plain(self.value))
        except ValueError as error:
            raise self.refused(f"the value: {error}") from error

    def _attribute_name(self) -> str:
        name = self.attribute or ""
        if not _ATTRIBUTE_NAME.fullmatch(name) or name.startswith("xmlns"):
            raise self.refused(f"{name!r} is no name of an attribute")
        return name

    def _attribute_value(self) -> str | None:
        if self.value is None:
            return None
        if not isinstance(self.value, str | int | float):
            raise self.refused(f"the value of an attribute is text or a number, not {self.value!r}")
        value = str(self.value).lower() if isinstance(self.value, bool) else str(self.value)
        if self.attribute in _ADDRESSES:
            try:
                # A link by XPath may not be a script, either.
                Link(url=value)
            except ValueError as error:
                raise self.refused(str(error)) from error
        return value


def _there(document: PageDocument) -> Iterator[str]:
    """How often which element is on the page."""
    root = document.root
    names = (
        f"{each.prefix}:{str(each.tag).rpartition('}')[2]}" if each.prefix else str(each.tag)
        for each in root.iter("*")
        if each is not root
    )
    return (f"{count} {name}" for name, count in Counter(names).most_common())
