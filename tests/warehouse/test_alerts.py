"""Alerts judged at refresh: few false ones when nothing is wrong, and those found who really changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard.warehouse import alerts
from dashboard.warehouse.read import Marts
from queries import review
from tests.small import Books, reader

CUSTOMERS, WEEKS = 4_000, 104.0


def rhythms(seed: int, stopped: float = 0.0) -> tuple[pd.DataFrame, np.ndarray]:
    """Poisson buyers with gamma rates as `queries.monitoring.rhythms` tells of them, and when each stopped for good."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(2.0, 0.2, CUSTOMERS)
    end = np.where(rng.random(CUSTOMERS) < stopped, rng.uniform(0.5, 1.0, CUSTOMERS) * WEEKS, np.inf)
    rows = []
    for who in range(CUSTOMERS):
        days = np.cumsum(rng.exponential(1 / rate[who], int(rate[who] * WEEKS * 2) + 20))
        days = days[days < min(WEEKS, end[who])]
        if len(days) > 2:
            rows.append((who, len(days) - 1, days[-1] - days[0], WEEKS - days[-1], 100.0 * len(days)))
    table = pd.DataFrame(rows, columns=["customer", "purchases", "observed", "gap", "margin"])
    return table.assign(segment="all"), end


def test_nobody_fell_silent_and_hardly_anybody_is_said_to() -> None:
    false = [len(alerts._silences(rhythms(seed)[0])[1]) for seed in range(5)]
    assert sum(false) <= 3, "five weeks of four thousand customers"


def test_a_silence_is_told_in_the_week_in_which_it_became_one() -> None:
    """Twenty in a hundred stopped; nearly all who are told did, and they are not those who stopped long ago."""
    told, right, gaps, expected_false = 0, 0, [], 0.0
    for seed in range(4):
        rows, end = rhythms(seed, stopped=0.2)
        tested, found = alerts._silences(rows)
        assert tested == len(rows)
        told += len(found)
        right += int(np.isfinite(end[found["customer_key"].astype(int)]).sum())
        expected_false += found["local_fdr"].sum()
        gaps += (found["amount"] / found["usual"]).tolist()
        assert (found["q_value"] <= alerts.FALSE_SHARE).all() and (found["local_fdr"] <= alerts.LARGEST_LOCAL).all()
    assert told >= 10
    assert right / told >= 0.75, "a chance of a false alarm of 20 % at most was allowed"
    assert abs((told - right) - expected_false) <= 3 * np.sqrt(expected_false) + 2, "as many as are said to be false"
    assert np.median(gaps) < 12


def sales(seed: int, odd: int) -> pd.DataFrame:
    """A week's sales against histories, as `queries.monitoring.amounts` tells of them; the first `odd` are unusual."""
    rng = np.random.default_rng(seed)
    n = rng.integers(10, 60, 1_000)
    logs = [rng.normal(6, 0.5, count) for count in n]
    now = rng.normal(6, 0.5, 1_000)
    now[:odd] += np.where(np.arange(odd) % 2 == 0, 5.0, -5.0)
    centre = np.array([np.median(each) for each in logs])
    away = np.array([np.median(np.abs(each - middle)) for each, middle in zip(logs, centre, strict=True)])
    table = pd.DataFrame({"customer": np.arange(1_000), "log": now, "amount": np.exp(now), "segment": "all", "n": n})
    return table.assign(centre=centre, deviation=away, spread=np.median(away))


def test_unusual_sales_are_found_up_and_down_and_no_others() -> None:
    tested, quiet = alerts._amounts(sales(1, 0))
    assert (tested, len(quiet)) == (1_000, 0)
    _, found = alerts._amounts(sales(2, 40))
    hit = found["customer_key"] < 40
    assert hit.sum() >= 36 and (~hit).sum() <= 5
    assert set(found.loc[hit, "direction"]) == {"up", "down"}
    assert abs((~hit).sum() - found["local_fdr"].sum()) <= 4, "as many as are said to be false"
    assert (found["money_at_risk"] > 0).all()


def test_too_few_customers_are_not_judged(small: Marts) -> None:
    look = reader(small)
    judged = look.rows(review.alert_weeks(look.view))
    assert judged["tested"].tolist() == [0] * 4 and judged["alarms"].tolist() == [0] * 4
    assert sorted(set(judged["week"].dt.date.astype(str))) == ["2026-10-26", "2026-11-02"], "the unfinished week is not"


@pytest.mark.parametrize("costed", [True, False])
def test_what_the_marts_tell_of_rhythms_and_amounts(tmp_path: Path, costed: bool) -> None:
    """Forty regular buyers; one bought for a hundred times the usual, one has not come for eleven weeks."""
    b = Books()
    for who in range(40):
        b.customer(f"C{who:02}", kind="organisation")
        for week in range(30):
            day = pd.Timestamp("2026-04-20") + pd.Timedelta(weeks=week, days=who % 5)
            if who == 7 and week >= 18:
                continue
            revenue = 100 + (week * 7 + who * 3) % 11
            revenue = 10_000 if (who, week) == (3, 29) else revenue
            b.sale(f"C{who:02}", str(day.date()), revenue, revenue / 2 if costed else None)
    b.sale("C39", "2026-11-15", 1, 0.5 if costed else None)
    look = reader(b.marts(tmp_path))
    found = look.rows(review.alerts(look.view.over(look.calendar.window("1w")))).set_index("code")
    assert found.loc["C03", ["alert", "direction"]].tolist() == ["amount", "up"]
    assert found.loc["C03", "usual"] == pytest.approx(105, rel=0.05)
    assert found.loc["C03", "money_at_risk"] == pytest.approx(9_900, rel=0.01)
    assert set(found.index) <= {"C03", "C07"}
