"""The pack read back: what slides and workbooks say is what the questions answer, to the digit, in both languages."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont
from pptx import Presentation
from pptx.oxml.ns import qn
from pptx.util import Emu

from dashboard.insight import Insight, Reader, ask
from dashboard.language import CODES, MINUS, UNDEFINED, undefined
from dashboard.reports import slides, workbook
from dashboard.reports.fonts import chinese
from dashboard.reports.pack import Pack, Part, build, part_of, single
from dashboard.reports.pictures import PICTURES, Grid, Picture
from dashboard.warehouse.read import Marts
from tests.small import Books, company, reader

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")


def deck_of(pack: Pack) -> Any:
    return Presentation(io.BytesIO(slides.write(pack)))


def book_of(pack: Pack) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(workbook.write(pack)))


def cells(sheet: Any, part: Part) -> list[tuple[Any, ...]]:
    """The table of an answer's sheet, its headings first."""
    first = workbook.FIRST_ROW + 1
    last = first + len(part.values)
    return [tuple(row) for row in sheet.iter_rows(first, last, 1, len(part.columns), values_only=True)]


@pytest.fixture(scope="module")
def packs(demo: Marts) -> dict[str, Pack]:
    """The demo's weekly pack by language."""
    return {lang: build("weekly", reader(demo, lang)) for lang in CODES}


# --- the same numbers ------------------------------------------------------------------------------------------------

FILTERS = st.fixed_dictionaries(
    {"lang": st.sampled_from(CODES), "period": st.sampled_from(("4w", "52w", "all"))},
    optional={
        "grade": st.sampled_from(("A", "B,C", "D")),
        "tier": st.sampled_from(("strategic", "standard,self_service")),
        "kind": st.just("person"),
        "as_of": st.sampled_from(("2026-06-01", "2025-12-31")),
    },
)


@given(FILTERS)
@settings(max_examples=3)
def test_every_number_of_the_workbook_is_the_answers_own(small: Marts, chosen: dict[str, str]) -> None:
    asking = reader(small, **chosen)
    pack = build("weekly", asking)
    book = book_of(pack)
    for sheet, part in zip(book.worksheets[1:], pack.parts, strict=False):
        insight = ask(part.key, asking)
        assert sheet["A1"].value == insight.headline
        head, *rows = cells(sheet, part) if part.columns else [()]
        assert [str(name) for name in head] == [column.heading for column in part.columns]
        for place, column in enumerate(part.columns):
            if pd.api.types.is_numeric_dtype(insight.table[column.name]):
                kept = [float("nan") if row[place] == UNDEFINED else row[place] for row in rows]
                own = [float("nan") if undefined(value) else value for value in insight.table[column.name]]
                assert kept == pytest.approx(own, rel=1e-14, nan_ok=True)  # a workbook keeps sixteen digits


@given(FILTERS)
@settings(max_examples=3)
def test_slides_say_what_the_answers_say(small: Marts, chosen: dict[str, str]) -> None:
    asking = reader(small, **chosen)
    pack = build("weekly", asking)
    deck = deck_of(pack)
    for slide, part in zip(list(deck.slides)[1:], pack.parts, strict=True):
        insight = ask(part.key, asking)
        assert slide.shapes.title.text_frame.text == insight.headline
        assert insight.words in slide.notes_slide.notes_text_frame.text
        for shape in slide.shapes:
            if shape.has_chart:
                assert series_of(shape.chart) == expected(insight, asking)


def series_of(chart: Any) -> list[list[float | None]]:
    return [list(series.values) for series in chart.plots[0].series]


def expected(insight: Insight, asking: Reader) -> list[list[float | None]]:
    picture = PICTURES[insight.key](insight, asking)
    assert isinstance(picture, Picture)
    if picture.kind != "xy":
        return [list(series.values) for series in picture.series]
    pairs = [zip(series.x, series.values, strict=True) for series in picture.series]
    return [[y for x, y in points if None not in (x, y)] for points in pairs]


@pytest.mark.parametrize("lang", CODES)
def test_a_waterfall_of_bars_ends_where_the_profit_is(small: Marts, lang: str) -> None:
    asking = reader(small, lang)
    insight = ask("cost.waterfall", asking)
    picture = PICTURES["cost.waterfall"](insight, asking)
    assert isinstance(picture, Picture)
    base, above, below = (series.values for series in picture.series)
    tops = [(b or 0) + (a or 0) + (u or 0) for b, a, u in zip(base, above, below, strict=True)]
    reached = 0.0
    for (_, row), top, bottom in zip(insight.table.iterrows(), tops, base, strict=True):
        start, end = (reached, reached + row["amount"]) if row["kind"] == "cost" else (0.0, row["amount"])
        assert {round(top, 6), round(bottom or 0, 6)} == {round(start, 6), round(end, 6)} or start * end < 0
        reached = end
    assert reached == pytest.approx(insight.numbers["left"])


@pytest.mark.parametrize("lang", CODES)
def test_a_slides_table_is_written_as_the_page_writes_it(small: Marts, lang: str) -> None:
    pack = build("weekly", reader(small, lang))
    part = next(part for part in pack.parts if part.key == "value.deciles")
    profit = [column.name for column in part.columns].index("profit")
    for row, amount in zip(part.said, part.insight.table["profit"], strict=True):
        assert row[profit] == f"{amount:,.2f}".replace("-", MINUS)
    place = [part.key for part in pack.parts].index("value.deciles")
    shapes = [shape for shape in list(deck_of(pack).slides)[place + 1].shapes if shape.has_table]
    shown = [[cell.text for cell in row.cells] for row in shapes[0].table.rows]
    assert shown[0] == [part.columns[n].heading for n in part.brief]
    assert shown[1:] == [[row[n] for n in part.brief] for row in part.said][: len(shown) - 1]


def test_the_about_sheet_says_what_the_workbook_is_of(small: Marts) -> None:
    pack = build("weekly", reader(small, "en", region="NORTH", as_of="2026-11-01"))
    about = {row[0]: row[1] for row in book_of(pack).worksheets[0].iter_rows(values_only=True)}
    assert about["Selection"] == pack.words
    assert "North China" in about["Selection"]
    assert about["Data version"] == small.version
    assert about["Profit"] == "Gross margin minus cost to serve"
    whale = ask("value.whale", reader(small, region="NORTH", as_of="2026-11-01"))
    assert about["Who makes the profit and who eats it"] == whale.headline


# --- safe ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """Customers, regions and activities whose names a spreadsheet would run."""
    books = Books()
    for place, name in enumerate(FORMULAS):
        books.region(f"R{place}", name, name)
        books.customer(f"C{place}", f"R{place}", name=name)
        books.sale(f"C{place}", "2026-11-12", 100 + place, 60)
        books.paid(f"C{place}", "2026-11-12", "freight", 50 + place)
    return books.marts(tmp_path_factory.mktemp("hostile"))


@pytest.mark.parametrize("key", ["value.top", "value.by_region", "customers.list"])
def test_no_cell_of_a_workbook_is_a_formula(hostile: Marts, key: str) -> None:
    asking = reader(hostile)
    book = book_of(single(ask(key, asking), asking))
    texts = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row if cell.data_type in "sf"]
    assert not [cell.value for cell in texts if cell.data_type == "f"]
    assert not [cell.value for cell in texts if str(cell.value).startswith(("=", "+", "-", "@", "\t"))]
    assert any("=1+1" in str(cell.value) for cell in texts), "the names are kept"


def test_sheets_have_valid_names_of_their_own(packs: dict[str, Pack]) -> None:
    names = [sheet.title for sheet in book_of(packs["en"]).worksheets]
    assert len({name.casefold() for name in names}) == len(names)
    assert all(0 < len(name) <= 31 and not set("[]:*?/\\") & set(name) for name in names)


# --- laid out --------------------------------------------------------------------------------------------------------


@cache
def font(size: float) -> ImageFont.FreeTypeFont:
    found = chinese()
    return ImageFont.truetype(str(found.path), round(size * 10), index=found.number)


def width_of(text: str, size: float) -> float:
    """The width of a text in points."""
    return font(size).getlength(text) / 10


def lines_of(text: str, size: float, width: float) -> int:
    """How many lines a paragraph takes, broken between words and Chinese letters."""
    count, row = 1, ""
    pieces = [piece for word in text.split(" ") for piece in (word + " " if word.isascii() else [*word, " "])]
    for piece in pieces:
        if row and width_of((row + piece).rstrip(), size) > width:
            count, row = count + 1, ""
        row += piece
    return count


@pytest.mark.parametrize("lang", CODES)
def test_no_text_runs_over_its_box_or_off_the_slide(packs: dict[str, Pack], lang: str) -> None:
    deck = deck_of(packs[lang])
    for slide in deck.slides:
        for shape in slide.shapes:
            assert shape.left >= 0 and shape.left + shape.width <= deck.slide_width + Emu(12700)
            assert shape.top >= 0 and shape.top + shape.height <= deck.slide_height
            if shape.has_text_frame and shape.text_frame.text:
                fits(shape.text_frame, shape.width.pt, shape.height.pt)
            if shape.has_table:
                for row in shape.table.rows:
                    for cell, column in zip(row.cells, shape.table.columns, strict=True):
                        room = column.width.pt - cell.margin_left.pt - cell.margin_right.pt
                        fits(cell.text_frame, room, row.height.pt)


def fits(frame: Any, width: float, height: float) -> None:
    used = 0.0
    for paragraph in frame.paragraphs:
        for run in paragraph.runs:
            used += lines_of(run.text, run.font.size.pt, width) * run.font.size.pt * 1.2
    assert used <= height + 0.5, frame.text


def test_chinese_has_an_east_asian_font_in_every_run(packs: dict[str, Pack]) -> None:
    deck = deck_of(packs["zh"])
    runs = [run for slide in deck.slides for run in slide._element.iter(qn("a:r"))]
    assert runs
    assert all(run.find(qn("a:rPr")).find(qn("a:ea")).get("typeface") for run in runs)


def test_a_slide_shortens_a_long_headline_by_its_size_not_by_its_words(small: Marts) -> None:
    asking = reader(small)
    insight = ask("value.top", asking)
    long = Insight(**{**vars(insight), "headline": "Profit is what is left of it all. " * 12})
    pack = single(insight, asking)
    pack = Pack(**{**vars(pack), "parts": (part_of(long, asking),)})
    title = list(deck_of(pack).slides)[1].shapes.title
    assert title.text_frame.text == long.headline
    fits(title.text_frame, title.width.pt, title.height.pt)


# --- odd views -------------------------------------------------------------------------------------------------------


def test_a_view_without_customers_is_a_pack_that_says_so(small: Marts) -> None:
    asking = reader(small, region="BJ", grade="D")
    pack = build("weekly", asking)
    assert len(deck_of(pack).slides) == len(pack.parts) + 1
    assert "No customers match these filters." in [sheet["A1"].value for sheet in book_of(pack).worksheets]


def test_a_curve_without_a_defined_point_is_no_chart(small: Marts) -> None:
    """One person who costs money and brings none: there is no profit to have a share of."""
    asking = reader(small, kind="person")
    insight = ask("value.whale", asking)
    assert insight.table["profit_share"].isna().all() and len(insight.table)
    assert part_of(insight, asking).picture is None


def test_a_question_that_lacks_data_says_what_to_supply(tmp_path: Any) -> None:
    pack = build("weekly", reader(company().only("customer", "sales_line", "warehouse_info").marts(tmp_path)))
    told = {part.key: part.insight.missing for part in pack.parts}
    assert "survey" in told["satisfaction.curve"]
    assert len(deck_of(pack).slides) == len(pack.parts) + 1


def test_a_matrix_is_a_table_with_the_count_of_every_cell(small: Marts) -> None:
    insight = ask("tiers.matrix", reader(small))
    grid = PICTURES["tiers.matrix"](insight, reader(small))
    assert isinstance(grid, Grid)
    counts = [int(cell.text.split("\n")[0]) for row in grid.cells for cell in row if cell.text != UNDEFINED]
    assert sum(counts) == insight.table["customers"].sum()
    assert len(grid.rows) == len(grid.columns) == 4


def test_dates_stay_dates(small: Marts) -> None:
    asking = reader(small)
    pack = single(ask("value.top", asking), asking)
    place = [column.name for column in pack.parts[0].columns].index("last_purchase")
    read = [row[place] for row in cells(book_of(pack).worksheets[1], pack.parts[0])[1:]]
    own = pack.parts[0].insight.table["last_purchase"]
    assert [UNDEFINED if day == UNDEFINED else day.date() for day in read] == [
        UNDEFINED if undefined(day) else day.date() for day in own
    ]
