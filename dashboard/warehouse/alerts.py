"""What is out of the ordinary, judged once a refresh with false alarms under control (`analysis.monitoring`).

Each finished week kept is judged as it was seen at its end: sales of the week against the customer's own earlier
weeks, and silences against his own rhythm. The warehouse reduces histories to a row a customer; the judgement is
one pass over arrays.
"""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.analysis import monitoring
from dashboard.periods import WEEK, Calendar
from dashboard.warehouse.connect import engine_on
from queries import marts
from queries.monitoring import amounts, rhythms

JUDGED_WEEKS = 2
"""Weeks whose alerts are kept: the one a review is about and the one of the review before."""
FALSE_SHARE = 0.05
"""Of all alarms of a kind and week, the share that may be false (Benjamini & Hochberg 1995)."""
LARGEST_LOCAL = 0.2
"""A silence that has just become an alarm is false with no more than this chance (Efron 2004): the long lost, who
are no news, would otherwise make room for many false ones."""
PRIOR_FROM = 20_000
"""Customers from which the distribution of rhythms is learnt: more change nothing but the time."""
FEWEST = 30


def unusual(root: duckdb.DuckDBPyConnection, calendar: Calendar, costed: bool) -> tuple[pa.Table, pa.Table]:
    """The rows of `alert` and `alert_week`, from the facts published in this mart file."""
    weeks = [w for i in range(JUDGED_WEEKS) if (w := calendar.finished_week - WEEK * i) >= calendar.first_week]
    found, counts = [], []
    for week in weeks:
        for kind, (tested, rows) in {
            "amount": _amounts(_rows(root, amounts(week, monitoring.MAD_FACTORS.tolist()))),
            "silence": _silences(_rows(root, rhythms(week, costed))),
        }.items():
            found.append(rows.assign(kind=kind, week=week))
            counts.append({"week": week, "kind": kind, "tested": tested, "alarms": len(rows)})
    return _table(marts.alert, pd.concat(found)), _table(marts.alert_week, pd.DataFrame(counts))


def _rows(root: duckdb.DuckDBPyConnection, statement: Any) -> pd.DataFrame:
    with engine_on(root).connect() as mart:
        cursor: Any = mart.execute(statement).cursor
        return cursor.df()


NOTHING = pd.DataFrame({name: [] for name in marts.alert.c.keys() if name not in ("week", "kind")})


def _amounts(rows: pd.DataFrame) -> tuple[int, pd.DataFrame]:
    """How many were tested, and the alarms among the sales of a week."""
    known = rows[rows["n"].notna() & rows["spread"].notna()].reset_index(drop=True)
    if len(known) < FEWEST:
        return 0, NOTHING
    judged = known.assign(mad=known["deviation"] * monitoring.mad_factor(known["n"]))
    watch = monitoring.judged_amounts(judged, monitoring.unlikeness(judged), FALSE_SHARE)
    odd = watch.table[watch.table["alarm"]]
    usual = odd["usual"] * np.exp(odd["shift"])
    alarms = pd.DataFrame(
        {
            "customer_key": odd["customer"],
            "direction": odd["direction"],
            "amount": odd["amount"],
            "usual": usual,
            "p_value": odd["p"],
            "q_value": odd["q_value"],
            "local_fdr": odd["local_fdr"],
            "money_at_risk": (odd["amount"] - usual).abs(),
        }
    )
    return watch.tested, alarms


def _silences(rows: pd.DataFrame) -> tuple[int, pd.DataFrame]:
    """How many were tested, and the silences that became an alarm in the last of the weeks."""
    parts = [_newly_silent(part) for _, part in rows.groupby("segment") if len(part) >= FEWEST]
    if not parts:
        return 0, NOTHING
    return sum(tested for tested, _ in parts), pd.concat([alarms for _, alarms in parts])


def _newly_silent(rows: pd.DataFrame) -> tuple[int, pd.DataFrame]:
    rows = rows.reset_index(drop=True)
    purchases, observed, gap = (rows[name].to_numpy(dtype=float) for name in ("purchases", "observed", "gap"))
    step = -(-len(rows) // PRIOR_FROM)
    prior = monitoring.gap_prior(purchases[::step], observed[::step], gap[::step])
    watch = monitoring.silence(rows["customer"], purchases, observed, gap, FALSE_SHARE, prior=prior)
    table = watch.table
    silent = table["alarm"] & (table["local_fdr"] <= LARGEST_LOCAL)
    if not silent.any():
        return watch.tested, NOTHING
    cutoff = table.loc[silent, "p"].max()
    week_before = monitoring.gap_probability(purchases, observed, np.maximum(gap - 1, 0), prior)
    new = table[silent & (week_before > cutoff)]
    # A year's margin at his own pace is what is lost with him.
    a_purchase = rows["margin"] / (rows["purchases"] + 1)
    money = (a_purchase * 52 / table["usual_gap"]).clip(lower=0)
    alarms = pd.DataFrame(
        {
            "customer_key": new["customer"],
            "direction": "down",
            "amount": new["gap"],
            "usual": new["usual_gap"],
            "p_value": new["p"],
            "q_value": new["q_value"],
            "local_fdr": new["local_fdr"],
            "money_at_risk": money[new.index],
        }
    )
    return watch.tested, alarms


def _table(target: Any, rows: pd.DataFrame) -> pa.Table:
    kinds = {"customer_key": pa.int64(), "week": pa.date32(), "tested": pa.int64(), "alarms": pa.int64()}
    text = ("kind", "direction")
    schema = pa.schema([(n, kinds.get(n, pa.string() if n in text else pa.float64())) for n in target.c.keys()])
    return pa.Table.from_pandas(rows[target.c.keys()], schema=schema, preserve_index=False)
