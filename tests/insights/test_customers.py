"""The customers behind a number and one customer in full, as they are told: the worked example."""

from __future__ import annotations

import pytest

from dashboard.warehouse.read import Marts
from tests.small import asked


def test_the_list_tells_its_total_and_shows_the_largest_first(small: Marts) -> None:
    insight = asked(small, "customers.list")
    assert insight.headline == "10 customers with €3.5K revenue and €840 profit."
    assert insight.table["code"].tolist() == [f"C{n:02}" for n in range(1, 11)]


@pytest.mark.parametrize("group", ["loss_makers", "destroyers"])
def test_who_loses_most_comes_first_among_those_who_lose(small: Marts, group: str) -> None:
    assert asked(small, "customers.list", group=group).table["code"].tolist() == ["C08", "C07", "C09"]


def test_names_are_in_the_readers_language(small: Marts) -> None:
    english = asked(small, "customers.list").table.set_index("code")
    chinese = asked(small, "customers.list", "zh").table.set_index("code")
    assert (english.loc["C01", "name"], english.loc["C01", "region"]) == ("Customer C01", "Beijing")
    assert (chinese.loc["C01", "name"], chinese.loc["C01", "region"]) == ("客户C01", "北京")
    assert english.loc["C08", "name"] == chinese.loc["C08", "name"] == "Müller & Söhne"


def test_regions_of_the_costliest_customers_are_in_the_readers_language(small: Marts) -> None:
    assert asked(small, "cost.customers").table.set_index("code").loc["C08", "region"] == "Germany"


def test_the_best_and_the_worst(small: Marts) -> None:
    best, worst = asked(small, "value.top"), asked(small, "value.bottom")
    assert best.table["code"].tolist()[:3] == ["C01", "C02", "C03"]
    assert worst.table["code"].tolist()[:3] == ["C08", "C07", "C09"]
    assert asked(small, "value.bottom", group="loss_makers").headline == "The 3 worst customers lose €230."


def test_one_customer(small: Marts) -> None:
    insight = asked(small, "customer.summary", customer="C01")
    assert insight.headline == "Customer C01 brought €1K and €500 profit."
    expected = {"grade": "A", "tier": "strategic", "manager": "Wang Fang", "channel": "Web shop", "region_code": "BJ"}
    assert {name: insight.numbers[name] for name in expected} == expected
    assert insight.numbers["satisfaction"] == pytest.approx(4.25)
    loser = asked(small, "customer.summary", customer="C08")
    assert loser.headline == "Müller & Söhne brought €100 and cost us €150 more than that."


def test_no_customer_of_that_code(small: Marts) -> None:
    for code in ("C99", "C0", "c01"):
        insight = asked(small, "customer.summary", customer=code)
        assert insight.headline == "No such customer, or not in the regions you may see."
        assert insight.numbers == {}


def test_history_of_one_customer(small: Marts) -> None:
    assert asked(small, "customer.costs", customer="C02").numbers["cost_to_serve"] == 100
    assert asked(small, "customer.assignments", customer="C02").table["grade"].tolist() == ["A", "B"]
    assert asked(small, "customer.answers", customer="C01").table["satisfaction"].tolist() == [4, 4.5]


def test_one_customer_is_not_compared_with_the_companys_target(small: Marts) -> None:
    assert asked(small, "value.summary", customer="C01").table["target"].isna().all()
