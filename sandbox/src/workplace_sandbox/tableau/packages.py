"""Whole workbooks as files: the packaged workbook of the method ``content``, and the PowerPoint file."""

import io
import zipfile
from xml.sax.saxutils import escape, quoteattr

from workplace_sandbox.tableau.catalogue import TableauView, TableauWorkbook
from workplace_sandbox.tableau.exports import picture
from workplace_sandbox.tableau.view_filters import ViewFilters

WORKBOOK_TYPE = "application/octet-stream"
POWERPOINT_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PART = "application/vnd.openxmlformats-officedocument.presentationml"
_NAMESPACES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    f'xmlns:r="{_OFFICE}" xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
)
_GROUP = "<p:nvGrpSpPr><p:cNvPr id='1' name=''/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>"
_WIDTH, _HEIGHT = 9_144_000, 6_858_000  # 10 x 7.5 inches in EMU, the size of a new presentation


def packaged_workbook(workbook: TableauWorkbook) -> bytes:
    """Return a workbook as a ``.twbx``: a ZIP archive with the ``.twb``, which is XML, in it."""
    sheets = "".join(f"<worksheet name={quoteattr(sheet.name)}/>" for sheet in workbook.sheets)
    source = f"<workbook version='18.1'><datasources/><worksheets>{sheets}</worksheets></workbook>"
    return _zip({f"{workbook.content_url}.twb": _XML + source})


def presentation(workbook: TableauWorkbook, views: tuple[TableauView, ...]) -> bytes:
    """Return a PowerPoint file with a slide for each view.

    :param workbook: The workbook, whose name is the title of the presentation.
    :param views: Its views.
    """
    numbers = range(1, len(views) + 1)
    slides = "".join(f'<p:sldId id="{255 + number}" r:id="rId{number + 1}"/>' for number in numbers)
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": _content_types(len(views)),
        "_rels/.rels": _relations({"rId1": ("officeDocument", "ppt/presentation.xml")}),
        "ppt/presentation.xml": f"{_XML}<p:presentation {_NAMESPACES}>"
        "<p:sldMasterIdLst><p:sldMasterId id='2147483648' r:id='rId1'/></p:sldMasterIdLst>"
        f"<p:sldIdLst>{slides}</p:sldIdLst><p:sldSz cx='{_WIDTH}' cy='{_HEIGHT}'/>"
        f"<p:notesSz cx='{_HEIGHT}' cy='{_WIDTH}'/></p:presentation>",
        "ppt/_rels/presentation.xml.rels": _relations(
            {"rId1": ("slideMaster", "slideMasters/slideMaster1.xml")}
            | {f"rId{number + 1}": ("slide", f"slides/slide{number}.xml") for number in numbers}
        ),
        "ppt/slideMasters/slideMaster1.xml": f"{_XML}<p:sldMaster {_NAMESPACES}>"
        f"<p:cSld><p:spTree>{_GROUP}</p:spTree></p:cSld>"
        "<p:clrMap bg1='lt1' tx1='dk1' bg2='lt2' tx2='dk2' accent1='accent1' accent2='accent2' accent3='accent3' "
        "accent4='accent4' accent5='accent5' accent6='accent6' hlink='hlink' folHlink='folHlink'/>"
        "<p:sldLayoutIdLst><p:sldLayoutId id='2147483649' r:id='rId1'/></p:sldLayoutIdLst></p:sldMaster>",
        "ppt/slideMasters/_rels/slideMaster1.xml.rels": _relations(
            {"rId1": ("slideLayout", "../slideLayouts/slideLayout1.xml"), "rId2": ("theme", "../theme/theme1.xml")}
        ),
        "ppt/slideLayouts/slideLayout1.xml": f"{_XML}<p:sldLayout {_NAMESPACES} type='blank'>"
        f"<p:cSld><p:spTree>{_GROUP}</p:spTree></p:cSld></p:sldLayout>",
        "ppt/slideLayouts/_rels/slideLayout1.xml.rels": _relations(
            {"rId1": ("slideMaster", "../slideMasters/slideMaster1.xml")}
        ),
        "ppt/theme/theme1.xml": _theme(workbook.name),
    }
    for number, view in zip(numbers, views, strict=True):
        parts[f"ppt/slides/slide{number}.xml"] = _slide(view.sheet.name)
        parts[f"ppt/slides/_rels/slide{number}.xml.rels"] = _relations(
            {"rId1": ("slideLayout", "../slideLayouts/slideLayout1.xml"), "rId2": ("image", f"../media/image{number}.png")}
        )
        parts[f"ppt/media/image{number}.png"] = picture(view, ViewFilters())
    return _zip(parts)


def _slide(name: str) -> str:
    shape = (
        f"<p:pic><p:nvPicPr><p:cNvPr id='2' name={quoteattr(name)}/><p:cNvPicPr/><p:nvPr/></p:nvPicPr>"
        "<p:blipFill><a:blip r:embed='rId2'/><a:stretch><a:fillRect/></a:stretch></p:blipFill>"
        f"<p:spPr><a:xfrm><a:off x='0' y='0'/><a:ext cx='{_WIDTH}' cy='{_HEIGHT}'/></a:xfrm>"
        "<a:prstGeom prst='rect'><a:avLst/></a:prstGeom></p:spPr></p:pic>"
    )
    return f"{_XML}<p:sld {_NAMESPACES}><p:cSld><p:spTree>{_GROUP}{shape}</p:spTree></p:cSld></p:sld>"


def _theme(name: str) -> str:
    colours = "".join(
        f"<a:{slot}><a:srgbClr val='{value}'/></a:{slot}>"
        for slot, value in {
            "dk1": "000000", "lt1": "FFFFFF", "dk2": "333333", "lt2": "EEEEEE", "accent1": "4E79A7", "accent2": "F28E2B",
            "accent3": "E15759", "accent4": "76B7B2", "accent5": "59A14F", "accent6": "EDC948", "hlink": "0563C1",
            "folHlink": "954F72",
        }.items()
    )  # fmt: skip
    font = "<a:latin typeface='Arial'/><a:ea typeface=''/><a:cs typeface=''/>"
    fill = "<a:solidFill><a:schemeClr val='phClr'/></a:solidFill>" * 3
    lines = "<a:ln><a:solidFill><a:schemeClr val='phClr'/></a:solidFill></a:ln>" * 3
    effects = "<a:effectStyle><a:effectLst/></a:effectStyle>" * 3
    return (
        f"{_XML}<a:theme {_NAMESPACES} name={quoteattr(name)}><a:themeElements><a:clrScheme name='c'>{colours}</a:clrScheme>"
        f"<a:fontScheme name='f'><a:majorFont>{font}</a:majorFont><a:minorFont>{font}</a:minorFont></a:fontScheme>"
        f"<a:fmtScheme name='s'><a:fillStyleLst>{fill}</a:fillStyleLst><a:lnStyleLst>{lines}</a:lnStyleLst>"
        f"<a:effectStyleLst>{effects}</a:effectStyleLst><a:bgFillStyleLst>{fill}</a:bgFillStyleLst></a:fmtScheme>"
        "</a:themeElements></a:theme>"
    )


def _content_types(slides: int) -> str:
    parts = {
        "/ppt/presentation.xml": f"{_PART}.presentation.main+xml",
        "/ppt/slideMasters/slideMaster1.xml": f"{_PART}.slideMaster+xml",
        "/ppt/slideLayouts/slideLayout1.xml": f"{_PART}.slideLayout+xml",
        "/ppt/theme/theme1.xml": "application/vnd.openxmlformats-officedocument.theme+xml",
    } | {f"/ppt/slides/slide{number}.xml": f"{_PART}.slide+xml" for number in range(1, slides + 1)}
    overrides = "".join(f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in parts.items())
    return (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="png" ContentType="image/png"/>{overrides}</Types>'
    )


def _relations(targets: dict[str, tuple[str, str]]) -> str:
    relations = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/{kind}" Target="{escape(target)}"/>'
        for name, (kind, target) in targets.items()
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{relations}</Relationships>'


def _zip(parts: dict[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            # A fixed date makes the file the same each time.
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()
