"""The preview of a report: one HTML file with the page, its pictures, the differences, the checks and the changes."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.pages import page_diff
from workplace_provider.confluence.pages.html import page_html

if TYPE_CHECKING:
    from workplace_provider.common.artifacts import Artifact
    from workplace_provider.reports.pages import PagePreview

LARGEST_PICTURE: Final = 8 * 1024 * 1024
"""Most bytes of a picture in the preview; a larger one is shown as its name."""

LARGEST_PICTURES: Final = 64 * 1024 * 1024
"""Most bytes of all pictures in the preview."""

POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content-Security-Policy of a preview: no script, no form, no request."""

_STYLE: Final = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #f6f8fa; --text: #1f2328; --back: #ffffff; --link: #0969da }
@media (prefers-color-scheme: dark) {
  :root:not(.light) { --line: #3d444d; --soft: #151b23; --text: #f0f6fc; --back: #0d1117; --link: #4493f8 }
}
:root.light { color-scheme: light }
:root.dark {
  color-scheme: dark; --line: #3d444d; --soft: #151b23; --text: #f0f6fc; --back: #0d1117; --link: #4493f8
}
body { font: 15px/1.55 system-ui, "Noto Sans CJK KR", sans-serif; margin: 0 auto; max-width: 1000px; padding: 16px }
body { color: var(--text); background: var(--back); overflow-wrap: anywhere }
header { border-bottom: 1px solid var(--line); margin-bottom: 16px; padding-bottom: 8px }
.page { border: 1px solid var(--line); border-radius: 6px; padding: 16px; overflow-x: auto }
section { overflow-x: auto }
table { border-collapse: collapse }
th, td { overflow-wrap: normal; word-break: keep-all }
th, td { border: 1px solid var(--line); padding: 4px 10px; text-align: left; vertical-align: top }
th { background: var(--soft) }
img { max-width: 100%; height: auto }
figure { display: inline-block; margin: 8px 8px 8px 0 }
figcaption, .quiet { font-size: 13px; opacity: .75 }
a, .link { color: var(--link) }
pre, .panel { background: var(--soft); border-left: 3px solid var(--line); overflow-x: auto; padding: 8px 12px }
.missing { border: 1px dashed var(--line); border-radius: 4px; padding: 0 6px }
.status { border-radius: 3px; font-size: 12px; font-weight: 600; padding: 1px 6px; background: #6e7781; color: #fff }
.status.red { background: #cf222e } .status.green { background: #1a7f37 } .status.blue { background: #0969da }
.status.yellow { background: #9a6700 } .status.purple { background: #8250df }
.tasks { list-style: none; padding-left: 8px }
ins { background: #1a7f3733; text-decoration: none } del { background: #cf222e33 }
.failed { font-weight: 600 }
"""


def render_preview(preview: PagePreview, composed: Mapping[str, Any], files: Sequence[Artifact]) -> str:
    """Return the preview as one HTML file, which needs no script and no request.

    :param preview: the page as it will be written
    :param composed: the composed report
    :param files: the files of the page; its pictures are in the HTML
    """
    body = page_html(preview.body, data_urls(files))
    parts = [
        f"<header><h1>{escape(composed['title'])}</h1><p class='quiet'>{escape(_origin(preview, composed))}</p></header>",
        _section("Changes", _list(composed["changes"])),
        _section("Checks", _checks(composed["checks"])),
        _section("Page", f'<div class="page">{body}</div>'),
        _section("Differences", _differences(preview)),
    ]
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(composed['title'])}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def data_urls(files: Sequence[Artifact]) -> dict[str, str]:
    """Return the pictures among some files as ``data:`` URLs, by name, up to the limits of a preview."""
    return dict(_data_urls(files))


def _data_urls(files: Sequence[Artifact]) -> Iterator[tuple[str, str]]:
    total = 0
    for file in files:
        if file.media_type not in ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"):
            continue
        with file.open() as stream:
            content = stream.read(LARGEST_PICTURE + 1)
        total += len(content)
        if len(content) > LARGEST_PICTURE or total > LARGEST_PICTURES:
            continue
        yield file.name, f"data:{file.media_type};base64,{base64.b64encode(content).decode()}"


def _origin(preview: PagePreview, composed: Mapping[str, Any]) -> str:
    kind = "rehearsal, " if composed["rehearsal"] else ""
    if preview.is_final:
        return f"{kind}{composed['period']}; the page exists, and is not changed"
    return f"{kind}{composed['period']}; made of “{preview.source}”"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>" if content else ""


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>" if lines else ""


def _checks(checks: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr{'' if check['passed'] else ' class=failed'}><td>{escape(check['source'])}</td>"
        f"<td>{escape(check['expectation'])}</td><td>{escape(check['finding'])}</td>"
        f"<td>{'✓' if check['passed'] else escape(check['severity'])}</td></tr>"
        for check in checks
    )
    head = "<tr><th>Source</th><th>Expectation</th><th>Finding</th><th>Result</th></tr>"
    return f"<table>{head}{rows}</table>" if rows else ""


def _differences(preview: PagePreview) -> str:
    if preview.is_final or not preview.before:
        return ""
    return page_diff(preview.before, preview.body).html
