"""A suggested mapping loads as it is, gets the required fields right, and says what it is unsure of."""

from __future__ import annotations

import sqlite3
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from dashboard.cli import main
from dashboard.settings import ROOT
from dashboard.warehouse.load import load
from dashboard.warehouse.look import plain
from dashboard.warehouse.mapping import LoadError
from dashboard.warehouse.report import LoadReport
from dashboard.warehouse.suggest import Suggestion, suggest

DATASETS = ROOT.parent / "shared" / "datasets"
open_sets = pytest.mark.skipif(not DATASETS.is_dir(), reason="the open data sets are not here")


def suggested(folder: Path, *files: str) -> tuple[dict[str, Any], Suggestion]:
    """The suggestion for files of a folder, parsed."""
    found = suggest([folder / name for name in files], folder)
    return tomllib.loads(found.text), found


def loaded(found: Suggestion, folder: Path, target: Path, tolerance: float = 0.05) -> LoadReport:
    """The files loaded by the suggestion as it stands but for the tolerance; every table must reconcile."""
    mapping = target / "suggested.toml"
    mapping.write_text(found.text.replace("tolerance = 0.05", f"tolerance = {tolerance}"), "utf-8")
    report = load(mapping, target / "w.duckdb", source=folder)
    for part in report.tables:
        assert part.read == part.loaded - part.added + part.merged + part.rows_set_aside
    return report


def facts(target: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(target / "w.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


# --- the open sets -----------------------------------------------------------------------------------


@open_sets
def test_northwind_is_joined_and_loads_to_the_known_total(tmp_path: Path) -> None:
    folder = DATASETS / "northwind"
    files = sorted(path.name for path in folder.glob("*.csv"))
    content, found = suggested(folder, *files)
    columns = content["table"]["sales_line"]["columns"]
    assert content["table"]["sales_line"]["from"] == "order_details"
    assert (columns["customer"], columns["order_code"], columns["quantity"]) == ("CustomerID", "OrderID", "Quantity")
    assert columns["sold_on"] == {"column": "OrderDate", "formats": ["%m/%d/%Y"]}
    assert content["table"]["product"]["columns"]["category"] == "CategoryName"
    report = loaded(found, folder, tmp_path)
    assert report.table("sales_line").loaded == 2_155
    (revenue,) = facts(tmp_path, "SELECT sum(revenue) FROM sales_line")[0]
    lines = duckdb.read_csv(str(folder / "order_details.csv"))
    (known,) = lines.aggregate('sum("UnitPrice" * "Quantity" * (1 - "Discount"))').fetchall()[0]
    assert float(revenue) == pytest.approx(known, abs=15)  # each line rounded to the cent
    assert any("currency" in text for text in found.unsure)


@open_sets
def test_online_retail_has_all_five_required_fields() -> None:
    folder = DATASETS / "online_retail_2009_2010"
    content, found = suggested(folder, "online_retail_2009_2010.parquet")
    columns = content["table"]["sales_line"]["columns"]
    assert columns["revenue"]["expression"] in ('"Price" * "Quantity"', '"Quantity" * "Price"')
    rest = {name: columns[name] for name in ("customer", "order_code", "sold_on", "quantity")}
    assert rest == {
        "customer": "Customer ID",
        "order_code": "Invoice",
        "sold_on": "InvoiceDate",
        "quantity": "Quantity",
    }
    assert any("107,927 of 525,461 lines that name no customer" in text for text in found.unsure)
    assert any("6,865 rows that repeat" in text for text in found.unsure)


@open_sets
def test_one_row_a_customer_is_spread_over_its_amounts(tmp_path: Path) -> None:
    """It has no order code and no date to find; the other three are right: customers, minutes and charges."""
    folder = DATASETS / "mlc_churn"
    content, found = suggested(folder, "mlc_churn.csv")
    spread = content["table"]["sales_line"]["spread"]
    pairs = {(entry["quantity"], entry["revenue"]) for entry in spread}
    assert pairs == {(f"total_{part}_minutes", f"total_{part}_charge") for part in ("day", "eve", "night", "intl")}
    assert "_row" in content["table"]["customer"]["columns"]["code"]["expression"]
    assert "order_code" not in content["table"]["sales_line"]["columns"]
    assert sum("date" in text or "numbered" in text for text in found.unsure) == 2
    assert loaded(found, folder, tmp_path).table("sales_line").loaded == 20_000


# --- excerpts ----------------------------------------------------------------------------------------


def test_chinese_order_lines_with_returns_totals_and_money_signs(tmp_path: Path) -> None:
    (tmp_path / "销售明细.csv").write_text(
        "订单号,客户编号,客户名称,商品编码,品名,下单日期,数量,金额,单据类型,订单状态,业务员,大区\n"
        'SO1,C001,华泰贸易,P01,水泵,2025年1月5日,2,"¥1,200.00",销售,完成,王芳,华北\n'
        'SO1,C001,华泰贸易,P02,阀门,2025年1月5日,1,"¥300.00",销售,完成,王芳,华北\n'
        'SO2,C002,远大机械,P01,水泵,2025年2月20日,1,"¥600.00",销售,完成,李强,华南\n'
        'SO3,C002,远大机械,P01,水泵,2025年3月1日,1,"¥600.00",退货,完成,李强,华南\n'
        'SO4,C001,华泰贸易,P02,阀门,2025年3月2日,4,"¥1,000.00",销售,已取消,王芳,华北\n'
        '合计,合计,,,,,9,"¥3,700.00",,,,\n',
        "gb18030",
    )
    content, found = suggested(tmp_path, "销售明细.csv")
    table = content["table"]["sales_line"]
    assert table["columns"]["customer"] == "客户编号"
    assert table["columns"]["order_code"] == "订单号"
    assert table["columns"]["sold_on"] == {"column": "下单日期", "formats": ["%Y年%m月%d日"]}
    assert table["columns"]["quantity"] == "数量"
    assert "金额" in table["columns"]["revenue"]["expression"]
    assert "退货" in table["returns"]
    assert content["warehouse"]["currency"] == "CNY"
    assert any("已取消" in text for text in found.unsure)
    out = tmp_path / "out"
    out.mkdir()
    assert loaded(found, tmp_path, out, 0.2).table("sales_line").loaded == 4
    sums = facts(out, "SELECT sum(revenue), sum(quantity) FROM sales_line")
    assert sums == [(Decimal("1500.00"), Decimal("3.000"))]  # 1,200 + 300 + 600 − 600
    assert facts(out, "SELECT count(*) FROM customer")[0][0] == 2
    assert facts(out, "SELECT list(name ORDER BY name) FROM employee") == [(["李强", "王芳"],)]


def test_a_workbook_of_three_sheets_is_joined_and_its_ratings_brought_to_five(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    lines = book.active
    lines.title = "订单"
    rows = [("单据编号", "会员号", "销售日期", "件数", "实付金额"), ("A1", "M1", "2025/01/03", 2, 50.5)]
    for row in (*rows, ("A2", "M2", "2025/02/14", 1, 20), ("A3", "M1", "2025/03/30", 3, 60)):
        lines.append(row)
    people = book.create_sheet("会员")
    for row in (("会员号", "会员姓名", "城市", "注册日期"), ("M1", "张伟", "北京", "2024-12-01"),
                ("M2", "李娜", "上海", "2025-01-20")):  # fmt: skip
        people.append(row)
    answers = book.create_sheet("回访")
    for row in (("会员号", "回访日期", "满意度"), ("M1", "2025-04-01", 9), ("M2", "2025-04-02", 4)):
        answers.append(row)
    book.save(tmp_path / "门店.xlsx")
    content, found = suggested(tmp_path, "门店.xlsx")
    assert content["table"]["sales_line"]["columns"]["revenue"] == "实付金额"
    assert content["table"]["customer"]["columns"]["name"] == "会员姓名"
    assert any("满意度" in text and "10" in text for text in found.unsure)
    out = tmp_path / "out"
    out.mkdir()
    loaded(found, tmp_path, out)
    assert facts(out, "SELECT sum(revenue) FROM sales_line") == [(Decimal("130.50"),)]
    assert facts(out, "SELECT satisfaction FROM survey ORDER BY answered_on") == [(5,), (2,)]
    assert facts(out, "SELECT c.name, r.code FROM customer c JOIN region r USING (region_key) ORDER BY c.code") == [
        ("张伟", "北京"),
        ("李娜", "上海"),
    ]


def test_months_in_files_of_their_own_decimal_commas_and_days_first(tmp_path: Path) -> None:
    head = "Rechnung;Customer No;Invoice Date;Qty;Net Amount\n"
    (tmp_path / "sales_01.csv").write_text(head + "R1;00017;13.01.2025;1;1.234,50\nR2;00018;14.01.2025;2;10,00\n")
    (tmp_path / "sales_02.csv").write_text(head + "R3;00017;01.02.2025;1;0,50\n")
    content, found = suggested(tmp_path, "sales_01.csv", "sales_02.csv")
    (source,) = content["source"].values()
    assert (source["file"], source["decimal"], source["thousands"]) == ("sales_0*.csv", ",", ".")
    assert content["table"]["sales_line"]["columns"]["sold_on"]["formats"] == ["%d.%m.%Y"]
    out = tmp_path / "out"
    out.mkdir()
    loaded(found, tmp_path, out)
    assert facts(out, "SELECT count(*), sum(revenue) FROM sales_line") == [(3, Decimal("1245.00"))]
    assert facts(out, "SELECT code FROM customer ORDER BY 1") == [("00017",), ("00018",)]


def test_what_no_value_tells_is_said_to_be_unsure(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("customer,order no,date,qty,price\nA,1,03/04/2025,1,$5\nB,2,05/06/2025,2,€6\n")
    _, found = suggested(tmp_path, "s.csv")
    assert any("day or the month first" in text for text in found.unsure)
    assert any("EUR, USD" in text for text in found.unsure)
    assert all(f"# unsure: {text}" in found.text for text in found.unsure)


def test_profit_beside_the_sales_tells_the_cost_and_regions_are_a_tree(tmp_path: Path) -> None:
    """As in the sample that a well-known BI tool ships: blanks in Chinese names, a country that is always the same."""
    (tmp_path / "超市.csv").write_text(
        "行 ID,订单 ID,订单日期,客户 ID,客户名称,国家,地区,省/自治区,产品 ID,销售额,数量,折扣,利润\n"
        + "".join(
            f"{n},US-{n},2017-04-{n % 28 + 1:02d},曾惠-{n % 25},曾惠,中国,{'华东' if n % 25 < 15 else '华北'},"
            f"{('江苏', '浙江')[n % 2] if n % 25 < 15 else '河北'},P-{n % 3},100.00,2,{0.4 if n % 2 else 0},"
            f"{-20.5 if n % 2 else 30}\n"
            for n in range(50)
        )
    )
    content, found = suggested(tmp_path, "超市.csv")
    columns = content["table"]["sales_line"]["columns"]
    assert (columns["order_code"], columns["customer"], columns["product"]) == ("订单 ID", "客户 ID", "产品 ID")
    assert any("利润 is what is left" in text for text in found.unsure)
    assert any("折扣 is granted already" in text for text in found.unsure)
    out = tmp_path / "out"
    out.mkdir()
    loaded(found, tmp_path, out)
    assert facts(out, "SELECT sum(revenue), sum(revenue - cost_of_goods) FROM sales_line") == [
        (Decimal("5000.00"), Decimal("237.50"))
    ]
    tree = "SELECT r.code, p.code FROM region r LEFT JOIN region p ON p.region_key = r.parent_key ORDER BY ALL"
    assert set(facts(out, tree)) == {
        ("华东", None),
        ("华北", None),
        ("江苏", "华东"),
        ("浙江", "华东"),
        ("河北", "华北"),
    }


def test_a_region_that_changes_with_the_order_is_said_to_be_unsure(tmp_path: Path) -> None:
    rows = "".join(f"{n},2025-01-0{n % 9 + 1},C{n % 4},{('East', 'West')[n % 3 == 0]},9\n" for n in range(40))
    (tmp_path / "s.csv").write_text("order id,order date,customer id,region,sales\n" + rows)
    _, found = suggested(tmp_path, "s.csv")
    assert any("region is the customer's: 100% of customers have several" in text for text in found.unsure)


def test_prices_and_names_that_stand_in_files_of_their_own(tmp_path: Path) -> None:
    """As in the sample of a database maker: lines count products, and the price list knows price and cost."""
    (tmp_path / "Sales_2015.csv").write_text(
        "OrderDate,OrderNumber,ProductKey,CustomerKey,OrderQuantity,\n1-Jan-2015,SO1,7,11,2,\n5-Feb-2015,SO2,8,12,1,\n"
    )
    (tmp_path / "Sales_2016.csv").write_text(
        "OrderDate,OrderNumber,ProductKey,CustomerKey,OrderQuantity\n3-Mar-2016,SO3,7,12,3\n"
    )
    (tmp_path / "Products.csv").write_text(
        "ProductKey,ProductName,ProductCost,ProductPrice\n7,Helmet,4.50,10.00\n8,Jersey,20.00,50.00\n"
    )
    (tmp_path / "Customers.csv").write_text(
        "CustomerKey,FirstName,LastName,HomeOwner\n11,Ada,Byron,Y\n12,Alan,Turing,N\n13,Kurt,Gödel,N\n"
    )
    content, found = suggested(tmp_path, *sorted(path.name for path in tmp_path.iterdir()))
    assert content["table"]["sales_line"]["columns"]["sold_on"] == {"column": "OrderDate", "formats": ["%d-%b-%Y"]}
    assert "employee" not in content["table"]
    out = tmp_path / "out"
    out.mkdir()
    loaded(found, tmp_path, out)
    sums = facts(out, "SELECT count(*), sum(revenue), sum(cost_of_goods) FROM sales_line")
    assert sums == [(3, Decimal("100.00"), Decimal("42.50"))]
    assert facts(out, "SELECT name FROM customer ORDER BY code") == [("Ada Byron",), ("Alan Turing",), ("Kurt Gödel",)]


def test_tables_of_an_sqlite_file(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.sqlite") as database:
        database.executescript(
            "CREATE TABLE Invoice (InvoiceId INT, CustomerId INT, InvoiceDate TEXT, BillingCity TEXT);"
            "CREATE TABLE InvoiceLine (InvoiceLineId INT, InvoiceId INT, TrackId INT, UnitPrice NUM, Quantity INT);"
            "CREATE TABLE Track (TrackId INT, Name TEXT); INSERT INTO Track VALUES (7, 'Hey'), (8, 'Ho');"
            "INSERT INTO Invoice VALUES (1, 2, '2009-01-01 00:00:00', 'Bonn'), (2, 4, '2009-01-02 00:00:00', 'Oslo');"
            "INSERT INTO InvoiceLine VALUES (1, 1, 7, 0.99, 1), (2, 1, 8, 1.99, 2), (3, 2, 7, 0.99, 1)"
        )
    content, found = suggested(tmp_path, "shop.sqlite")
    assert content["source"]["InvoiceLine"]["url"] == "sqlite:///shop.sqlite"
    out = tmp_path / "out"
    out.mkdir()
    loaded(found, tmp_path, out)
    assert facts(out, "SELECT count(*), sum(revenue) FROM sales_line") == [(3, Decimal("5.96"))]
    assert facts(out, "SELECT name FROM product ORDER BY 1") == [("Hey",), ("Ho",)]
    assert any("a row of Track is a product" in text for text in found.unsure)


def test_titles_above_the_names_of_columns_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(
        "Sales report,,,\nprinted on,2025-04-01,,\n\nCustomer,Date,Qty,Price\nA,2025-03-14,2,5\n"
    )
    book = openpyxl.Workbook()
    for row in (("月度销售明细",), ("客户编号", "日期", "数量", "单价"), ("A", "2025-03-15", 1, 7)):
        book.active.append(row)
    book.save(tmp_path / "b.xlsx")
    for name, row in (("s.csv", 4), ("b.xlsx", 2)):
        content, found = suggested(tmp_path, name)
        assert next(iter(content["source"].values()))["header_row"] == row
        out = tmp_path / name.partition(".")[0]
        out.mkdir()
        assert loaded(found, tmp_path, out).table("sales_line").loaded == 1


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "cdnow.txt",
            " 00004 0001 19970101  2   29.33\n 00004 0001 19970118  2   29.73\n",
            "its first row holds values",
        ),
        ("a.csv", "colour,shape\nred,round\n", "no column looks like an amount"),
        ("a.pdf", "x", "its ending tells"),
    ],
)
def test_what_can_not_be_suggested_is_said_in_one_line(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(LoadError, match=said):
        suggest([tmp_path / name], tmp_path)


def test_the_command_writes_a_new_file_and_replaces_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.csv").write_text("customer,order no,date,qty,price\nA,1,2025-03-14,1,5\n")
    command = ["load", "--suggest", str(tmp_path / "s.csv"), "--mapping", str(tmp_path / "m.toml")]
    assert main(command) == 0
    assert "unsure: the currency" in capsys.readouterr().err
    assert "[table.sales_line]" in (tmp_path / "m.toml").read_text()
    assert main(command) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["load", "--mapping", str(tmp_path / "m.toml"), "--warehouse", str(tmp_path / "w.duckdb")]) == 0
    assert main(["load"]) == 2


def test_the_demo_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "--mapping", str(tmp_path / "m.toml")]) == 2
    assert "--warehouse shop.duckdb" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("OrderDate", "order date"),
        ("CustomerID", "customer id"),
        ("unit_price", "unit price"),
        ("Qty.", "qty"),
        ("订单 ID", "订单id"),
        ("省/自治区", "省自治区"),
    ],
)
def test_a_name_is_read_in_any_spelling(name: str, told: str) -> None:
    assert plain(name) == told
