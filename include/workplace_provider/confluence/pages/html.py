"""A page in storage format as HTML, for previews: without scripts, and without requests to another server.

The result has the structure that readers see. Macros that Confluence computes on the server, such as a table of contents,
are boxes with their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.pages.document import AC, RI, PageDocument
from workplace_provider.confluence.pages.values import escape_text, quote_attribute
from workplace_provider.confluence.pages.words import emoji_of

if TYPE_CHECKING:
    from lxml import etree

_KEPT: Final = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "table", "thead", "tbody", "tfoot", "tr", "th", "td"}
    | {"strong", "em", "b", "i", "u", "s", "del", "sub", "sup", "small", "code", "pre", "blockquote", "span", "div", "dl"}
    | {"dt", "dd", "caption", "colgroup"}
)
_EMPTY: Final = frozenset({"br", "hr", "col"})
_ATTRIBUTES: Final = ("colspan", "rowspan", "start")
_LINKS: Final = ("http://", "https://", "mailto:", "/", "#")
_PANELS: Final = frozenset({"info", "note", "warning", "tip", "panel", "expand", "excerpt", "section", "column", "details"})
_COLOURS: Final = frozenset({"grey", "red", "yellow", "blue", "green", "purple"})


def page_html(storage: str, images: Mapping[str, str] | None = None) -> str:
    """Return the body of a page as an HTML fragment.

    ::

        page_html("<h2>지표</h2><p>WAU</p>")  # '<h2>지표</h2><p>WAU</p>'

    :param storage: the body in storage format
    :param images: ``data:`` URLs of attachments by their names; an image of another file is a box with its name
    :raises IllFormedStorage: if the body is not well-formed
    """
    return "".join(_Renderer(images or {}).children(PageDocument(storage).root))


class _Renderer:
    """Renders the elements of one page. What is not in its lists is shown without its tags."""

    def __init__(self, images: Mapping[str, str]) -> None:
        self._images = images

    def children(self, element: etree._Element) -> Iterator[str]:
        """Yield the HTML of what is in an element."""
        if element.text:
            yield escape_text(element.text)
        for child in element:
            if isinstance(child.tag, str):
                yield from self._element(child)
            if child.tail:
                yield escape_text(child.tail)

    def _element(self, element: etree._Element) -> Iterator[str]:
        tag = str(element.tag)
        namespace, _, name = tag.rpartition("}")
        if not namespace:
            yield from self._html(element, name)
        elif tag.startswith(f"{{{AC}}}"):
            yield from self._confluence(element, name)

    def _html(self, element: etree._Element, name: str) -> Iterator[str]:
        if name == "a":
            target = (element.get("href") or "").strip()
            href = f" href={quote_attribute(target)}" if target.lower().startswith(_LINKS) else ""
            yield from self._wrapped(element, "a", f'{href} rel="noopener noreferrer"')
        elif name == "time":
            yield f"<time>{escape_text(element.get('datetime') or '')}</time>"
        elif name in _EMPTY:
            yield f"<{name}>"
        elif name in _KEPT:
            attributes = "".join(
                f" {key}={quote_attribute(value)}" for key in _ATTRIBUTES if (value := element.get(key)) and value.isdigit()
            )
            yield from self._wrapped(element, name, attributes)
        else:
            yield from self.children(element)

    def _wrapped(self, element: etree._Element, name: str, attributes: str = "") -> Iterator[str]:
        yield f"<{name}{attributes}>"
        yield from self.children(element)
        yield f"</{name}>"

    def _confluence(self, element: etree._Element, name: str) -> Iterator[str]:
        if name == "image":
            yield self._image(element)
        elif name == "link":
            yield from self._link(element)
        elif name == "structured-macro":
            yield from self._macro(element)
        elif name == "emoticon":
            yield escape_text(emoji_of(element))
        elif name == "task-list":
            yield from self._wrapped(element, "ul", ' class="tasks"')
        elif name == "task":
            yield from self._task(element)
        elif name in ("layout", "layout-section", "layout-cell"):
            yield from self._wrapped(element, "div", f' class="{name}"')
        elif name not in ("parameter", "placeholder", "adf-extension"):
            yield from self.children(element)

    def _image(self, element: etree._Element) -> str:
        file = element.find(f"{{{RI}}}attachment")
        name = file.get(f"{{{RI}}}filename") or "" if file is not None else ""
        if name not in self._images:
            return f'<span class="missing">{escape_text(name or "image")}</span>'
        width = element.get(f"{{{AC}}}width") or ""
        size = f' width="{width}"' if width.isdigit() else ""
        alt = quote_attribute(element.get(f"{{{AC}}}alt") or name)
        caption = element.find(f"{{{AC}}}caption")
        shown = f"<figcaption>{''.join(self.children(caption))}</figcaption>" if caption is not None else ""
        return f"<figure><img src={quote_attribute(self._images[name])}{size} alt={alt}>{shown}</figure>"

    def _link(self, element: etree._Element) -> Iterator[str]:
        body = next(
            (child for child in element if child.tag in (f"{{{AC}}}link-body", f"{{{AC}}}plain-text-link-body")), None
        )
        target = next((child for child in element if str(child.tag).startswith(f"{{{RI}}}")), None)
        title = ""
        if target is not None:
            keys = ("content-title", "filename", "username", "account-id", "userkey")
            title = next((value for key in keys if (value := target.get(f"{{{RI}}}{key}"))), "")
        yield f'<span class="link" title={quote_attribute(title)}>'
        if body is not None:
            yield from self.children(body)
        else:
            yield escape_text(title)
        yield "</span>"

    def _task(self, element: etree._Element) -> Iterator[str]:
        done = (element.findtext(f"{{{AC}}}task-status") or "").strip() == "complete"
        yield f"<li>{'☑' if done else '☐'} "
        body = element.find(f"{{{AC}}}task-body")
        if body is not None:
            yield from self.children(body)
        yield "</li>"

    def _macro(self, element: etree._Element) -> Iterator[str]:
        name = element.get(f"{{{AC}}}name") or ""
        parameters = {child.get(f"{{{AC}}}name"): child.text or "" for child in element.findall(f"{{{AC}}}parameter")}
        body = element.find(f"{{{AC}}}rich-text-body")
        code = element.findtext(f"{{{AC}}}plain-text-body")
        if name == "status":
            colour = parameters.get("colour", "").lower()
            kind = colour if colour in _COLOURS else "grey"
            yield f'<span class="status {kind}">{escape_text(parameters.get("title", ""))}</span>'
        elif name == "anchor":
            return
        elif code is not None:
            yield f"<pre>{escape_text(code)}</pre>"
        elif body is not None:
            kind = name if name in _PANELS else "panel"
            title = parameters.get("title", "")
            yield f'<div class="panel {kind}">' + (f"<strong>{escape_text(title)}</strong>" if title else "")
            yield from self.children(body)
            yield "</div>"
        else:
            yield f'<span class="missing">{escape_text(name)}</span>'
