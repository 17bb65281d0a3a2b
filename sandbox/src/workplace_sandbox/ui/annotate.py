"""Adds to a tree of storage format the facts from outside it: addresses, names, the table of contents.

All facts become attributes (and, for lists, elements) of one private namespace; ``storage.xslt`` reads only those.
Content of a page in that namespace is removed first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lxml import etree

from workplace_sandbox.ui import emoji, sanitize
from workplace_sandbox.ui.storage import AC, RI, qname

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

R = "urn:workplace-sandbox:resolved"

_HEADING = re.compile(r"^h[1-6]$")
_STATUS_COLOURS = frozenset({"grey", "red", "yellow", "blue", "green", "purple"})
_LAYOUTS = frozenset(
    {
        "single", "fixed-width", "two_equal", "two_left_sidebar", "two_right_sidebar", "three_equal", "three_with_sidebars",
        "four_equal", "five_equal",
    }
)  # fmt: skip
_INLINE_MACROS = frozenset({"status", "anchor", "jira", "view-file", "viewpdf", "viewdoc", "viewxls", "viewppt"})
_CLASSES = {
    "numberingColumn": "wk-numbering",
    "panel": "wk-adf-panel",
    "panelContent": "wk-adf-panel-content",
}
_ALIGNMENTS = frozenset({"left", "right", "center"})


@dataclass(frozen=True)
class PageRef:
    """The reference of a link or an image to a page.

    :param title: title of the page, None when the whole space is meant.
    :param space_key: None for the space of the page that has the link.
    :param content_id: id, where the reference is by id (``ri:content-entity``).
    """

    title: str | None = None
    space_key: str | None = None
    content_id: str | None = None


@dataclass(frozen=True)
class PageEntry:
    """A page in a list of pages: title, address, the pages below it."""

    title: str
    href: str
    children: Sequence[PageEntry] = ()


@dataclass(frozen=True)
class Resolver:
    """Looks up the references of a body in the wiki.

    :param attachment_url: address of a file, by page (None: this page) and file name; None when there is no such file.
    :param link_url: address of a page or space, None when there is none.
    :param user_name: display name of a user by account id, key or name, None when unknown.
    :param children: the pages below this one.
    :param anchor_prefix: put before every id, so that a page and its comments can be in one document.
    """

    attachment_url: Callable[[PageRef | None, str], str | None]
    link_url: Callable[[PageRef], str | None] = lambda _: None
    user_name: Callable[[str], str | None] = lambda _: None
    children: Sequence[PageEntry] = field(default=())
    anchor_prefix: str = ""


def annotate(root: etree._Element, resolver: Resolver) -> None:
    """Add the facts ``storage.xslt`` needs to the tree, in place.

    :param root: the result of ``parse_storage``.
    :param resolver: looks up references.
    """
    _drop_forgeries(root)
    headings = _Headings(resolver.anchor_prefix)
    for heading in _elements(root):
        if isinstance(heading.tag, str) and _HEADING.match(heading.tag):
            headings.add(heading)
        elif heading.get(qname(AC, "name")) == "anchor" and _is_macro(heading):
            heading.set(qname(R, "id"), headings.anchor_id(_parameter(heading, "") or visible_text(heading)))
    for element in list(_elements(root)):
        _annotate_element(element, resolver, headings)
    for cell in root.iter("td", "th"):
        _highlight(cell)


def visible_text(element: etree._Element) -> str:
    """Return the visible text of an element, blanks squeezed.

    Of the parameters of macros only the title of a status lozenge is visible.
    """
    parts: list[str] = []

    def collect(node: etree._Element) -> None:
        is_parameter = node.tag == qname(AC, "parameter")
        if is_parameter and (_parent_name(node), node.get(qname(AC, "name"))) != ("status", "title"):
            return
        parts.append(node.text or "")
        for child in node:
            collect(child)
            parts.append(child.tail or "")

    collect(element)
    return " ".join("".join(parts).split())


def _annotate_element(element: etree._Element, resolver: Resolver, headings: _Headings) -> None:
    tag = element.tag
    if tag != "col":  # the columns of a table are annotated with it
        _fact(element, "style", sanitize.safe_style(element.get("style")))
    if tag == qname(AC, "image"):
        _annotate_image(element, resolver)
    elif tag == qname(AC, "link"):
        _annotate_link(element, resolver, headings)
    elif _is_macro(element):
        _annotate_macro(element, resolver, headings)
    elif tag == "a":
        _annotate_anchor(element, headings)
    elif tag == qname(AC, "inline-comment-marker"):
        _fact(element, "id", headings.marker_id(element.get(qname(AC, "ref"), "")))
    elif tag in _CONTEXT_FREE:
        _CONTEXT_FREE[tag](element)


def _annotate_layout(section: etree._Element) -> None:
    layout = section.get(qname(AC, "type"), "")
    _fact(section, "layout", layout if layout in _LAYOUTS else "single")


def _annotate_classes(element: etree._Element) -> None:
    classes = [_CLASSES[name] for name in (element.get("class") or "").split() if name in _CLASSES]
    _fact(element, "class", " ".join(classes))


def _annotate_picture(picture: etree._Element) -> None:
    _fact(picture, "src", sanitize.safe_image(picture.get("src")))
    _sizes(picture, picture.get("width"), picture.get("height"))


def _annotate_anchor(anchor: etree._Element, headings: _Headings) -> None:
    href = sanitize.safe_link(anchor.get("href"))
    if href and href.startswith("#"):
        href = "#" + headings.target(unquote(href[1:]))
    _fact(anchor, "href", href)
    _fact(anchor, "external", "true" if href and sanitize.is_external(href) else None)


def _annotate_emoticon(emoticon: etree._Element) -> None:
    names = [emoticon.get(qname(AC, name), "") for name in ("name", "emoji-shortname", "emoji-fallback")]
    badge = emoji.badge(names[0], names[1])
    _fact(emoticon, "class", f"wk-emoji wk-badge wk-{badge[1]}" if badge else "wk-emoji")
    _fact(emoticon, "emoji", badge[0] if badge else emoji.emoticon(*names))
    _fact(emoticon, "text", names[1].strip(":") or names[0] or "emoji")


def _annotate_image(image: etree._Element, resolver: Resolver) -> None:
    attachment, url = image.find(qname(RI, "attachment")), image.find(qname(RI, "url"))
    name = "(no file named)"
    source = None
    if attachment is not None:
        name = attachment.get(qname(RI, "filename"), "")
        source = resolver.attachment_url(_page_ref(attachment), name)
    elif url is not None:
        name = url.get(qname(RI, "value"), "")
        source = sanitize.safe_image(name)
    _fact(image, "src", source)
    _fact(image, "missing", None if source else name)
    _fact(image, "alt", image.get(qname(AC, "alt")) or name)
    align = image.get(qname(AC, "align"), "")
    _fact(image, "align", align if align in _ALIGNMENTS else None)
    # Cloud writes both: the width that a person dragged, and the file's own (original-width).
    _sizes(image, image.get(qname(AC, "width")), image.get(qname(AC, "height")))
    if image.get(qname(AC, "inline")) == "true" or (not align and _stands_in_text(image)):
        _fact(image, "inline", "true")


def _annotate_link(link: etree._Element, resolver: Resolver, headings: _Headings) -> None:
    anchor = unquote(link.get(qname(AC, "anchor"), ""))
    target = next((child for child in link if isinstance(child.tag, str) and child.tag.startswith(f"{{{RI}}}")), None)
    if target is None:
        _fact(link, "href", "#" + headings.target(anchor) if anchor else None)
        _fact(link, "text", anchor)
        return
    kind = etree.QName(target).localname
    if kind == "user":
        user = next((target.get(qname(RI, name), "") for name in ("account-id", "userkey", "username")
                     if target.get(qname(RI, name))), "")  # fmt: skip
        _fact(link, "text", resolver.user_name(user) or user or "unknown user")
    elif kind == "attachment":
        name = target.get(qname(RI, "filename"), "")
        _fact(link, "href", resolver.attachment_url(_page_ref(target), name))
        _fact(link, "text", name)
    elif kind == "url":
        _fact(link, "href", sanitize.safe_link(target.get(qname(RI, "value"))))
        _fact(link, "text", target.get(qname(RI, "value")))
    else:
        reference = _reference(target)
        href = resolver.link_url(reference)
        if href and anchor:
            href += "#" + _Headings(resolver.anchor_prefix).target(anchor)
        _fact(link, "href", href)
        _fact(link, "text", reference.title or reference.space_key or reference.content_id or "page")


def _annotate_macro(macro: etree._Element, resolver: Resolver, headings: _Headings) -> None:
    name = macro.get(qname(AC, "name"), "")
    if name in _INLINE_MACROS:
        _fact(macro, "inline", "true")
    if name == "status":
        _annotate_status(macro)
    elif name == "panel":
        _annotate_panel(macro)
    elif name == "column":
        _annotate_column(macro)
    elif name == "toc":
        _append(macro, _table_of_contents(macro, headings))
    elif name in ("children", "pagetree"):
        _append(macro, _child_pages(macro, resolver, depth=50 if name == "pagetree" else 1))
    elif name.startswith("view"):
        _annotate_file_view(macro, resolver)
    for parameter in macro.findall(qname(AC, "parameter")):
        # Editors keep a macro's look in these parameters, which readers do not need.
        if parameter.get(qname(AC, "name"), "").startswith(("breakout", "panelIcon")):
            _fact(parameter, "hidden", "true")


def _annotate_status(macro: etree._Element) -> None:
    colour = (_parameter(macro, "colour") or _parameter(macro, "color") or "grey").lower()
    _fact(macro, "colour", colour if colour in _STATUS_COLOURS else "grey")
    _fact(macro, "text", _parameter(macro, "title") or colour.upper())


def _annotate_panel(macro: etree._Element) -> None:
    background = sanitize.safe_colour(_parameter(macro, "bgColor"))
    border = sanitize.safe_colour(_parameter(macro, "borderColor"))
    styles = [f"background-color: {background}"] if background else []
    styles += [f"border-color: {border}"] if border else []
    _fact(macro, "style", "; ".join(styles))
    _fact(macro, "emoji", _parameter(macro, "panelIconText"))


def _annotate_column(macro: etree._Element) -> None:
    width = re.fullmatch(r"[0-9.]{1,6}(?:px|%)?", _parameter(macro, "width") or "")
    if width:
        amount = width[0] if width[0][-1] in "x%" else f"{width[0]}px"
        _fact(macro, "style", f"flex: 0 1 {amount}")


def _child_pages(macro: etree._Element, resolver: Resolver, *, depth: int) -> etree._Element | None:
    if _parameter(macro, "all") == "true":
        depth = 50
    if parameter := re.fullmatch("[0-9]{1,2}", _parameter(macro, "depth") or ""):
        depth = int(parameter[0])
    pages = resolver.children[::-1] if _parameter(macro, "reverse") == "true" else resolver.children
    return _entries(pages, depth)


def _append(macro: etree._Element, element: etree._Element | None) -> None:
    if element is not None:
        macro.append(element)


def _annotate_file_view(macro: etree._Element, resolver: Resolver) -> None:
    for parameter in macro.findall(qname(AC, "parameter")):
        attachment = parameter.find(qname(RI, "attachment"))
        if parameter.get(qname(AC, "name")) == "name":
            if attachment is not None:
                name, page = attachment.get(qname(RI, "filename"), ""), _page_ref(attachment)
            else:
                name, page = (parameter.text or "").strip(), None
            _fact(macro, "text", name)
            _fact(macro, "href", resolver.attachment_url(page, name) if name else None)


def _annotate_table(table: etree._Element) -> None:
    """Turn the columns' pixels into shares, so that a table fits a narrow window as it does in the editor."""
    columns = table.findall("colgroup/col")
    widths = [
        sanitize.pixels((re.search(r"width:\s*([0-9.]+px)", column.get("style") or "") or ["", ""])[1]) for column in columns
    ]
    declared = sanitize.pixels(table.get("data-table-width"))
    styles = []
    if columns and all(widths):
        total = sum(width or 0 for width in widths)
        for column, width in zip(columns, widths, strict=True):
            _fact(column, "style", f"width: {100 * (width or 0) / total:.2f}%")
        declared = declared or total
        styles.append(f"min-width: {min(total, 110 * len(columns))}px")
    if declared and table.get("data-layout") != "full-width":
        styles.insert(0, f"width: min(100%, {declared}px)")
    _fact(table, "style", "; ".join(styles))
    _fact(table, "class", "wk-fixed" if columns and all(widths) else None)


def _highlight(cell: etree._Element) -> None:
    colour = sanitize.safe_colour(cell.get("data-highlight-colour") or cell.get("bgcolor"))
    if colour:
        style = cell.get(qname(R, "style"))
        _fact(cell, "style", f"background-color: {colour}" + (f"; {style}" if style else ""))


@dataclass
class _Heading:
    level: int
    text: str
    id: str


class _Headings:
    """Headings and anchors of one body. Ids ignore blanks and dashes: Cloud and Data Center differ only in them."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.headings: list[_Heading] = []
        self._taken: set[str] = set()

    def add(self, element: etree._Element) -> None:
        text = visible_text(element)
        heading = _Heading(int(element.tag[1]), text, self._unique(self.target(text)))
        element.set(qname(R, "id"), heading.id)
        self.headings.append(heading)

    def anchor_id(self, name: str) -> str:
        return self._unique(self.target(name))

    def marker_id(self, reference: str) -> str | None:
        """Return the id for the first marker of an inline comment; a comment can have several."""
        name = f"{self.prefix}marker-{reference}"
        if not re.fullmatch(r"[\w-]{1,64}", reference) or name in self._taken:
            return None
        self._taken.add(name)
        return name

    def target(self, anchor: str) -> str:
        return f"{self.prefix}h-" + re.sub(r"[\s-]+", "", anchor)

    def _unique(self, name: str) -> str:
        number, candidate = 0, name
        while candidate in self._taken:
            number += 1
            candidate = f"{name}.{number}"
        self._taken.add(candidate)
        return candidate


def _table_of_contents(macro: etree._Element, headings: _Headings) -> etree._Element | None:
    lowest = _level(_parameter(macro, "minLevel"), 1)
    highest = _level(_parameter(macro, "maxLevel"), 6)
    include, exclude = _parameter(macro, "include"), _parameter(macro, "exclude")
    outline = _parameter(macro, "outline") == "true"
    chosen = [
        heading
        for heading in headings.headings
        if lowest <= heading.level <= highest
        and heading.text
        and (not include or _matches(include, heading.text))
        and (not exclude or not _matches(exclude, heading.text))
    ]
    if not chosen:
        return None
    root = etree.Element(qname(R, "toc"))
    open_lists: list[tuple[int, etree._Element, str]] = [(0, root, "")]
    for heading in chosen:
        while len(open_lists) > 1 and open_lists[-1][0] >= heading.level:
            open_lists.pop()
        parent, number = open_lists[-1][1], open_lists[-1][2]
        entry = etree.SubElement(parent, qname(R, "entry"))
        _fact(entry, "href", f"#{heading.id}")
        _fact(entry, "text", heading.text)
        number = f"{number}{len(parent)}."
        if outline:
            _fact(entry, "number", number.rstrip("."))
        open_lists.append((heading.level, etree.SubElement(entry, qname(R, "toc")), number))
    for empty in [toc for toc in root.iter(qname(R, "toc")) if not len(toc) and toc is not root]:
        parent_entry = empty.getparent()
        if parent_entry is not None:
            parent_entry.remove(empty)
    return root


def _entries(pages: Sequence[PageEntry], depth: int) -> etree._Element | None:
    if not pages or depth < 1:
        return None
    listing = etree.Element(qname(R, "toc"))
    for page in pages:
        entry = etree.SubElement(listing, qname(R, "entry"))
        _fact(entry, "href", page.href)
        _fact(entry, "text", page.title)
        below = _entries(page.children, depth - 1)
        if below is not None:
            entry.append(below)
    return listing


def _matches(pattern: str, text: str) -> bool:
    """Return whether a toc macro's ``include`` or ``exclude`` matches this heading.

    Of the Java expressions that are possible there, this supports those that people write: alternatives, and ``.*``. A
    page's own expression is never run: a bad one would stop the server.
    """
    for alternative in pattern.split("|"):
        parts = alternative.strip().split(".*")
        rest = text
        if not rest.startswith(parts[0]) or not rest.endswith(parts[-1]):
            continue
        position = 0
        for part in parts:
            position = rest.find(part, position)
            if position < 0:
                break
            position += len(part)
        if position >= 0 and (len(parts) > 1 or rest == parts[0]):
            return True
    return False


def _level(value: str | None, default: int) -> int:
    return int(value) if value and re.fullmatch("[1-6]", value) else default


def _page_ref(attachment: etree._Element) -> PageRef | None:
    """Return the page whose attachment is meant, None for the page itself."""
    page = next((child for child in attachment if isinstance(child.tag, str)), None)
    return None if page is None else _reference(page)


def _reference(target: etree._Element) -> PageRef:
    return PageRef(
        title=target.get(qname(RI, "content-title")),
        space_key=target.get(qname(RI, "space-key")) or None,
        content_id=target.get(qname(RI, "content-id")),
    )


def _stands_in_text(image: etree._Element) -> bool:
    """Return whether an image is a word in a sentence rather than a paragraph of its own."""
    parent = image.getparent()
    if parent is None or parent.tag not in ("p", "span", "strong", "em", "code", "u"):
        return False
    texts = [parent.text, *(child.tail for child in parent)]
    return image.find(qname(AC, "caption")) is None and any((text or "").strip() for text in texts)


def _sizes(element: etree._Element, width: str | None, height: str | None) -> None:
    for name, value in (("width", sanitize.pixels(width)), ("height", sanitize.pixels(height))):
        _fact(element, name, str(value) if value else None)


def _parameter(macro: etree._Element, name: str) -> str | None:
    for parameter in macro.findall(qname(AC, "parameter")):
        if parameter.get(qname(AC, "name"), "") == name:
            return (parameter.text or "").strip() or None
    return None


def _parent_name(element: etree._Element) -> str | None:
    parent = element.getparent()
    return None if parent is None else parent.get(qname(AC, "name"))


def _is_macro(element: etree._Element) -> bool:
    return element.tag in (qname(AC, "structured-macro"), qname(AC, "macro"))


def _elements(root: etree._Element) -> Iterator[etree._Element]:
    return root.iter("*")


def _drop_forgeries(root: etree._Element) -> None:
    for element in _elements(root):
        for name in [name for name in element.attrib if str(name).startswith(f"{{{R}}}")]:
            del element.attrib[name]
        if element.tag.startswith(f"{{{R}}}"):
            element.tag = "span"


def _fact(element: etree._Element, name: str, value: str | None) -> None:
    if value:
        element.set(qname(R, name), value)


# Elements whose facts depend on nothing but themselves.
_CONTEXT_FREE: dict[object, Callable[[etree._Element], None]] = {
    "img": _annotate_picture,
    "table": _annotate_table,
    **dict.fromkeys(("td", "th", "div", "col"), _annotate_classes),
    qname(AC, "emoticon"): _annotate_emoticon,
    qname(AC, "layout-section"): _annotate_layout,
}
