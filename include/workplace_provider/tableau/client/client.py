"""A client of Tableau's REST API: finds views and exports them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from workplace_provider.http.client import TIMED_OUT, HttpClient, HttpSettings, Sink
from workplace_provider.http.errors import AuthFailed, BadResponse, Invalid, RateLimited, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.tableau.client import lookup
from workplace_provider.tableau.client.answers import (
    SYSTEM,
    VIEW_NOT_FOUND_FOR_DATA,
    EmptyView,
    Node,
    parse_error,
    readable,
    segment,
)
from workplace_provider.tableau.client.export import (
    Exported,
    ExportOptions,
    FirstRowReached,
    InspectingSink,
    warnings_of,
)
from workplace_provider.tableau.client.filters import ViewFilters, impossible_value
from workplace_provider.tableau.client.formats import CSV, XLSX, ViewFormat
from workplace_provider.tableau.client.listing import (
    ALL_FIELDS,
    LARGEST_PAGE,
    STABLE_SORT,
    Condition,
    Listing,
    items_of,
    read_list,
)
from workplace_provider.tableau.client.model import Server, View, Workbook, read_view, read_workbook
from workplace_provider.tableau.client.session import TOKEN_HEADER, XML, Session, Sessions

if TYPE_CHECKING:
    from workplace_provider.http.client import Download
    from workplace_provider.tableau.client.credentials import Credential

Item = TypeVar("Item")

log = get_logger("workplace_provider.tableau")

# Every version since answers "serverinfo" with the newest one that it speaks.
_OLDEST_API: Final = "2.4"
_NEWEST_API: Final = "3.29"
# On Tableau Cloud since May 2023; servers have it earlier, by patch releases that the version does not tell.
_WILDCARDS_SINCE: Final = "3.20"
EXPORT_SECONDS: Final = 330.0
"""How long an export may be silent: gateways cut after 300 seconds, and theirs shall be the error that is shown."""
RENDER_ATTEMPTS: Final = 2
"""How often a request is sent at the most when Tableau does not respond in time."""


class TableauClient:
    """Lists, finds and exports what a site has. One session serves all threads; nothing is sent before it is needed.

    :param base_url: scheme and host, with a path where Tableau is behind a proxy
    :param credentials: what to sign in with; several take turns when a session is lost
    :param site: the site's name in URLs; empty for the default site of a server
    :param api_version: version of the REST API, such as ``3.19``; the newest that server and client know when ``None``
    :param first_credential: which of several credentials to begin with
    :param settings: time-outs, TLS and limits
    :param export_seconds: how long one export may take, with all its attempts; ``None`` for any time
    :param sleep: waits for that many seconds
    :param on_secret: told every session token, so that logs can mask it
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credential | Sequence[Credential],
        site: str = "",
        *,
        api_version: str | None = None,
        first_credential: int = 0,
        settings: HttpSettings | None = None,
        export_seconds: float | None = 3 * EXPORT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        on_secret: Callable[[str], None] | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.site = site
        self._asked_version = api_version
        given = settings or self.usual_settings()
        # A view that is too slow for the server is rendered again for each request.
        self._settings = replace(given, timeout_attempts=given.timeout_attempts or RENDER_ATTEMPTS)
        self._export_seconds = export_seconds
        self._refused_features: set[str] = set()
        self._books: dict[str, Workbook] | None = None
        self._with_rows: dict[tuple[str, str], bool | None] = {}
        self._looking: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()
        self._sleep = sleep
        self._clients: list[HttpClient] = []
        # Refuses a base URL that is none, before anything is asked of it.
        self._at(_OLDEST_API)
        every = credentials if isinstance(credentials, Sequence) else [credentials]
        self._sessions = Sessions(lambda: self._http, every, site, first=first_credential, on_secret=on_secret)

    @staticmethod
    def usual_settings() -> HttpSettings:
        """Time-outs that leave an export the time it needs."""
        return HttpSettings(read_timeout=EXPORT_SECONDS, timeout_attempts=RENDER_ATTEMPTS)

    def __enter__(self) -> TableauClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Sign out, and close the connections. Never an error."""
        self._sessions.end()
        for client in self._clients:
            client.close()

    @property
    def browser_url(self) -> str:
        """What a view's path stands behind, for people."""
        return f"{self.base_url}/#/site/{self.site}" if self.site else f"{self.base_url}/#"

    @property
    def re_sign_ins(self) -> int:
        """How often a lost session was replaced."""
        return self._sessions.re_sign_ins

    @cached_property
    def server(self) -> Server:
        """What answers. It is asked once, without a session.

        :raises WorkplaceError: it does not answer, or not as Tableau does
        """
        http = self._at(_OLDEST_API)
        info = http.exchange("GET", "serverinfo", lambda response: readable(http, response), headers={"Accept": XML}).first(
            "serverInfo"
        )
        version = info.text_of("restApiVersion")
        if not version:
            raise BadResponse(
                f"{http.url('serverinfo')} does not say a version of the REST API",
                system=SYSTEM,
                method="GET",
                advice="check the connection's host; on Tableau Cloud it is the one with the pod",
                retryable=False,
            )
        return Server(info.text_of("productVersion"), version)

    @cached_property
    def api_version(self) -> str:
        """The version of the REST API that is spoken: the newest that both sides know, or the one that was asked for."""
        return self._asked_version or min(self.server.api_version, _NEWEST_API, key=_numbers)

    def sign_in(self) -> Session:
        """Sign in, unless there is a session already.

        :raises AuthFailed: the credential was refused
        """
        return self._sessions.current()

    def workbooks(
        self,
        conditions: Iterable[Condition] = (),
        *,
        sort: str = STABLE_SORT,
        fields: str = "",
        page_size: int = LARGEST_PAGE,
        parallel: int = 4,
    ) -> list[Workbook]:
        """The site's workbooks.

        :param conditions: all of them must hold
        :param sort: ``field:asc`` or ``field:desc``, several with commas
        :param fields: ``_default_``, ``_all_``, or names with commas
        :param page_size: items per request, 1,000 at most
        :param parallel: requests at the same time
        :raises BadResponse: the list could not be read whole
        """
        listing = Listing("workbooks", "workbook", tuple(conditions), sort, fields)
        return self._list(listing, read_workbook, page_size, parallel)

    def views(
        self,
        conditions: Iterable[Condition] = (),
        *,
        sort: str = STABLE_SORT,
        fields: str = "_all_",
        page_size: int = LARGEST_PAGE,
        parallel: int = 4,
    ) -> list[View]:
        """The site's views, without hidden sheets, which Tableau does not list.

        :param conditions: all of them must hold
        :param sort: ``field:asc`` or ``field:desc``, several with commas
        :param fields: ``_default_``, ``_all_``, or names with commas; the names of workbooks and projects, and the type of
            the sheet, come with ``_all_`` only
        :param page_size: items per request, 1,000 at most
        :param parallel: requests at the same time
        :raises BadResponse: the list could not be read whole
        """
        listing = Listing("views", "view", tuple(conditions), sort, fields)
        views = self._list(listing, lambda node: read_view(node, self.browser_url), page_size, parallel)
        return self._with_names(views) if fields == ALL_FIELDS and "fields" in self._refused_features else views

    def views_of(self, workbook_id: str) -> list[View]:
        """The views of a workbook; this list has no pages."""
        answer = self._get(f"workbooks/{segment(workbook_id)}/views", "")
        return [read_view(node, self.browser_url) for node in items_of(answer, "view")]

    def get_view(self, view_id: str) -> View:
        """A view by its id, with the names of its workbook and project.

        :raises NotFound: there is none of that id, or the account may not see it
        """
        view = read_view(self._get_item("views", "view", view_id), self.browser_url)
        # Asked for by its id, a view comes without names and type; by its URL, which is as unique, with them.
        named = self.views([Condition("contentUrl", view.content_url)])
        return next((each for each in named if each.id == view.id), view)

    def get_workbook(self, workbook_id: str) -> Workbook:
        """A workbook by its id.

        :raises NotFound: there is none of that id, or the account may not see it
        """
        return read_workbook(self._get_item("workbooks", "workbook", workbook_id))

    def find_view(self, view: str, *, workbook: str = "", project: str = "") -> View:
        """The view that somebody means.

        :param view: its id, its URL from a browser, ``Workbook/Sheet`` as in that URL or with the names, or its name
        :param workbook: name of its workbook, when ``view`` is a name
        :param project: name of its project, to tell workbooks of the same name apart
        :raises NotFound: there is none; similar ones are named
        :raises Invalid: several are meant, which are listed; or it is the URL of something else
        """
        readings = lookup.read_reference(view, workbook=workbook, project=project, base_url=self.base_url, site=self.site)
        found: list[View] = []
        for reading in readings:
            if reading.luid:
                return self.get_view(reading.luid)
            found = lookup.matching(reading, self.views(lookup.conditions_of(reading, wildcards=self._knows_wildcards)))
            if found:
                return lookup.the_one(found, reading, list)
        return lookup.the_one([], readings[0], lambda: self._near(readings))

    def export(
        self,
        view: View,
        exported: ViewFormat,
        sink: Sink,
        options: ExportOptions | None = None,
        *,
        allow_empty: bool = False,
    ) -> Exported:
        """Stream a view into a sink, and check what came.

        A picture or PDF of a view without data looks like one with data; the view's data decides, which is asked for once
        per view and filters.

        :param sink: takes the bytes; publish what it took only after this returned
        :param allow_empty: export the picture of a view without data, with a warning
        :raises EmptyView: the view shows nothing with these filters
        :raises BadResponse: what came is cut off or of another format
        :raises WorkplaceError: Tableau refused
        """
        options = options or ExportOptions()
        self._check_version(options, exported)
        warnings: tuple[str, ...] = ()
        if exported not in (CSV, XLSX):
            warnings = self._check_rows(view, options, allow_empty=allow_empty)
        checked = InspectingSink(sink, exported, byte_order_mark=options.byte_order_mark and exported is CSV)
        try:
            done = self._download(view, exported, checked, options)
        except WorkplaceError as error:
            error.message = f"{view}: {error.message}"
            raise
        size, sha256 = done.size, done.sha256
        if exported is CSV:
            self._with_rows[_key(view, options)] = checked.inspection.has_rows
        pixels = checked.inspection.pixels
        warnings += warnings_of(view, exported, options, pixels)
        for warning in warnings:
            log.warning("%s", warning)
        return Exported(
            view=view,
            format=exported,
            size=size,
            sha256=sha256,
            pixels=pixels,
            has_rows=checked.inspection.has_rows,
            filters=options.filters.described(),
            updated_at=view.updated_at,
            warnings=warnings,
        )

    def has_rows(self, view: View, options: ExportOptions) -> bool | None:
        """Whether a view shows data with these filters; requested once, and read no further than to its first row.

        :return: ``None`` where that cannot be known: of a dashboard, Tableau gives the data of its first sheet only, and the
            account may not be allowed to see data
        """
        key = _key(view, options)
        with self._lock:
            looking = self._looking.setdefault(key, threading.Lock())
        with looking:
            if key not in self._with_rows:
                self._with_rows[key] = self._look_for_rows(view, options)
            return self._with_rows[key]

    def knows_filter(self, view: View, name: str, value: Any) -> bool | None:
        """Whether a view has the field of a filter. Tableau ignores a field that the view lacks, without a word.

        Decided by a value that no row can have: a view that still shows data ignored it. One request per view and field.

        :param value: a value of the filter, which tells the type of the field
        :return: ``None`` where that cannot be known: parameters, and what is not a worksheet
        """
        impossible = impossible_value(name, value)
        if impossible is None or view.sheet_type != "worksheet":
            return None
        has_rows = self.has_rows(view, ExportOptions(filters=ViewFilters({name: impossible})))
        return None if has_rows is None else not has_rows

    def _look_for_rows(self, view: View, options: ExportOptions) -> bool | None:
        sink = InspectingSink(_FirstRow(), CSV)
        sink.stop_at_first_row = True
        try:
            self._download(view, CSV, sink, options)
        except FirstRowReached:
            return True
        except EmptyView:
            return False
        except WorkplaceError as error:
            if isinstance(error, AuthFailed | RateLimited) or (error.retryable and error.code != TIMED_OUT):
                raise
            log.warning("%s: whether it shows data cannot be checked: %s", view, error)
            return None
        return sink.inspection.has_rows

    def _check_rows(self, view: View, options: ExportOptions, *, allow_empty: bool) -> tuple[str, ...]:
        has_rows = self.has_rows(view, options)
        if has_rows:
            return ()
        if has_rows is None:
            return (f"whether {view.name!r} shows data could not be checked",)
        if view.sheet_type != "worksheet":
            return (f"the first sheet of {view.name!r} shows no data with these filters",)
        if allow_empty:
            return (f"{view.name!r} shows no data with these filters",)
        raise EmptyView(
            f"{view} shows no data with these filters", system=SYSTEM, advice="open the view in Tableau with these filters"
        )

    def _download(self, view: View, exported: ViewFormat, sink: InspectingSink, options: ExportOptions) -> Download:
        path, asked = f"views/{segment(view.id)}/{exported.path}", options.query(exported)

        def send(session: Session) -> Download:
            return self._http.download(
                f"sites/{segment(session.site_id)}/{path}",
                sink,
                params=asked,
                headers={TOKEN_HEADER: session.headers[TOKEN_HEADER]},
                check=lambda done: sink.finish(done.media_type),
                seconds=self._export_seconds,
            )

        try:
            return self._sessions.call(send)
        except WorkplaceError as error:
            if error.code == VIEW_NOT_FOUND_FOR_DATA:
                # Only its id makes it certain: a view that is gone is not worth a retry of the task.
                self._get_item("views", "view", view.id)
            raise

    @property
    def _knows_wildcards(self) -> bool:
        return _numbers(self.api_version) >= _numbers(_WILDCARDS_SINCE)

    @cached_property
    def _http(self) -> HttpClient:
        return self._at(self.api_version)

    def _at(self, version: str) -> HttpClient:
        client = HttpClient(
            f"{self.base_url}/api/{version}",
            system=SYSTEM,
            settings=self._settings,
            parse_error=parse_error,
            secret_headers=(TOKEN_HEADER,),
            sleep=self._sleep,
        )
        self._clients.append(client)
        return client

    def _get_item(self, path: str, name: str, item_id: str) -> Node:
        """GET something by its id; the response must be about that id."""
        item = self._get(f"{path}/{segment(item_id)}", "").first(name)
        if item.get("id").lower() != item_id.lower():
            raise BadResponse(
                f"the response does not describe the {name} {item_id}",
                system=SYSTEM,
                method="GET",
                advice="a proxy or another server may answer in Tableau's place; check the connection's host",
            )
        return item

    def _get(self, path: str, asked: str) -> Node:
        def send(session: Session) -> Node:
            return self._http.exchange(
                "GET",
                f"sites/{segment(session.site_id)}/{path}",
                lambda response: readable(self._http, response),
                params=asked or None,
                headers=session.headers,
            )

        return self._sessions.call(send)

    def _list(self, listing: Listing, read: Callable[[Node], Item], page_size: int, parallel: int) -> list[Item]:
        if not 1 <= page_size <= LARGEST_PAGE:
            raise Invalid(f"page_size is {page_size}", system=SYSTEM, advice=f"give a number from 1 to {LARGEST_PAGE}")
        plain = listing.without(self._refused_features)

        def ask(asked: Listing) -> list[Item]:
            try:
                items = read_list(asked, self._get, read, page_size=page_size, parallel=parallel if asked.sort else 1)
            except WorkplaceError as error:
                if not error.method:
                    # The list as a whole; which of its requests was the last is of no use.
                    error.method, error.url = "GET", self._http.url(f"sites/{self.sign_in().site_id}/{asked.path}")
                raise
            if asked.conditions == listing.conditions:
                return items
            return [item for item in items if lookup.satisfies(item, listing.conditions)]

        try:
            return ask(plain)
        except WorkplaceError as refusal:
            if not _is_refused_feature(refusal):
                raise
            for features in plain.features_to_do_without():
                if "filter" in features and not lookup.can_compare(plain.conditions):
                    continue
                try:
                    items = ask(plain.without(features))
                except WorkplaceError as error:
                    if not _is_refused_feature(error):
                        raise
                    continue
                self._refused_features.update(features)
                log.warning(
                    "this server refuses %s in lists; this session does without: %s", " and ".join(features), refusal
                )
                return items
            raise

    def _with_names(self, views: list[View]) -> list[View]:
        """Views with the names of workbooks and projects, which a server leaves out of its plain list."""
        if all(view.workbook for view in views):
            return views
        if self._books is None:
            self._books = {book.id: book for book in self.workbooks()}
        named = []
        for view in views:
            book = self._books.get(view.workbook_id)
            if book is not None and not view.workbook:
                view = replace(view, workbook=book.name, project=view.project or book.project)
            named.append(view)
        return named

    def _near(self, readings: Sequence[lookup.ViewReference]) -> list[View]:
        """The views of the workbook that was meant; where none was, or there is no such workbook, all of them."""
        views = self.views()
        books = {reading.workbook or reading.path.partition("/")[0] for reading in readings} - {""}
        return [view for view in views if {view.workbook, view.path.partition("/")[0]} & books] or views

    def _check_version(self, options: ExportOptions, exported: ViewFormat) -> None:
        for what, version in options.needs(exported).items():
            if _numbers(self.api_version) < _numbers(version):
                raise Invalid(
                    f"{what} needs version {version} of the REST API; this server speaks {self.api_version}", system=SYSTEM
                )


class _FirstRow:
    """Takes what is only looked at."""

    def write(self, chunk: bytes, /) -> None:
        """Forget it."""

    def restart(self) -> None:
        """Nothing was kept."""


def _key(view: View, options: ExportOptions) -> tuple[str, str]:
    return view.id, options.query(CSV)


def _is_refused_feature(error: WorkplaceError) -> bool:
    # tableau/server-client-python#456, #872: codes differ by version. Those of the paging are about something else.
    return error.status == 400 and isinstance(error, Invalid) and error.code not in ("400006", "400007", "400000")


def _numbers(version: str) -> tuple[int, ...]:
    """A version to compare by: 3.9 is before 3.10."""
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        raise Invalid(f"api_version is {version!r}", system=SYSTEM, advice="give a version such as 3.19") from None
