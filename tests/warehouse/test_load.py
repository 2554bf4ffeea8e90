"""The import: given these files and this mapping, rows are loaded, merged or set aside, and none is lost."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import inspect

from dashboard.warehouse.connect import engine_on
from dashboard.warehouse.load import load
from dashboard.warehouse.mapping import LoadError
from dashboard.warehouse.report import LoadReport
from queries.schema import metadata
from tests.warehouse.desk import HEADER, SALES, Desk, balances, where

ROOT = Path(__file__).parents[2]
DATASETS = ROOT.parent / "shared" / "datasets"
MAPPINGS = ROOT / "data" / "mappings"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# What becomes of rows


def test_a_cancellation_is_a_negative_line_and_codes_keep_their_zeros(desk: Desk) -> None:
    report = desk.load(SALES, sales=HEADER + "1,007,2024-01-05,3,2.50\nC1,007,2024-01-06,-3,2.50\n2,7,2024-01-07,1,1\n")
    assert desk.rows("SELECT order_code, quantity, revenue FROM sales_line ORDER BY line_key") == [
        ("1", 3, Decimal("7.50")),
        ("C1", -3, Decimal("-7.50")),
        ("2", 1, Decimal("1.00")),
    ]
    assert desk.rows("SELECT customer_key, code, name FROM customer ORDER BY 1") == [
        (1, "007", "007"),
        (2, "7", "7"),
    ]
    assert "1 of the lines loaded are returns" in report.lines()[-1]
    assert balances(report)


def test_the_returns_rule_turns_amounts_that_the_source_writes_as_positive(desk: Desk) -> None:
    mapping = SALES.replace('from = "sales"', 'from = "sales"\nreturns = "invoice LIKE \'R%\'"')
    desk.load(mapping, sales=HEADER + "R1,a,2024-01-05,3,2.50\nR2,a,2024-01-05,-1,2.50\n")
    assert desk.rows("SELECT quantity, revenue FROM sales_line ORDER BY line_key") == [(-3, -7.5), (-1, -2.5)]


def test_lines_without_a_customer_are_set_aside_or_booked_on_one_anonymous_customer(desk: Desk) -> None:
    sales = HEADER + "1,a,2024-01-05,1,2\n2, ,2024-01-05,1,40\n"
    report = desk.load(SALES, sales=sales)
    (aside,) = report.table("sales_line").set_aside
    assert (aside.reason, aside.rows, aside.amounts["revenue"]) == ("no customer", 1, 40)
    assert balances(report)
    report = desk.load(SALES + '[customer]\nmissing = { code = "0", name = "Counter" }\n', sales=sales)
    assert desk.rows("SELECT name, revenue FROM sales_line JOIN customer USING (customer_key) ORDER BY 2") == [
        ("a", 2),
        ("Counter", 40),
    ]
    assert report.table("customer").added == 1
    assert balances(report)


@pytest.mark.parametrize(("rule", "lines", "merged"), [("keep", 3, 0), ("merge", 2, 1)])
def test_exact_repeats_follow_the_declared_rule_and_the_totals_say_so(
    desk: Desk, rule: str, lines: int, merged: int
) -> None:
    mapping = SALES.replace('from = "sales"', f'from = "sales"\nrepeats = "{rule}"')
    same = "1,a,2024-01-05,1,2\n"
    report = desk.load(mapping, sales=HEADER + same + same + "1,a,2024-01-05,2,2\n")
    part = report.table("sales_line")
    assert (part.loaded, part.merged, part.amounts["revenue"]["merged"]) == (lines, merged, 2 * merged)
    assert ("1 exact repeats" in "\n".join(report.lines())) == (rule == "keep")
    assert balances(report)


def test_a_declared_condition_sets_rows_aside_with_its_reason(desk: Desk) -> None:
    mapping = SALES.replace(
        'from = "sales"', 'from = "sales"\nset_aside = [{ where = "price < 0", reason = "bad debt" }]'
    )
    report = desk.load(mapping, sales=HEADER + "1,a,2024-01-05,1,2\n2,b,2024-01-05,1,-9\n")
    assert where(desk.set_aside()) == [("3", "price", "-9", "bad debt")]
    assert desk.rows("SELECT code FROM customer") == [("a",)]
    assert balances(report)


def test_a_bad_value_sets_aside_its_own_row_with_line_column_and_value(desk: Desk) -> None:
    sales = HEADER + (
        '1,a,2024-01-05,1,2\n\n2,"a\nb",2024-01-05,1,2\n3,a,2024-01-05,x1,2\n4,a,05.01.2024,1,2\n'
        "5,a,2024-01-05\n6,a,2024-01-05,1,2\n7,a,,1,2\n"
    )
    report = desk.load(SALES, sales=sales)
    assert report.table("sales_line").loaded == 3
    assert where(desk.set_aside()) == [
        ("6", "qty", "x1", '"qty" is not a number'),
        ("7", "day", "05.01.2024", '"day" is not a date written yyyy-mm-dd'),
        ("10", "day", "", "sold_on is empty"),
        ("8", "", "", "the line has more or fewer columns than the header"),
    ]
    assert balances(report)


def test_fields_are_checked_against_the_contract_type(desk: Desk) -> None:
    mapping = SALES + (
        '[source.survey]\nfile = "survey.csv"\n[table.survey]\nfrom = "survey"\n[table.survey.columns]\n'
        'customer = "who"\nanswered_on = "day"\nsatisfaction = "stars"\n'
    )
    survey = "who,day,stars\na,2024-01-05,4\na,2024-01-05,4.0\na,2024-01-05,4.5\nb,2024-01-05,4\n"
    report = desk.load(mapping, sales=HEADER + "1,a,2024-01-05,1,2\n", survey=survey)
    assert desk.rows("SELECT satisfaction FROM survey") == [(4,), (4,)]
    assert where(desk.set_aside()) == [
        ("4", "stars", "4.5", '"stars" is not a whole number'),
        ("5", "who", "b", "this customer is not in table customer"),
    ]
    assert balances(report)


def test_an_unknown_optional_reference_is_noted_and_the_line_kept(desk: Desk) -> None:
    mapping = SALES.replace('order_code = "invoice"', 'product = "invoice"') + (
        '[table.product]\nrows = [{ code = "1", name = "Tea", list_price = 2.5 }]\n'
    )
    report = desk.load(mapping, sales=HEADER + "1,a,2024-01-05,1,2\n9,a,2024-01-05,1,2\n")
    assert desk.rows("SELECT product_key FROM sales_line ORDER BY line_key") == [(1,), (None,)]
    assert any('such as "9"' in note for note in report.table("sales_line").notes)


def test_rows_of_one_code_are_merged_and_differing_values_noted(desk: Desk) -> None:
    mapping = SALES.replace('rows_of = "sales_line"', 'from = "customer"\nkeep = "last"').replace(
        'code = "customer"', 'code = "code"\nname = "name"\nindustry = "trade"'
    )
    mapping += '[source.customer]\nfile = "customer.csv"\n'
    customers = "code,name,trade\na,Old,food\na,New,\n"
    report = desk.load(mapping, sales=HEADER + "1,a,2024-01-05,1,2\n", customer=customers)
    assert desk.rows("SELECT name, industry FROM customer") == [("New", "food")]
    assert report.table("customer").notes == ("1 had several values of name; the last one was kept",)
    assert balances(report)


def test_a_spread_makes_one_line_for_each_entry_of_a_row(desk: Desk) -> None:
    mapping = """
    [warehouse]
    currency = "EUR"
    tolerance = 0.25
    [source.account]
    file = "account.csv"
    [table.customer]
    from = "account"
    [table.customer.columns]
    code = { expression = "format('{:03d}', _row)" }
    [table.sales_line]
    from = "account"
    spread = [{ order_code = { constant = "day" }, revenue = "day" }, { revenue = "night" }]
    [table.sales_line.columns]
    customer = { expression = "format('{:03d}', _row)" }
    sold_on = { constant = 2024-01-31 }
    """
    report = desk.load(mapping, account="day,night\n1,2\n3,x\n")
    assert desk.rows("SELECT line_key, order_code, customer_key, revenue FROM sales_line ORDER BY 1") == [
        (1, "day", 1, 1),
        (2, None, 1, 2),
        (3, "day", 2, 3),
    ]
    assert where(desk.set_aside()) == [("3", "night", "x", '"night" is not a number')]
    assert balances(report)


def test_a_join_finds_one_row_and_a_miss_is_set_aside(desk: Desk) -> None:
    mapping = SALES.replace('from = "sales"', 'from = "sales"\njoin = [{ source = "day", on = { day = "id" } }]')
    mapping = mapping.replace('sold_on = "day"', 'sold_on = "day.date"') + '[source.day]\nfile = "day.csv"\n'
    sales = HEADER + "1,a,D1,1,2\n2,a,D2,1,2\n"
    report = desk.load(mapping, sales=sales, day="id,date\nD1,2024-01-05\n")
    assert desk.rows("SELECT sold_on FROM sales_line") == [(date(2024, 1, 5),)]
    assert where(desk.set_aside()) == [("3", "day", "D2", "no row in day for this day")]
    assert balances(report)
    with pytest.raises(LoadError, match=r"several rows have id = D1; a join finds at most one row"):
        desk.load(mapping, sales=sales, day="id,date\nD1,2024-01-05\nD1,2024-01-06\n")


def test_several_feeds_fill_one_table_as_a_tree(desk: Desk) -> None:
    mapping = SALES.replace('code = "customer"', 'code = "customer"\nregion = "city"') + (
        '[[table.region]]\nrows_of = "sales_line"\n[table.region.columns]\ncode = "country"\n'
        '[[table.region]]\nrows_of = "sales_line"\n[table.region.columns]\n'
        'code = "city"\nparent = "country"\n'
    )
    sales = HEADER.replace("qty", "city,country,qty")
    report = desk.load(mapping, sales=sales + "1,a,2024-01-05,Metz,FR,1,2\n2,b,2024-01-05,Lyon,FR,1,2\n")
    assert desk.rows("SELECT code, parent_key FROM region ORDER BY region_key") == [
        ("FR", None),
        ("Metz", 1),
        ("Lyon", 1),
    ]
    assert desk.rows("SELECT region_key FROM customer ORDER BY code") == [(2,), (3,)]
    assert balances(report)


def test_rows_written_in_the_mapping_fill_a_table(desk: Desk) -> None:
    mapping = SALES + (
        "[table.target]\nrows = ["
        '{ metric = "revenue", starts_on = 2024-01-01, ends_on = 2024-12-31, value = 9.5 },'
        ' { metric = "revenue", grade = "A", starts_on = 2024-01-01, ends_on = "soon", value = 1 }]\n'
    )
    desk.load(mapping, sales=HEADER + "1,a,2024-01-05,1,2\n")
    assert desk.rows("SELECT region_code, grade, value FROM target") == [("", "", Decimal("9.5000"))]
    (aside,) = desk.set_aside()
    assert (aside["file"], aside["line"], aside["value"]) == ("the mapping", "2", "soon")


def test_values_are_mapped_factored_and_filled(desk: Desk) -> None:
    mapping = SALES.replace('rows_of = "sales_line"', 'from = "customer"').replace(
        'code = "customer"',
        'code = "code"\nkind = { column = "type", values = { B = "organisation", P = "person" } }\n'
        'industry = { column = "trade", default = "other" }\n'
        'credit_limit = { column = "cents", factor = 0.01 }',
    )
    mapping += '[source.customer]\nfile = "customer.csv"\n'
    customers = "code,type,trade,cents\na,B,,12345\nb,P,food,\nc,X,,1\n"
    desk.load(mapping, sales=HEADER + "1,a,2024-01-05,1,2\n", customer=customers)
    assert desk.rows("SELECT code, kind, industry, credit_limit FROM customer ORDER BY 1") == [
        ("a", "organisation", "other", Decimal("123.45")),
        ("b", "person", "food", None),
    ]
    assert where(desk.set_aside()) == [("4", "type", "X", '"type" is none of B, P')]


def test_ratings_are_brought_to_the_contract_s_scales_and_those_outside_set_aside(desk: Desk) -> None:
    mapping = SALES + (
        '[source.survey]\nfile = "survey.csv"\n[table.survey]\nfrom = "survey"\n[table.survey.columns]\n'
        'customer = "who"\nanswered_on = "day"\nsatisfaction = { column = "ten", scale = "1-10" }\n'
        'recommend = { column = "nps", scale = "nps" }\nquality = { column = "mark", scale = "6-1" }\n'
        'price = { column = "share", scale = "percent" }\n'
    )
    survey = "who,day,ten,nps,mark,share\n" + "".join(
        f"a,2024-01-0{n},{answers}\n"
        for n, answers in enumerate(("1,0,6,0 %", "10,10,1,100%", "5.5,7,3.5,50", "0,1,1,1", "5,5,1,x", "5,5,,"), 1)
    )
    report = desk.load(mapping, sales=HEADER + "1,a,2024-01-05,1,2\n", survey=survey)
    found = "SELECT satisfaction, recommend, quality, price FROM survey ORDER BY response_key"
    assert desk.rows(found) == [(1, 0, 1, 1), (5, 10, 5, 5), (3, 7, 3, 3), (3, 5, None, None)]
    assert where(desk.set_aside()) == [
        ("5", "ten", "0", '"ten" is not a rating from 1 to 10'),
        ("6", "share", "x", '"share" is not a rating from 0 to 100'),
    ]
    assert balances(report)
    with pytest.raises(LoadError, match="scale is for ratings"):
        desk.load(mapping.replace('customer = "who"', 'customer = { column = "who", scale = "1-10" }'))


def test_targets_events_rates_and_capacities_come_from_a_spreadsheet(desk: Desk) -> None:
    book = openpyxl.Workbook()
    sheets: dict[str, list[list[Any]]] = {
        "Targets": [
            ["metric", "region", "from", "to", "value"],
            ["revenue", "FR", date(2024, 1, 1), date(2024, 12, 31), 1e6],
        ],
        "Events": [["what", "from", "to"], ["Spring sale", date(2024, 3, 1), date(2024, 3, 8)]],
        "Rates": [["activity", "unit", "since", "rate", "capacity"], ["Visit", "visit", date(2024, 1, 1), 85.5, 40]],
    }
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(desk.folder / "plan.xlsx")
    mapping = SALES + "".join(f'[source.{name.lower()}]\nfile = "plan.xlsx"\nsheet = "{name}"\n' for name in sheets)
    mapping += """
    [table.target]
    from = "targets"
    columns = { metric = "metric", region_code = "region", starts_on = "from", ends_on = "to", value = "value" }
    [table.event]
    from = "events"
    columns = { name = "what", starts_on = "from", ends_on = "to" }
    [table.activity]
    from = "rates"
    columns = { code = "activity", driver_unit = "unit" }
    [table.activity_rate]
    from = "rates"
    columns = { activity = "activity", valid_from = "since", unit_rate = "rate", weekly_capacity = "capacity" }
    """
    report = desk.load(mapping, sales=HEADER + "1,a,2024-01-05,1,2\n")
    assert desk.rows("SELECT metric, region_code, grade, ends_on, value FROM target") == [
        ("revenue", "FR", "", date(2024, 12, 31), 1_000_000)
    ]
    assert desk.rows("SELECT name, starts_on, ends_on FROM event") == [
        ("Spring sale", date(2024, 3, 1), date(2024, 3, 8))
    ]
    assert desk.rows(
        "SELECT code, unit_rate, weekly_capacity FROM activity JOIN activity_rate USING (activity_key)"
    ) == [("Visit", Decimal("85.5"), 40)]
    assert balances(report)


# How files are written


def test_two_date_spellings_are_tried_in_order(desk: Desk) -> None:
    mapping = SALES.replace('"sales.csv"', '"sales.csv"\ndate_formats = ["%d.%m.%Y", "%Y%m%d"]')
    desk.load(mapping, sales=HEADER + "1,a,5.1.2024,1,2\n2,a,20240106,1,2\n3,a,2024/01/07,1,2\n")
    assert desk.rows("SELECT sold_on FROM sales_line") == [(date(2024, 1, 5),), (date(2024, 1, 6),)]
    assert desk.set_aside()[0]["reason"] == '"day" is not a date written %d.%m.%Y or %Y%m%d'


@pytest.mark.parametrize(
    ("encoding", "name"), [("gb18030", "上海百联"), ("windows-1252", "Café „Łódź“"[:6]), ("utf-16", "上海")]
)
def test_encodings_are_read_as_declared(desk: Desk, encoding: str, name: str) -> None:
    mapping = SALES.replace('"sales.csv"', f'"sales.csv"\nencoding = "{encoding}"')
    desk.load(mapping, sales=(HEADER + f"1,{name},2024-01-05,1,2\n").encode(encoding))
    assert desk.rows("SELECT code FROM customer") == [(name,)]


def test_lines_are_numbered_behind_a_byte_order_mark_and_windows_line_ends(desk: Desk) -> None:
    lines = "\ufeff" + HEADER + '1,"a\nb",2024-01-05,1,2\n\n2,a\n3,a,2024-01-05,x,2\n\n4,a,2024-01-05,1,2,9\n'
    report = desk.load(SALES, sales=lines.replace("\n", "\r\n"))
    assert [row["line"] for row in desk.set_aside()] == ["6", "5", "8"]
    assert balances(report)


def test_a_line_that_is_not_of_the_encoding_is_set_aside(desk: Desk) -> None:
    lines = (HEADER + "1,a,2024-01-05,1,2\n").encode() + "2,é,2024-01-05,1,2\n".encode("cp1252")
    report = desk.load(SALES.replace('"sales.csv"', '"sales.csv"\nencoding = "utf-8"'), sales=lines)
    assert where(desk.set_aside()) == [("3", "", "", "the line is not UTF-8; name the encoding of the file")]
    assert balances(report)
    mapping = SALES.replace('"sales.csv"', '"sales.csv"\nencoding = "gb18030"')
    report = desk.load(mapping, sales=(HEADER + "1,甲,2024-01-05,1,2\n").encode("gb18030") + b"2,\xff,2024-01-05,1,2\n")
    assert where(desk.set_aside()) == [("3", "", "", "the line is not gb18030")]
    assert balances(report)


def test_decimal_commas_and_thousands_are_read_as_declared_and_misplaced_marks_refused(desk: Desk) -> None:
    mapping = SALES.replace('"sales.csv"', '"sales.csv"\ndelimiter = ";"\ndecimal = ","\nthousands = "."')
    prices = ["1.234,50", "2,5", "1.23", "1,234.5"]
    sales = HEADER.replace(",", ";") + "".join(f"{n};a;2024-01-05;1;{price}\n" for n, price in enumerate(prices))
    desk.load(mapping, sales=sales)
    assert desk.rows("SELECT revenue FROM sales_line ORDER BY line_key") == [
        (Decimal("1234.50"),),
        (Decimal("2.50"),),
    ]
    assert [row["value"] for row in desk.set_aside()] == ["1.23", "1,234.5"]


def test_whole_floating_point_ids_lose_their_decimals(desk: Desk) -> None:
    ids = pa.array([13085.0, None, 7.5])
    columns = {"invoice": ["1", "2", "3"], "customer": ids, "day": [datetime(2024, 1, 5, 7)] * 3}
    table = pa.table(columns | {"qty": [1, 1, 1], "price": [2.5, 2.5, 2.5]})
    pq.write_table(table, desk.folder / "sales.parquet")
    desk.load(SALES.replace("sales.csv", "sales.parquet"))
    assert desk.rows("SELECT code FROM customer ORDER BY 1") == [("13085",), ("7.5",)]
    assert where(desk.set_aside()) == [("2", "customer", "", "no customer")]


def test_several_files_of_a_source_are_read_in_the_order_of_their_names(desk: Desk) -> None:
    desk.write("sales_02.csv", "price,qty,day,customer,invoice\n2,x,2024-02-05,a,2\n")
    desk.write("sales_01.csv", HEADER + "1,a,2024-01-05,1,2\n")
    desk.load(SALES.replace("sales.csv", "sales_*.csv"))
    assert [(row["file"], row["line"]) for row in desk.set_aside()] == [("sales_02.csv", "2")]
    desk.warehouse.unlink()
    desk.write("sales_03.csv", "invoice,customer,day,qty,cost\n1,a,2024-01-05,1,2\n")
    with pytest.raises(LoadError, match=r"sales_01.csv and sales_03.csv differ in the column\(s\) cost, price"):
        desk.load(SALES.replace("sales.csv", "sales_*.csv"))


def test_a_worksheet_is_read_with_real_dates_numbers_and_zero_padded_codes(desk: Desk) -> None:
    book = openpyxl.Workbook()
    book.active.append([None])
    sheet = book.create_sheet("2024")
    rows = [
        ["invoice", "customer", "day", "qty", "price"],
        [1, 7, datetime(2024, 1, 5), 2, 1.25],
        [],
        [2, "b", "x", 1, 1],
    ]
    for row in rows:
        sheet.append(row)
    sheet["B2"].number_format = "00000"
    book.save(desk.folder / "sales.xlsx")
    mapping = SALES.replace('"sales.csv"', '"sales.xlsx"\nsheet = "2024"\ndate_formats = ["%d.%m.%Y"]\ndecimal = ","')
    desk.load(mapping)
    assert desk.rows("SELECT code, sold_on, revenue FROM sales_line JOIN customer USING (customer_key)") == [
        ("00007", date(2024, 1, 5), Decimal("2.50"))
    ]
    assert [(row["line"], row["value"]) for row in desk.set_aside()] == [("4", "x")]
    with pytest.raises(LoadError, match="has no sheet \"2042\"; did you mean '2024'"):
        desk.load(mapping.replace('"2024"', '"2042"'))


def test_an_old_excel_file_is_read(desk: Desk) -> None:
    rows: list[list[Any]] = [
        ["invoice", "customer", "day", "qty", "price"],
        ["1", "a", "2024-01-05", 2, 1.25],
    ]
    desk.write("sales.xls", excel_2(rows))
    desk.load(SALES.replace("sales.csv", "sales.xls"))
    assert desk.rows("SELECT quantity, revenue FROM sales_line") == [(2, Decimal("2.50"))]


def excel_2(rows: list[list[Any]]) -> bytes:
    """A worksheet in the oldest format that is still read: BIFF 2, a stream of (code, length, data)."""

    def record(code: int, data: bytes) -> bytes:
        return struct.pack("<HH", code, len(data)) + data

    cells = b""
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            place = struct.pack("<HH3x", y, x)
            if isinstance(value, str):
                cells += record(0x04, place + bytes([len(value)]) + value.encode("ascii"))
            else:
                cells += record(0x03, place + struct.pack("<d", value))
    return record(0x09, struct.pack("<HH", 2, 0x10)) + cells + record(0x0A, b"")


def test_json_lines_are_read_and_a_broken_line_is_set_aside(desk: Desk) -> None:
    line = '{"invoice": 1, "customer": "a", "day": "2024-01-05", "qty": 2, "price": 1.25}\n'
    desk.write(
        "sales.jsonl",
        line + "\nnot json\n" + line.replace('"qty"', '"note": "x", "qty"').replace("2,", '"?",'),
    )
    report = desk.load(SALES.replace("sales.csv", "sales.jsonl"))
    assert desk.rows("SELECT order_code, revenue FROM sales_line") == [("1", Decimal("2.50"))]
    assert where(desk.set_aside()) == [
        ("4", "qty", "?", '"qty" is not a number'),
        ("3", "", "", "the line is not a JSON object"),
    ]
    assert desk.set_aside()[1]["row"] == "not json"
    assert balances(report)


# Safety


def test_cells_of_the_set_aside_file_are_no_formulas_and_numbers_stay_numbers(desk: Desk) -> None:
    sales = HEADER + '1,a,2024-01-05,1,2\n2,a,=1+1,1,2\n3,a,@SUM(A1),1,2\n4,a,-5,1,2\n5,a,"-5+cmd",1,2\n'
    desk.load(SALES, sales=sales)
    assert [row["value"] for row in desk.set_aside()] == ["'=1+1", "'@SUM(A1)", "-5", "'-5+cmd"]
    assert desk.set_aside()[0]["row"] == '{"invoice":"2","customer":"a","day":"=1+1","qty":"1","price":"2"}'


@pytest.mark.parametrize("file", ["../secret.csv", "/etc/passwd", "link.csv"])
def test_a_file_outside_the_source_folder_is_refused(desk: Desk, file: str) -> None:
    inside = desk.folder / "in"
    inside.mkdir()
    desk.write("secret.csv", HEADER)
    (inside / "link.csv").symlink_to(desk.folder / "secret.csv")
    mapping = SALES.replace('"EUR"', '"EUR"\nfolder = "in"').replace(
        'file = "sales.csv"', f'file = "{file}"\nformat = "csv"'
    )
    with pytest.raises(LoadError, match=r"leaves the source folder|out of the source folder"):
        desk.load(mapping)


@pytest.mark.parametrize(
    "expression",
    [
        "(SELECT max(content) FROM read_text('/etc/hostname'))",
        "(SELECT count(*) FROM read_csv('sales.csv'))",
        "1); COPY (SELECT 1) TO 'stolen.csv'; SELECT (1",
    ],
)
def test_an_expression_reaches_no_file(desk: Desk, expression: str) -> None:
    with pytest.raises(LoadError, match=r"\[table.sales_line\] columns revenue: "):
        desk.load(SALES.replace("qty * price", expression), sales=HEADER + "1,a,2024-01-05,1,2\n")


def test_names_and_values_with_quotes_are_only_names_and_values(desk: Desk) -> None:
    mapping = SALES.replace('"customer"', """'''cu"st''o;mer'''""")
    mapping += '[customer]\nmissing = { code = "o\'\\"x", name = "\'; DROP TABLE customer; --" }\n'
    desk.load(
        mapping,
        sales=HEADER.replace("customer", '"cu""st\'\'o;mer"') + '1,\'a""b,2024-01-05,1,2\n2,,2024-01-05,1,2\n',
    )
    assert len(desk.rows("SELECT name FROM customer WHERE name LIKE '%DROP TABLE%' OR code LIKE '''a%'")) == 2


# Nothing half done


def test_a_load_that_fails_leaves_the_previous_warehouse(desk: Desk) -> None:
    desk.load(SALES, sales=HEADER + "1,a,2024-01-05,1,2\n")
    before = desk.warehouse.read_bytes()
    with pytest.raises(LoadError, match="not one row could be loaded \\(1 set aside: no customer\\)"):
        desk.load(SALES, sales=HEADER + "1,,2024-01-05,1,2\n")

    desk.write("sales.csv", HEADER + "1,a,2024-01-05,1,3\n")

    def stop(step: str, done: float) -> None:
        if step == "checked":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(desk.folder / "mapping.toml", desk.warehouse, source=desk.folder, progress=stop)
    assert desk.warehouse.read_bytes() == before
    assert sorted(path.name for path in desk.warehouse.parent.iterdir()) == [
        "shop.duckdb",
        "shop.set-aside.csv",
    ]


def test_a_killed_load_leaves_the_previous_warehouse_and_the_next_one_clears_up(desk: Desk) -> None:
    desk.load(SALES, sales=HEADER + "1,a,2024-01-05,1,2\n")
    before = desk.warehouse.read_bytes()
    desk.write("sales.csv", HEADER + "1,a,2024-01-05,1,3\n")
    program = f"""
        import time
        from pathlib import Path
        from dashboard.warehouse.load import load
        def wait(step, done):
            if step == "checked":
                print("checked", flush=True)
                time.sleep(60)
        load(Path({str(desk.folder / "mapping.toml")!r}), Path({str(desk.warehouse)!r}), progress=wait)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdout.readline() == b"checked\n"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert desk.warehouse.read_bytes() == before
    assert len(list(desk.warehouse.parent.glob(".shop.duckdb.loading-*"))) == 1
    desk.load(SALES)
    assert not list(desk.warehouse.parent.glob(".shop.duckdb.loading-*"))


def test_what_a_dead_load_with_our_process_id_left_is_cleared_away(desk: Desk) -> None:
    leftover = desk.warehouse.parent / f".shop.duckdb.loading-{os.getpid()}"
    leftover.mkdir(parents=True)
    (leftover / "warehouse.duckdb").write_bytes(b"half")
    desk.load(SALES, sales=HEADER + "1,a,2024-01-05,1,2\n")
    assert not leftover.exists()


def test_a_reader_goes_on_while_the_warehouse_is_replaced(desk: Desk) -> None:
    desk.load(SALES, sales=HEADER + "1,a,2024-01-05,1,2\n")
    with duckdb.connect(str(desk.warehouse), read_only=True) as reader:
        desk.load(SALES, sales=HEADER + "1,a,2024-01-05,1,99\n")
        assert reader.execute("SELECT revenue FROM sales_line").fetchall() == [(2,)]
    assert desk.rows("SELECT revenue FROM sales_line") == [(99,)]


# Errors speak to who can mend them


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"customer"',
            '"custmer"',
            "[table.sales_line] columns customer: no column \"custmer\" in sales; did you mean 'customer'?",
        ),
        (
            "qty * price",
            "qty * prize",
            "[table.sales_line] columns revenue: no column \"prize\" in sales; did you mean 'price'?",
        ),
        (
            "quantity =",
            "quantty =",
            "[table.sales_line] columns: unknown name \"quantty\"; did you mean 'quantity'?",
        ),
        (
            "[table.customer",
            "[table.custmer",
            "the contract has no table \"custmer\"; did you mean 'customer'?",
        ),
        ('"sales.csv"', '"sale.csv"', "did you mean 'sales.csv'?"),
        ('from = "sales"', 'from = "sale"', "no [source.sale]; did you mean 'sales'?"),
        ('["qty", "price"]', '["qtty"]', "[source.sales]: no column \"qtty\"; did you mean 'qty'?"),
        ("quantity =", "quantty =", "mapping.toml, line 16: [table.sales_line] columns: "),
        ('currency = "EUR"', "", "[warehouse]: currency is missing"),
        ('sold_on = "day"', "", "[table.sales_line] columns: sold_on is missing"),
        ('sold_on = "day"', 'sold_on = { constant = "soon" }', "the constant 'soon' is not a date"),
        ("qty * price", "qty *", "not an SQL expression"),
        (
            '"sales.csv"',
            '"sales.csv"\nencoding = "gb1803"',
            "unknown encoding \"gb1803\"; did you mean 'gb18030'?",
        ),
        ('order_code = "invoice"', 'product = "invoice"', "rows of table product, which nothing fills"),
        ("[warehouse]", "[warehouse", "not a TOML file"),
    ],
)
def test_a_slip_in_the_mapping_is_one_line_with_its_place_and_the_mend(
    desk: Desk, old: str, new: str, message: str
) -> None:
    with pytest.raises(LoadError) as raised:
        desk.load(SALES.replace(old, new, 1), sales=HEADER + "1,a,2024-01-05,1,2\n")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not desk.warehouse.exists()


# The contract, and real data


def test_a_loaded_warehouse_has_every_table_of_the_contract(desk: Desk) -> None:
    desk.load(SALES, sales=HEADER + "1,a,2024-01-05,1,2\n")
    with duckdb.connect(str(desk.warehouse), read_only=True) as connection:
        found = inspect(engine_on(connection))
        for table in metadata.tables.values():
            columns = {c["name"]: (str(c["type"]), c["nullable"]) for c in found.get_columns(table.name)}
            assert columns.keys() == set(table.columns.keys())
        types = connection.execute(
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = 'sales_line'"
        ).fetchall()
    assert ("revenue", "DECIMAL(15,2)", "NO") in types
    assert dict(desk.rows("SELECT name, value FROM warehouse_info"))["currency"] == "EUR"


Loaded = Callable[[str, str], tuple[LoadReport, Path]]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Load a public data set with the mapping that the product ships, or skip."""

    def load_set(mapping: str, folder: str) -> tuple[LoadReport, Path]:
        source = DATASETS / folder
        if not source.is_dir():
            pytest.skip(f"no data set {source}")
        warehouse = tmp_path_factory.mktemp(folder) / "warehouse.duckdb"
        return load(MAPPINGS / f"{mapping}.toml", warehouse, source=source), warehouse

    return load_set


def ask(warehouse: Path, sql: str) -> tuple[Any, ...]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        (row,) = connection.execute(sql).fetchall()
    return row


def straight(sql: str) -> tuple[Any, ...]:
    """The answer of a query that knows nothing of the loader, straight from the files."""
    (row,) = duckdb.connect().execute(sql).fetchall()
    return row


def test_online_retail_reconciles_with_its_file(loaded: Loaded) -> None:
    report, warehouse = loaded("online_retail", "online_retail_2009_2010")
    file = f"'{DATASETS}/online_retail_2009_2010/online_retail_2009_2010.parquet'"
    amount = "sum(round(Quantity * Price::DECIMAL(18, 4), 2))"
    part = report.table("sales_line")
    reasons = {aside.reason: (aside.rows, aside.amounts["revenue"]) for aside in part.set_aside}
    no_customer = straight(f'SELECT count(*), {amount} FROM {file} WHERE "Customer ID" IS NULL')
    assert reasons["no customer"] == no_customer == (107_927, Decimal("1191276.06"))
    tests = "\"Customer ID\" IS NOT NULL AND StockCode LIKE 'TEST%'"
    assert reasons["test product, not a sale"] == straight(f"SELECT count(*), {amount} FROM {file} WHERE {tests}")
    assert (part.read, part.amounts["revenue"]["read"]) == straight(f"SELECT count(*), {amount} FROM {file}")
    kept = "\"Customer ID\" IS NOT NULL AND StockCode NOT LIKE 'TEST%'"
    assert ask(
        warehouse,
        "SELECT count(*), sum(quantity), sum(revenue), count(DISTINCT customer_key) FROM sales_line",
    ) == (straight(f'SELECT count(*), sum(Quantity), {amount}, count(DISTINCT "Customer ID") FROM {file} WHERE {kept}'))
    assert ask(warehouse, "SELECT count(*) FROM sales_line WHERE order_code LIKE 'C%' AND revenue < 0")[0] > 9_000
    assert ask(warehouse, "SELECT min(code), max(code), count(*), count(region_key) FROM customer") == (
        "12346",
        "18287",
        4380,
        4380,
    )
    assert any("exact repeats" in note for note in part.notes)
    assert balances(report)


def test_northwind_reconciles_with_its_files(loaded: Loaded) -> None:
    report, warehouse = loaded("northwind", "northwind")
    folder = DATASETS / "northwind"
    money = "UnitPrice::DECIMAL(10, 4) * Quantity"
    assert ask(warehouse, "SELECT count(*), sum(quantity), sum(revenue), sum(discount) FROM sales_line") == straight(
        f"SELECT count(*), sum(Quantity), sum(round({money} * (1 - Discount::DECIMAL(4, 2)), 2)),"
        f" sum(round({money} * Discount::DECIMAL(4, 2), 2)) FROM '{folder}/order_details.csv'"
    )
    assert ask(warehouse, "SELECT count(*), sum(amount) FROM direct_cost") == straight(
        f"SELECT count(*), sum(Freight::DECIMAL(10, 2)) FROM '{folder}/orders.csv'"
    )
    assert ask(warehouse, "SELECT min(sold_on), max(sold_on) FROM sales_line") == (
        date(1996, 7, 4),
        date(1998, 5, 6),
    )
    assert ask(warehouse, "SELECT count(*), count(DISTINCT region_key) FROM customer") == (91, 21)
    assert ask(warehouse, "SELECT count(category) FROM product") == (77,)
    assert balances(report)


def test_mlc_churn_reconciles_with_its_file(loaded: Loaded) -> None:
    report, warehouse = loaded("mlc_churn", "mlc_churn")
    charges = " + ".join(f"total_{part}_charge" for part in ("day", "eve", "night", "intl"))
    file = f"'{DATASETS}/mlc_churn/mlc_churn.csv'"
    assert ask(warehouse, "SELECT count(DISTINCT customer_key), sum(revenue) FROM sales_line") == straight(
        f"SELECT count(*), sum(({charges})::DECIMAL(10, 2)) FROM {file}"
    )
    assert ask(warehouse, "SELECT count(*), sum(quantity) FROM service_event") == straight(
        f"SELECT count(*), sum(number_customer_service_calls) FROM {file} WHERE number_customer_service_calls > 0"
    )
    assert ask(warehouse, "SELECT count(*) FROM region") == (51,)
    assert balances(report)
