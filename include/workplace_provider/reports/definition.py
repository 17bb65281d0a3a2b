"""The definition of a report: the types of its YAML file.

Each structure is one mapping of the file. ``workplace report schema`` prints the JSON Schema that follows from them.
:mod:`~workplace_provider.reports.reading` makes a definition from a file, and checks how its parts fit together.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field

from workplace_provider.common.periods import Every  # noqa: TC001 - msgspec reads the annotations

Template = Annotated[str, Meta(extra_json_schema={"format": "template"}, extra={"template": True})]
"""Text with ``{{ period.day }}`` and other placeholders of :mod:`~workplace_provider.reports.placeholders` in it."""

Query = Annotated[str, Meta(extra_json_schema={"format": "template"}, extra={"template": True, "simple": True})]
"""Text of a query with placeholders and no other template syntax; the values are quoted as the query's language wants."""


def is_template(kind: Any) -> bool:
    """Return whether a field's type has texts with placeholders: ``Template``, or a list, mapping or union of it."""
    return kind in (Template, Query) or any(is_template(part) for part in getattr(kind, "__args__", ()))


Severity = Literal["stop", "review", "note"]
"""Effect of a failed check: nothing is published, a person decides, or the page has a warning."""

Language = Literal["en", "ja", "ko"]
RollRule = Literal["dates", "open_tasks", "links"]
StatusColour = Literal["Grey", "Red", "Yellow", "Blue", "Green", "Purple"]


class _Part(Struct, frozen=True, kw_only=True):
    """Base class of the parts of a definition."""


class PeriodSpec(_Part, frozen=True):
    """The rhythm of the report and its report day; see :class:`~workplace_provider.common.periods.PeriodRule`."""

    every: Every
    weekday: str = "monday"
    day: int | str = 1
    fiscal_start: int = 1


class Holidays(_Part, frozen=True):
    """Public holidays: a country such as ``KR``, or its subdivision such as ``DE-BY``, and where the report moves."""

    calendar: str
    move: Literal["previous", "next", "skip"] = "previous"


class Late(_Part, frozen=True):
    """The time of day by which a run must be finished, and the channel or person that gets an alarm otherwise."""

    by: str
    notify: str
    conn_id: str = "slack_api_default"


ParamType = Literal["text", "number", "integer", "boolean", "date", "choice", "list", "mapping"]


class ParamSpec(_Part, frozen=True):
    """A field of the trigger form, whose value is ``{{ params.name }}`` in texts.

    :param default: value without any; ``None`` for an empty field
    :param required: the field cannot be emptied
    :param choices: values of the type ``choice``
    """

    type: ParamType = "text"
    default: Any = None
    title: str = ""
    description: str = ""
    section: str = ""
    choices: list[str | int | float] = []
    required: bool = False


class TableauWait(_Part, frozen=True):
    """A wait, before any source is read, until a Tableau view or the extract of its workbook was refreshed.

    ``since`` is the first day, from midnight, whose refresh counts; ``at_most`` the time after which the run fails.
    """

    tableau: Template
    project: str = ""
    since: Template = "{{ period.day }}"
    at_most: str = "6h"
    conn_id: str = "tableau_default"


WAITS: Final[dict[str, type[TableauWait]]] = {"tableau": TableauWait}
"""The kinds of waits, by the key that identifies each."""


class AssetGroup(_Part, frozen=True):
    """Assets of which all, or any, must have been updated."""

    all: list[str] = []
    any: list[str] = []


class AssetSchedule(_Part, frozen=True):
    """A schedule by assets instead of times."""

    asset: str = ""
    assets: AssetGroup | None = None


class PageSource(_Part, frozen=True):
    """The template of a new page: the title of a page in the space, or a file beside the definition."""

    template: str = ""
    file: str = ""


class Labels(_Part, frozen=True):
    """The labels of the new page."""

    copy: bool = True
    add: list[Template] = []
    drop: list[str] = []


class PlaceAfter(_Part, frozen=True):
    """The place behind another page: the title of a sibling, or ``previous`` for the page of the period before."""

    after: str


class PageStatus(_Part, frozen=True):
    """Texts of the page's status: a copy of a published page is a draft again, on which people write."""

    draft: str
    published: str
    colour: StatusColour = "Yellow"


class PageSpec(_Part, frozen=True):
    """The page that the report writes."""

    space: str
    title: str
    parent: str = ""
    source: Literal["previous", "existing"] | PageSource = field(name="from", default="previous")
    if_previous_missing: Literal["latest", "fail", "skip", "template"] = "latest"
    template: str = ""
    roll: list[RollRule] = field(default_factory=lambda: ["dates", "open_tasks", "links"])
    leave: list[str] = []
    labels: Labels = Labels()
    place: Literal["first", "last"] | PlaceAfter | None = None
    status: PageStatus | None = None
    properties: dict[str, Any] = {}
    rehearsal_parent: str = ""
    message: Template = ""
    conn_id: str = "confluence_default"


ISSUE_FIELDS: Final = {"key": "Key", "summary": "Summary", "status": "Status", "assignee": "Assignee"}


class TableauSource(_Part, frozen=True):
    """Pictures or data of a Tableau view, or of several."""

    tableau: Template | list[Template]
    project: str = ""
    filters: Template | dict[str, Template | int | float | bool | list[Template | int | float]] = {}
    formats: list[Literal["png", "svg", "csv", "pdf", "xlsx"]] = field(default_factory=lambda: ["png"])
    each: Template | dict[str, Template | list[Template | int | float]] = {}
    file_name: str = ""
    width: int | None = None
    height: int | None = None
    language: str = ""
    conn_id: str = "tableau_default"


class SqlSource(_Part, frozen=True):
    """Rows of a query. Its values are bound parameters, in the notation of the database's driver."""

    sql: str
    conn_id: str
    params: dict[str, Template | int | float | bool | None] = {}
    columns: list[str] = []


class JiraSource(_Part, frozen=True):
    """Issues of a JQL query; ``{{ period.… }}`` in it become quoted values."""

    jira: Query
    fields: dict[str, str] = field(default_factory=lambda: dict(ISSUE_FIELDS))
    sprint: str = ""
    board: str = ""
    limit: int | None = 500
    conn_id: str = "jira_default"


class SlackSource(_Part, frozen=True):
    """The conversations in Slack channels since the report before."""

    slack: Template | list[Template]
    threads: bool = True
    days: int | None = None
    files: Literal["links", "download"] = "links"
    replies_title: str = "{count} replies"
    empty_text: str = "No messages"
    conn_id: str = "slack_api_default"


class PageTable(_Part, frozen=True):
    """A table on another page: title of the page, and the heading above the table, its header cells, or its number."""

    page: Template
    table: str | int | list[str]
    space: str = ""


class TableSource(_Part, frozen=True):
    """Rows of a table on another Confluence page."""

    confluence: PageTable
    conn_id: str = "confluence_default"


class FileSource(_Part, frozen=True):
    """A file of rows or a picture: a path beside the definition, or an object-storage URL such as ``s3://bucket/key``."""

    file: Template
    conn_id: str = ""
    columns: list[str] = []


Source = TableauSource | SqlSource | JiraSource | SlackSource | TableSource | FileSource
SOURCES: Final[dict[str, type[Source]]] = {
    "tableau": TableauSource,
    "sql": SqlSource,
    "jira": JiraSource,
    "slack": SlackSource,
    "confluence": TableSource,
    "file": FileSource,
}
"""The kinds of sources, by the key that identifies each."""


class Limits(_Part, frozen=True):
    """The least and the greatest number of rows."""

    min: int | None = None
    max: int | None = None


class ValueRange(_Part, frozen=True):
    """The least and the greatest value of a column."""

    column: str
    min: float | None = None
    max: float | None = None


class SumOf(_Part, frozen=True):
    """The column of another source that a sum is compared with."""

    source: str
    column: str


class SumCheck(_Part, frozen=True):
    """The sum of a column, which must be that of another source's column."""

    column: str
    equals: SumOf
    tolerance: float = 0


class Change(_Part, frozen=True):
    """The greatest change of a value from the previous period: ``30%`` of the old value, or an amount."""

    max: str | int | float
    against: Literal["previous"] = "previous"


class PictureCheck(_Part, frozen=True):
    """Demands on pictures: not blank, no two of one source alike, not the picture of the previous period."""

    blank: Literal[False] | None = None
    same_as: Literal["never"] | None = None
    same_as_previous: Literal[False] | None = None


class Check(_Part, frozen=True):
    """Expectations of one source."""

    source: str
    rows: Limits | None = None
    columns: list[str] = []
    not_null: list[str] = []
    unique: list[str] = []
    range: ValueRange | None = None
    sum: SumCheck | None = None
    key: str | list[str] = []
    column: str = ""
    change: Change | None = None
    fresh_within: str = ""
    picture: PictureCheck | None = None
    filtered: Literal[True] | None = None
    severity: Severity = field(name="else", default="stop")


class TableFill(_Part, frozen=True):
    """Rows for a table: the heading above it, its header cells, or its number from 0."""

    table: str | int | list[str]
    source: str
    key: str | list[str] = []
    formats: dict[str, str] = {}
    limit: int | None = None
    more: str = ""
    if_missing: Literal["fail", "skip"] = "fail"


class ImageFill(_Part, frozen=True):
    """Pictures under a heading."""

    image: str
    source: str
    width: int | None = None
    if_missing: Literal["fail", "skip"] = "fail"


class SectionFill(_Part, frozen=True):
    """The content of a section: conversations of Slack channels, or the text of a file.

    ``headings`` is the level of the headings with one ``#`` in a Markdown file.
    """

    section: str
    source: str
    headings: Annotated[int, Meta(ge=1, le=6)] = 3
    if_missing: Literal["fail", "skip"] = "fail"


class AttachFill(_Part, frozen=True):
    """Files of a source, which replace the attachments with the same names."""

    attach: str


class TextFill(_Part, frozen=True):
    """Texts for the variables of a template page, filled when the page is created."""

    text: dict[str, Template]


class StatusFill(_Part, frozen=True):
    """The text of a status lozenge; ``match`` is its present text."""

    status: str
    colour: StatusColour | None = None
    match: str | None = None
    if_missing: Literal["fail", "skip"] = "fail"


class ChangesFill(_Part, frozen=True):
    """The differences from the previous period, in words, under a heading."""

    changes: str
    sources: list[str]
    columns: list[str] = []
    top: int = 5
    language: Language = "en"
    if_missing: Literal["fail", "skip"] = "fail"


Fill = TableFill | ImageFill | SectionFill | AttachFill | TextFill | StatusFill | ChangesFill
FILLS: Final[dict[str, type[Fill]]] = {
    "table": TableFill,
    "image": ImageFill,
    "section": SectionFill,
    "attach": AttachFill,
    "text": TextFill,
    "status": StatusFill,
    "changes": ChangesFill,
}
"""The kinds of places to fill, by the key that identifies each."""


class Buttons(_Part, frozen=True):
    """The texts of the buttons of a review in Slack."""

    approve: str = field(name="Approve", default="Approve")
    reject: str = field(name="Reject", default="Reject")


class Review(_Part, frozen=True):
    """The approval before the page is published.

    ``within`` is the time to answer; ``otherwise`` is what happens after it. ``channel`` is a Slack channel, or a person,
    where the reviewers answer with buttons.
    """

    when: Literal["checks", "always", "never"] = "checks"
    by: list[str] = []
    within: str = "24h"
    otherwise: Literal["skip", "fail"] = "fail"
    channel: str = ""
    buttons: Buttons | None = None
    conn_id: str = "slack_api_default"


class RowLines(_Part, frozen=True):
    """A line of a message for each row of a source; ``{column}`` in ``text`` is the row's value."""

    source: str
    text: str
    formats: dict[str, str] = {}
    limit: int = 20


class SlackAnnouncement(_Part, frozen=True):
    """A message with the link to the page, to a channel or a person."""

    slack: Template
    text: Template = "{{ page.link }}"
    rows: RowLines | None = None
    changes: bool = False
    files: list[str] = []
    file_limit: int = 20
    conn_id: str = "slack_api_default"


class WorkflowAnnouncement(_Part, frozen=True):
    """A start of a workflow in Slack's Workflow Builder; the connection has its webhook."""

    workflow: str


Announcement = SlackAnnouncement | WorkflowAnnouncement
ANNOUNCEMENTS: Final[dict[str, type[Announcement]]] = {"slack": SlackAnnouncement, "workflow": WorkflowAnnouncement}
"""The kinds of announcements, by the key that identifies each."""


class FailureNotice(_Part, frozen=True):
    """The alarm when a task fails for good."""

    slack: str
    owner: bool = False
    conn_id: str = "slack_api_default"


class ReportDefinition(_Part, frozen=True):
    """A report, described in one file.

    ::

        read_definition(Path("include/reports/weekly.yaml")).page.title

    :param id: id of the DAG: the file's name without extension
    :param formerly: earlier ids, whose published periods belong to this report
    :param retention: how long the artifacts of runs are kept, such as ``400d``
    """

    page: PageSpec
    period: PeriodSpec
    id: str = ""
    name: str = ""
    description: str = ""
    owner: str = "airflow"
    tags: list[str] = []
    schedule: str | AssetSchedule | None = None
    timezone: str = "UTC"
    holidays: Holidays | None = None
    late: Late | None = None
    params: dict[str, ParamSpec] = {}
    wait_for: list[TableauWait] = []
    if_source_fails: Template = "fail"
    source_note: str = "Not read for this version: {sources}. These parts are as they were."
    sources: dict[str, Source] = {}
    checks: list[Check] = []
    fill: list[Fill] = []
    review: Review = Review()
    announce: list[Announcement] = []
    on_failure: FailureNotice | None = None
    formerly: list[str] = []
    retention: str = ""
