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
from workplace_provider.tableau.client.export import (
    Exported,
    ExportOptions,
    FirstRowReached,
    InspectingSink,
    export_warnings,
)
from workplace_provider.tableau.client.filters import ViewFilters, unmatched_value
from workplace_provider.tableau.client.formats import CSV, XLSX, ViewFormat
from workplace_provider.tableau.client.listing import (
    ALL_FIELDS,
    LARGEST_PAGE,
    STABLE_SORT,
    Condition,
    ListRequest,
    list_elements,
    read_list,
)
from workplace_provider.tableau.client.model import TableauServer, View, Workbook, read_view, read_workbook
from workplace_provider.tableau.client.responses import (
    SYSTEM,
    VIEW_NOT_FOUND_FOR_DATA,
    EmptyView,
    ResponseNode,
    parse_error,
    parse_response,
    path_segment,
)
from workplace_provider.tableau.client.session import TOKEN_HEADER, XML, Session, Sessions

if TYPE_CHECKING:
    from workplace_provider.http.client import Download
    from workplace_provider.tableau.client.credentials import Credential

Item = TypeVar("Item")

log = get_logger("workplace_provider.tableau")

# Every version since this one returns its newest supported version from "serverinfo".
_OLDEST_API: Final = "2.4"
_NEWEST_API: Final = "3.29"
# Tableau Cloud has wildcards since May 2023. Some servers had them earlier, by patch releases that the version hides.
_WILDCARDS_SINCE: Final = "3.20"
EXPORT_SECONDS: Final = 330.0
"""Read time-out of an export. Gateways cut connections after 300 seconds; with a longer time-out, their error is shown."""
RENDER_ATTEMPTS: Final = 2
"""Maximum number of attempts if Tableau does not respond in time."""


class TableauClient:
    """Client of Tableau's REST API that lists, finds and exports views.

    All threads share one session. The client signs in with the first request, and signs out when it is closed.

    ::

        token = PersonalAccessToken("airflow", os.environ["TABLEAU_SECRET"])
        with TableauClient("https://tableau.example.com", token, site="analytics") as client:
            view = client.find_view("WeeklyKPI/WAU")
            client.export(view, PNG, sink, ExportOptions(filters=ViewFilters({"지역": "서울"})))

    :param base_url: scheme and host, and the path of a reverse proxy
    :param credentials: credentials to sign in with; several are used in turn when a session is lost
    :param site: name of the site in URLs; empty for the default site of a server
    :param api_version: version of the REST API, such as ``3.19``; by default the newest that server and client support
    :param first_credential: index of the first credential to use
    :param settings: time-outs, TLS and limits
    :param export_seconds: limit for one export with all its attempts; ``None`` for no limit
    :param sleep: function that waits for a number of seconds
    :param on_secret: called with every session token, so that logs can mask it
    :raises Invalid: the base URL is not valid, or there is no credential
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
        self._configured_version = api_version
        settings = settings or self.default_settings()
        # Each attempt makes the server render a slow view again.
        self._settings = replace(settings, timeout_attempts=settings.timeout_attempts or RENDER_ATTEMPTS)
        self._export_seconds = export_seconds
        self._refused_features: set[str] = set()
        self._workbooks: dict[str, Workbook] | None = None
        self._with_rows: dict[tuple[str, str], bool | None] = {}
        self._row_locks: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()
        self._sleep = sleep
        self._clients: list[HttpClient] = []
        # Checks the base URL before the first request.
        self._http_client(_OLDEST_API)
        credentials = credentials if isinstance(credentials, Sequence) else [credentials]
        self._sessions = Sessions(lambda: self._http, credentials, site, first=first_credential, on_secret=on_secret)

    @staticmethod
    def default_settings() -> HttpSettings:
        """Return settings with time-outs that are long enough for exports."""
        return HttpSettings(read_timeout=EXPORT_SECONDS, timeout_attempts=RENDER_ATTEMPTS)

    def __enter__(self) -> TableauClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Sign out and close the connections. Errors of the sign-out are only logged."""
        self._sessions.end()
        for client in self._clients:
            client.close()

    @property
    def browser_url(self) -> str:
        """The base of a view's URL in a browser."""
        return f"{self.base_url}/#/site/{self.site}" if self.site else f"{self.base_url}/#"

    @property
    def re_sign_ins(self) -> int:
        """The number of sign-ins that replaced a lost session."""
        return self._sessions.re_sign_ins

    @cached_property
    def server(self) -> TableauServer:
        """The server's versions, requested once and without a session.

        :raises WorkplaceError: the server does not respond, or is not Tableau
        """
        http = self._http_client(_OLDEST_API)
        info = http.exchange(
            "GET", "serverinfo", lambda response: parse_response(http, response), headers={"Accept": XML}
        ).first("serverInfo")
        version = info.text_of("restApiVersion")
        if not version:
            raise BadResponse(
                f"the response of {http.url('serverinfo')} has no version of the REST API",
                method="GET",
                advice="check the connection's host; on Tableau Cloud it must include the pod",
                retryable=False,
            )
        return TableauServer(info.text_of("productVersion"), version)

    @cached_property
    def api_version(self) -> str:
        """The version of the REST API in use: the configured one, or the newest that server and client support."""
        return self._configured_version or min(self.server.api_version, _NEWEST_API, key=_numbers)

    def sign_in(self) -> Session:
        """Return the session. Signs in if there is none yet.

        :raises AuthFailed: Tableau rejected the credential
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
        """Return the workbooks of the site.

        :param conditions: conditions that all workbooks must meet
        :param sort: ``field:asc`` or ``field:desc``, several separated by commas
        :param fields: ``_default_``, ``_all_``, or names separated by commas
        :param page_size: items per request, at most 1,000
        :param parallel: number of parallel requests
        :raises BadResponse: the list changed on every attempt to read it
        """
        request = ListRequest("workbooks", "workbook", tuple(conditions), sort, fields)
        return self._list(request, read_workbook, page_size, parallel)

    def views(
        self,
        conditions: Iterable[Condition] = (),
        *,
        sort: str = STABLE_SORT,
        fields: str = "_all_",
        page_size: int = LARGEST_PAGE,
        parallel: int = 4,
    ) -> list[View]:
        """Return the views of the site, without hidden sheets, which Tableau does not list.

        :param conditions: conditions that all views must meet
        :param sort: ``field:asc`` or ``field:desc``, several separated by commas
        :param fields: ``_default_``, ``_all_``, or names separated by commas. Only ``_all_`` includes the names of workbooks
            and projects, and the type of the sheet
        :param page_size: items per request, at most 1,000
        :param parallel: number of parallel requests
        :raises BadResponse: the list changed on every attempt to read it
        """
        request = ListRequest("views", "view", tuple(conditions), sort, fields)
        views = self._list(request, lambda node: read_view(node, self.browser_url), page_size, parallel)
        return self._with_names(views) if fields == ALL_FIELDS and "fields" in self._refused_features else views

    def views_of(self, workbook_id: str) -> list[View]:
        """Return the views of a workbook. This list has no pages."""
        response = self._get(f"workbooks/{path_segment(workbook_id)}/views", "")
        return [read_view(node, self.browser_url) for node in list_elements(response, "view")]

    def get_view(self, view_id: str) -> View:
        """Return a view by its id, with the names of its workbook and project.

        :raises NotFound: no view has this id, or the account has no permission to view it
        """
        view = read_view(self._get_item("views", "view", view_id), self.browser_url)
        # The response for an id has no names and no sheet type. The list has them; the URL in the condition is unique, too.
        listed = self.views([Condition("contentUrl", view.content_url)])
        return next((candidate for candidate in listed if candidate.id == view.id), view)

    def find_view(self, view: str, *, workbook: str = "", project: str = "") -> View:
        """Return the view for a reference as people write it.

        :param view: id of the view, its URL from a browser, ``Workbook/Sheet`` as in that URL or with the names, or its name
        :param workbook: name of the view's workbook, when ``view`` is a name
        :param project: name of the view's project, when workbooks in several projects have the same name
        :raises NotFound: no view matches; the message names similar views
        :raises Invalid: several views match, which the message lists; or the URL is not one of a view on this site
        """
        references = lookup.parse_reference(view, workbook=workbook, project=project, base_url=self.base_url, site=self.site)
        for reference in references:
            if reference.luid:
                return self.get_view(reference.luid)
            conditions = lookup.conditions_of(reference, wildcards=self._supports_wildcards)
            if matches := lookup.matching_views(reference, self.views(conditions)):
                return lookup.single_view(matches, reference, list)
        return lookup.single_view([], references[0], lambda: self._similar_views(references))

    def export(
        self,
        view: View,
        exported: ViewFormat,
        sink: Sink,
        options: ExportOptions | None = None,
        *,
        allow_empty: bool = False,
    ) -> Exported:
        """Stream a view into a sink, and check the file.

        An image or PDF of a view without data is a valid file. The client therefore requests the view's data, too, once for
        each view and filters.

        :param view: the view
        :param exported: format of the file, such as ``PNG``
        :param sink: receives the bytes; publish its content only after this method has returned
        :param options: filters, size and other options
        :param allow_empty: export a view without data, too, with a warning
        :raises EmptyView: the view shows no data with these filters
        :raises BadResponse: the file is incomplete or of another format
        :raises WorkplaceError: Tableau returned an error
        """
        options = options or ExportOptions()
        self._check_version(options, exported)
        warnings: tuple[str, ...] = ()
        if exported not in (CSV, XLSX):
            warnings = self._check_rows(view, options, allow_empty=allow_empty)
        checked = InspectingSink(sink, exported, byte_order_mark=options.byte_order_mark and exported is CSV)
        try:
            download = self._download(view, exported, checked, options)
        except WorkplaceError as error:
            error.message = f"{view}: {error.message}"
            raise
        if exported is CSV:
            self._with_rows[_key(view, options)] = checked.inspection.has_rows
        pixels = checked.inspection.pixels
        warnings += export_warnings(view, exported, options, pixels)
        for warning in warnings:
            log.warning("%s", warning)
        return Exported(
            view=view,
            format=exported,
            size=download.size,
            sha256=download.sha256,
            pixels=pixels,
            has_rows=checked.inspection.has_rows,
            filters=options.filters.described(),
            updated_at=view.updated_at,
            warnings=warnings,
        )

    def has_rows(self, view: View, options: ExportOptions) -> bool | None:
        """Return whether a view shows data with these filters. The data is requested once, and read up to its first row.

        :return: ``None`` if this is unknown: for a dashboard, Tableau returns only the data of its first sheet, and the
            account may have no permission to see the data
        """
        key = _key(view, options)
        with self._lock:
            key_lock = self._row_locks.setdefault(key, threading.Lock())
        with key_lock:
            if key not in self._with_rows:
                self._with_rows[key] = self._request_rows(view, options)
            return self._with_rows[key]

    def knows_filter(self, view: View, name: str, value: Any) -> bool | None:
        """Return whether a view has the field of a filter. Tableau silently ignores a filter by any other field.

        The client filters by a value that no row has: if the view still shows data, it ignored the filter. This takes one
        request per view and field.

        :param name: name of the field
        :param value: a value of the filter, which determines the type of the field
        :return: ``None`` if this cannot be checked: for parameters, and for dashboards and stories
        """
        unmatched = unmatched_value(name, value)
        if unmatched is None or view.sheet_type != "worksheet":
            return None
        has_rows = self.has_rows(view, ExportOptions(filters=ViewFilters({name: unmatched})))
        return None if has_rows is None else not has_rows

    def _request_rows(self, view: View, options: ExportOptions) -> bool | None:
        sink = InspectingSink(_NullSink(), CSV)
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
            log.warning("%s: cannot check whether the view shows data: %s", view, error)
            return None
        return sink.inspection.has_rows

    def _check_rows(self, view: View, options: ExportOptions, *, allow_empty: bool) -> tuple[str, ...]:
        has_rows = self.has_rows(view, options)
        if has_rows:
            return ()
        if has_rows is None:
            return (f"could not check whether {view.name!r} shows data",)
        if view.sheet_type != "worksheet":
            return (f"the first sheet of {view.name!r} shows no data with these filters",)
        if allow_empty:
            return (f"{view.name!r} shows no data with these filters",)
        raise EmptyView(
            f"{view} shows no data with these filters",
            advice="open the view in Tableau with the same filters and check that it shows data",
        )

    def _download(self, view: View, exported: ViewFormat, sink: InspectingSink, options: ExportOptions) -> Download:
        path, query = f"views/{path_segment(view.id)}/{exported.path}", options.query(exported)

        def send(session: Session) -> Download:
            return self._http.download(
                f"sites/{path_segment(session.site_id)}/{path}",
                sink,
                params=query,
                headers={TOKEN_HEADER: session.headers[TOKEN_HEADER]},
                check=lambda download: sink.finish(download.media_type),
                seconds=self._export_seconds,
            )

        try:
            return self._sessions.call(send)
        except WorkplaceError as error:
            if error.code == VIEW_NOT_FOUND_FOR_DATA:
                # The code is ambiguous. A request by id raises NotFound for a deleted view, so that the task is not retried.
                self._get_item("views", "view", view.id)
            raise

    @property
    def _supports_wildcards(self) -> bool:
        return _numbers(self.api_version) >= _numbers(_WILDCARDS_SINCE)

    @cached_property
    def _http(self) -> HttpClient:
        return self._http_client(self.api_version)

    def _http_client(self, version: str) -> HttpClient:
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

    def _get_item(self, path: str, name: str, item_id: str) -> ResponseNode:
        """Return an item by its id, and check that the response has this id."""
        item = self._get(f"{path}/{path_segment(item_id)}", "").first(name)
        if item.get("id").lower() != item_id.lower():
            raise BadResponse(
                f"the response does not describe the {name} {item_id}",
                method="GET",
                advice="check the connection's host; a proxy or another server may respond instead of Tableau",
            )
        return item

    def _get(self, path: str, query: str) -> ResponseNode:
        def send(session: Session) -> ResponseNode:
            return self._http.exchange(
                "GET",
                f"sites/{path_segment(session.site_id)}/{path}",
                lambda response: parse_response(self._http, response),
                params=query or None,
                headers=session.headers,
            )

        return self._sessions.call(send)

    def _list(self, request: ListRequest, read: Callable[[ResponseNode], Item], page_size: int, parallel: int) -> list[Item]:
        if not 1 <= page_size <= LARGEST_PAGE:
            raise Invalid(f"page_size is {page_size}", advice=f"give a number from 1 to {LARGEST_PAGE}")

        def read_filtered(reduced: ListRequest) -> list[Item]:
            items = self._read_list(reduced, read, page_size, parallel)
            if reduced.conditions == request.conditions:
                return items
            return [item for item in items if lookup.satisfies(item, request.conditions)]

        supported = request.without(self._refused_features)
        try:
            return read_filtered(supported)
        except WorkplaceError as error:
            if not _is_refused_feature(error):
                raise
            items = self._list_with_fewer_features(supported, read_filtered, error)
            if items is None:
                raise
            return items

    def _list_with_fewer_features(
        self, request: ListRequest, read: Callable[[ListRequest], list[Item]], refusal: WorkplaceError
    ) -> list[Item] | None:
        """Read a list for a server that rejected one of its optional features; remember the features for this session.

        :return: ``None`` if the server rejected every combination
        """
        for features in request.removable_features():
            if "filter" in features and not lookup.can_compare(request.conditions):
                continue
            try:
                items = read(request.without(features))
            except WorkplaceError as error:
                if not _is_refused_feature(error):
                    raise
                continue
            self._refused_features.update(features)
            log.warning("the server rejects %s in lists; this session omits it: %s", " and ".join(features), refusal)
            return items
        return None

    def _read_list(
        self, request: ListRequest, read: Callable[[ResponseNode], Item], page_size: int, parallel: int
    ) -> list[Item]:
        try:
            return read_list(request, self._get, read, page_size=page_size, parallel=parallel if request.sort else 1)
        except WorkplaceError as error:
            if not error.method:
                # An error of the whole list. It names the list, because the last of its requests is not the cause.
                error.method, error.url = "GET", self._http.url(f"sites/{self.sign_in().site_id}/{request.path}")
            raise

    def _with_names(self, views: list[View]) -> list[View]:
        """Return views with the names of workbooks and projects, which the list without ``fields`` does not have."""
        if all(view.workbook for view in views):
            return views
        if self._workbooks is None:
            self._workbooks = {workbook.id: workbook for workbook in self.workbooks()}
        named = []
        for view in views:
            workbook = self._workbooks.get(view.workbook_id)
            if workbook is not None and not view.workbook:
                view = replace(view, workbook=workbook.name, project=view.project or workbook.project)
            named.append(view)
        return named

    def _similar_views(self, references: Sequence[lookup.ViewReference]) -> list[View]:
        """Return the views of the referenced workbook; without a match, all views."""
        views = self.views()
        workbooks = {reference.workbook or reference.path.partition("/")[0] for reference in references} - {""}
        return [view for view in views if {view.workbook, view.path.partition("/")[0]} & workbooks] or views

    def _check_version(self, options: ExportOptions, exported: ViewFormat) -> None:
        for option, version in options.needs(exported).items():
            if _numbers(self.api_version) < _numbers(version):
                raise Invalid(
                    f"{option} needs version {version} of the REST API, but the version in use is {self.api_version}",
                )


class _NullSink:
    """A sink that discards everything, for content that is only inspected."""

    def write(self, chunk: bytes, /) -> None:
        """Discard the bytes."""

    def restart(self) -> None:
        """Do nothing: no bytes were kept."""


def _key(view: View, options: ExportOptions) -> tuple[str, str]:
    return view.id, options.query(CSV)


def _is_refused_feature(error: WorkplaceError) -> bool:
    # Codes differ by version (tableau/server-client-python#456, #872). The excluded codes are errors of the paging.
    return error.status == 400 and isinstance(error, Invalid) and error.code not in ("400006", "400007", "400000")


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers for comparison: 3.9 is before 3.10."""
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        raise Invalid(f"api_version is {version!r}", advice="give a version such as 3.19") from None
