"""A signed-in request to a site, and the responses that several routes share: pages of a list, and exports of a view."""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from workplace_sandbox.tableau.cache import DEFAULT_MINUTES
from workplace_sandbox.tableau.catalogue import TableauDataSource, TableauFlow, TableauSite, TableauView, TableauWorkbook
from workplace_sandbox.tableau.controls import TableauControls
from workplace_sandbox.tableau.errors import TableauError
from workplace_sandbox.tableau.exports import Kind, Version, check_allowed, make_file, read_options, stream
from workplace_sandbox.tableau.listing import Conditions, page_of, select
from workplace_sandbox.tableau.product import Product
from workplace_sandbox.tableau.representation import Fields, TableauRepresentation
from workplace_sandbox.tableau.responses import Element, element, send, wants_json, write
from workplace_sandbox.tableau.sessions import Session
from workplace_sandbox.tableau.view_filters import ViewFilters

OLDEST: Version = (2, 4)
NEWEST: Version = (3, 29)
MAX_BODY_BYTES = 64 * 1024
_VERSION = re.compile(r"(\d{1,2})\.(\d{1,3})")
UNKNOWN_VIEW: dict[Kind, str] = {"image": "404011", "data": "400080", "pdf": "400080", "crosstab": "404011"}

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class TableauCall:
    """A request of a signed-in user to the site of their session."""

    request: Request
    controls: TableauControls
    product: Product
    session: Session
    site: TableauSite
    version: Version

    def represent(self, kind: str) -> TableauRepresentation:
        """Return the representation for the response.

        :param kind: the kind of object that the request is about.
        """
        fields = Fields(self.request.query_params.get("fields", ""), kind)
        base = f"{self.request.url.scheme}://{self.request.url.netloc}{self.product.path}"
        # Tableau Cloud omits the type of a sheet unless ``fields`` names it.
        return TableauRepresentation(self.site, base, fields, sheet_type=not self.product.cloud)

    def workbook(self, wanted: str) -> TableauWorkbook:
        """Return a workbook by LUID."""
        record = self.site.workbook_by_luid.get(wanted)
        if record is None:
            raise TableauError("404006", f"Workbook '{wanted}' could not be found.")
        return record

    def datasource(self, wanted: str) -> TableauDataSource:
        """Return a published data source by LUID."""
        for source in self.site.datasources:
            if source.luid == wanted:
                return source
        raise TableauError("404006", f"Data source '{wanted}' could not be found.")

    def flow(self, wanted: str) -> TableauFlow:
        """Return a flow by LUID."""
        for flow in self.site.flows:
            if flow.luid == wanted:
                return flow
        raise TableauError("404012", f"Flow '{wanted}' could not be found.")

    def view(self, wanted: str, code: str) -> TableauView:
        """Return a view by LUID.

        :param code: the error code for an unknown view, which differs between the methods.
        """
        record = self.site.view_by_luid.get(wanted)
        if record is None:
            raise TableauError(code, f"View '{wanted}' could not be found on this site.")
        return record


def controls_of(request: Request) -> TableauControls:
    """Return the controls of the application."""
    controls: TableauControls = request.app.state.controls
    return controls


def product_of(request: Request) -> Product:
    """Return the server of the application."""
    product: Product = request.app.state.product
    return product


def any_version(version: str) -> Version:
    """Return the numbers of a version.

    :raises TableauError: 404003: it is no version, or too old.
    """
    match = _VERSION.fullmatch(version)
    numbers = (int(match[1]), int(match[2])) if match else (0, 0)
    if numbers < OLDEST:
        raise TableauError("404003", f"There is no version {version} of the REST API.")
    return numbers


def offered_version(version: str) -> Version:
    """Return the numbers of a version that is not newer than the server's.

    :raises TableauError: 404003.
    """
    numbers = any_version(version)
    if numbers > NEWEST:
        raise TableauError(
            "404003", f"Version {version} of the REST API is newer than {version_text(NEWEST)}, the newest here."
        )
    return numbers


ControlsDep = Annotated[TableauControls, Depends(controls_of)]
ProductDep = Annotated[Product, Depends(product_of)]
VersionDep = Annotated[Version, Depends(offered_version)]


async def latency(controls: ControlsDep) -> None:
    """Wait for the duration of a request."""
    await controls.wait()


async def signed_in(request: Request, product: ProductDep) -> Session:
    """Return the session of a request's token.

    :raises TableauError: 401000 or 401002.
    """
    return product.sessions.use(request.headers.get("x-tableau-auth"))


SessionDep = Annotated[Session, Depends(signed_in)]


async def _call(
    request: Request, controls: ControlsDep, product: ProductDep, version: VersionDep, session: SessionDep, site: str
) -> TableauCall:
    controls.jobs.settle()
    mine = product.site(session.site)
    if mine is None or mine.luid != site:
        if not any(candidate.luid == site for candidate in product.sites()):
            raise TableauError("404000", f"Site '{site}' could not be found.")
        raise TableauError("403004", "The token belongs to another site. Sign in to this one.")
    return TableauCall(request, controls, product, session, mine, version)


CallDep = Annotated[TableauCall, Depends(_call)]


async def export(call: TableauCall, kind: Kind, view: TableauView, saved: ViewFilters | None = None) -> Response:
    """Return the file of a view.

    :param saved: filters of a custom view, which those of the request replace field by field.
    """
    check_allowed(kind, view, call.session.user)
    query = parse_qsl(call.request.url.query, keep_blank_values=True)
    options = read_options(kind, dict(query), call.version)
    filters = ViewFilters.read(query).over(saved or ViewFilters())
    cloud = call.product.cloud
    call.product.sessions.count_export(call.session)
    await call.controls.wait(exporting=True)
    if streamed := stream(kind, view, cloud=cloud):
        headers = {"content-length": f"{streamed.size}", "content-type": streamed.media_type}
        return StreamingResponse(_each(streamed.pieces), headers=headers)
    key = (view.luid, kind, filters, options)
    file = await run_in_threadpool(
        call.product.cache.get, key, minutes_of(query), lambda: make_file(kind, view, filters, options, cloud=cloud)
    )
    # As a header, because the framework would add a charset to the media type.
    return Response(file.content, headers={"content-type": file.media_type})


def page(
    call: TableauCall,
    name: str,
    things: Sequence[Thing],
    conditions: Conditions[Thing],
    represent: Callable[[Thing], Element],
) -> Response:
    """Return a page of a list that depends on nothing but the site."""
    query, as_json = call.request.query_params, wants_json(call.request)

    def body() -> bytes:
        shown, pagination = page_of(select(things, conditions, query), query)
        return write([element("pagination", pagination), element(name, None, *map(represent, shown))], as_json=as_json)

    return send(call.site.cached((str(call.request.url), as_json), body), as_json=as_json)


async def _each(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    # Making a piece takes less time than switching to another thread and back.
    for piece in pieces:
        yield piece


def minutes_of(query: Sequence[tuple[str, str]]) -> int:
    """Return the age that the request allows."""
    text = dict(query).get("maxAge", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else DEFAULT_MINUTES


async def body_of(request: Request) -> bytes:
    """Return the body of a request, up to its limit."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise TableauError("400000", "The request body is too large")
    return bytes(received)


def version_text(version: Version) -> str:
    """Return a version as text."""
    return f"{version[0]}.{version[1]}"
