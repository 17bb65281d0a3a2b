"""Operators that export one view to one file: as an image, CSV, PDF or Excel crosstab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_provider.common.fields import Field, boolean, choice, integer, optional_text, template
from workplace_provider.tableau.operators.base import TableauViewOperator
from workplace_provider.tableau.pictures import PictureEdit, parse_crop

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
    :param crop: part of the picture to keep: left, top, right and bottom edge, in pixels of the view or as percentages, such
        as ``[0, "10%", 800, "90%"]`` or ``"0, 60, 800, 400"`` (PNG; needs the extra ``tableau``)
    :param trim: remove the background around the content (PNG; needs the extra ``tableau``)
    """

    image_format: Field[str] = choice("png", "svg", default="png")
    high_resolution: Field[bool] = boolean(default=True)
    width: Field[int | None] = integer()
    height: Field[int | None] = integer()
    language: Field[str | None] = optional_text()
    crop: Field[Any] = template(default=None, parse=parse_crop)
    trim: Field[bool] = boolean(default=False)

    def check_fields(self) -> None:
        """Check that only a PNG is cropped or trimmed."""
        if (self.crop or self.trim) and self.image_format != "png":
            raise ValueError("crop and trim need image_format png")

    def _edit(self) -> PictureEdit | None:
        return PictureEdit(self.crop, self.trim) or None

    def _format(self) -> ViewFormat:
        from workplace_provider.tableau.client import FORMATS

        return FORMATS[self.image_format]

    def _options(self) -> dict[str, Any]:
        return {
            "high_resolution": self.high_resolution,
            "width": self.width,
            "height": self.height,
            "language": self.language,
        }


class TableauViewDataOperator(TableauViewOperator):
    """Export the summary data of a view as CSV in UTF-8, with texts and numbers formatted as in the view.

    For a dashboard, Tableau exports the data of its first sheet only.

    ::

        TableauViewDataOperator(task_id="wau_rows", view="WAU", workbook="Weekly KPI", on_empty="skip")

    :param byte_order_mark: start the file with a byte-order mark, so that Excel reads it as UTF-8
    :param language: language of dates and numbers, such as ``ko``; a German number is ``1.234,5``
    """

    byte_order_mark: Field[bool] = boolean(default=False)
    language: Field[str | None] = optional_text()

    def _format(self) -> ViewFormat:
        from workplace_provider.tableau.client import CSV

        return CSV

    def _options(self) -> dict[str, Any]:
        return {"byte_order_mark": self.byte_order_mark, "language": self.language}


class TableauViewPdfOperator(TableauViewOperator):
    """Export a view as a PDF.

    ::

        TableauViewPdfOperator(task_id="wau_pdf", view="WeeklyKPI/WAU", orientation="landscape")

    :param page_type: paper size in upper or lower case, such as ``A4``; if empty, the server's
    :param orientation: ``portrait`` or ``landscape``
    :param width: pixels of the view on the page, with ``height``
    :param height: pixels
    :param language: language of dates and numbers, such as ``ko``
    """

    page_type: Field[str | None] = optional_text(default="A4")
    orientation: Field[str | None] = optional_text()
    width: Field[int | None] = integer()
    height: Field[int | None] = integer()
    language: Field[str | None] = optional_text()

    def _format(self) -> ViewFormat:
        from workplace_provider.tableau.client import PDF

        return PDF

    def _options(self) -> dict[str, Any]:
        return {
            "page_type": self.page_type,
            "orientation": self.orientation,
            "width": self.width,
            "height": self.height,
            "language": self.language,
        }


class TableauCrosstabExcelOperator(TableauViewOperator):
    """Export the crosstab of a view as an Excel file. For a dashboard, Tableau exports the first sheet only.

    ::

        TableauCrosstabExcelOperator(task_id="wau_table", view="WeeklyKPI/WAU", filters={"지역": ["서울", "부산"]})

    :param on_empty: when the view has no rows: ``fail``, or ``skip`` the task
    :param language: language of dates and numbers, such as ``ko``
    """

    on_empty: Field[str] = choice("fail", "skip", default="fail")
    language: Field[str | None] = optional_text()

    def _format(self) -> ViewFormat:
        from workplace_provider.tableau.client import XLSX

        return XLSX

    def _options(self) -> dict[str, Any]:
        return {"language": self.language}
