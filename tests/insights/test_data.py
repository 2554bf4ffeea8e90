"""What the dashboard says of the data it stands on."""

from __future__ import annotations

from pathlib import Path

from dashboard.metrics import METRICS
from dashboard.warehouse.read import Marts
from queries import schema
from tests.small import asked, line


def test_freshness_names_the_last_day_and_an_unfinished_week(small: Marts, tmp_path: Path) -> None:
    insight = asked(small, "data.freshness")
    assert insight.headline == "Data to Nov 12, 2026; the newest week is unfinished."
    assert 0 <= insight.numbers["age_hours"] < 1
    b = line()
    b.sale("C1", "2026-11-15", 1, 1)
    assert asked(b.marts(tmp_path), "data.freshness").headline == "Data to Nov 15, 2026; the newest week is complete."


def test_the_contract_lists_every_table_with_its_rows(small: Marts) -> None:
    table = asked(small, "data.contract").table.set_index("table")
    assert list(table.index) == list(schema.metadata.tables)
    assert table.loc["customer", "rows"] == 11
    assert table.loc["stock_month", "rows"] == 0
    assert table.index[table["state"] == "required"].tolist() == list(schema.REQUIRED)


def test_definitions_hold_every_metric_that_has_one(small: Marts) -> None:
    codes = asked(small, "data.definitions").table["code"].tolist()
    assert codes == [name for name, metric in METRICS.items() if metric.definition]
