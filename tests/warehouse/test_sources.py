"""Files as people have them: packed, of any encoding, with titles above and totals below, merged, odd or hostile."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from sqlalchemy import create_engine, text

from dashboard.settings import ROOT
from dashboard.warehouse.mapping import LoadError
from dashboard.warehouse.staging import BATCH
from tests.conftest import Cluster
from tests.warehouse.desk import HEADER, SALES, Desk, balances, sales, where

LINE = "1,a,2024-01-05,1,2\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def zipped(*names: str, content: bytes = (HEADER + LINE).encode()) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return packed.getvalue()


# Packed


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("sales.csv.gz", gzip.compress),
        ("sales.csv.bz2", bz2.compress),
        ("sales.zip", lambda content: zipped("__MACOSX/x", "sales.csv", content=content)),
    ],
)
def test_a_packed_file_is_read_as_its_content(desk: Desk, name: str, pack: Callable[[bytes], bytes]) -> None:
    desk.write(name, pack((HEADER + LINE + "2,b,x,1,1\n").encode()))
    report = desk.load(sales(file=name))
    assert desk.rows("SELECT revenue FROM sales_line") == [(2,)]
    assert [(row["file"], row["line"]) for row in desk.set_aside()] == [(name, "3")]
    assert balances(report)


def test_a_folder_stands_for_the_files_of_one_format_in_it(desk: Desk) -> None:
    desk.write("in/2024/02.csv", HEADER + "2,a,2024-02-05,1,2\n")
    desk.write("in/2024/01.csv.gz", gzip.compress((HEADER + LINE).encode()))
    desk.write("in/readme.docx", "not data")
    desk.load(sales('format = "csv"', file="in"))
    assert desk.rows("SELECT order_code FROM sales_line ORDER BY line_key") == [("1",), ("2",)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("sales.zip", zipped("a.csv", "b.csv"), "holds 2 files"),
        ("sales.csv.gz", gzip.compress(b"0" * (150 << 20)), "unpacks to more than 200 times its size"),
        ("sales.zip", zipped("a.csv", content=b"0" * (150 << 20)), "unpacks to more than 200 times its size"),
        ("sales.xlsx", zipped("xl/workbook.xml", content=b"0" * (150 << 20)), "more than 200 times its size"),
        ("sales.csv.gz", gzip.compress((HEADER + LINE).encode())[:-9], "can't be unpacked"),
        ("sales.xlsx", b"PK\x03\x04 but no book", "is no Excel file"),
    ],
)
def test_a_bomb_or_a_damaged_file_is_refused_in_one_line(desk: Desk, name: str, content: bytes, said: str) -> None:
    desk.write(name, content)
    with pytest.raises(LoadError, match=said) as error:
        desk.load(sales(file=name))
    assert "\n" not in str(error.value)
    assert list(desk.warehouse.parent.iterdir()) == []


# Encodings that nobody declared


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "上海百联"),
        ("utf-8-sig", "上海百联"),
        ("utf-16", "上海百联"),
        ("gb18030", "上海百联集团"),
        ("windows-1252", "Müller & Söhne"),
        ("windows-1252", "Café"),
        ("windows-1251", "ООО Ромашка"),
        ("big5", "臺灣積體電路"),
        ("shift_jis", "株式会社東芝"),
        ("utf-16-le", "上海百联"),
        ("utf-16-be", "Müller"),
    ],
)
def test_the_encoding_of_a_file_is_told_from_its_bytes(desk: Desk, encoding: str, name: str) -> None:
    report = desk.load(SALES, sales=(HEADER + LINE * 3 + f"1,{name},2024-01-05,1,2\n").encode(encoding))
    assert ("told from its bytes" in "\n".join(report.lines())) == (not encoding.startswith("utf"))
    assert {code for (code,) in desk.rows("SELECT code FROM customer")} == {"a", name}


def test_a_guess_from_few_bytes_is_said_to_be_unsure_and_a_declared_encoding_wins(desk: Desk) -> None:
    lines = HEADER + "1,ООО Ромашка,2024-01-05,1,2\n"
    report = desk.load(SALES, sales=lines.encode("windows-1251"))
    assert any('which are too few to be sure; if "ООО Ромашка" looks wrong, say encoding' in n for n in report.notes)
    report = desk.load(SALES, sales=(lines + "2,Иванов Пётр,2024-01-05,1,2\n" * 4).encode("windows-1251"))
    assert "too few" not in "".join(report.notes) and "told from its bytes" in "".join(report.notes)
    report = desk.load(sales('encoding = "koi8-r"'), sales=lines.encode("koi8-r"))
    assert desk.rows("SELECT code FROM customer") == [("ООО Ромашка",)]
    assert report.notes == ()
    desk.load(sales('encoding = "utf-16-le"'), sales=lines.encode("utf-16"))  # its mark is no part of a name
    assert desk.rows("SELECT order_code, code FROM sales_line JOIN customer USING (customer_key)") == [
        ("1", "ООО Ромашка")
    ]


def test_files_of_a_folder_are_each_read_in_their_own_encoding(desk: Desk) -> None:
    names = {"utf-8": "上海百联", "gb18030": "北京同仁堂集团", "windows-1252": "Müller", "windows-1251": "Иванов"}
    for encoding, name in names.items():
        desk.write(f"in/{encoding}.csv", (HEADER + f"1,{name},2024-01-05,1,2\n" * 3).encode(encoding))
    desk.load(sales('format = "csv"', file="in"))
    assert {code for (code,) in desk.rows("SELECT code FROM customer")} == set(names.values())


def test_a_mark_in_the_middle_of_joined_files_is_no_part_of_a_code(desk: Desk) -> None:
    part = "\ufeff" + HEADER
    lines = "1,a,2024-01-05,1,2\n\ufeff2,a,2024-01-06,1,2\n" + part + "3,\ufeffa,2024-01-07,1,2\n"
    desk.load(SALES, sales=part + lines)
    assert desk.rows("SELECT order_code, code FROM sales_line JOIN customer USING (customer_key) ORDER BY 1") == [
        ("1", "a"), ("2", "a"), ("3", "a"),
    ]  # fmt: skip
    assert [row["line"] for row in desk.set_aside()] == ["4"]  # the header of the second file


def test_a_broken_line_among_good_ones_does_not_change_the_encoding(desk: Desk) -> None:
    lines = (HEADER + "1,上海,2024-01-05,1,2\n").encode() + b"2,\xff,2024-01-05,1,2\n"
    desk.load(SALES, sales=lines)
    assert where(desk.set_aside()) == [("3", "", "", "the line is not UTF-8; name the encoding of the file")]


def test_emoji_and_very_long_text_come_through_whole(desk: Desk) -> None:
    long = "长" * 100_000
    desk.load(SALES, sales=HEADER + f"1,🍵👩‍👩‍👧,2024-01-05,1,2\n2,{long},2024-01-05,1,2\n")
    assert {code for (code,) in desk.rows("SELECT code FROM customer")} == {"🍵👩‍👩‍👧", long}


# Around the table


def test_a_header_in_row_3_and_a_total_at_the_end(desk: Desk) -> None:
    lines = "Sales of January\n\n" + HEADER + LINE + "2,b,x,1,5\n" + "Total,,,2,7\n"
    report = desk.load(sales("header_row = 3", "footer_rows = 1"), sales=lines)
    assert desk.rows("SELECT revenue FROM sales_line") == [(2,)]
    assert where(desk.set_aside()) == [
        ("5", "day", "x", '"day" is not a date written yyyy-mm-dd'),
        ("6", "", "", "a row of the footer, such as a total"),
    ]
    assert balances(report)


def test_a_file_without_names_is_given_them_and_blanks_may_part_its_fields(desk: Desk) -> None:
    """As customer research hands its panels round: columns in line, no header. Lines keep their numbers."""
    names = 'columns = ["customer", "invoice", "day", "qty", "price"]'
    lines = " 00004 0001 1997-01-01  2   29.33\n 00004 0001 1997-01-18  x   29.73\n 00021 0002 1997-01-01  3   63.34"
    report = desk.load(sales(names, 'delimiter = " "'), sales=lines)
    assert desk.rows("SELECT customer_key, quantity, revenue FROM sales_line ORDER BY 1") == [
        (1, 2, Decimal("58.66")),
        (2, 3, Decimal("190.02")),
    ]
    assert desk.rows("SELECT code FROM customer ORDER BY 1") == [("00004",), ("00021",)]
    assert balances(report)
    assert [each[:3] for each in where(desk.set_aside())] == [("2", "qty", "x")]
    assert desk.load(sales(names), sales="a,1,2024-01-05,1,2\nb,2,2024-01-06,1,2\n").table("sales_line").loaded == 2
    with pytest.raises(LoadError, match="5 names, but the file's first line has 3 fields"):
        desk.load(sales(names), sales="a,1,2024-01-05\n")


def test_a_comma_at_the_end_of_every_line_is_no_column(desk: Desk) -> None:
    ends = (HEADER + LINE).replace("\n", ",\n")
    mapping = sales(file="sales_*.csv")
    assert desk.load(mapping, sales_1=ends, sales_2=HEADER + LINE.replace("1,a", "2,b")).table("sales_line").loaded == 2


def test_the_delimiter_is_told_from_the_header(desk: Desk) -> None:
    for mark in ";|\t":
        desk.load(SALES, sales=(HEADER + '1,"a,b",2024-01-05,1,2\n').replace(",", mark).replace(f"a{mark}b", "a,b"))
        assert desk.rows("SELECT code FROM customer") == [("a,b",)]


def test_words_for_nothing_and_other_marks_are_declared_for_a_source(desk: Desk) -> None:
    mapping = sales('empty = ["NA", "None", "-"]', 'thousands = " "', 'decimal = ","', 'delimiter = ";"')
    lines = HEADER + "1,NA,2024-01-05,1,2\n2,a,2024-01-06,None,2\n3,007,2024-01-06,1 000,2\n"
    desk.load(mapping, sales=lines.replace(",", ";") + "4;007;2024-01-06;1\u00a0000;2,5\n")
    assert desk.rows("SELECT code, revenue FROM sales_line JOIN customer USING (customer_key) ORDER BY 2") == [
        ("007", 2000),
        ("007", 2500),
    ]
    assert [row["reason"] for row in desk.set_aside()] == ["no customer", "revenue is empty"]


def test_days_counted_by_a_spreadsheet_and_written_ones_in_one_column(desk: Desk) -> None:
    lines = HEADER + "1,a,45296,1,2\n2,a,5.1.2024,1,2\n3,a,2024/01/05,1,2\n4,a,45296.75,1,2\n"
    desk.load(sales('date_formats = ["%d.%m.%Y", "excel"]'), sales=lines)
    assert desk.rows("SELECT sold_on FROM sales_line") == [(date(2024, 1, 5),)] * 3
    assert [row["value"] for row in desk.set_aside()] == ["2024/01/05"]


def test_a_sheet_with_a_title_merged_cells_and_a_total(desk: Desk) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    rows = [
        ["Sales of January", None, None, None, None],
        [],
        ["invoice", "customer", "day", "qty", "price"],
        [1, "a", date(2024, 1, 5), 1, 2.5],
        [2, None, 45297, "=1+1", 1],
        [3, "b", date(2024, 1, 7), 1, 1],
        ["Total", None, None, 9, None],
    ]
    for row in rows:
        sheet.append(row)
    sheet.merge_cells("A1:E1")
    sheet.merge_cells("B4:B5")
    book.save(desk.folder / "sales.xlsx")
    mapping = sales("header_row = 3", "footer_rows = 1", 'date_formats = ["excel"]', file="sales.xlsx")
    report = desk.load(mapping)
    assert desk.rows("SELECT order_code, code, sold_on FROM sales_line JOIN customer USING (customer_key)") == [
        ("1", "a", date(2024, 1, 5)),
        ("3", "b", date(2024, 1, 7)),
    ]
    # A formula that no spreadsheet has worked out has no value; it is never worked out here.
    assert where(desk.set_aside())[0] == ("5", "qty", "", "revenue is empty")
    assert balances(report)


def test_several_sheets_of_one_book_are_sources_of_their_own(desk: Desk) -> None:
    book = openpyxl.Workbook()
    for name, rows in {
        "Sales": [["invoice", "customer", "day", "qty", "price"], [1, "a", "2024-01-05", 1, 2]],
        "Kunden": [["customer", "name"], ["a", "Anna"]],
    }.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(desk.folder / "book.xlsx")
    mapping = sales('sheet = "Sales"', file="book.xlsx").replace('rows_of = "sales_line"', 'from = "kunden"')
    mapping = mapping.replace('code = "customer"', 'code = "customer"\nname = "name"')
    desk.load(mapping + '[source.kunden]\nfile = "book.xlsx"\nsheet = "Kunden"\n')
    assert desk.rows("SELECT code, name FROM customer") == [("a", "Anna")]


def test_empty_cells_are_filled_from_above_within_a_file(desk: Desk) -> None:
    for month in "12":
        desk.write(f"s{month}.csv", HEADER + f",a{month},2024-01-05,1,2\n1,,2024-01-06,1,3\n")
    desk.load(sales('fill_down = ["invoice", "customer"]', file="s*.csv"))
    found = "SELECT order_code, code, revenue FROM sales_line JOIN customer USING (customer_key) ORDER BY line_key"
    assert desk.rows(found) == [(None, "a1", 2), ("1", "a1", 3), (None, "a2", 2), ("1", "a2", 3)]


# Read a batch at a time


def test_rows_beyond_one_batch_keep_their_order_and_their_lines(desk: Desk) -> None:
    rows, bad = BATCH + 10, {5: "?", BATCH + 5: "!"}
    book = xlsxwriter.Workbook(desk.folder / "sales.xlsx", {"constant_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["invoice", "customer", "day", "qty", "price"])
    lines = []
    for n in range(1, rows + 1):
        row = [f"{n:06d}", f"c{n % 7}", "2024-01-05", bad.get(n, 1), 2]
        sheet.write_row(n, 0, row)
        lines.append(json.dumps(dict(zip(HEADER.strip().split(","), row, strict=True))))
    book.close()
    desk.write("sales.jsonl", "\n".join([*lines[:7], "{broken", *lines[7:]]))
    for name, at in (("sales.xlsx", ["6", f"{BATCH + 6}"]), ("sales.jsonl", ["5", f"{BATCH + 6}", "8"])):
        report = desk.load(sales(file=name))
        assert [row["line"] for row in desk.set_aside()] == at
        assert desk.rows("SELECT count(*), min(order_code), max(order_code) FROM sales_line") == [
            (rows - 2, "000001", f"{rows:06d}")
        ]
        assert desk.rows("SELECT count(*) FROM sales_line WHERE order_code::INT - line_key <> 0") == [(0,)]
        assert balances(report)


# Hostile


def test_a_quote_that_is_never_closed_is_refused_with_its_line(desk: Desk) -> None:
    for lines in (1, 300_000):  # beyond what is looked at when the format is told, too
        content = HEADER + LINE * lines + '2,"a,2024-01-05,1,2\n' + LINE * lines
        with pytest.raises(LoadError, match=f"line {lines + 2:,}: a quote is opened and never closed"):
            desk.load(SALES, sales=content)
    content = HEADER + '1,"a,2024-01-05,1,2\n' + LINE * 3 + '2,b",2024-01-05,1,2\n' + LINE
    with pytest.raises(LoadError, match=r"sales.csv"):
        desk.load(SALES, sales=content.replace('b"', 'b" c'))
    desk.load(sales('quote = ""'), sales=HEADER + '1,5" pipe,2024-01-05,1,2\n')
    assert desk.rows("SELECT code FROM customer") == [('5" pipe',)]


def book_of(fill: Callable[[openpyxl.Workbook], object]) -> bytes:
    book, held = openpyxl.Workbook(), io.BytesIO()
    fill(book)
    book.save(held)
    return held.getvalue()


def rows_in(sheet: Any, *rows: list[Any]) -> None:
    for row in rows:
        sheet.append(row)


NAMES = HEADER.strip().split(",")
OBJECT = {"invoice": "1", "customer": "a", "day": "2024-01-05", "qty": 1, "price": 2}


def locked(content: bytes) -> bytes:
    """A zip archive that says it is encrypted."""
    changed = bytearray(content)
    changed[content.find(b"PK\x03\x04") + 6] |= 1
    changed[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("sales.csv", HEADER + LINE + "2,b,x,1,2\r3,b,x,1,2\r\n", "end in different ways"),
        ("sales.csv", HEADER + "1," + "x" * 5_000_000 + ",2024-01-05,1,2\n", "a line of more than 2 MB"),
        ("sales.csv", "\n \n\n", "sales.csv is empty"),
        ("sales.csv", HEADER, "not one row could be loaded"),
        ("sales.parquet", HEADER, "No magic bytes found at end of file 'sales.parquet'"),
        ("sales.zip", zipped(), "sales.zip holds 0 files"),
        ("sales.zip", locked(zipped("a.csv")), "is encrypted"),
        ("sales.jsonl", json.dumps([OBJECT]), "write a list of objects, or one over several lines, line by line"),
        ("sales.jsonl", json.dumps(OBJECT | {"QTY": 5}), 'the keys "QTY" and "qty" differ only in case'),
        ("sales.jsonl", json.dumps({f"k{n}": n for n in range(3_000)}), "more than 2,000 keys"),
        ("sales.jsonl", "{" + " " * (1 << 24), "is longer than 16,777,216 characters"),
        ("sales.xlsx", book_of(lambda book: rows_in(book.active, [*NAMES, "QTY"])), '"qty" stands there twice'),
        ("sales.xlsx", zipped("xl/workbook.xml", content=b"<workbook"), "sales.xlsx is no Excel file"),
        ("sales.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(range(256)) * 9, "sales.xls is no Excel file"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "bytes",
)
def test_an_odd_file_is_refused_in_one_line_that_names_it(
    desk: Desk, name: str, content: str | bytes, said: str
) -> None:
    desk.write(name, content)
    with pytest.raises(LoadError, match=re.escape(said)) as error:
        desk.load(sales(file=name))
    assert "\n" not in str(error.value) and ".loading-" not in str(error.value)
    assert list(desk.warehouse.parent.iterdir()) == []


def sheets_of_all_kinds(book: openpyxl.Workbook) -> None:
    book.active.title = "notes"
    book.active.sheet_state = "hidden"
    rows_in(book.active, ["not this"])
    sheet = book.create_sheet("January")
    rows_in(sheet, NAMES, ["1", "a", date(2024, 1, 5), 1, 2, None, "said in passing"], ["2", "a", None, "=1+1", 2])
    for row in range(4, 400):
        sheet.cell(row, 1).number_format = "0.00"
    book.create_sheet("February")


def test_of_a_workbook_the_first_sheet_that_is_shown_is_read_and_what_is_not_read_is_told(desk: Desk) -> None:
    desk.write("sales.xlsx", book_of(sheets_of_all_kinds))
    report = desk.load(sales(file="sales.xlsx"))
    assert desk.rows("SELECT order_code, revenue FROM sales_line") == [("1", 2)]
    assert [row["line"] for row in desk.set_aside()] == ["3"]
    assert [note.split(";")[0] for note in report.notes] == [
        'sales.xlsx: of 2 sheets "January" is read',
        "sales.xlsx: 1 formulas have no value, for no spreadsheet has worked them out",
        "sales.xlsx: columns without a name in row 1 are not read: G",
    ]


def test_a_header_over_two_rows_is_read_in_its_lower_one(desk: Desk) -> None:
    def fill(book: openpyxl.Workbook) -> None:
        top = ["invoice", "customer", "day", "2024", None]
        rows_in(book.active, top, [None, None, None, "qty", "price"], ["1", "a", date(2024, 1, 5), 1, 2])
        for cells in ("A1:A2", "B1:B2", "C1:C2", "D1:E1"):
            book.active.merge_cells(cells)

    desk.write("sales.xlsx", book_of(fill))
    desk.load(sales("header_row = 2", file="sales.xlsx"))
    assert desk.rows("SELECT order_code, revenue FROM sales_line") == [("1", 2)]


def test_lines_that_end_in_carriage_returns_alone_keep_their_numbers(desk: Desk) -> None:
    desk.load(SALES, sales=(HEADER + LINE + "2,b,x,1,2\n").replace("\n", "\r"))
    assert desk.rows("SELECT order_code FROM sales_line") == [("1",)]
    assert [row["line"] for row in desk.set_aside()] == ["3"]


def test_columns_of_one_name_are_told_apart_in_the_report(desk: Desk) -> None:
    report = desk.load(SALES, sales=HEADER.replace("\n", ",QTY\n") + LINE.replace("\n", ",9\n"))
    assert desk.rows("SELECT quantity FROM sales_line") == [(1,)]
    assert report.notes == ('sales.csv names "qty" 2 times; the others are read as "QTY_1"',)


def test_objects_within_objects_marks_and_keys_without_a_name_do_no_harm(desk: Desk) -> None:
    lines = [OBJECT | {"customer": {"id": 7}}, OBJECT | {"": 1, "_line": 9}, OBJECT | {"qty": True}]
    desk.write("sales.jsonl", "\ufeff" + "\r\n".join(map(json.dumps, lines)))
    desk.load(sales(file="sales.jsonl"))
    assert {code for (code,) in desk.rows("SELECT code FROM customer")} == {'{"id":7}', "a"}
    assert where(desk.set_aside()) == [("3", "qty", "true", '"qty" is not a number')]


def test_days_that_no_calendar_has_are_set_aside(desk: Desk) -> None:
    days = ("infinity", "-5000-01-01", "2024-02-30", "0000-00-00")
    desk.load(SALES, sales=HEADER + LINE + "".join(f"2,a,{day},1,2\n" for day in days))
    assert [row["line"] for row in desk.set_aside()] == ["3", "4", "5", "6"]


def test_a_name_of_a_file_with_signs_of_a_pattern_names_that_file(desk: Desk) -> None:
    desk.write("sales [1].csv", HEADER + LINE)
    desk.load(sales(file="sales [1].csv"))
    assert desk.rows("SELECT count(*) FROM sales_line") == [(1,)]


def test_a_disk_that_fills_up_leaves_the_warehouse_and_says_so(desk: Desk) -> None:
    desk.load(SALES, sales=HEADER + LINE)
    before = desk.warehouse.read_bytes()
    desk.write("sales.csv", HEADER + "".join(f"{n},{str(n * n) * 9},2024-01-05,1,2\n" for n in range(30_000)))
    script = (
        "import resource, signal, sys; from dashboard.cli import main; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000,) * 2); sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["load", "--mapping", str(desk.folder / "mapping.toml"), "--warehouse", str(desk.warehouse)]
    done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "for want of disk or memory (File too large); nothing was published" in done.stderr.splitlines()[-1]
    assert desk.warehouse.read_bytes() == before
    assert sorted(path.name for path in desk.warehouse.parent.iterdir()) == ["shop.duckdb", "shop.set-aside.csv"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADER + LINE + "2,a\0b,2024-01-05,1,2\n", "line 3: a NUL byte"),
        (",".join(f"c{n}" for n in range(10_000)) + "\n", "10,000 columns; more than 2,000 are no table"),
        ("", "sales.csv is empty"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(desk: Desk, content: str, said: str) -> None:
    with pytest.raises(LoadError, match=said) as error:
        desk.load(SALES, sales=content)
    assert "\n" not in str(error.value)


# Databases


DATABASE = SALES.replace('file = "sales.csv"', 'url = "$SALES_URL"\ntable = "sales"')


def test_a_table_or_a_query_of_a_database_is_a_source(
    desk: Desk, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_URL", postgres.new_database("shop"))
    postgres.execute(
        "shop",
        "CREATE TABLE sales (invoice text, customer text, day date, qty int, price numeric(10, 4))",
        "CREATE FUNCTION spoil() RETURNS int LANGUAGE sql AS 'DELETE FROM sales; SELECT 1'",
        "INSERT INTO sales VALUES ('1', '007', '2024-01-05', 3, 2.5), ('2', NULL, '2024-01-06', 1, 1)",
    )
    report = desk.load(DATABASE)
    assert desk.rows("SELECT code, sold_on, revenue FROM sales_line JOIN customer USING (customer_key)") == [
        ("007", date(2024, 1, 5), Decimal("7.50"))
    ]
    assert [(row["file"], row["line"], row["reason"]) for row in desk.set_aside()] == [("sales", "2", "no customer")]
    assert balances(report)
    desk.load(DATABASE.replace('table = "sales"', "query = \"SELECT * FROM sales WHERE customer LIKE '0%'\""))
    assert desk.set_aside() == []
    with pytest.raises(LoadError, match="no table 'sale' there; did you mean 'sales'"):
        desk.load(DATABASE.replace('table = "sales"', 'table = "sale"'))
    with pytest.raises(LoadError, match="read-only transaction"):
        desk.load(DATABASE.replace('table = "sales"', 'query = "SELECT spoil()"'))


def test_a_database_file_is_only_read_and_lies_in_the_source_folder(desk: Desk, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/in/shop.sqlite")
    (tmp_path / "in").mkdir()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE sales (invoice, customer, day, qty, price)"))
        connection.execute(text("INSERT INTO sales VALUES (1, 'a', '2024-01-05', 1, 2)"))
    engine.dispose()
    mapping = DATABASE.replace('"EUR"', '"EUR"\nfolder = "in"').replace("$SALES_URL", "sqlite:///shop.sqlite")
    desk.load(mapping)
    assert desk.rows("SELECT revenue FROM sales_line") == [(2,)]
    for path, said in (("../other.sqlite", "outside the source folder"), ("new.sqlite", "no file new.sqlite")):
        with pytest.raises(LoadError, match=said):
            desk.load(mapping.replace("shop.sqlite", path))
    assert not (tmp_path / "other.sqlite").exists() and not (tmp_path / "in" / "new.sqlite").exists()


def test_a_url_shows_no_password_and_a_missing_variable_is_named(desk: Desk) -> None:
    with pytest.raises(LoadError, match=r"variable \$SALES_URL with the database's URL is not set"):
        desk.load(DATABASE)
    with pytest.raises(LoadError) as error:
        desk.load(DATABASE.replace("$SALES_URL", "postgresql+psycopg://reader:s3cret@127.0.0.1:1/none"))
    assert "s3cret" not in str(error.value) and "\n" not in str(error.value)
