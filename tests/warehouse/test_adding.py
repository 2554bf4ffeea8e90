"""Loading again: nothing new changes nothing, a new month is added, a correction replaces, what was mended is read."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb
import pytest

from dashboard.warehouse.load import load
from dashboard.warehouse.mapping import LoadError
from tests.warehouse.desk import HEADER, SALES, Desk, balances, sales

MONTHS = sales(file="sales_*.csv") + (
    '[source.product]\nfile = "product.csv"\n[table.product]\nfrom = "product"\n'
    '[table.product.columns]\ncode = "id"\nname = "name"\n'
    '[table.region]\nrows_of = "sales_line"\n[table.region.columns]\ncode = "land"\n'
)
MONTHS = MONTHS.replace('order_code = "invoice"', 'order_code = "invoice"\nproduct = "article"')
MONTHS = MONTHS.replace('code = "customer"', 'code = "customer"\nname = "title"\nregion = "land"')
MONTH = "invoice,customer,title,land,article,day,qty,price\n"
JANUARY = MONTH + "1,a,,FR,P1,2024-01-05,1,2\n2,b,Bert,DE,P2,2024-01-06,2,5\n3,,,DE,P2,2024-01-07,1,9\n"
FEBRUARY = MONTH + "4,c,Cleo,IT,P1,2024-02-05,1,4\n5,a,Anna,IT,P9,2024-02-06,-1,2\n6,b,Bert,DE,P2,x,1,1\n"
PRODUCTS = "id,name\nP1,Tea\nP2,Milk\n"
EVERYTHING = (
    "SELECT l.line_key, order_code, c.code, c.name, r.code, p.name, sold_on, quantity, revenue FROM sales_line AS l"
    " JOIN customer AS c USING (customer_key) LEFT JOIN region AS r USING (region_key)"
    " LEFT JOIN product AS p USING (product_key) ORDER BY order_code"
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def whole(desk: Desk, mapping: str) -> list[tuple]:
    """What one load of all files into a new warehouse gives, without the keys."""
    other = desk.folder / "out" / "whole.duckdb"
    load(desk.write("mapping.toml", mapping), other)
    with duckdb.connect(str(other), read_only=True) as connection:
        return [row[1:] for row in connection.execute(EVERYTHING).fetchall()]


def found(desk: Desk) -> list[tuple]:
    return [row[1:] for row in desk.rows(EVERYTHING)]


def test_loading_the_same_files_again_changes_nothing(desk: Desk) -> None:
    desk.load(MONTHS, sales_01=JANUARY, product=PRODUCTS)
    before = desk.warehouse.read_bytes()
    report = desk.load(MONTHS, sales_01=JANUARY)
    assert "nothing new" in report.lines()[0]
    assert desk.warehouse.read_bytes() == before
    assert [row["line"] for row in desk.set_aside()] == ["4"]
    desk.load(MONTHS.replace("EUR", "CHF"))
    assert dict(desk.rows("SELECT name, value FROM warehouse_info"))["currency"] == "CHF"


def test_a_new_month_is_added_without_reading_the_old_and_gives_what_one_load_gives(desk: Desk) -> None:
    desk.load(MONTHS, sales_01=JANUARY, product=PRODUCTS)
    keys = desk.rows("SELECT code, customer_key FROM customer ORDER BY 1")
    report = desk.load(MONTHS, sales_02=FEBRUARY)
    lines, customers = report.table("sales_line"), report.table("customer")
    assert (lines.read, lines.loaded, lines.rows_set_aside, lines.amounts["revenue"]["loaded"]) == (3, 2, 1, 2)
    assert (customers.read, customers.loaded, customers.merged) == (2, 1, 1)
    assert balances(report)
    assert found(desk) == whole(desk, MONTHS)
    assert desk.rows("SELECT code, customer_key FROM customer ORDER BY 1")[:2] == keys
    assert desk.rows("SELECT count(DISTINCT line_key), max(line_key) FROM sales_line") == [(4, 4)]
    assert [(row["file"], row["line"]) for row in desk.set_aside()] == [("sales_01.csv", "4"), ("sales_02.csv", "4")]
    assert "nothing new" in desk.load(MONTHS).lines()[0]


@pytest.mark.parametrize("keep", ["first", "last"])
def test_what_an_added_row_says_of_a_known_customer_follows_the_declared_rule(desk: Desk, keep: str) -> None:
    mapping = MONTHS.replace(
        '[table.customer]\nrows_of = "sales_line"', f'[table.customer]\nrows_of = "sales_line"\nkeep = "{keep}"'
    )
    desk.load(mapping, sales_01=JANUARY.replace("Bert", "Berta"), product=PRODUCTS)
    desk.load(mapping, sales_02=FEBRUARY.replace(",x,", ",2024-02-07,"))
    assert found(desk) == whole(desk, mapping)
    assert ("b", "Berta" if keep == "first" else "Bert") in desk.rows("SELECT code, name FROM customer")


def test_a_changed_file_or_look_up_is_read_again_with_everything(desk: Desk) -> None:
    desk.load(MONTHS, sales_01=JANUARY, sales_02=FEBRUARY, product=PRODUCTS)
    report = desk.load(MONTHS, sales_01=JANUARY.replace("2,5", "2,6"))
    assert report.table("sales_line").read == 6
    assert found(desk) == whole(desk, MONTHS)
    desk.load(MONTHS, product=PRODUCTS.replace("Milk", "Cream"))
    assert ("Cream",) in desk.rows("SELECT name FROM product")


def test_a_file_that_is_gone_is_not_lost_unawares(desk: Desk) -> None:
    desk.load(MONTHS, sales_01=JANUARY, product=PRODUCTS)
    (desk.folder / "sales_01.csv").unlink()
    with pytest.raises(LoadError, match=r"sales_01.csv was loaded before and is gone: put it back, or .* --add"):
        desk.load(MONTHS, sales_02=FEBRUARY)
    for _ in range(2):  # once added, adding again changes nothing
        load(desk.folder / "mapping.toml", desk.warehouse, add=True)
        assert [row[0] for row in found(desk)] == ["1", "2", "4", "5"]
    with pytest.raises(LoadError, match="--add: the mapping or what was mended has changed"):
        load(desk.write("mapping.toml", MONTHS.replace("EUR", "CHF")), desk.warehouse, add=True)


def test_a_correction_replaces_the_orders_that_it_corrects(desk: Desk) -> None:
    mapping = sales(file="sales_*.csv").replace('from = "sales"', 'from = "sales"\nreplaces = "order_code"')
    first = HEADER + "1,a,2024-01-05,1,2\n1,a,2024-01-05,2,2\n2,b,2024-01-05,1,7\n"
    desk.load(mapping, sales_01=first)
    report = desk.load(mapping, sales_02=HEADER + "1,a,2024-01-05,1,3\n3,a,2024-01-05,1,1\n4,c,x,1,1\n")
    lines = report.table("sales_line")
    assert desk.rows("SELECT order_code, revenue FROM sales_line ORDER BY 1") == [("1", 3), ("2", 7), ("3", 1)]
    assert (lines.merged, lines.amounts["revenue"]["merged"]) == (2, 6)
    assert "2 rows gave way to rows of a later file with the same order_code" in lines.notes
    assert balances(report)


def test_what_was_mended_in_the_file_of_rows_set_aside_is_loaded(desk: Desk) -> None:
    bad = HEADER + '1,"a\n2",2024-01-05,1,2\n2,a,31/01/2024,1,3\n3,a,2024-01-05,one,4\n4,a,2024-01-06,1,=5\n'
    desk.load(sales(), sales=bad)
    rows = desk.set_aside()
    assert [row["value"] for row in rows] == ["31/01/2024", "one", "'=5"]
    for row, value in zip(rows, ["2024-01-31", "1", "'=5"], strict=True):
        row["value"] = value
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], delimiter=";")  # as a spreadsheet in Europe saves it
    writer.writeheader()
    writer.writerows(rows)
    desk.warehouse.with_name("shop.mended.csv").write_bytes(text.getvalue().encode("utf-8-sig"))
    report = desk.load(sales())
    assert desk.rows("SELECT sold_on::VARCHAR, revenue FROM sales_line ORDER BY 2") == [
        ("2024-01-05", 2),
        ("2024-01-31", 3),
        ("2024-01-05", 4),
    ]
    assert [row["line"] for row in desk.set_aside()] == ["6"]
    assert "sales.csv: 2 values were taken from shop.mended.csv" in report.lines()
    assert balances(report)


def test_more_bad_rows_than_tolerated_are_not_published(desk: Desk) -> None:
    mapping = sales().replace("tolerance = 1 ", "tolerance = 0.25")
    good = HEADER + "1,a,2024-01-05,1,2\n2,a,2024-01-05,1,2\n3,a,2024-01-05,1,2\n4,,2024-01-05,1,2\n"
    desk.load(mapping, sales=good)  # that a line has no customer is a rule, not a fault
    before = desk.warehouse.read_bytes()
    with pytest.raises(LoadError) as error:
        desk.load(mapping, sales=good.replace("3,a,2024", "3,a,x").replace("2,a,2024", "2,a,x"))
    assert str(error.value) == (
        "mapping.toml, line 10: [table.sales_line]: 2 of 4 rows of sales_line are bad, 50.0%, more than the tolerance"
        ' of 25.0%; most often (2) "day" is not a date written yyyy-mm-dd. Nothing was published; mend them in'
        " shop.refused.csv, saved as shop.mended.csv, or say tolerance = 0.50 in [table.sales_line]"
    )
    assert desk.warehouse.read_bytes() == before
    assert desk.warehouse.with_name("shop.refused.csv").read_text("utf-8-sig").count("is not a date") == 2
    desk.load(mapping.replace("0.25", "0.5"))
    assert not desk.warehouse.with_name("shop.refused.csv").exists()
    with pytest.raises(LoadError, match="tolerance is a share from 0 to 1"):
        desk.load(mapping.replace("0.25", "5"))


@pytest.mark.parametrize("declared", ["[warehouse]", "[table.sales_line]"])
def test_without_a_word_one_bad_row_in_twenty_is_tolerated_and_two_are_not(desk: Desk, declared: str) -> None:
    mapping = sales().replace("tolerance = 1 ", "")
    good = "".join(f"{n},a,2024-01-05,1,2\n" for n in range(18))
    desk.load(mapping, sales=HEADER + good + "18,a,2024-01-05,1,2\n19,a,x,1,2\n" + "20,,2024-01-05,1,2\n" * 9)
    assert len(desk.set_aside()) == 10  # nine have no customer, which is a rule
    with pytest.raises(LoadError, match=r"2 of 20 rows of sales_line are bad, 10.0%, .* say tolerance = 0.10 in"):
        desk.load(mapping, sales=HEADER + good + "18,a,x,1,2\n19,a,x,1,2\n")
    desk.load(mapping.replace(declared, f"{declared}\ntolerance = 0.10"))
    assert len(desk.set_aside()) == 2


RETURNED = """
    SELECT r.order_code, s.order_code FROM sales_line AS r LEFT JOIN sales_line AS s ON s.line_key = r.return_of
    WHERE r.revenue < 0 ORDER BY r.line_key
"""


def test_never_more_is_returned_than_was_sold(desk: Desk) -> None:
    mapping = sales(file="sales_*.csv").replace('from = "sales"', 'from = "sales"\nreturn_of = "customer"')
    lines = [
        ("r0", "2024-01-01", -1),  # before anything was sold
        ("s1", "2024-01-05", 10),
        ("s2", "2024-01-07", 5),
        ("r1", "2024-01-10", -4),  # of s2, which has 1 left
        ("r2", "2024-01-11", -6),  # more than is left of s2
        ("r3", "2024-01-12", -1),  # the last one of s2
        ("r4", "2024-01-13", -4),  # what is left of s1
        ("r5", "2024-01-14", -1),  # nothing is left
        ("r6", "2024-01-15", -11),  # no sale was so large
    ]
    written = "".join(f"{order},a,{day},{units},2\n" for order, day, units in lines)
    report = desk.load(mapping, sales_01=HEADER + written)
    assert desk.rows(RETURNED) == [
        ("r0", None), ("r1", "s2"), ("r2", "s1"), ("r3", "s2"), ("r4", "s1"), ("r5", None), ("r6", None),
    ]  # fmt: skip
    assert "4 of 7 returns were matched with what they return" in report.table("sales_line").notes
    # The next month knows what was returned before.
    desk.load(mapping, sales_02=HEADER + "s3,a,2024-02-01,3,2\nr7,a,2024-02-02,-3,2\nr8,a,2024-02-03,-1,2\n")
    assert desk.rows(RETURNED)[-2:] == [("r7", "s3"), ("r8", None)]


def test_a_return_whose_order_the_source_names_is_matched_with_that_order_alone(desk: Desk) -> None:
    mapping = sales().replace('quantity = "qty"', 'quantity = "qty"\nproduct = "item"\nreturn_of = "of"')
    mapping += '[table.product]\nrows_of = "sales_line"\ncolumns = { code = "item" }\n'
    lines = (
        "invoice,customer,item,day,qty,price,of\n"
        "s1,a,tea,2024-01-05,2,3,\ns1,a,pot,2024-01-05,1,9,\ns2,a,tea,2024-01-08,2,3,\n"
        "r1,a,tea,2024-01-10,-1,3,s1\n"  # not of s2, which is later
        "r2,a,pot,2024-01-11,-1,9,s2\n"  # s2 has no pot
        "r3,a,tea,2024-01-12,-2,3,s1\n"  # only one is left of s1
        "r4,a,tea,2024-01-13,-1,3,S9\n"  # no such order
        "r5,a,tea,2024-01-14,-2,3,\n"  # names none: the last sale
    )
    report = desk.load(mapping, sales=lines)
    assert desk.rows(RETURNED) == [("r1", "s1"), ("r2", None), ("r3", None), ("r4", None), ("r5", "s2")]
    assert "3 returns name an order of which no such line is left to return" in report.table("sales_line").notes
    assert balances(report)


def test_returns_are_matched_with_the_last_sale_that_agrees(desk: Desk) -> None:
    mapping = sales(file="sales_*.csv").replace('from = "sales"', 'from = "sales"\nreturn_of = "customer"')
    january = HEADER + "1,a,2024-01-05,1,2\n2,a,2024-01-15,1,2\n3,b,2024-01-05,1,2\n4,a,2024-01-20,-1,2\n"
    match = (
        "SELECT r.order_code, s.order_code FROM sales_line AS r"
        " LEFT JOIN sales_line AS s ON s.line_key = r.return_of WHERE r.revenue < 0 ORDER BY 1"
    )
    report = desk.load(mapping, sales_01=january + "5,c,2024-01-20,-1,2\n")
    assert desk.rows(match) == [("4", "2"), ("5", None)]
    assert "1 of 2 returns were matched with what they return" in report.table("sales_line").notes
    desk.load(mapping, sales_02=HEADER + "6,b,2024-02-20,-1,2\n")
    assert desk.rows(match) == [("4", "2"), ("5", None), ("6", "3")]


def test_a_file_that_changes_while_it_is_loaded_is_refused(desk: Desk) -> None:
    mapping, file = desk.write("mapping.toml", SALES), desk.write("sales.csv", HEADER + "1,a,2024-01-05,1,2\n")

    def written_to(step: str, done: float) -> None:
        file.write_text(file.read_text() + "2,a,2024-01-06,1,2\n")

    with pytest.raises(LoadError, match=r"sales\.csv was changed while it was loaded"):
        load(mapping, desk.warehouse, progress=written_to)
    assert not desk.warehouse.exists()
