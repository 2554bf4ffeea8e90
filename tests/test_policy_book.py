"""A policy as a workbook: it says what the text says, changes what was changed in it, and names the cell of a slip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest

from dashboard import grading, policy_book
from dashboard.errors import DashboardError
from dashboard.language import language
from dashboard.policy import FILE, parsed

TEXT = FILE.read_text("utf-8")
GRADING = grading.FILE.read_text("utf-8")


def check(text: str) -> object:
    return parsed(text, "the policy")


def check_grading(text: str) -> object:
    return grading.parsed(text, "the grading policy")


def edited(change: Callable[[Any], object], lang: str = "en", text: str = TEXT) -> bytes:
    """The workbook of a policy after somebody worked in it."""
    speech = language(lang)
    book = openpyxl.load_workbook(
        io.BytesIO(policy_book.write_grading(text, speech) if text == GRADING else policy_book.write(text, speech, str))
    )
    change(book)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def put(sheet: int, cell: str, value: Any) -> Callable[[Any], object]:
    return lambda book: book.worksheets[sheet].__setitem__(cell, value)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_workbook_that_nobody_changed_changes_nothing(lang: str) -> None:
    found = policy_book.read(edited(lambda book: None, lang), TEXT, check)
    assert (found.text, found.changes, found.left_out) == (TEXT, (), ())
    found = policy_book.read_grading(edited(lambda book: None, lang, GRADING), GRADING, check_grading)
    assert (found.text, found.changes) == (GRADING, ())


def test_changed_values_are_proposed_and_every_other_line_stays() -> None:
    def work(book: Any) -> None:
        levels, effects, rules, hours, limits = book.worksheets
        levels["D2"] = 20
        levels.append(["包含", "training", None, 2, 1, None, None])  # a row in neither language's words
        levels.cell(levels.max_row, 1).value = "每年包含"
        effects["C2"] = "90%"
        rules.append(["At most this level", "标准", "code", "one of", "C1, C2", "a contract", "合同约定"])
        hours.append(["Hours a year of a region", "CN-E", None, 9000])
        limits["B8"] = 250000
        book.create_sheet("My notes")["A1"] = "=1+1"

    found = policy_book.read(edited(work), TEXT, check)
    rules, visits = parsed(found.text, ""), parsed(TEXT, "").levels["strategic"].includes["visit"]
    assert rules.levels["strategic"].includes == {"visit": 20, "call": 370, "technical_support": 125, "training": 2}
    assert rules.levels["standard"].includes == parsed(TEXT, "").levels["standard"].includes
    assert rules.response["spending"].most == 0.9
    assert (rules.capacity.hours, rules.capacity.budget) == ({"CN-E": 9000}, 250_000)
    assert [rule.value for rule in rules.limits.ceilings] == [20_000, ("C1", "C2")]
    assert found.left_out == ("My notes",)
    assert ("levels.strategic.includes.visit", visits, 20) in found.changes
    assert ("capacity.budget", None, 250_000) in found.changes
    old, new = TEXT.splitlines(), found.text.splitlines()
    assert {line for line in old if line.startswith("#")} <= set(new)
    assert len([line for line in old if line not in new]) == 4


def test_a_value_taken_out_is_gone_and_sheets_that_are_missing_stay_as_they_are() -> None:
    def work(book: Any) -> None:
        for name in ("Effects", "Hours and activities", "Limits and money"):
            del book[name]
        book["Levels"]["D5"] = None
        book["Floors and ceilings"].delete_rows(2, 2)

    found = policy_book.read(edited(work), TEXT, check)
    rules = parsed(found.text, "")
    assert rules.levels["strategic"].money == {}
    assert rules.limits.floors == rules.limits.ceilings == ()
    assert rules.response == parsed(TEXT, "").response
    again = policy_book.read(edited(lambda book: None, text=found.text), found.text, check)
    assert again.text == found.text
    back = policy_book.read(edited(lambda book: None), found.text, check)
    assert parsed(back.text, "") == parsed(TEXT, "")


@pytest.mark.parametrize(
    ("sheet", "cell", "value", "said"),
    [
        (0, "D2", "many", "sheet “Levels”, cell D2: 'many' is not a number"),
        (0, "D2", -1, "sheet “Levels”, cell D2: the policy: [levels.strategic]: includes: 'visit' needs a number"),
        (0, "A2", "Inclded a year", "A2: the part: 'Inclded a year' is not known; did you mean 'Included a year'?"),
        (0, "B3", "visit", "sheet “Levels”, cell B3: 'visit' stands there twice"),
        (0, "D1", "Strategc", "no heading 'Strategic' (战略); did you mean 'Strategc'?"),
        (1, "C2", 9, "sheet “Effects”, cell C2: the policy: [response.spending]: 'most' must lie from"),
        (1, "B3", "straight", "sheet “Effects”, cell B3: the policy: [response.retention]: 'form' is one of"),
        (2, "B2", "Standrd", "cell B2: the level: 'Standrd' is not known; did you mean 'Standard'?"),
        (2, "C3", "bad_dept", "cell C3: the policy: [limits]: ceilings, number 1: 'input' is one of"),
        (2, "C3", "religion", "'religion' is a personal detail and never an input"),
        (2, "E2", "=1+4", "sheet “Floors and ceilings”, cell E2: a number is missing for the value; a formula"),
        (3, "D2", None, "sheet “Hours and activities”, cell D2: a number is missing"),
        (4, "B3", 1.5, "sheet “Limits and money”, cell B3: the policy: [limits]: 'largest_fall' needs a whole number"),
        (4, "B9", "Strategic, Best", "sheet “Limits and money”, cell B9: the level: 'Best' is not known"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_sheet_cell_and_mend(sheet: int, cell: str, value: Any, said: str) -> None:
    with pytest.raises(DashboardError) as error:
        policy_book.read(edited(put(sheet, cell, value)), TEXT, check)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_of_grades_come_from_a_workbook_too() -> None:
    def work(book: Any) -> None:
        sheet = book.worksheets[0]
        sheet["B3"], sheet["B4"], sheet["B18"] = 0.45, 0.2, "no"
        sheet.delete_cols(3)  # the labels are enough

    found = policy_book.read_grading(edited(work, text=GRADING), GRADING, check_grading)
    rules = grading.parsed(found.text, "")
    assert rules.weights["residual_value"] == 0.45
    assert rules.smallest_contract is None
    with pytest.raises(DashboardError, match=r"the weights sum to 1.05: make them sum to 1"):
        policy_book.read_grading(edited(put(0, "B3", 0.45), text=GRADING), GRADING, check_grading)


def packed(name: str, content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return held.getvalue()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "is no Excel workbook"),
        (b"PK\x03\x04 but no book", "is no Excel workbook"),
        (packed("xl/workbook.xml", b"<workbook"), "is no Excel workbook"),
        (packed("xl/workbook.xml", b" " * (60 << 20)), "unpacks to more than 50 MB"),
    ],
)
def test_what_is_no_workbook_is_refused_in_one_line(file: bytes, said: str) -> None:
    with pytest.raises(DashboardError, match=said):
        policy_book.read(file, TEXT, check)


def test_a_workbook_of_something_else_is_told_which_sheets_it_needs() -> None:
    with pytest.raises(DashboardError, match=r"none of the sheets “Levels” \(服务等级\)"):
        policy_book.read(edited(lambda book: None, text=GRADING), TEXT, check)
