"""Pictures on sheets of paper, as a PDF."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from workplace_sandbox.seed.pictures import fitted

# Width and height in points, upright; only Ledger is wider than high.
PAPERS = {
    "a3": (842, 1191),
    "a4": (595, 842),
    "a5": (420, 595),
    "b4": (709, 1001),
    "b5": (499, 709),
    "executive": (522, 756),
    "folio": (612, 936),
    "ledger": (1224, 792),
    "legal": (612, 1008),
    "letter": (612, 792),
    "note": (540, 720),
    "quarto": (610, 780),
    "tabloid": (792, 1224),
}
UNSPECIFIED = "unspecified"
"""Paper as large as the picture."""

MARGIN_POINTS = 36
_PIXELS_PER_POINT = 2


def pdf(pictures: Sequence[bytes], title: str, paper: tuple[int, int], margin: int = MARGIN_POINTS) -> bytes:
    """Put pictures on paper, each on a page of its own.

    :param pictures: any format that Pillow reads.
    :param title: the title of the document.
    :param paper: width and height in points.
    :param margin: white points at each edge.
    :return: a PDF.
    """
    scale = _PIXELS_PER_POINT
    inner = [(length - 2 * margin) * scale for length in paper]
    pages = []
    for picture in pictures:
        page = Image.new("RGB", (paper[0] * scale, paper[1] * scale), "white")
        page.paste(fitted(picture, inner[0], inner[1]), (margin * scale, margin * scale))
        pages.append(page)
    target = io.BytesIO()
    pages[0].save(target, "PDF", resolution=72 * scale, title=title, save_all=True, append_images=pages[1:])
    return target.getvalue()
