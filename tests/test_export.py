"""Tables as files: what a spreadsheet would run as a formula is text, and numbers stay numbers."""

from __future__ import annotations

import csv
import io
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.export import FORMULA_STARTS, harmless, to_csv
from tests.small import asked, company


def rows(table: pd.DataFrame) -> list[list[str]]:
    return list(csv.reader(io.StringIO(to_csv(table))))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_begins_like_a_formula_is_neutralised(start: str) -> None:
    cell = f"{start}HYPERLINK(1)"
    neutral = f"'{cell}".replace("\r", "\n")
    assert harmless(cell) == neutral
    assert rows(pd.DataFrame({cell: [cell]})) == [[neutral], [neutral]]


def test_a_carriage_return_opens_no_row_in_which_a_formula_could_begin() -> None:
    """Spreadsheets end a row at a bare carriage return, and CSV writers don't quote it."""
    assert "\r" not in to_csv(pd.DataFrame({"a\r=b": ["x\r=1+1", "y\r\n=2"]}))
    assert rows(pd.DataFrame({"name": ["x\r=1+1", "y\r\n=2"]})) == [["name"], ["x\n=1+1"], ["y\n=2"]]


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_no_cell_of_text_ever_begins_like_a_formula_and_all_text_is_kept(cells: list[str]) -> None:
    cells = [cell.replace("\0", "") for cell in cells]
    read = rows(pd.DataFrame({"name": cells, "n": range(len(cells))}))[1:]
    assert [row[0].startswith(FORMULA_STARTS) for row in read] == [False] * len(cells)
    for row, cell in zip(read, cells, strict=True):
        lines = cell.replace("\r\n", "\n").replace("\r", "\n")
        assert row[0] in (lines, f"'{lines}")


def test_numbers_stay_numbers_even_when_negative() -> None:
    table = pd.DataFrame({"profit": [-12.5, 3.0], "n": [-1, 2], "mixed": [-4, "-4"]})
    assert rows(table) == [["profit", "n", "mixed"], ["-12.5", "-1", "-4"], ["3.0", "2", "'-4"]]


def test_what_is_undefined_is_an_empty_cell() -> None:
    table = pd.DataFrame({"a": [np.nan, 1.0], "b": [None, "x"], "c": [pd.NaT, pd.Timestamp(date(2026, 11, 9))]})
    assert rows(table) == [["a", "b", "c"], ["", "", ""], ["1.0", "x", "2026-11-09"]]


def test_commas_quotes_lines_and_chinese_come_back_as_they_were() -> None:
    names = ['a,b "c"', "two\nlines", "上海 😀", "é\u202e"]
    assert [row[0] for row in rows(pd.DataFrame({"name": names}))[1:]] == names


def test_the_table_itself_is_not_changed() -> None:
    table = pd.DataFrame({"=a": ["=b"]})
    to_csv(table)
    assert table.columns.tolist() == ["=a"]
    assert table["=a"].tolist() == ["=b"]


def test_an_empty_table_is_its_heading() -> None:
    assert to_csv(pd.DataFrame({"code": [], "n": []})) == "code,n\n"


def test_hostile_names_of_customers_leave_harmless(tmp_path: object) -> None:
    b = company()
    for row in b.rows["customer"]:
        row["name"] = row["name_en"] = f"=cmd|'/c calc'!{row['code']}"
    table = asked(b.marts(tmp_path), "customers.list").table  # type: ignore[arg-type]
    names = [row[1] for row in rows(table)[1:]]
    assert len(names) == 10
    assert all(name.startswith("'=cmd") for name in names)
