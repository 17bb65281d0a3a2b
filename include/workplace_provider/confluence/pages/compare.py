"""Comparison of two page bodies: they are equal if a reader sees no difference, even if the markup differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.pages.document import AC, RI, PageDocument

if TYPE_CHECKING:
    from lxml import etree

# Confluence replaces these ids each time it saves a page; readers never see them.
VOLATILE: Final = frozenset(
    {
        f"{{{AC}}}macro-id",
        f"{{{AC}}}local-id",
        "local-id",
        f"{{{RI}}}version-at-save",
        f"{{{AC}}}schema-version",
    }
)
TASK_UUID: Final = f"{{{AC}}}task-uuid"


def same_content(left: str, right: str) -> bool:
    """Return whether two bodies in storage format look the same to a reader.

    Attribute order, empty-tag style, entities versus characters, CDATA versus escapes and the ids that Confluence replaces
    on every save do not count.

    :raises IllFormedStorage: one of the bodies is not well-formed
    """
    if left == right:
        return True
    return same_trees(PageDocument(left).root, PageDocument(right).root)


def same_trees(one: etree._Element, other: etree._Element) -> bool:
    """Return whether two parsed bodies look the same to a reader, by the rules of :func:`same_content`."""
    # Pages that differ usually differ in their text, and comparing text is much faster than comparing markup.
    if not _has_uuids(one) and not _has_uuids(other) and one.xpath("string()") != other.xpath("string()"):
        return False
    return _canonical(one) == _canonical(other)


def _has_uuids(root: etree._Element) -> bool:
    return next(root.iter(TASK_UUID), None) is not None


def _canonical(root: etree._Element) -> list[object]:
    from lxml import etree

    """Return the content of a body as a flat list, without anything that does not count."""
    content: list[object] = []
    text: list[str] = []

    def end_text() -> None:
        if joined := "".join(text):
            content.append(joined)
        text.clear()

    for event, node in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event in ("comment", "pi"):
            text.append(node.tail or "")
        elif node.tag == TASK_UUID:
            if event == "end":
                text.append(node.tail or "")
        elif event == "start":
            end_text()
            content += [node.tag, sorted((key, value) for key, value in node.attrib.items() if key not in VOLATILE)]
            text.append(node.text or "")
        else:
            end_text()
            content.append("/")
            text.append(node.tail or "")
    return content
