"""Screenshots of the demonstration's results, for the README: the page, the channel, the DAG and its trigger form."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workplace_sandbox.local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playwright.sync_api import Page

WIDTH, HEIGHT = 1280, 860  # pixels
PATIENCE = 30_000  # milliseconds
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Picture:
    """A picture to take.

    :param name: name of the file, without extension.
    :param address: the page to open.
    :param wait_for: text that must be visible.
    :param tall: the picture's height in pixels; the default when it is None.
    :param press: name of a button to press first.
    """

    name: str
    address: str
    wait_for: str
    tall: int | None = None
    press: str = ""


def take(pictures: Sequence[Picture], directory: Path, *, airflow: str, token: str) -> list[Path]:
    """Take the pictures.

    :param directory: the target; created if it does not exist.
    :param airflow: address of Airflow's UI.
    :param token: the token that logs in there.
    :return: the files.
    :raises LocalError: there is no browser, or a page does not show the expected text.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise LocalError("screenshots need Playwright: pip install playwright") from None
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        raise LocalError(f"screenshots need a browser, and none of {', '.join(BROWSERS)} is installed")
    directory.mkdir(parents=True, exist_ok=True)
    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        try:
            context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US")
            context.add_cookies(
                [{"name": "_token", "value": token, "domain": urlsplit(airflow).hostname or "", "path": "/"}]
            )
            # Airflow stores in the browser whether a person looks at the grid or the graph of DAGs.
            context.add_init_script("localStorage.setItem('default_dag_view', JSON.stringify('graph'))")
            page = context.new_page()
            for picture in pictures:
                try:
                    taken.append(_taken(page, picture, directory))
                except Error as error:
                    raise LocalError(f"no picture of {picture.address}: {error}") from error
        finally:
            browser.close()
    return taken


def _taken(page: Page, picture: Picture, directory: Path) -> Path:
    page.set_viewport_size({"width": WIDTH, "height": picture.tall or HEIGHT})
    page.goto(picture.address, wait_until="load", timeout=PATIENCE)
    if picture.press:
        page.get_by_role("button", name=picture.press).first.click(timeout=PATIENCE)
    page.get_by_text(picture.wait_for).first.wait_for(timeout=PATIENCE)
    # Animations have ended by then, and the pictures in the page are loaded.
    page.wait_for_timeout(1500)
    file = directory / f"{picture.name}.png"
    page.screenshot(path=file, animations="disabled")
    return file
