"""The edit that lets links lead to other pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from workplace_provider.confluence.pages.addresses import is_on_site, page_id_in
from workplace_provider.confluence.pages.document import AC, RI
from workplace_provider.confluence.pages.edits.base import Edit
from workplace_provider.confluence.pages.lines import TextKind, TextKinds
from workplace_provider.confluence.pages.selectors import Replacement, change_attributes
from workplace_provider.confluence.pages.values import cdata, escape_text, quote_attribute
from workplace_provider.confluence.pages.words import comparison_key, visible_text

if TYPE_CHECKING:
    from lxml import etree

    from workplace_provider.confluence.pages.document import PageDocument

# Pages in links and in macros such as "Include Page". Pictures stay: a page may show a picture of another one for good.
_BY_TITLE: Final = "//ri:page[@ri:content-title and not(ancestor::ac:image)]"
_BY_ADDRESS: Final = "//a[@href]"
_CDATA: Final = re.compile(r"\s*<!\[CDATA\[(.*?)\]\]>\s*", re.DOTALL)


@dataclass(frozen=True)
class RetargetLinks(Edit):
    """Let links to pages lead to other pages: in links, in *Include* macros, and in links by address.

    A link by address becomes a link by title, because the address contains the id of the old page. The text of a link is
    replaced if it is the old title, or the address. Pictures of other pages stay.

    ::

        RetargetLinks({"Plan 2026": "Plan 2027"}, ids={"4711": "Plan 2027"}, site="https://wiki.example.com")

    :param titles: title of the old page to title of the new one
    :param ids: id of the old page to title of the new one, for links by address
    :param site: base URL of the site; addresses on other sites stay
    :param space: space of the old pages; references with the key of another space stay
    :param new_space: space of the new pages, for references with a key; by default the key stays
    :param files: change references to attachments of the old pages, too
    """

    template_fields = ("titles", "ids", "site", "space", "new_space")

    titles: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    site: str = ""
    space: str = ""
    new_space: str = ""
    files: bool = True

    def apply(self, document: PageDocument) -> None:
        """Apply the edit to a document."""
        kinds = TextKinds()
        titles = {comparison_key(old): new for old, new in self.titles.items()}
        replacements: list[Replacement] = []
        for page in document.select(_BY_TITLE) if titles else ():
            old = page.get(f"{{{RI}}}content-title") or ""
            new = titles.get(comparison_key(old))
            if new is not None and kinds.of(page) != TextKind.HIDDEN and self._is_meant(page):
                key = page.get(f"{{{RI}}}space-key")
                space = {"ri:space-key": self.new_space} if key and self.new_space else {}
                replacements += change_attributes(document, page, {**space, "ri:content-title": new})
                replacements += _new_texts(document, page, old, new)
        for link in document.select(_BY_ADDRESS) if self.ids else ():
            if kinds.of(link) == TextKind.LINK:
                replacements += self._by_title(document, link)
        document.replace(replacements)

    def _is_meant(self, page: etree._Element) -> bool:
        key = page.get(f"{{{RI}}}space-key")
        parent = page.getparent()
        is_file = parent is not None and parent.tag == f"{{{RI}}}attachment"
        return (not key or not self.space or key.casefold() == self.space.casefold()) and (self.files or not is_file)

    def _by_title(self, document: PageDocument, link: etree._Element) -> Iterator[Replacement]:
        """Yield the replacement of a link by address with a link by title."""
        address = link.get("href") or ""
        try:
            new = self.ids.get(page_id_in(address) or "") if is_on_site(address, self.site) else None
            fragment = urlsplit(address).fragment
        except ValueError:  # not an address
            return
        if new is None:
            return
        anchor = f" ac:anchor={quote_attribute(fragment)}" if fragment else ""
        shown = visible_text(link)
        is_address = "://" in shown or comparison_key(shown) in {comparison_key(old) for old in self.titles}
        text = escape_text(new) if is_address or not shown else document.inner(link)
        span = document.span(link)
        target = f"<ri:page ri:content-title={quote_attribute(new)} />"
        yield span.start, span.end, f"<ac:link{anchor}>{target}<ac:link-body>{text}</ac:link-body></ac:link>"


def _new_texts(document: PageDocument, page: etree._Element, old: str, new: str) -> Iterator[Replacement]:
    """Yield the replacements of the texts of a link that are the old title."""
    for link in page.iterancestors(f"{{{AC}}}link"):
        for body in link:
            if not isinstance(body.tag, str):
                continue
            span, inner = document.span(body), document.inner(body)
            if (
                body.tag == f"{{{AC}}}link-body"
                and not len(body)
                and comparison_key(visible_text(body)) == comparison_key(old)
            ):
                yield span.inner, span.close, escape_text(new)
            code = _CDATA.fullmatch(inner) if body.tag == f"{{{AC}}}plain-text-link-body" else None
            if code and comparison_key(code[1]) == comparison_key(old):
                yield span.inner, span.close, cdata(new)
