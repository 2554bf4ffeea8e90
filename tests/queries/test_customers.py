"""Customers one by one: the list behind a number, one customer in full, and the point queries to the warehouse."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from dashboard.warehouse.connect import Warehouse
from dashboard.warehouse.read import Marts
from queries import customers
from tests.small import columns


@pytest.mark.parametrize(
    ("order", "limit", "codes"),
    [
        ("revenue", 3, "C01 C02 C03"),
        ("-profit", 3, "C08 C07 C09"),
        ("profit", 2, "C01 C02"),
        ("cost_to_serve", 4, "C08 C01 C02 C04"),  # at equal cost in the order of the keys
        ("revenue", 100, "C01 C02 C03 C04 C05 C06 C07 C08 C09 C10"),
    ],
)
def test_the_list_is_ordered_and_limited(marts: Marts, order: str, limit: int, codes: str) -> None:
    assert [code for (code,) in columns(marts, customers.listed, "code", order, limit)] == codes.split()


def test_a_row_of_the_list(marts: Marts) -> None:
    who = "code name name_en grade tier region region_en"
    assert columns(marts, customers.listed, who, "revenue", 9, customer="C04") == [
        ("C04", "客户C04", "Customer C04", "B", "standard", "天津", "Tianjin")
    ]
    what = "revenue gross_margin cost_to_serve profit satisfaction last_purchase"
    assert columns(marts, customers.listed, what, "revenue", 9, customer="C04") == [
        (400, 200, 100, 100, 1, "2026-10-21")
    ]
    assert columns(marts, customers.listed, f"{who} {what}", "revenue", 9, customer="C09") == [
        ("C09", "客户C09", "Customer C09", None, None, None, None, 0, 0, 30, -30, None, None)
    ]


def test_costs_of_the_listed(marts: Marts) -> None:
    rows = columns(marts, customers.cost_of, "customer_key item amount", "revenue", 2)
    assert sorted(rows) == [(1, "visit", 100), (2, "call", 50), (2, "visit", 50)]


def test_the_heaviest_loss_makers_with_their_causes(marts: Marts) -> None:
    assert columns(marts, customers.causes, "code profit cause excess", 2) == [
        ("C08", -150, "freight", 149.375),
        ("C07", -50, "cost_of_goods", 56.25),
    ]


def test_profile_of_one_customer(marts: Marts) -> None:
    who = "customer_key code kind industry grade tier region_code needs_level first_purchase last_purchase"
    assert columns(marts, customers.profile, who, customer="C01") == [
        (1, "C01", "organisation", "retail", "A", "strategic", "BJ", 5, "2024-11-20", "2026-11-12")
    ]
    with_whom = "manager manager_en channel channel_en acquired_on"
    assert columns(marts, customers.profile, with_whom, customer="C01") == [
        ("王芳", "Wang Fang", "网店", "Web shop", "2024-11-20")  # acquired with the first purchase, unless it is said
    ]
    assert columns(marts, customers.profile, "acquired_on manager manager_en", customer="C08") == [
        ("2026-09-09", "Uwe Klein", None)
    ]


def test_a_profile_is_of_one_customer_or_of_none(marts: Marts) -> None:
    """Two rows say that the filters name more than one."""
    assert len(columns(marts, customers.profile, "code")) == 2
    assert columns(marts, customers.profile, "code", customer="C99") == []


@pytest.mark.parametrize(
    ("text", "limit", "codes"),
    [
        ("C0", 3, "C01 C02 C03"),  # the largest first
        ("c05", 9, "C05"),
        ("müller", 9, "C08"),
        ("MÜLLER & S", 9, "C08"),
        ("客户", 2, "C01 C02"),
        ("Customer C1", 9, "C10"),
        ("%", 9, ""),  # text, not a pattern
        ("_", 9, ""),
        ("'", 9, ""),
        ("nobody", 9, ""),
    ],
)
def test_search_by_code_and_name(marts: Marts, text: str, limit: int, codes: str) -> None:
    assert [code for (code,) in columns(marts, customers.found, "code", text, limit)] == codes.split()


def test_history_of_grades(marts: Marts) -> None:
    assert columns(marts, customers.assignments, "valid_from valid_to grade tier reason", customer="C02") == [
        ("2026-02-01", None, "A", "key", None),
        ("2024-11-18", "2026-02-01", "B", "key", None),
    ]


def test_history_of_answers(marts: Marts) -> None:
    names = "date satisfaction recommend praise complaint referral"
    assert columns(marts, customers.spells, names, customer="C01") == [
        ("2026-03-06", 4, 8, 2, 0, 0),
        ("2026-01-05", 4.5, 10, 1, 0, 0),
    ]


# --- point queries to the warehouse ------------------------------------------------------------------


def read(location: str, statement: object) -> list[tuple]:
    with Warehouse(location).connect() as connection:
        return [tuple(row) for row in connection.execute(statement)]  # type: ignore[call-overload]


def test_order_lines_of_a_customer_newest_first(location: str) -> None:
    rows = read(location, customers.lines(1, 10))
    assert [(row[0], row[1], row[2], float(row[6]), row[7] and float(row[7]), float(row[8])) for row in rows] == [
        (date(2026, 11, 12), "O-2", "P1", 400, None, 200),
        (date(2026, 3, 2), "O-1", "P1", 600, 100, 200),
        (date(2024, 11, 20), None, None, 500, None, 200),
    ]
    assert rows[0][3:5] == ("泵", "Pump")
    assert [row[0] for row in read(location, customers.lines(1, 1))] == [date(2026, 11, 12)]


def test_contacts_of_a_customer_newest_first(location: str) -> None:
    assert read(location, customers.contacts(1, 10)) == [
        (date(2026, 10, 1), "visit", None, None, "王芳", "Wang Fang"),
        (date(2026, 3, 1), "phone", None, None, "王芳", "Wang Fang"),
    ]


def test_complaints_of_a_customer(location: str) -> None:
    opened, resolved = datetime(2026, 5, 1, 9, 30), datetime(2026, 5, 3, 12)
    assert read(location, customers.complaints(1, 10)) == [(opened, None, resolved, "late", None, None)]
    assert read(location, customers.complaints(2, 10)) == []


def test_personal_details_of_a_customer(location: str) -> None:
    (row,) = read(location, customers.personal(1))
    assert row[:2] == (1, "张伟")
    assert "钓鱼" in row
    assert read(location, customers.personal(2)) == []
