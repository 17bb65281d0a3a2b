"""A client of Tableau's REST API: finds content of a site, exports views and refreshes extracts."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.client import HttpSettings, Sink
from workplace_provider.http.errors import Invalid, NotFound
from workplace_provider.tableau.client import lookup
from workplace_provider.tableau.client.export import Exported, ExportOptions
from workplace_provider.tableau.client.exporting import ViewExports
from workplace_provider.tableau.client.jobs import BackgroundJobs
from workplace_provider.tableau.client.listing import (
    ALL_FIELDS,
    LARGEST_PAGE,
    STABLE_SORT,
    Condition,
    ListRequest,
    list_elements,
)
from workplace_provider.tableau.client.metadata import MetadataApi
from workplace_provider.tableau.client.model import (
    CustomView,
    DataSource,
    Project,
    SomeContent,
    TableauServer,
    View,
    Workbook,
    read_content,
    read_custom_view,
    read_project,
    read_view,
    read_workbook,
    with_paths,
)
from workplace_provider.tableau.client.responses import path_segment
from workplace_provider.tableau.client.rest import RestApi

if TYPE_CHECKING:
    from workplace_provider.tableau.client.credentials import Credential
    from workplace_provider.tableau.client.formats import ViewFormat
    from workplace_provider.tableau.client.session import Session

# Tableau Cloud has wildcards since May 2023. Some servers had them earlier, by patch releases that the version hides.
_WILDCARDS_SINCE: Final = "3.20"
_CUSTOM_VIEWS_SINCE: Final = "3.18"
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
        settings = settings or self.default_settings()
        self.rest = RestApi(
            base_url,
            credentials,
            site,
            api_version=api_version,
            first_credential=first_credential,
            # Each attempt makes the server render a slow view again.
            settings=replace(settings, timeout_attempts=settings.timeout_attempts or RENDER_ATTEMPTS),
            sleep=sleep,
            on_secret=on_secret,
        )
        self._exports = ViewExports(self.rest, export_seconds)
        self.jobs = BackgroundJobs(self.rest)
        self.metadata = MetadataApi(self.rest)
        self._workbooks: dict[str, Workbook] | None = None

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
        self.rest.close()

    @property
    def base_url(self) -> str:
        """Scheme and host, and the path of a reverse proxy."""
        return self.rest.base_url

    @property
    def site(self) -> str:
        """The name of the site in URLs."""
        return self.rest.site

    @property
    def browser_url(self) -> str:
        """The base of a view's URL in a browser."""
        return self.rest.browser_url

    @property
    def re_sign_ins(self) -> int:
        """The number of sign-ins that replaced a lost session."""
        return self.rest.sessions.re_sign_ins

    @property
    def server(self) -> TableauServer:
        """The server's versions, requested once and without a session.

        :raises WorkplaceError: the server does not respond, or is not Tableau
        """
        return self.rest.server

    @property
    def api_version(self) -> str:
        """The version of the REST API in use: the configured one, or the newest that server and client support."""
        return self.rest.api_version

    def sign_in(self) -> Session:
        """Return the session. Signs in if there is none yet.

        :raises AuthFailed: Tableau rejected the credential
        """
        return self.rest.sessions.current()

    @cached_property
    def projects(self) -> list[Project]:
        """The projects of the site with their paths."""
        # Without a sort, since servers differ in the fields; pages are then read one after the other.
        return with_paths(self.rest.read_all(ListRequest("projects", "project", sort=""), read_project))

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
        return self.rest.read_all(request, read_workbook, page_size, parallel)

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
        views = self.rest.read_all(request, lambda node: read_view(node, self.rest.browser_url), page_size, parallel)
        return self._with_names(views) if fields == ALL_FIELDS and self.rest.refuses("fields") else views

    def views_of(self, workbook_id: str) -> list[View]:
        """Return the views of a workbook. This list has no pages."""
        response = self.rest.get(f"workbooks/{path_segment(workbook_id)}/views")
        return [read_view(node, self.rest.browser_url) for node in list_elements(response, "view")]

    def get_view(self, view_id: str) -> View:
        """Return a view by its id, with the names of its workbook and project.

        :raises NotFound: no view has this id, or the account has no permission to view it
        """
        view = read_view(self.rest.get_item("views", "view", view_id), self.rest.browser_url)
        # The response for an id has no names and no sheet type. The list has them; the URL in the condition is unique, too.
        listed = self.views([Condition("contentUrl", view.content_url)])
        return next((candidate for candidate in listed if candidate.id == view.id), view)

    def custom_views(self, view_id: str = "") -> list[CustomView]:
        """Return the custom views that the account may see: its own and shared ones, or all for an administrator.

        :param view_id: return the custom views of this view only
        """
        self.rest.require({"custom views": _CUSTOM_VIEWS_SINCE})
        conditions = (Condition("viewId", view_id),) if view_id else ()
        return self.rest.read_all(ListRequest("customviews", "customView", conditions, sort=""), read_custom_view)

    def find_view(self, view: str, *, workbook: str = "", project: str = "", custom_view: str = "") -> View:
        """Return the view for a reference as people write it.

        :param view: id of the view or of a custom view, its URL from a browser, ``Workbook/Sheet`` as in that URL or with
            the names, or its name
        :param workbook: name of the view's workbook, when ``view`` is a name
        :param project: name of the view's project, or its path such as ``Parent/Team``, when workbooks in several projects
            have the same name
        :param custom_view: name or id of one of the view's custom views, unless ``view`` already is one
        :raises NotFound: no view matches; the message names similar views
        :raises Invalid: several views match, which the message lists; or the URL is not one of a view on this site
        """
        references = lookup.parse_reference(view, workbook=workbook, project=project, base_url=self.base_url, site=self.site)
        found = self._find_view(references)
        custom = custom_view.strip() or references[0].custom
        return found.with_custom_view(self._find_custom_view(found, custom)) if custom else found

    def find_content(self, kind: type[SomeContent], reference: str, *, project: str = "") -> SomeContent:
        """Return a workbook, published data source or flow.

        ::

            source = client.find_content(DataSource, "매출 원천", project="데이터분석팀/원천")

        :param kind: ``Workbook``, ``DataSource`` or ``Flow``
        :param reference: its id, its URL from a browser, or its name
        :param project: name or path of its project, when several have the same name
        :raises NotFound: nothing matches
        :raises Invalid: several match, which the message lists; or the URL is of something else
        """
        wanted = lookup.parse_content_reference(reference, kind, base_url=self.base_url, site=self.site)
        path = f"{kind.KIND}s"
        if wanted.luid:
            return read_content(self.rest.get_item(path, kind.KIND, wanted.luid), kind)
        # The number in a URL is no condition of a list. Flows have no name in URLs.
        fields = [] if wanted.number else ["name"] if kind not in (Workbook, DataSource) else ["name", "contentUrl"]
        projects = self._project_ids(project)
        matches: list[SomeContent] = []
        for conditions in [self._usable(Condition(field, wanted.name)) for field in fields] or [()]:
            listed = self.rest.read_all(
                ListRequest(path, kind.KIND, conditions, sort=""), lambda node: read_content(node, kind)
            )
            if matches := lookup.matching_content(wanted, listed, project, projects):
                break
        return lookup.single_content(matches, wanted, kind.LABEL)

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
        return self._exports.export(view, exported, sink, options or ExportOptions(), allow_empty=allow_empty)

    def export_workbook(self, workbook: Workbook, sink: Sink, options: ExportOptions | None = None) -> None:
        """Stream the PDF of a workbook into a sink: all sheets if it opens with tabs, otherwise its default view alone."""
        self._exports.export_workbook(workbook, sink, options or ExportOptions())

    def has_rows(self, view: View, options: ExportOptions) -> bool | None:
        """Return whether a view shows data with these filters. The data is requested once, and read up to its first row.

        :return: ``None`` if this is unknown: for a dashboard, Tableau returns only the data of its first sheet, and the
            account may have no permission to see the data
        """
        return self._exports.has_rows(view, options)

    def knows_filter(self, view: View, name: str, value: Any) -> bool | None:
        """Return whether a view has the field of a filter. Tableau silently ignores a filter by any other field.

        The client filters by a value that no row has: if the view still shows data, it ignored the filter. This takes one
        request per view and field.

        :param name: name of the field
        :param value: a value of the filter, which determines the type of the field
        :return: ``None`` if this cannot be checked: for parameters, and for dashboards and stories
        """
        return self._exports.knows_filter(view, name, value)

    def _find_view(self, references: Sequence[lookup.ViewReference]) -> View:
        for reference in references:
            if reference.luid:
                return self._view_or_custom_view(reference.luid)
            projects = self._project_ids(reference.project)
            conditions = lookup.conditions_of(reference, wildcards=self._supports_wildcards)
            if matches := lookup.matching_views(reference, self.views(conditions), projects):
                return lookup.single_view(matches, reference, list)
        return lookup.single_view([], references[0], lambda: self._similar_views(references))

    def _view_or_custom_view(self, luid: str) -> View:
        try:
            return self.get_view(luid)
        except NotFound as error:
            if not self.rest.supports(_CUSTOM_VIEWS_SINCE):
                raise
            try:
                custom = read_custom_view(self.rest.get_item("customviews", "customView", luid))
            except NotFound:
                raise error from None
        return self.get_view(custom.view_id).with_custom_view(custom)

    def _find_custom_view(self, view: View, wanted: str) -> CustomView:
        if view.custom_view is not None:
            raise Invalid(f"{view} already is a custom view", advice="remove custom_view")
        if lookup.LUID.fullmatch(wanted):
            custom = read_custom_view(self.rest.get_item("customviews", "customView", wanted))
            if custom.view_id.lower() != view.id.lower():
                raise Invalid(f"the custom view {custom} is of another view than {view}", advice="give that view instead")
            return custom
        listed = self.custom_views(view.id)
        matches = lookup.matching_custom_views(wanted, listed)
        if not matches:
            # With a condition, Tableau omits private ones that the account may not edit, also its own ("get" of
            # custom_views_endpoint in tableauserverclient).
            listed = [custom for custom in self.custom_views() if custom.view_id.lower() == view.id.lower()]
            matches = lookup.matching_custom_views(wanted, listed)
        return lookup.single_custom_view(matches, wanted, view, listed)

    def _project_ids(self, project: str) -> Collection[str] | None:
        """Return the ids of the projects with a path; ``None`` for a name, which a condition of the list can have."""
        if not lookup.is_project_path(project):
            return None
        return {match.id for match in lookup.matching_projects(project, self.projects)}

    def _usable(self, *conditions: Condition) -> tuple[Condition, ...]:
        return tuple(condition for condition in conditions if self._supports_wildcards or condition.exact)

    @property
    def _supports_wildcards(self) -> bool:
        return self.rest.supports(_WILDCARDS_SINCE)

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
                view = replace(
                    view,
                    workbook=workbook.name,
                    project=view.project or workbook.project,
                    project_id=view.project_id or workbook.project_id,
                )
            named.append(view)
        return named

    def _similar_views(self, references: Sequence[lookup.ViewReference]) -> list[View]:
        """Return the views of the referenced workbook; without a match, all views."""
        views = self.views()
        workbooks = {reference.workbook or reference.path.partition("/")[0] for reference in references} - {""}
        return [view for view in views if {view.workbook, view.path.partition("/")[0]} & workbooks] or views
