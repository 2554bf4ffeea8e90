"""The pack as slides: a headline a slide, a native chart and a native table that can be edited, 16 : 9.

Every text is laid out by `fitting`, so that nothing runs over its box; East Asian fonts are named beside the Latin
one, so that Chinese is shown as Chinese on any machine.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from lxml import etree
from pptx import Presentation
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION, XL_MARKER_STYLE, XL_TICK_LABEL_POSITION
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.util import Emu, Inches, Pt

from dashboard.charts.theme import LIGHT
from dashboard.reports.fitting import ems, fitted, shortened, size_for
from dashboard.reports.pack import Pack, Part
from dashboard.reports.pictures import Grid, Picture, Series

LATIN, EAST_ASIAN = "Segoe UI", "Microsoft YaHei"
WIDE, HIGH = 13.333, 7.5
"""Inches of a slide."""
EDGE, TOP, FOOT = 0.5, 1.72, 6.82
"""Where text begins at the left, where the evidence begins, and where the foot does."""
BODY = FOOT - TOP - 0.15
GUTTER = 0.3
CHART = 7.3
"""How wide a chart is beside its table."""
ROW = 0.3
SAFE = 0.95
"""Of a line's width, how much is filled: the font that shows it may be wider than the one that was thought of."""
BOLD = 0.88
"""The same for bold letters."""
TABLE_SIZES = (12.0, 11.0, 10.0, 9.0)
TYPES = {
    ("bar", False): XL_CHART_TYPE.BAR_CLUSTERED,
    ("bar", True): XL_CHART_TYPE.BAR_STACKED,
    ("column", False): XL_CHART_TYPE.COLUMN_CLUSTERED,
    ("line", False): XL_CHART_TYPE.LINE,
    ("xy", False): XL_CHART_TYPE.XY_SCATTER_LINES_NO_MARKERS,
}


def write(pack: Pack) -> bytes:
    """The slides as a file."""
    deck = Presentation()
    _widen(deck)
    _cover(deck, pack)
    for part in pack.parts:
        _slide(deck, pack, part)
    held = io.BytesIO()
    deck.save(held)
    return held.getvalue()


# --- slides --------------------------------------------------------------------------------------------------------


def _widen(deck: Any) -> None:
    """16 : 9, with the places of the masters moved along."""
    by = Inches(WIDE) / deck.slide_width
    deck.slide_width, deck.slide_height = Inches(WIDE), Inches(HIGH)
    for sheet in (deck.slide_master, *deck.slide_layouts):
        for shape in sheet.shapes:
            shape.left, shape.width = Emu(int(shape.left * by)), Emu(int(shape.width * by))


def _cover(deck: Any, pack: Pack) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[0])
    title, facts = slide.placeholders[0], slide.placeholders[1]
    _place(title, EDGE, 2.0, WIDE - 2 * EDGE, 1.0)
    _write(title.text_frame, [pack.title], 36, bold=True, anchor=MSO_ANCHOR.BOTTOM)
    _place(facts, EDGE, 3.25, WIDE - 2 * EDGE, 3.4)
    lines = [f"{label}  {value}" for label, value in pack.facts]
    size = size_for("\n".join(lines), (WIDE - 2 * EDGE) * 72, 3.3 * 72, 16, 8)
    _write(facts.text_frame, lines, size, color=LIGHT.secondary)
    _bar(slide, EDGE, 3.1, 1.2)
    slide.notes_slide.notes_text_frame.text = _definitions(pack.definitions)


def _slide(deck: Any, pack: Pack, part: Part) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    title = slide.shapes.title
    width = WIDE - 2 * EDGE
    _text(slide, [shortened(part.title, width * 72 / 12)], EDGE, 0.3, width, 0.3, 12, color=LIGHT.accent)
    _place(title, EDGE, 0.6, width, 1.0)
    headline = part.insight.headline
    size = size_for(headline, width * BOLD * 72, 0.95 * 72, 26, 10)
    _write(title.text_frame, [headline], size, bold=True, anchor=MSO_ANCHOR.TOP)
    _evidence(slide, pack, part)
    foot = [pack.foot(part)]
    if part.definitions:
        foot.append(" · ".join(f"{name}: {text}" for name, text in part.definitions))
    foot = [shortened(line, (width - 0.8) * SAFE * 72 / 9) for line in foot]
    _text(slide, foot, EDGE, FOOT, width - 0.8, 0.5, 9, color=LIGHT.secondary)
    number = str(len(deck.slides))
    _text(slide, [number], WIDE - EDGE - 0.7, FOOT, 0.7, 0.3, 9, color=LIGHT.secondary, align=PP_ALIGN.RIGHT)
    slide.notes_slide.notes_text_frame.text = "\n".join(
        [part.title, headline, part.insight.words, pack.foot(part), _definitions(part.definitions)]
    )


def _evidence(slide: Any, pack: Pack, part: Part) -> None:
    """The chart and beside it the table; one of them over the whole width where there is no other."""
    width = WIDE - 2 * EDGE
    picture = part.picture
    if isinstance(picture, Grid):
        _grid(slide, picture, EDGE, TOP, width, BODY)
        return
    if picture is None:
        if part.said:
            _table(slide, pack, part, EDGE, width)
        return
    chart = CHART if part.brief else width
    _chart(slide, picture, EDGE, TOP, chart, BODY)
    if part.brief:
        _table(slide, pack, part, EDGE + chart + GUTTER, width - chart - GUTTER)


# --- text ----------------------------------------------------------------------------------------------------------


def _definitions(pairs: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"{name}: {text}" for name, text in pairs)


def _place(shape: Any, left: float, top: float, width: float, height: float) -> None:
    shape.left, shape.top, shape.width, shape.height = Inches(left), Inches(top), Inches(width), Inches(height)


def _text(
    slide: Any, lines: Sequence[str], left: float, top: float, width: float, height: float, size: float, **how: Any
) -> None:
    box = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(height))
    _write(box.text_frame, lines, size, **how)


def _write(
    frame: Any,
    lines: Sequence[str],
    size: float,
    *,
    color: str = LIGHT.text,
    bold: bool = False,
    align: Any = PP_ALIGN.LEFT,
    anchor: Any = MSO_ANCHOR.TOP,
    wrap: bool = True,
) -> None:
    """One paragraph a line, without the margins that make a box smaller than it looks."""
    frame.word_wrap = wrap
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    frame.vertical_anchor = anchor
    frame.clear()
    for place, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if place == 0 else frame.add_paragraph()
        paragraph.alignment = align
        paragraph.space_before = paragraph.space_after = Pt(0)
        run = paragraph.add_run()
        run.text = _printable(line)
        _font(run.font, size, color, bold)


def _font(font: Any, size: float, color: str, bold: bool = False) -> None:
    font.size, font.bold, font.name = Pt(size), bold, LATIN
    font.color.rgb = _rgb(color)
    properties = font._rPr  # python-pptx names the Latin font only
    for tag in ("a:ea", "a:cs"):
        for old in properties.findall(qn(tag)):
            properties.remove(old)
    latin = properties.find(qn("a:latin"))
    for tag in ("a:cs", "a:ea"):
        latin.addnext(etree.Element(qn(tag), {"typeface": EAST_ASIAN if tag == "a:ea" else LATIN}))


def _printable(text: str) -> str:
    """Text without the control characters that XML has no way to say."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _rgb(color: str) -> RGBColor:
    return RGBColor.from_string(color.removeprefix("#"))


def _bar(slide: Any, left: float, top: float, width: float) -> None:
    """The short line under the title of the cover."""
    shape = slide.shapes.add_shape(1, Inches(left), Inches(top), Inches(width), Inches(0.05))
    shape.fill.solid()
    shape.fill.fore_color.rgb = _rgb(LIGHT.accent)
    shape.line.fill.background()


# --- tables --------------------------------------------------------------------------------------------------------


def _table(slide: Any, pack: Pack, part: Part, left: float, width: float) -> None:
    """The first rows of the answer's table, and how many there are in all."""
    most = int((BODY - 0.3) / ROW) - 1
    heads = [column.heading for column in part.columns]
    shown = part.said[:most]
    fits = fitted(heads, shown, part.shown, width * 72, TABLE_SIZES, measure=lambda text: ems(text) / SAFE)
    numeric = [part.columns[place].is_number for place in fits.places]
    lines = len(shown) + 1
    where = (Inches(left), Inches(TOP), Pt(sum(fits.widths)), Inches(ROW * lines))
    frame = slide.shapes.add_table(lines, len(fits.places), *where)
    grid = frame.table
    _plain(frame)
    for column, wide in zip(grid.columns, fits.widths, strict=True):
        column.width = Pt(wide)
    for place, texts in enumerate((fits.heads, *fits.rows)):
        grid.rows[place].height = Inches(ROW)
        for cell, text, number in zip(grid.rows[place].cells, texts, numeric, strict=True):
            _cell(cell, text, fits.size, head=place == 0, number=number)
    left_out = []
    if len(shown) < len(part.said):
        left_out.append(pack.t("The first {shown} of {n} rows.", shown=len(shown), n=f"{len(part.said):,}"))
    if left_out:
        top = TOP + ROW * (len(shown) + 1) + 0.06
        note = shortened(" ".join(left_out), width * 72 / 9)
        _text(slide, [note], left, top, width, 0.25, 9, color=LIGHT.secondary)


def _cell(cell: Any, text: str, size: float, *, head: bool, number: bool) -> None:
    cell.margin_left = cell.margin_right = Pt(5)
    cell.margin_top = cell.margin_bottom = 0
    color = LIGHT.secondary if head else LIGHT.loss if number and text.startswith("−") else LIGHT.text
    align = PP_ALIGN.RIGHT if number else PP_ALIGN.LEFT
    frame = cell.text_frame
    frame.clear()
    cell.vertical_anchor = MSO_ANCHOR.MIDDLE
    paragraph = frame.paragraphs[0]
    paragraph.alignment = align
    run = paragraph.add_run()
    run.text = _printable(text)
    _font(run.font, size, color, bold=head)
    _under(cell, LIGHT.neutral if head else LIGHT.line)
    cell.fill.background()


def _under(cell: Any, color: str) -> None:
    """A thin line under a cell; python-pptx has no borders."""
    properties = cell._tc.get_or_add_tcPr()
    line = etree.SubElement(properties, qn("a:lnB"), {"w": "6350"})
    fill = etree.SubElement(line, qn("a:solidFill"))
    etree.SubElement(fill, qn("a:srgbClr"), {"val": color.removeprefix("#")})


def _plain(frame: Any) -> None:
    """A table without the stripes of the built-in style."""
    properties = frame._element.graphic.graphicData.tbl.tblPr
    for name in ("firstRow", "bandRow"):
        properties.set(name, "0")
    style = properties.find(qn("a:tableStyleId"))
    if style is not None:
        style.text = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"  # no style, no grid


def _grid(slide: Any, grid: Grid, left: float, top: float, width: float, height: float) -> None:
    """A matrix as a table whose cells are tinted."""
    rows, columns = len(grid.rows) + 1, len(grid.columns) + 1
    high = min((height - 0.4) / (rows - 1), 0.95)
    frame = slide.shapes.add_table(
        rows, columns, Inches(left), Inches(top), Inches(width), Inches(0.4 + high * (rows - 1))
    )
    _plain(frame)
    table = frame.table
    for place, texts in enumerate(((grid.corner, *grid.columns), *((row,) for row in grid.rows))):
        table.rows[place].height = Inches(high if place else 0.4)
        for cell, text in zip(table.rows[place].cells, texts, strict=False):
            cell.text_frame.clear()
            cell.vertical_anchor = MSO_ANCHOR.MIDDLE
            cell.margin_top = cell.margin_bottom = 0
            room = (width / columns - 0.2) * 72
            _write(cell.text_frame, [shortened(text, room / 12)], 12, color=LIGHT.secondary, bold=True)
            cell.margin_left = cell.margin_right = Pt(6)
            cell.vertical_anchor = MSO_ANCHOR.MIDDLE
            cell.fill.background()
    lines = max(cell.text.count("\n") + 1 for row in grid.cells for cell in row)
    size = min(14, int(high * 72 / lines / 1.3))
    for row, cells in enumerate(grid.cells, 1):
        for column, told in enumerate(cells, 1):
            cell = table.cell(row, column)
            _write(cell.text_frame, told.text.split("\n"), size, color=told.ink, align=PP_ALIGN.CENTER)
            cell.vertical_anchor = MSO_ANCHOR.MIDDLE
            cell.margin_top = cell.margin_bottom = 0
            cell.fill.solid()
            cell.fill.fore_color.rgb = _rgb(told.fill)
            _frame(cell)


def _frame(cell: Any) -> None:
    """A white line around a cell, so that tints don't touch."""
    properties = cell._tc.get_or_add_tcPr()
    fill = properties.find(qn("a:solidFill"))
    for side in ("a:lnL", "a:lnR", "a:lnT", "a:lnB"):
        line = etree.Element(qn(side), {"w": "19050"})
        inner = etree.SubElement(line, qn("a:solidFill"))
        etree.SubElement(inner, qn("a:srgbClr"), {"val": "FFFFFF"})
        fill.addprevious(line)


# --- charts --------------------------------------------------------------------------------------------------------


def _chart(slide: Any, picture: Picture, left: float, top: float, width: float, height: float) -> None:
    place = (Inches(left), Inches(top), Inches(width), Inches(height))
    data: Any = _pairs(picture) if picture.kind == "xy" else _categories(picture)
    kind = TYPES[picture.kind, picture.stacked]
    chart = slide.shapes.add_chart(kind, *place, data).chart
    _font(chart.font, 10, LIGHT.secondary)
    chart.has_title = False
    chart.has_legend = bool(picture.legend)
    if picture.legend:
        chart.legend.position = XL_LEGEND_POSITION.TOP
        chart.legend.include_in_layout = False
        _font(chart.legend.font, 10, LIGHT.text)
    for drawn, series in zip(chart.plots[0].series, picture.series, strict=True):
        _series(drawn, series, picture)
    _axes(chart, picture)


def _pairs(picture: Picture) -> XyChartData:
    data = XyChartData(number_format=picture.format)
    for series in picture.series:
        added = data.add_series(_printable(series.name))
        for x, y in zip(series.x, series.values, strict=True):
            if x is not None and y is not None:
                added.add_data_point(x, y)
    return data


def _categories(picture: Picture) -> CategoryChartData:
    data = CategoryChartData(number_format=picture.format)
    data.categories = [_printable(name) for name in picture.categories]
    for series in picture.series:
        data.add_series(_printable(series.name), series.values)
    return data


def _series(drawn: Any, series: Series, picture: Picture) -> None:
    if picture.kind in ("line", "xy"):
        drawn.smooth = False
        drawn.format.line.width = Pt(2)
        drawn.format.line.color.rgb = _rgb(series.color)
        if series.points:
            drawn.format.line.fill.background()
            drawn.marker.style, drawn.marker.size = XL_MARKER_STYLE.CIRCLE, 10
            drawn.marker.format.fill.solid()
            drawn.marker.format.fill.fore_color.rgb = _rgb(series.color)
        else:
            drawn.marker.style = XL_MARKER_STYLE.NONE
        return
    if series.hidden:
        drawn.format.fill.background()
        return
    drawn.invert_if_negative = False
    drawn.format.fill.solid()
    drawn.format.fill.fore_color.rgb = _rgb(series.color)
    for place, color in enumerate(series.colors):
        point = drawn.points[place]
        point.format.fill.solid()
        point.format.fill.fore_color.rgb = _rgb(color)


def _axes(chart: Any, picture: Picture) -> None:
    """Thin axes, light grid lines, zero at zero, names where the bars are."""
    values, names = chart.value_axis, chart.category_axis
    values.tick_labels.number_format, values.tick_labels.number_format_is_linked = picture.format, False
    values.major_gridlines.format.line.color.rgb = _rgb(LIGHT.line)
    values.format.line.fill.background()
    names.format.line.color.rgb = _rgb(LIGHT.neutral)
    names.has_major_gridlines = False
    names.tick_label_position = XL_TICK_LABEL_POSITION.LOW
    if picture.kind == "xy":
        names.tick_labels.number_format, names.tick_labels.number_format_is_linked = picture.x_format, False
        if picture.x_range:
            names.minimum_scale, names.maximum_scale = picture.x_range
    if picture.kind == "bar":
        names.reverse_order = True
        # The steps of a waterfall name their amounts.
        values.tick_label_position = XL_TICK_LABEL_POSITION.NONE if picture.stacked else XL_TICK_LABEL_POSITION.HIGH
    if picture.kind in ("bar", "column"):
        chart.plots[0].gap_width = 45
        chart.plots[0].overlap = 100
    if picture.kind == "line":
        names._element.get_or_add_delete_().set("val", "0")
    for axis, title in ((names, picture.x_title), (values, picture.y_title)):
        axis.has_title = bool(title)
        if title:
            axis.axis_title.text_frame.text = title
            _font(axis.axis_title.text_frame.paragraphs[0].runs[0].font, 10, LIGHT.secondary)
