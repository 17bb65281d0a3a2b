"""Hooks of the documentation site: texts in the root of the repository, and links to files that the site does not have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FROM_ROOT = {"changelog.md": "CHANGELOG.md", "security.md": "SECURITY.md"}
LINK = re.compile(r"\[([^\]\[]+)\]\(((?:\.\./)?[^)#\s:]+)(#[^)\s]+)?\)")
LANGUAGES = re.compile(r"^(?:(?: · )?\[[^\]]+\]\([\w.]+\.md\))+\n", flags=re.M)
"""The line with links between the languages of a page, for readers of the files; the site has a menu."""


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page with the text of its file in the root, and with links that work on the site."""
    root_file = FROM_ROOT.get(page.file.src_uri)
    if root_file:
        markdown = (ROOT / root_file).read_text("utf-8").replace("](docs/", "](")
    pages = {f"../{name}": uri for uri, name in FROM_ROOT.items()}

    def replace(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if target in pages:
            return f"[{text}]({pages[target]}{anchor})"
        if re.search(r"\.(ko|ja)\.md$", target):
            return text
        return text if target.startswith("../") else match[0]

    return LINK.sub(replace, LANGUAGES.sub("", markdown, count=1))


def on_page_content(html: str, **_: Any) -> str:
    """Return a page without the colons that mark code in docstrings of Python."""
    return html.replace("<p>::</p>", "").replace("::</p>", ":</p>")
