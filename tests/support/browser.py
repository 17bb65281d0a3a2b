from __future__ import annotations

from playwright.sync_api import Browser


def look(browser: Browser, address: str, width: int = 1280) -> tuple[int, str]:
    """Open a page, check it, and return the number of images and the text."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    try:
        answer = page.goto(address, wait_until="load")
        assert answer is not None
        assert answer.ok
        assert complaints == []
        hidden = page.evaluate("[...document.images].filter(image => image.naturalWidth === 0).map(image => image.src)")
        assert hidden == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page is wider than the window"
        return page.evaluate("document.images.length"), page.inner_text("body")
    finally:
        page.close()
