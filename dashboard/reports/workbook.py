"""The pack as a workbook: a sheet a question with its headline, its table and its native chart, and one about it all.

Numbers are numbers with a format; text is text, whatever it begins with: no cell is a formula.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import xlsxwriter

from dashboard.charts.theme import LIGHT
from dashboard.export import harmless
from dashboard.language import MINUS, UNDEFINED, symbol
from dashboard.metrics import Format
from dashboard.reports.fitting import ems
from dashboard.reports.pack import Pack, Part
from dashboard.reports.pictures import Grid, Picture, Series
from dashboard.wording import DECIMALS

LONGEST = 31
"""Letters of a sheet's name."""
FIRST_ROW = 4
"""Where the table begins: under the headline and the line on what it is about."""
WIDEST, NARROWEST = 44, 9
CHARACTERS = 1.75
"""Of a column's width, for one em of text."""
LATIN = "Segoe UI"
MEASURED = 500
"""Rows by which the width of a column is set."""


def write(pack: Pack) -> bytes:
    """The workbook as a file."""
    held = io.BytesIO()
    book = xlsxwriter.Workbook(held, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": pack.title, "subject": pack.words, "author": pack.who})
    _Writer(book, pack).write()
    book.close()
    return held.getvalue()


class _Writer:
    """What the sheets of one workbook share: its formats, and the sheet that its charts read."""

    def __init__(self, book: Any, pack: Pack) -> None:
        self.book, self.pack = book, pack
        self.kept: dict[tuple[tuple[str, Any], ...], Any] = {}
        self.names: set[str] = set()
        self.drawn: Any = None
        self.next_column = 0

    def write(self) -> None:
        about = self.book.add_worksheet(self.name(self.pack.t("About")))
        sheets = [self.book.add_worksheet(self.name(part.title)) for part in self.pack.parts]
        if any(isinstance(part.picture, Picture) for part in self.pack.parts):
            self.drawn = self.book.add_worksheet(self.name(self.pack.t("Chart data")))
        self.about(about)
        for sheet, part in zip(sheets, self.pack.parts, strict=True):
            self.answer(sheet, part)

    def name(self, title: str) -> str:
        """A valid name that no other sheet has, whatever the case of its letters."""
        clean = re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", title).strip().strip("'").strip()
        clean = re.sub(r"\s+", " ", clean)[:LONGEST].strip() or "-"
        found, number = clean, 1
        while found.casefold() in self.names or found.casefold() == "history":
            number += 1
            found = f"{clean[: LONGEST - len(str(number)) - 1]} {number}"
        self.names.add(found.casefold())
        return found

    def style(self, **how: Any) -> Any:
        """A cell format; the same one is made once."""
        key = tuple(sorted(how.items()))
        if key not in self.kept:
            self.kept[key] = self.book.add_format(
                {"font_name": LATIN, "font_size": 10, "font_color": LIGHT.text, "valign": "vcenter", **how}
            )
        return self.kept[key]

    # --- sheets ---------------------------------------------------------------------------------------------------

    def about(self, sheet: Any) -> None:
        """What the workbook is about: the selection, the versions, the questions and the definitions."""
        pack = self.pack
        sheet.hide_gridlines(2)
        sheet.set_column(0, 0, 30)
        sheet.set_column(1, 1, 100)
        self.text(sheet, 0, 0, pack.title, font_size=16, bold=True)
        row = 2
        for label, value in pack.facts:
            row = self.pair(sheet, row, label, value)
        row = self.head(sheet, row + 1, pack.t("Questions and answers"))
        for part in pack.parts:
            row = self.pair(sheet, row, part.title, part.insight.headline)
        row = self.head(sheet, row + 1, pack.t("What the figures mean"))
        for label, value in pack.definitions:
            row = self.pair(sheet, row, label, value)
        _on_paper(sheet)

    def head(self, sheet: Any, row: int, text: str) -> int:
        self.text(sheet, row, 0, text, bold=True, font_color=LIGHT.accent)
        return row + 1

    def pair(self, sheet: Any, row: int, label: str, value: str) -> int:
        self.text(sheet, row, 0, label, font_color=LIGHT.secondary, valign="top", text_wrap=True)
        self.text(sheet, row, 1, value, valign="top", text_wrap=True)
        lines = max(-(-int(ems(value) * 10) // 600), -(-int(ems(label) * 10) // 180), 1)
        sheet.set_row(row, 16 * lines)
        return row + 1

    def answer(self, sheet: Any, part: Part) -> None:
        """Headline, what it is about, the table, and the chart to its right."""
        sheet.hide_gridlines(2)
        self.text(sheet, 0, 0, part.insight.headline, font_size=14, bold=True)
        self.text(sheet, 1, 0, part.title, font_color=LIGHT.accent)
        self.text(sheet, 2, 0, self.about_of(part), font_color=LIGHT.secondary)
        head = self.style(bold=True, font_color=LIGHT.secondary, bottom=1, bottom_color=LIGHT.neutral, text_wrap=True)
        right = self.style(
            bold=True, font_color=LIGHT.secondary, bottom=1, bottom_color=LIGHT.neutral, text_wrap=True, align="right"
        )
        for place, column in enumerate(part.columns):
            sheet.write_string(FIRST_ROW, place, _safe(column.heading), right if column.is_number else head)
            sheet.set_column(place, place, _width(part, place))
            for row, cells in enumerate(part.values, FIRST_ROW + 1):
                self.cell(sheet, row, place, cells[place], part.kinds[row - FIRST_ROW - 1][place])
        if part.columns:
            sheet.freeze_panes(FIRST_ROW + 1, 0)
        if len(part.values) > 1:
            sheet.autofilter(FIRST_ROW, 0, FIRST_ROW + len(part.values), len(part.columns) - 1)
        beside = len(part.columns) + 1
        if isinstance(part.picture, Grid):
            self.grid(sheet, part.picture, beside)
        elif part.picture is not None:
            self.chart(sheet, part, part.picture, beside)
        _on_paper(sheet)

    def about_of(self, part: Part) -> str:
        foot = self.pack.foot(part)
        return foot if part.insight.words in foot else f"{part.insight.words} · {foot}"

    def text(self, sheet: Any, row: int, column: int, text: str, **how: Any) -> None:
        sheet.write_string(row, column, _safe(text), self.style(**how))

    def cell(self, sheet: Any, row: int, column: int, value: Any, kind: Format) -> None:
        """A cell by its kind: a number with its format, a date, a text that is only text, or a dash."""
        if value is None:
            self.text(sheet, row, column, UNDEFINED, font_color=LIGHT.secondary, align="right")
        elif isinstance(value, bool | str):
            self.text(sheet, row, column, str(value))
        elif hasattr(value, "isoformat"):
            sheet.write_datetime(row, column, value, self.style(num_format="yyyy-mm-dd", align="left"))
        else:
            sheet.write_number(row, column, value, self.style(num_format=self.form(kind)))

    def form(self, kind: Format) -> str:
        if kind == "money":
            sign = symbol(self.pack.currency, self.pack.language.code)
            core = f'"{sign}"#,##0.00' if sign else "#,##0.00"
        elif kind == "share":
            core = "0.0%"
        else:
            places = DECIMALS.get(kind, 0)
            core = "#,##0" + ("." + "0" * places if places else "")
        return f"{core};{MINUS}{core}"

    # --- pictures -------------------------------------------------------------------------------------------------

    def grid(self, sheet: Any, grid: Grid, column: int) -> None:
        """A matrix as tinted cells to the right of the table."""
        head = {"bold": True, "font_color": LIGHT.secondary}
        for place, name in enumerate((grid.corner, *grid.columns)):
            self.text(sheet, FIRST_ROW, column + place, name, align="center" if place else "left", **head)
        wide = max(ems(_one_line(cell.text)) for cells in grid.cells for cell in cells)
        sheet.set_column(column, column, 14)
        sheet.set_column(column + 1, column + len(grid.columns), wide * CHARACTERS + 2)
        for row, (name, cells) in enumerate(zip(grid.rows, grid.cells, strict=True), FIRST_ROW + 1):
            self.text(sheet, row, column, name, **head)
            for place, cell in enumerate(cells, column + 1):
                how = {"bg_color": cell.fill, "font_color": cell.ink, "border": 1, "border_color": "#FFFFFF"}
                self.text(sheet, row, place, _one_line(cell.text), align="center", **how)

    def chart(self, sheet: Any, part: Part, picture: Picture, column: int) -> None:
        """A native chart; its series lie on the sheet of chart data."""
        xy = picture.kind == "xy"
        subtype = "straight" if xy else "stacked" if picture.stacked else None
        chart = self.book.add_chart({"type": "scatter" if xy else picture.kind, "subtype": subtype})
        spot = self.block(part.title, picture)
        for place, series in enumerate(picture.series):
            chart.add_series(self.series(picture, series, *spot[place]))
        font = {"name": LATIN, "size": 9, "color": LIGHT.secondary}
        values = {
            "num_format": picture.format,
            "num_font": font,
            "major_gridlines": {"visible": True, "line": {"color": LIGHT.line}},
            "line": {"none": True},
        }
        names: dict[str, Any] = {"num_font": font, "line": {"color": LIGHT.neutral}, "label_position": "low"}
        if picture.kind == "xy":
            names |= {"num_format": picture.x_format, "major_gridlines": {"visible": False}}
        if picture.x_range:
            names["min"], names["max"] = picture.x_range
        if picture.kind == "bar":
            names["reverse"] = True
            # The steps of a waterfall name their amounts.
            values["label_position"] = "none" if picture.stacked else "high"
        for axis, title in ((names, picture.x_title), (values, picture.y_title)):
            if title:
                axis |= {"name": title, "name_font": {**font, "bold": False}}
        # Of a bar chart the vertical axis has the names.
        chart.set_x_axis(values if picture.kind == "bar" else names)
        chart.set_y_axis(names if picture.kind == "bar" else values)
        chart.set_title({"none": True})
        chart.set_legend({"position": "top", "font": font} if picture.legend else {"none": True})
        rows = len(picture.categories) if picture.kind == "bar" else 0
        chart.set_size({"width": 640, "height": max(360, 60 + 26 * rows)})
        chart.set_chartarea({"border": {"none": True}})
        sheet.insert_chart(FIRST_ROW, column, chart, {"description": part.insight.headline})

    def block(self, title: str, picture: Picture) -> list[tuple[int, int, int]]:
        """The chart's series on the sheet of chart data; of each, the columns of x and of y and how many rows."""
        sheet, first = self.drawn, self.next_column
        self.text(sheet, 0, first, title, bold=True)
        found, column = [], first
        if picture.kind != "xy":
            for row, name in enumerate(picture.categories, 2):
                self.text(sheet, row, first, name)
            column += 1
        for series in picture.series:
            where = first
            if picture.kind == "xy":
                where = column
                self.text(sheet, 1, column, picture.x_title or "x", font_color=LIGHT.secondary)
                self.column(sheet, column, series.x)
                column += 1
            self.text(sheet, 1, column, series.name, font_color=LIGHT.secondary)
            self.column(sheet, column, series.values)
            found.append((where, column, len(series.values)))
            column += 1
        self.next_column = column + 1
        return found

    def column(self, sheet: Any, column: int, values: Sequence[float | None]) -> None:
        """Numbers one below the other; a gap stays empty, which a chart leaves out."""
        for row, value in enumerate(values, 2):
            if value is not None:
                sheet.write_number(row, column, value, self.style())

    def series(self, picture: Picture, series: Series, names: int, values: int, rows: int) -> dict[str, Any]:
        sheet = self.drawn.name
        told: dict[str, Any] = {
            "name": [sheet, 1, values],
            "categories": [sheet, 2, names, rows + 1, names],
            "values": [sheet, 2, values, rows + 1, values],
        }
        if picture.kind in ("xy", "line"):
            if series.points:
                ink = {"color": series.color}
                marker = {"type": "circle", "size": 9, "fill": ink, "border": ink}
                return told | {"line": {"none": True}, "marker": marker}
            return told | {"line": {"color": series.color, "width": 2}, "marker": {"type": "none"}}
        told |= {"gap": 45, "overlap": 100}
        if series.hidden:
            return told | {"fill": {"none": True}, "border": {"none": True}}
        told["fill"] = {"color": series.color}
        return told | {"points": [{"fill": {"color": color}} for color in series.colors] or None}


def _width(part: Part, place: int) -> float:
    """How wide a column is so that its numbers are seen whole, in characters."""
    texts = [part.columns[place].heading]
    for values, said in zip(part.values[:MEASURED], part.said, strict=False):
        value = values[place]
        number = isinstance(value, int | float)
        texts.append(f"¥{value:,.2f}" if number and part.columns[place].kind in ("money", "number") else said[place])
    return max(min(max(map(ems, texts)) * CHARACTERS + 2, WIDEST), NARROWEST)


def _on_paper(sheet: Any) -> None:
    """One page wide, as many as it takes."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)


def _one_line(text: str) -> str:
    return " · ".join(text.split("\n"))


def _safe(text: str) -> str:
    """Text that no spreadsheet runs, not even when the sheet is saved as CSV and opened again."""
    return str(harmless(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", " ", text)))[:32_767]
