"""The mapping that each README shows is one that loads."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from dashboard.settings import ROOT
from tests.warehouse.desk import Desk

ENGLISH = """\
customer_no,day,qty,price,kind,country
A1,05.01.2026,2,10.5,S,North
A1,2026-02-01,1,10.5,R,North
B2,05.03.2026,3,7,S,South
,05.03.2026,3,7,S,South
C3,05.03.2026,1,-5,S,South
"""
CHINESE = """\
客户编号,日期,数量,单价,类型,省份
A1,2026年1月5日,2,10.5,销售,广东
A1,2026-02-01,1,10.5,退货,广东
B2,2026年3月5日,3,7,销售,江苏
,2026年3月5日,3,7,销售,江苏
C3,2026年3月5日,1,-5,销售,江苏
"""


@pytest.mark.parametrize(
    ("readme", "folder", "file", "text"),
    [
        ("README.md", "../exports", "invoices_1.csv", ENGLISH.encode()),
        ("README.zh-CN.md", "../导出", "订单_1.csv", CHINESE.encode("gb18030")),
    ],
)
def test_the_example_of_a_mapping_loads(tmp_path: Path, readme: str, folder: str, file: str, text: bytes) -> None:
    blocks = (ROOT / readme).read_text("utf-8").split("```")
    example = next(block for block in blocks if block.startswith("toml\n[warehouse]\ncurrency"))
    desk = Desk(tmp_path / "mappings")
    desk.write(f"{folder}/{file}", text)
    report = desk.load(example.removeprefix("toml\n"))
    lines = next(table for table in report.tables if table.table == "sales_line")
    assert (lines.read, lines.loaded) == (5, 3)
    assert sorted(reason.reason for reason in lines.set_aside) in (["bad debt", "no customer"], ["no customer", "坏账"])
    assert desk.rows("SELECT sum(revenue) FROM sales_line") == [(Decimal("31.50"),)]
    assert len(desk.rows("SELECT code FROM region")) == 2
