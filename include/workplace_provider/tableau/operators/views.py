"""Operators that export one view to one file: as an image, CSV, PDF or Excel crosstab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from workplace_provider.common.arguments import parse_bool, parse_int
from workplace_provider.tableau.operators.base import TableauViewOperator
from workplace_provider.tableau.operators.exporter import ON_EMPTY

if TYPE_CHECKING:
    from workplace_provider.tableau.client import ViewFormat


class TableauViewImageOperator(TableauViewOperator):
    """Export a view as an image.

    ::

        TableauViewImageOperator(
            task_id="wau_image",
            view="WeeklyKPI/WAU",
            filters={"지역": "서울", "Parameters.기간": "7일"},
            file_name="wau_{지역}",
        )

    :param image_format: ``png``, or ``svg`` from Tableau 2026.2 on
    :param high_resolution: twice the pixels
    :param width: pixels, with ``height``; views of a fixed size ignore it, and the log then has a warning
    :param height: pixels
    :param language: language of dates and numbers, such as ``ko``
    """

    template_fields: Sequence[str] = (
        *TableauViewOperator.template_fields,
        "image_format",
        "high_resolution",
        "width",
        "height",
        "language",
    )
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"on_empty": ON_EMPTY, "image_format": ("png", "svg")}

    def __init__(
        self,
        *,
        image_format: str = "png",
        high_resolution: bool | str = True,
        width: int | str | None = None,
        height: int | str | None = None,
        language: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_format = image_format
        self.high_resolution = high_resolution
        self.width = width
        self.height = height
        self.language = language

    def _format(self) -> ViewFormat:
        from workplace_provider.tableau.client import FORMATS

        return FORMATS[self.image_format]

    def _options(self) -> dict[str, Any]:
        return {
            "high_resolution": parse_bool(self.high_resolution, "high_resolution"),
            "width": parse_int(self.width, "width"),
            "height": parse_int(self.height, "height"),
            "language": self.language or None,
        }


class TableauViewDataOperator(TableauViewOperator):
    """Export the summary data of a view as CSV in UTF-8, with texts and numbers formatted as in the view.

    For a dashboard, Tableau exports the data of its first sheet only.

    ::

        TableauViewDataOperator(task_id="wau_rows", view="WAU", workbook="Weekly KPI", on_empty="skip")

    :param byte_order_mark: start the file with a byte-order mark, so that Excel reads it as UTF-8
    :param language: language of dates and numbers, such as ``ko``
    """

    template_fields: Sequence[str] = (*TableauViewOperator.template_fields, "byte_order_mark", "language")

    def __init__(
        self,
        *,
        byte_order_mark: bool | str = False,
        language: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.byte_order_mark = byte_order_mark
        self.language = language

    def _format(self) -> ViewFormat:
        from workplace_provider.tableau.client import CSV

        return CSV

    def _options(self) -> dict[str, Any]:
        mark = parse_bool(self.byte_order_mark, "byte_order_mark")
        return {"byte_order_mark": mark, "language": self.language or None}


class TableauViewPdfOperator(TableauViewOperator):
    """Export a view as a PDF.

    ::

        TableauViewPdfOperator(task_id="wau_pdf", view="WeeklyKPI/WAU", orientation="Landscape")

    :param page_type: paper size, such as ``A4``; by default the server's
    :param orientation: ``Portrait`` or ``Landscape``
    :param width: pixels of the view on the page, with ``height``
    :param height: pixels
    """

    template_fields: Sequence[str] = (*TableauViewOperator.template_fields, "page_type", "orientation", "width", "height")

    def __init__(
        self,
        *,
        page_type: str | None = "A4",
        orientation: str | None = None,
        width: int | str | None = None,
        height: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.page_type = page_type
        self.orientation = orientation
        self.width = width
        self.height = height

    def _format(self) -> ViewFormat:
        from workplace_provider.tableau.client import PDF

        return PDF

    def _options(self) -> dict[str, Any]:
        return {
            "page_type": self.page_type or None,
            "orientation": self.orientation or None,
            "width": parse_int(self.width, "width"),
            "height": parse_int(self.height, "height"),
        }


class TableauCrosstabExcelOperator(TableauViewOperator):
    """Export the crosstab of a view as an Excel file. For a dashboard, Tableau exports the first sheet only.

    ::

        TableauCrosstabExcelOperator(task_id="wau_table", view="WeeklyKPI/WAU", filters={"지역": ["서울", "부산"]})

    :param on_empty: when the view has no rows: ``fail``, or ``skip`` the task
    """

    choices: ClassVar[dict[str, tuple[str, ...]]] = {"on_empty": ("fail", "skip")}

    def _format(self) -> ViewFormat:
        from workplace_provider.tableau.client import XLSX

        return XLSX
