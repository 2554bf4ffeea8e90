"""What does each customer cost to serve, why do some lose money, and what does service bring back?

Costs are assigned by time-driven activity-based costing (Kaplan & Anderson 2004, HBR 82(11):131-138; 2007):
a pool's cost over its practical capacity is a rate, and a customer pays the rate for the capacity it used.
Money is kept in integer cents, so that customers + unused capacity + enterprise level = ledger to the cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from dashboard.analysis import inputs

LEVELS = ("order", "customer", "channel", "market", "enterprise")
"""The cost hierarchy (Cooper & Kaplan 1988), lowest first."""

ABOVE_CUSTOMERS = ("market", "enterprise")
"""Levels whose cost no customer causes: it is never spread on customers."""

_LARGEST_CENTS = 2.0**53  # beyond it a float no longer tells one cent from the next
_UNDER_A_WHOLE = 1 - 2.0**-50


@dataclass(frozen=True, eq=False)
class CostToServe:
    """The ledger's service cost, by customer and activity. Every ``*_cents`` is an integer number of cents.

    ``cells``       customer, activity, quantity (driver units), used (capacity units), cents; one row a pair,
                    sorted by activity (in the order given) and customer
    ``customers``   cents for each customer; a Series whose index is the customer key, sorted
    ``activities``  activity, pool, level, quantity, unit_time, used, rate (money per capacity unit),
                    unit_cost (money per driver unit), cents charged to customers
    ``pools``       pool, level, ledger_cents, practical_capacity, used, utilisation, rate, customers_cents,
                    unused_capacity, unused_cents (negative: an overrun), enterprise_cents, overrun
    ``n``           customers
    """

    cells: pd.DataFrame
    customers: pd.Series
    activities: pd.DataFrame
    pools: pd.DataFrame
    ledger_cents: int
    customers_cents: int
    unused_cents: int
    enterprise_cents: int
    n: int

    def statement(self) -> pd.DataFrame:
        """The identity to print under every report: its first four lines add up to the fifth, exactly."""
        idle = self.pools["unused_cents"]
        lines = {
            "customers": self.customers_cents,
            "unused capacity": int(idle.clip(lower=0).sum()),
            "overrun": int(idle.clip(upper=0).sum()),
            "enterprise level": self.enterprise_cents,
            "ledger": self.ledger_cents,
        }
        return pd.DataFrame({"line": list(lines), "cents": list(lines.values())})


@dataclass(frozen=True, eq=False)
class LossCauses:
    """Why each customer's profit differs from what a benchmark customer of the same revenue would bring.

    Exactly, for every customer: ``profit_cents = expected_cents - sum of its row in excess``.

    ``customers``  customer, revenue_cents, profit_cents, expected_cents, loses (profit < 0), first_cause (the
                   line with the largest excess; missing when no line exceeds the benchmark), first_cents
    ``excess``     cents above (+) or below (-) the benchmark; a row a customer, a column a cost line
    ``ranking``    a row a customer and line: customer, rank (1 = largest excess), cause, excess_cents
    ``summary``    over loss-makers: cause, customers (whose first cause it is), loss_cents (their losses),
                   excess_cents (of this line over all loss-makers); largest loss first;
                   a loss-maker without a first cause loses money because the benchmark does
    ``benchmark``  share of revenue that each line is expected to take
    ``benchmark_n``  customers behind the benchmark; 0 when the ratios were given
    ``n``, ``losers``  customers in all, and those with a negative profit
    """

    customers: pd.DataFrame
    excess: pd.DataFrame
    ranking: pd.DataFrame
    summary: pd.DataFrame
    benchmark: pd.Series
    benchmark_n: int
    n: int
    losers: int


@dataclass(frozen=True, eq=False)
class ServiceReturn:
    """Contribution per unit of service cost, on average (not at the margin: see ``service_levels``).

    ``ratio``    (n,) contribution / cost; NaN where the cost is zero
    ``defined``  (n,) False where the cost is zero, so that a dash is shown rather than a number
    ``overall``  total contribution / total cost, never the mean of ratios; NaN when the total cost is zero
    ``n``        customers with a defined ratio
    """

    ratio: NDArray[np.float64]
    defined: NDArray[np.bool_]
    overall: float
    n: int


def time_driven(activities: pd.DataFrame, volumes: pd.DataFrame) -> CostToServe:
    """Charge each customer for the capacity it used; show what was not used, and charge it to nobody.

    ``activities``, a row an activity:
      activity            its name, unique
      capacity_cost       cost of the capacity supplied, in money (rounded to the cent)
      practical_capacity  capacity units that can be worked, often 80-85 % of the theoretical ones; may be
                          missing at market and enterprise level
      unit_time           optional (default 1): capacity units, e.g. minutes, that one driver unit takes
      level               optional (default "customer"): one of ``LEVELS``; the cost of a market or enterprise
                          pool is kept whole on its own line, whatever volumes are reported for it
      pool                optional (default the activity): activities that share people or machines; they
                          repeat the pool's cost and capacity, which count once
    ``volumes``, a row an entry: customer, activity, quantity in driver units. Entries of a pair are added up.
    A time equation b0 + b1 x1 + ... is written as one activity a term, all in one pool.

    Use above the practical capacity is charged at the same rate, and the pool's unused line turns negative.
    Each pool's charge is split by largest remainders, first over activities, then over customers; ties go
    to the customer that sorts first, so the order of the rows changes nothing.

    Raises ValueError, with the row, for missing or negative numbers, unknown activities or levels, a pool
    whose rows disagree, and a pool with cost but no capacity.
    """
    plan = _read_activities(activities)
    keys, customer, activity, quantity = _read_volumes(volumes, plan["activity"])
    customer, activity, quantity = _add_up(customer, activity, quantity, len(keys))

    used = quantity * plan["unit_time"].to_numpy()[activity]
    plan["quantity"] = np.bincount(activity, weights=quantity, minlength=len(plan))
    plan["used"] = np.bincount(activity, weights=used, minlength=len(plan))
    pools = _charge_pools(plan)
    plan["cents"] = _split_pools(plan, pools)

    cents = np.zeros(len(used), dtype=np.int64)
    bounds = np.searchsorted(activity, np.arange(len(plan) + 1))
    for total, start, stop in zip(plan["cents"], bounds[:-1], bounds[1:], strict=True):
        if total:
            cents[start:stop] = largest_remainder(total, used[start:stop])

    rate = pools["rate"].reindex(plan["pool"]).to_numpy()
    plan["rate"], plan["unit_cost"] = rate, rate * plan["unit_time"]
    by_customer = np.bincount(customer, weights=cents, minlength=len(keys)).astype(np.int64)
    columns = ["activity", "pool", "level", "quantity", "unit_time", "used", "rate", "unit_cost", "cents"]
    return CostToServe(
        cells=pd.DataFrame(
            {
                "customer": keys.take(customer),
                "activity": pd.Categorical.from_codes(activity, plan["activity"]),
                "quantity": quantity,
                "used": used,
                "cents": cents,
            }
        ),
        customers=pd.Series(by_customer, index=keys.rename("customer"), name="cents"),
        activities=plan[columns],
        pools=pools.reset_index(),
        ledger_cents=int(pools["ledger_cents"].sum()),
        customers_cents=int(by_customer.sum()),
        unused_cents=int(pools["unused_cents"].sum()),
        enterprise_cents=int(pools["enterprise_cents"].sum()),
        n=len(keys),
    )


def largest_remainder(total: int, weights: ArrayLike) -> NDArray[np.int64]:
    """Split ``total`` cents in proportion to ``weights`` (n,), so that the parts add up to it exactly.

    Hamilton's method: everyone gets the whole cents of the share, and the cents left over go to the largest
    fractions, at equal fractions to the earlier row. No part is a cent or more away from its share.
    Raises ValueError for a negative total, negative or missing weights, and weights that are all zero.
    """
    weight = inputs.finite("weights", weights, least=0)
    whole = weight.sum()
    if total < 0 or total >= _LARGEST_CENTS:
        raise ValueError(f"total is {total}: it must be a number of cents from 0 to 2**53")
    if whole == 0:
        if total:
            raise ValueError(f"{total} cents can't be split: all weights are zero")
        return np.zeros(len(weight), dtype=np.int64)
    share = float(total) * (weight / whole)
    # A hair below the share: rounding can then never hand out more than the total, and a share that is a
    # whole number of cents is first in line for the cent this takes away.
    parts = np.floor(share * _UNDER_A_WHOLE)
    left = int(total) - int(parts.sum())
    if left:
        # Near 2**53 the hair is more than a cent; none of what it leaves may go to a weight of zero.
        bearing = np.flatnonzero(weight > 0)
        parts[bearing] += left // len(bearing)
        if left % len(bearing):
            parts[bearing[_largest((share - parts)[bearing], left % len(bearing))]] += 1
    return parts.astype(np.int64)


def causes_of_loss(
    customers: pd.DataFrame,
    lines: Sequence[str] | None = None,
    benchmark: Literal["profitable", "all"] | Mapping[str, float] = "profitable",
    statistic: Literal["aggregate", "median"] = "aggregate",
) -> LossCauses:
    """Rank the causes of each customer's loss: cost lines above a benchmark share of revenue, in money.

    ``customers``: customer, revenue (before everything in ``lines``: when discount is a line, revenue is
    before discount) and cost lines, in money (rounded to the cent), costs positive.
    ``lines``: the cost columns; default all columns but customer and revenue.
    ``benchmark``: whom to compare with, the "profitable" customers of the table (revenue > 0, profit > 0) or
    "all" (revenue > 0); or the ratios themselves, line -> share of revenue, which is the way to explain a
    table that holds loss-makers only. ``statistic``: "aggregate" (their total line over their total
    revenue) or "median" (of their own shares).

    A line's excess is its cost less benchmark x revenue (none expected at a revenue below zero), rounded to
    the cent; expected profit is revenue less the expected lines. Profitability analysis by customer:
    Foster, Gupta & Sjoblom 1996, J. Cost Management. Raises ValueError, with the row, for missing numbers
    or repeated customers; for unknown lines or ratios; and when nobody can serve as benchmark.
    """
    _require_columns(customers, ("customer", "revenue"), "customers")
    if lines is None:
        lines = [column for column in customers.columns if column not in ("customer", "revenue")]
    lines = list(lines)
    if not lines:
        raise ValueError("customers has no cost line: add a column a cost, such as cost_of_goods or freight")
    _require_columns(customers, lines, "customers")
    key = customers["customer"].reset_index(drop=True)
    inputs.refuse(key.isna().to_numpy(), "customer", "a key")
    inputs.refuse(key.duplicated().to_numpy(), "customer", "a key of its own: add up its rows first", labels=key)
    revenue = _to_cents(customers["revenue"], "revenue", key)
    cost = np.column_stack([_to_cents(customers[line], line, key) for line in lines])

    profit = revenue - cost.sum(axis=1)
    ratios, benchmark_n = _benchmark(benchmark, statistic, revenue, cost, profit, lines)
    expected_cost = np.rint(np.maximum(revenue, 0)[:, None] * ratios).astype(np.int64)
    excess = cost - expected_cost
    order = np.argsort(-excess, axis=1, kind="stable")
    ranked = np.take_along_axis(excess, order, axis=1)

    names = pd.Index(lines, dtype="str")
    first = pd.Series(names.take(order[:, 0])).where(ranked[:, 0] > 0)
    table = pd.DataFrame(
        {
            "customer": key,
            "revenue_cents": revenue,
            "profit_cents": profit,
            "expected_cents": revenue - expected_cost.sum(axis=1),
            "loses": profit < 0,
            "first_cause": first,
            "first_cents": np.maximum(ranked[:, 0], 0) if len(key) else ranked[:, 0],
        }
    )
    ranking = pd.DataFrame(
        {
            "customer": np.repeat(key.to_numpy(), len(lines)),
            "rank": np.tile(np.arange(1, len(lines) + 1), len(key)),
            "cause": names.take(order.ravel()),
            "excess_cents": ranked.ravel(),
        }
    )
    return LossCauses(
        customers=table,
        excess=pd.DataFrame(excess, index=pd.Index(key, name="customer"), columns=names),
        ranking=ranking,
        summary=_summarise(table, excess, names),
        benchmark=pd.Series(ratios, index=names, name="share_of_revenue"),
        benchmark_n=benchmark_n,
        n=len(key),
        losers=int((profit < 0).sum()),
    )


def return_on_service(contribution: ArrayLike, cost: ArrayLike) -> ServiceReturn:
    """Contribution before service cost (n,) per unit of the cost to serve (n,), both in the same money.

    A customer that costs nothing to serve has no ratio. Averages mislead when the next unit of service
    brings less than the last: show ``service_levels``' price of money beside it.
    Raises ValueError, with the row, for missing numbers, a negative cost or arrays of different lengths.
    """
    gained, spent = inputs.finite("contribution", contribution), inputs.finite("cost", cost, least=0)
    inputs.of_one_length(contribution=gained, cost=spent)
    defined = spent > 0
    ratio = np.full(gained.shape, np.nan)
    np.divide(gained, spent, out=ratio, where=defined)
    total = spent.sum()
    overall = float(gained.sum() / total) if total > 0 else float("nan")
    return ServiceReturn(ratio=ratio, defined=defined, overall=overall, n=int(defined.sum()))


def _read_activities(activities: pd.DataFrame) -> pd.DataFrame:
    _require_columns(activities, ("activity", "capacity_cost", "practical_capacity"), "activities")
    name = activities["activity"].reset_index(drop=True)
    inputs.refuse(name.isna().to_numpy(), "activity", "a name")
    inputs.refuse(name.duplicated().to_numpy(), "activity", "a name of its own", labels=name)
    plan = pd.DataFrame({"activity": name})
    plan["ledger_cents"] = _to_cents(activities["capacity_cost"], "capacity_cost", name)
    inputs.refuse((plan["ledger_cents"] < 0).to_numpy(), "capacity_cost", "zero or more", labels=name)
    plan["level"] = activities["level"].to_numpy() if "level" in activities else "customer"
    for row, level in enumerate(plan["level"]):
        if level not in LEVELS:
            raise ValueError(f"level, row {row} ({name[row]!r}): {inputs.unknown(level, LEVELS)}")
    above = plan["level"].isin(ABOVE_CUSTOMERS).to_numpy()
    capacity = inputs.numbers("practical_capacity", activities["practical_capacity"])
    capacity = np.where(above & np.isnan(capacity), 0, capacity)
    plan["practical_capacity"] = inputs.finite("practical_capacity", capacity, least=0, labels=name)
    plan["unit_time"] = 1.0
    if "unit_time" in activities:
        plan["unit_time"] = inputs.finite("unit_time", activities["unit_time"], least=0, labels=name)
    plan["pool"] = activities["pool"].to_numpy() if "pool" in activities else name
    inputs.refuse(plan["pool"].isna().to_numpy(), "pool", "a name", labels=name)
    first = plan.groupby("pool", sort=False).transform("first")
    for given, column in (
        ("capacity_cost", "ledger_cents"),
        ("practical_capacity", "practical_capacity"),
        ("level", "level"),
    ):
        differs = (plan[column] != first[column]).to_numpy()
        inputs.refuse(differs, given, "the same in all rows of a pool", labels=name)
    no_rate = ~above & (plan["practical_capacity"] == 0) & (plan["ledger_cents"] > 0)
    inputs.refuse(no_rate.to_numpy(), "practical_capacity", "above zero where there is a cost", labels=name)
    return plan


def _read_volumes(
    volumes: pd.DataFrame, names: pd.Series
) -> tuple[pd.Index, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Sorted customer keys; for each entry the positions of customer and activity, and the quantity."""
    _require_columns(volumes, ("customer", "activity", "quantity"), "volumes")
    inputs.refuse(volumes["customer"].isna().to_numpy(), "customer", "a key")
    found, keys = pd.factorize(volumes["customer"])
    keys = pd.Index(keys)
    order = keys.argsort()
    position = np.empty(len(keys), dtype=np.int64)
    position[order] = np.arange(len(keys))

    # Look each distinct name up once: a volume table has millions of rows and a dozen activities.
    entry, distinct = pd.factorize(volumes["activity"], use_na_sentinel=True)
    inputs.refuse(entry < 0, "activity", "a name", labels=volumes["customer"])
    known = pd.Index(names).get_indexer(pd.Index(distinct))
    for name in pd.Index(distinct)[known < 0]:
        row = int(np.flatnonzero(volumes["activity"] == name)[0])
        raise ValueError(f"activity, row {row} of volumes: {inputs.unknown(name, names)}")
    quantity = inputs.finite("quantity", volumes["quantity"], least=0, labels=volumes["customer"])
    return keys.take(order), position[found], known[entry].astype(np.int64), quantity


def _add_up(
    customer: NDArray[np.int64], activity: NDArray[np.int64], quantity: NDArray[np.float64], customers: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """One row a pair, sorted by activity and customer. Quantities are sorted too before they are added."""
    pair = activity * customers + customer
    if len(pair) and not (np.diff(pair) > 0).all():
        # The sum of floats depends on their order; sorting the quantities too makes row order irrelevant.
        order = np.argsort(pair)
        if not (np.diff(pair[order]) > 0).all():
            order = np.lexsort((quantity, pair))
        pair, quantity = pair[order], quantity[order]
        start = np.flatnonzero(np.r_[True, np.diff(pair) > 0])
        pair, quantity = pair[start], np.add.reduceat(quantity, start)
    return pair % max(customers, 1), pair // max(customers, 1), quantity


def _charge_pools(plan: pd.DataFrame) -> pd.DataFrame:
    """Each pool's rate, its charge to customers and what is left of its cost; indexed by pool."""
    grouped = plan.groupby("pool", sort=False)
    pools = grouped[["level", "ledger_cents", "practical_capacity"]].first()
    pools["used"] = grouped["used"].sum()
    capacity, cost = pools["practical_capacity"], pools["ledger_cents"]
    pools["utilisation"] = pools["used"] / capacity.where(capacity > 0)
    above = pools["level"].isin(ABOVE_CUSTOMERS)
    pools["rate"] = (cost / capacity.where(capacity > 0) / 100).mask(above)
    charged = (cost * pools["utilisation"].fillna(0)).mask(above, 0).round()
    if (charged >= _LARGEST_CENTS).any():
        raise ValueError(
            f"pool {charged.idxmax()!r} is used {pools['utilisation'].max():.3g} times over: "
            "check the units of quantity, unit_time and practical_capacity"
        )
    pools["customers_cents"] = charged.astype(np.int64)
    pools["unused_capacity"] = (capacity - pools["used"]).mask(above)
    pools["unused_cents"] = (cost - pools["customers_cents"]).mask(above, 0)
    pools["enterprise_cents"] = cost.where(above, 0)
    pools["overrun"] = pools["unused_cents"] < 0
    return pools


def _split_pools(plan: pd.DataFrame, pools: pd.DataFrame) -> NDArray[np.int64]:
    """Each activity's part of what its pool charges."""
    cents = np.zeros(len(plan), dtype=np.int64)
    for pool, rows in plan.groupby("pool", sort=False).indices.items():
        # By name, so that a tie between activities doesn't hang on the order of the rows.
        rows = rows[np.argsort(plan["activity"].to_numpy(dtype=str)[rows], kind="stable")]
        total = int(pools.loc[pool, "customers_cents"])
        if total:
            cents[rows] = largest_remainder(total, plan["used"].to_numpy()[rows])
    return cents


def _largest(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Positions of the ``count`` largest values; at equal values the earlier position."""
    if count >= len(values):
        return np.arange(len(values))
    threshold = np.partition(values, len(values) - count)[len(values) - count]
    above = np.flatnonzero(values > threshold)
    return np.concatenate([above, np.flatnonzero(values == threshold)[: count - len(above)]])


def _benchmark(
    benchmark: str | Mapping[str, float],
    statistic: str,
    revenue: NDArray[np.int64],
    cost: NDArray[np.int64],
    profit: NDArray[np.int64],
    lines: list[str],
) -> tuple[NDArray[np.float64], int]:
    """The share of revenue each line is expected to take, and how many customers say so."""
    if isinstance(benchmark, Mapping):
        for line in benchmark:
            if line not in lines:
                raise ValueError(f"benchmark: {inputs.unknown(line, lines)}")
        missing = [line for line in lines if line not in benchmark]
        if missing:
            raise ValueError(f"benchmark has no ratio for {', '.join(missing)}")
        ratios = np.array([float(benchmark[line]) for line in lines])
        if not np.isfinite(ratios).all():
            raise ValueError(f"benchmark: the ratio of {lines[int(np.argmin(np.isfinite(ratios)))]!r} is missing")
        return ratios, 0
    if benchmark not in ("profitable", "all"):
        raise ValueError(f"benchmark: {inputs.unknown(benchmark, ('profitable', 'all'))}")
    if statistic not in ("aggregate", "median"):
        raise ValueError(f"statistic: {inputs.unknown(statistic, ('aggregate', 'median'))}")
    chosen = (revenue > 0) & ((profit > 0) | (benchmark == "all"))
    if not chosen.any():
        if not len(revenue):
            return np.zeros(len(lines)), 0
        raise ValueError(
            f"no {benchmark} customer with revenue to compare with: give benchmark the ratios, line -> share of revenue"
        )
    if statistic == "median":
        ratios = np.median(cost[chosen] / revenue[chosen, None], axis=0)
    else:
        ratios = cost[chosen].sum(axis=0) / revenue[chosen].sum()
    return ratios, int(chosen.sum())


def _summarise(table: pd.DataFrame, excess: NDArray[np.int64], names: pd.Index) -> pd.DataFrame:
    loses = table["loses"].to_numpy()
    by_cause = table[loses].groupby("first_cause")["profit_cents"]
    summary = pd.DataFrame(
        {
            "cause": names,
            "customers": by_cause.size().reindex(names, fill_value=0).to_numpy(),
            "loss_cents": by_cause.sum().reindex(names, fill_value=0).to_numpy(),
            "excess_cents": excess[loses].sum(axis=0),
        }
    )
    return summary.sort_values(["loss_cents", "excess_cents"], ascending=[True, False], ignore_index=True)


def _to_cents(money: pd.Series, what: str, key: pd.Series) -> NDArray[np.int64]:
    amount = inputs.numbers(what, money) * 100
    inputs.refuse(~(np.abs(amount) < _LARGEST_CENTS), what, "a finite amount below 9e13", money, key)
    return np.rint(amount).astype(np.int64)


def _require_columns(frame: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    for column in columns:
        if column not in frame.columns:
            raise ValueError(f"{what} has no column {column!r}: it has {', '.join(map(str, frame.columns))}")
