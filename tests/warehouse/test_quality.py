"""Each fault of the data is found, counted and shown with its mend; what is right is left alone.

Faults are planted in the worked example (`tests/small.py`: 11 customers, 14 order lines, 7 survey answers, 12
service events) and every count is worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url

from dashboard.insights.quality import KINDS, MOST_EXAMPLES, TABLES
from dashboard.language import language
from dashboard.scope import Scope
from dashboard.warehouse.connect import Warehouse
from dashboard.warehouse.quality import Quality, examine
from dashboard.warehouse.read import Marts
from queries import quality
from queries.quality import KNOWN
from tests.conftest import Cluster
from tests.small import Books, asked, company, day

TODAY = date(2026, 11, 22)
FAR = "2062-01-01"


def examined(location: str, today: date = TODAY) -> Quality:
    warehouse = Warehouse(location)
    with warehouse.connect() as source:
        return examine(source, warehouse.filled_tables(source), {}, today)


def counts(books: Books, folder: Path) -> dict[str, tuple[int, int]]:
    """Faulty rows and rows looked at, by check."""
    found = examined(str(books.file(folder / "w.duckdb")))
    return {key: told[:2] for key, told in found.totals().items()}


def change(table: str, place: int, **values: Any) -> Callable[[Books], None]:
    return lambda books: books.rows[table][place].update(values)


def again(table: str, place: int) -> Callable[[Books], None]:
    """The same row once more, under a key of its own."""

    def plant(books: Books) -> None:
        row = books.rows[table][place]
        books.add(table, **{name: value for name, value in row.items() if name not in ("line_key", "entry_key")})

    return plant


PLANTED: dict[str, tuple[list[Callable[[Books], None]], tuple[int, int]]] = {
    "sales_line.customer_key.orphan": ([change("sales_line", 0, customer_key=99)], (1, 14)),
    "sales_line.product_key.orphan": ([change("sales_line", 5, product_key=9)], (1, 14)),
    "customer.region_key.orphan": ([change("customer", n, region_key=77) for n in (0, 1)], (2, 11)),
    "customer.manager_key.orphan": ([change("customer", 3, manager_key=77)], (1, 11)),
    "region.parent_key.orphan": ([change("region", 6, parent_key=77)], (1, 7)),
    "service_event.activity_key.orphan": ([change("service_event", 0, activity_key=77)], (1, 12)),
    "survey.customer_key.orphan": ([change("survey", 2, customer_key=99)], (1, 7)),
    "sales_line.sold_on.future": ([change("sales_line", 3, sold_on=day(FAR))], (1, 14)),
    "survey.answered_on.future": ([change("survey", 0, answered_on=day(FAR))], (1, 7)),
    "customer.acquired_on.future": ([change("customer", 0, acquired_on=day(FAR))], (1, 11)),
    "sales_line.sold_on.ancient": ([change("sales_line", n, sold_on=day("1900-01-01")) for n in (1, 2)], (2, 14)),
    "survey.satisfaction.range": ([change("survey", n, satisfaction=s) for n, s in ((0, 10), (1, 0))], (2, 7)),
    "survey.recommend.range": ([change("survey", 0, recommend=11)], (1, 7)),
    "customer.needs_level.range": ([change("customer", 0, needs_level=6)], (1, 11)),
    "assignment.grade.unknown_code": ([change("assignment", 0, grade="A+")], (1, 11)),
    "customer.kind.unknown_code": ([change("customer", 0, kind="company")], (1, 11)),
    "word_of_mouth.kind.unknown_code": ([change("word_of_mouth", 0, kind="like")], (1, 9)),
    "direct_cost.amount.negative": ([change("direct_cost", 0, amount=Decimal("-20"))], (1, 4)),
    "service_event.quantity.negative": ([change("service_event", 0, quantity=Decimal("-1"))], (1, 12)),
    "sales_line.revenue.negative_price": (
        [change("sales_line", 0, quantity=Decimal("-3")), change("sales_line", 12, quantity=Decimal("2"))],
        (2, 14),
    ),
    "sales_line.revenue.zero_price": (
        [change("sales_line", 0, quantity=Decimal("3"), revenue=Decimal("0"), cost_of_goods=Decimal("0"))],
        (1, 14),
    ),
    "sales_line.cost_of_goods.cost_sign": ([change("sales_line", 0, cost_of_goods=Decimal("-200"))], (1, 14)),
    "sales_line.cost_of_goods.uncosted": ([change("sales_line", n, cost_of_goods=None) for n in (0, 1, 2)], (3, 14)),
    "sales_line.line_key.repeat": ([again("sales_line", 5), again("sales_line", 5)], (2, 16)),
    "direct_cost.entry_key.repeat": ([again("direct_cost", 0)], (1, 5)),
    "customer.code.double_code": ([change("customer", 1, code="c01 ")], (1, 11)),
    "assignment.valid_to.order": ([change("assignment", 1, valid_to=day("2024-11-18"))], (1, 11)),
    "complaint.resolved_at.order": ([change("complaint", 0, resolved_at=date(2026, 4, 30))], (1, 1)),
    "target.ends_on.order": ([change("target", 0, ends_on=day("2025-11-16"))], (1, 8)),
    "warehouse_info.value.currency": ([change("warehouse_info", 0, value="EUR/USD")], (1, 1)),
}


def test_the_worked_example_has_nothing_that_must_be_mended(small: Marts) -> None:
    insight = asked(small, "data.findings")
    assert insight.numbers["red"] == 0 and insight.numbers["touched"] == {}
    assert insight.headline.startswith("Nothing must be mended")
    # A gift wrapping without a rate; C08's answer that he corrected the same day.
    held = insight.table.set_index("code")[["found", "share"]]
    assert held.loc["service_event.activity_key.unrated"].tolist() == [1, pytest.approx(1 / 12)]
    assert held.loc["survey.response_key.repeat"].tolist() == [1, pytest.approx(1 / 7)]
    assert len(held) == 2


def test_the_demo_has_nothing_that_must_be_mended(demo: Marts) -> None:
    assert asked(demo, "data.findings").numbers["red"] == 0


@pytest.fixture(scope="module")
def unspoilt(small_file: Path) -> dict[str, int]:
    """What is found in the worked example itself."""
    return {key: rows for key, (rows, *_) in examined(str(small_file)).totals().items()}


@pytest.mark.parametrize("key", PLANTED)
def test_a_planted_fault_is_found_and_counted(key: str, unspoilt: dict[str, int], tmp_path: Path) -> None:
    plant, expected = PLANTED[key]
    books = company()
    for fault in plant:
        fault(books)
    found = counts(books, tmp_path)
    assert found[key] == expected
    assert {other for other, (rows, _) in found.items() if rows != unspoilt.get(other, 0)} == {key}


def test_one_amount_far_beyond_the_others_is_an_outlier(tmp_path: Path) -> None:
    """The quartiles of 100, 101 … 119 and 10,000 are 105 and 115: the fence is 115 × max((115/105)³, 10) = 1,150."""
    books = Books()
    books.customer("C1")
    for n in range(20):
        books.sale("C1", "2026-11-12", 100 + n)
    books.sale("C1", "2026-11-12", 1_150)
    assert "sales_line.revenue.outlier" not in counts(books, tmp_path / "fence")
    books.rows["sales_line"][-1]["revenue"] = Decimal("10000")
    assert counts(books, tmp_path)["sales_line.revenue.outlier"] == (1, 21)


def test_a_week_without_sales_is_a_gap_only_where_most_weeks_have_some(tmp_path: Path) -> None:
    books = Books()
    books.customer("C1")
    for week in (0, 1, 2, 3, 5, 6, 7, 9):
        books.sale("C1", str(day("2026-08-03") + timedelta(weeks=week)), 100)
    assert counts(books, tmp_path)["sales_line.sold_on.gap"] == (2, 10)
    assert "sales_line.sold_on.gap" not in counts(company(), tmp_path / "rare")


def test_a_customer_under_two_names_is_shown_for_decision(tmp_path: Path) -> None:
    books = company().only("region", "customer", "sales_line")
    books.keys = company().keys
    names = {
        "C01": "Acme Trading Co., Ltd.",
        "C02": "ACME  Trading",  # the same but for case, blanks and legal form; both in Beijing
        "C03": "Acme Trading Ltd",  # in Tianjin: another one
        "C05": "华南贸易有限公司",
        "C06": "华南贸易（有限公司）",
        "C10": "Lindenberg Brothers",
        "C11": "Lindenberg Brother",  # one letter apart, both in Beijing
    }
    for row in books.rows["customer"]:
        row["name"] = names.get(row["code"], row["name"])
    key = books.key
    for code in ("C07", "C08"):
        books.add("customer_profile", customer_key=key("customer", code), phone="+86 10-5555 1234")
    marts = books.marts(tmp_path)
    insight = asked(marts, "data.same_customer")
    pairs = set(insight.table[["own_code", "other_code", "reason"]].itertuples(index=False, name=None))
    assert pairs == {
        ("C01", "C02", "Same name, same region"),
        ("C05", "C06", "Same name, same region"),
        ("C10", "C11", "Names one letter apart, same region"),
        ("C07", "C08", "Same telephone number"),
    }
    finding = asked(marts, "data.findings").table.set_index("code").loc["customer.name.same_customer"]
    assert finding["found"] == 4 and finding["share"] == pytest.approx(4 / 11)
    south = Scope("south", ("SOUTH",), frozenset())
    assert asked(marts, "data.same_customer", scope=south).table["own_code"].tolist() == ["C05"]


def test_a_reader_sees_findings_and_examples_of_his_own_regions_alone(tmp_path: Path) -> None:
    books = company()
    for row in books.rows["customer"]:
        row["needs_level"] = 9
    books.rows["sales_line"][0]["customer_key"] = 99  # nobody's, so nobody's but the unrestricted's
    marts = books.marts(tmp_path)
    everything = asked(marts, "data.findings").table.set_index("code")
    assert everything.loc["customer.needs_level.range", "found"] == 11
    assert "sales_line.customer_key.orphan" in everything.index
    south = asked(marts, "data.findings", scope=Scope("south", ("SOUTH",), frozenset()))
    assert south.numbers["red"] == 0
    only = south.table.set_index("code").loc["customer.needs_level.range"]
    assert (only["found"], only["share"]) == (3, 1.0)  # C05, C06 and C07
    assert only["examples"] == "C05 (9) · C06 (9) · C07 (9)"


def test_red_comes_first_and_names_the_pages_it_touches(tmp_path: Path) -> None:
    books = company()
    books.rows["survey"][0]["satisfaction"] = 10
    insight = asked(books.marts(tmp_path), "data.findings")
    first = insight.table.iloc[0]
    assert first["severity"] == "Must be mended"
    assert first["finding"] == "Survey responses: satisfaction outside 1 to 5"
    assert first["examples"] == "C01 (10)"
    assert "scale 1 to 5" in first["mend"]
    assert insight.numbers["touched"] == {"overview": 1, "satisfaction": 1, "customer": 1}
    assert insight.headline.startswith("Findings that must be mended before figures can be trusted: 1;")


def test_the_share_of_lines_without_cost_is_of_money(tmp_path: Path) -> None:
    """One line of 14, but 100 of 4,700 in money: below 5 % it is only good to know."""
    books = company()
    books.rows["sales_line"][8]["cost_of_goods"] = None
    row = asked(books.marts(tmp_path), "data.findings").table.set_index("code").loc["sales_line.cost_of_goods.uncosted"]
    assert row["severity"] == "Good to know"
    assert (row["found"], row["share"]) == (1, pytest.approx(100 / 4_700))


def test_the_customer_file_is_counted_by_field_and_account_manager(small: Marts) -> None:
    """E1 has C01 to C04, E2 the seven others; names are given to all, levels of needs to five (C01 C02 C05 C06 C07)."""
    insight = asked(small, "data.completeness")
    table = insight.table.set_index("manager")
    assert table.loc["All", "customers"] == 11
    assert table.loc["All", "filled:needs_level"] == pytest.approx(5 / 11)
    assert table.loc["Wang Fang", ["customers", "filled:needs_level"]].tolist() == [4, 0.5]
    assert table.loc["Uwe Klein", ["customers", "filled:needs_level"]].tolist() == [7, pytest.approx(3 / 7)]
    assert table.loc["All", "filled:region_key"] == pytest.approx(10 / 11)
    assert table.loc["All", "filled:contact_name"] == pytest.approx(1 / 11)
    assert table.loc["All", "filled:name"] == 1.0
    german = asked(small, "data.completeness", scope=Scope("de", ("DE",), frozenset()))
    assert german.table["customers"].tolist() == [1, 1]


def test_postgresql_finds_the_same(postgres: Cluster, tmp_path: Path) -> None:
    books = company()
    for plant, _ in PLANTED.values():
        for fault in plant[:1]:
            fault(books)
    for code in ("C07", "C08"):
        books.add("customer_profile", customer_key=books.key("customer", code), phone="010 5555-1234")
    url = postgres.new_database("faulty")
    engine = create_engine(make_url(url))
    books.fill(engine)
    engine.dispose()
    here, there = examined(str(books.file(tmp_path / "w.duckdb"))), examined(url)
    assert there.totals() == here.totals()
    assert len(here.totals()) >= 25
    assert there.same_phone == here.same_phone == ((7, 8),)
    assert sorted(there.completeness, key=str) == sorted(here.completeness, key=str)
    assert {row[0] for row in there.examples} == {row[0] for row in here.examples}


@pytest.mark.parametrize("check", KNOWN.values(), ids=list(KNOWN))
def test_every_check_has_its_words(check: quality.Check) -> None:
    from dashboard.insights.quality import FIELDS, said

    assert check.table in TABLES or check.table == "warehouse_info"
    for lang in ("en", "zh"):
        for words in (KINDS[check.kind].title, KINDS[check.kind].effect, KINDS[check.kind].mend):
            text = said(check, words, language(lang))
            assert "{" not in text and "None" not in text
    titled = "{field}" in KINDS[check.kind].title + KINDS[check.kind].effect
    assert not titled or check.column in FIELDS


def test_examples_are_few_even_where_everything_is_wrong(tmp_path: Path) -> None:
    books = company()
    for row in books.rows["sales_line"]:
        row["sold_on"] = day("1900-01-01")
    found = examined(str(books.file(tmp_path / "w.duckdb")))
    assert found.totals()["sales_line.sold_on.ancient"][:2] == (14, 14)
    assert len([row for row in found.examples if row[0] == "sales_line.sold_on.ancient"]) == MOST_EXAMPLES
