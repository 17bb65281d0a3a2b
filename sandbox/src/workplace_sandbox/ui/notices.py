"""The pages of the notice board, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Protocol

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from workplace_sandbox.notices import BOARD_PATH, EUC_KR_PATH, notice_path
from workplace_sandbox.state.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from workplace_sandbox.notices.controls import NoticeControls
    from workplace_sandbox.store import Store


class NoticeRenderer(Protocol):
    """Fills a template."""

    def __call__(self, template: str, status: int = 200, *, forms: bool = False, **values: Any) -> HTMLResponse:
        """Return the page.

        :param forms: whether its forms may be sent, to the sandbox itself.
        """
        ...


def same_origin(request: Request) -> None:
    """Refuse a form from a page of another site.

    :raises HTTPException: 403.
    """
    origin = request.headers.get("origin")
    if origin is None or origin != str(request.base_url).rstrip("/"):
        raise HTTPException(403, "send this form from the board's own page")


def build_notice_pages(
    store: Store, controls: NoticeControls, html: NoticeRenderer, not_found: Callable[[str], HTMLResponse]
) -> APIRouter:
    """Return the routes of the board's pages.

    :param store: the notices.
    :param controls: the board's controls, with the layout.
    :param html: fills a template.
    :param not_found: returns the page for an unknown notice.
    """
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)

    def board(charset: str) -> HTMLResponse:
        return html(
            "notices.html",
            forms=True,
            here="notices",
            notices=store.board_notices(),
            layout=controls.layout,
            path=notice_path,
            charset=charset,
        )

    @router.get(BOARD_PATH)
    def utf8() -> HTMLResponse:
        return board("utf-8")

    @router.get(EUC_KR_PATH)
    def euc_kr() -> Response:
        """Return the board as older systems send it: the header names no character set, and the page does."""
        text = bytes(board("euc-kr").body).decode("utf-8")
        # Characters outside the Korean character set are sent as references, as browsers and such systems do.
        return Response(text.encode("cp949", "xmlcharrefreplace"), headers={"Content-Type": "text/html"})

    @router.get(f"{BOARD_PATH}/view")
    def view(id: int) -> HTMLResponse:  # noqa: A002 - the name of the parameter
        notice = store.board_notice(id)
        if notice is None:
            return not_found(f"There is no notice {id}.")
        return html("notice.html", forms=True, here="notices", notice=notice)

    @router.post(BOARD_PATH, dependencies=[Depends(same_origin)])
    def add(
        title: Annotated[str, Form()],
        author: Annotated[str, Form()] = "",
        body: Annotated[str, Form()] = "",
        pinned: Annotated[bool, Form()] = False,
    ) -> Response:
        _run(lambda: controls.add(title, author=author, body=body, pinned=pinned))
        return RedirectResponse(BOARD_PATH, 303)

    @router.post(f"{BOARD_PATH}/{{notice_id}}/edit", dependencies=[Depends(same_origin)])
    def edit(notice_id: int, title: Annotated[str, Form()], body: Annotated[str, Form()] = "") -> Response:
        _run(lambda: controls.edit(notice_id, title=title, body=body))
        return RedirectResponse(notice_path(notice_id), 303)

    @router.post(f"{BOARD_PATH}/{{notice_id}}/pin", dependencies=[Depends(same_origin)])
    def pin(notice_id: int, pinned: Annotated[bool, Form()]) -> Response:
        _run(lambda: controls.pin(notice_id, pinned))
        return RedirectResponse(notice_path(notice_id), 303)

    @router.post(f"{BOARD_PATH}/{{notice_id}}/remove", dependencies=[Depends(same_origin)])
    def remove(notice_id: int) -> Response:
        _run(lambda: controls.remove(notice_id))
        return RedirectResponse(BOARD_PATH, 303)

    return router


def _run(action: Callable[[], object]) -> None:
    """Run the action of a form.

    :raises HTTPException: 404 or 400, with the reason.
    """
    try:
        action()
    except NotFoundError as error:
        raise HTTPException(404, f"there is no {error}") from error
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
