"""Which level of service should each customer get, under a budget and limited capacity, and why?

A multiple-choice knapsack: one level a customer, greatest gain, every resource within its capacity. Prices
of the resources (Everett 1963, Oper. Res. 11:399-417; Fisher 1981, Mgmt Sci. 27:1-18) settle almost all
customers and bound what any assignment can reach; an exact integer programme settles the nearest ties.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from dashboard.analysis import inputs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK = 16_384  # customers at a time: the working arrays of a pass then stay in the processor's cache
_SAMPLE = 20_000  # customers that are enough to find where the prices lie
_FIRST_CORE = 400  # alternatives left to the integer programme at first,
_CORE_A_RESOURCE = 50  # and more where many resources have to come out even
_NODES = 200  # branch-and-bound nodes: a limit in time would make the answer hang on the machine's load
_ROUNDING = 1e-12  # of a sum, when the capacity is itself a sum of costs
_PASSES = 200  # cutting planes; a few dozen are usual
_FEW_RESOURCES = 6  # cutting planes need more and more passes as resources are added
_WHOLE_PROGRAMME = 100_000  # alternatives that a linear programme still settles in a second or two
_STANDARD_OUTPUT = threading.Lock()


class Infeasible(ValueError):
    """No assignment fits. ``short``: resource -> by how much its capacity falls short at the least."""

    def __init__(self, message: str, short: dict[str, float]) -> None:
        super().__init__(message)
        self.short = short


@dataclass(frozen=True, eq=False)
class Assignment:
    """The recommended level of every row, and the certificate that little more can be had.

    ``level``        (n,) the level; for a row of several customers the one most of them get
    ``count``        (n, L) customers of the row at each level
    ``value``        total gain of this assignment
    ``upper_bound``  no assignment gains more; ``gap`` = (upper_bound - value) / |upper_bound|
    ``certificate``  who vouches for the bound: "prices" (weak duality, computed here) or, when the whole
                     decision fitted the integer programme and its bound is the tighter one, "solver"
    ``prices``       (R,) gain that one more unit of each resource would bring; 0 for what is not scarce
    ``used``         (R,) never above ``capacity`` (R,); where that is the very least that can be used, equal
                     to it up to the rounding of the sum that made it
    ``marginal``     (n,) True where the prices alone don't settle the level: at these prices another level
                     is as near as those that fitting whole customers forced on somebody
    ``n``            customers
    """

    level: Ints
    count: NDArray[np.int32]
    value: float
    upper_bound: float
    gap: float
    certificate: Literal["prices", "solver"]
    prices: Floats
    used: Floats
    capacity: Floats
    marginal: NDArray[np.bool_]
    resources: tuple[str, ...]
    n: int


@dataclass(frozen=True, eq=False)
class Relaxation:
    """What could be gained if customers could be split between levels: ``value``, at least what any assignment
    gains, and the ``prices`` (R,) of the resources there, as in Assignment. ``n`` customers."""

    value: float
    prices: Floats
    resources: tuple[str, ...]
    n: int


@dataclass(frozen=True, eq=False)
class Frontier:
    """The best total gain for each budget, and the price of money there.

    ``profit``  (k,) concave in ``budget`` (k,); NaN where no assignment fits
    ``low``, ``high``  95 % interval of the profit when it is estimated from a sample; else the profit
    ``price``   (k,) gain of one more unit of budget, never rising; 0 when more budget buys nothing
    ``used``    (k, R) of each resource
    ``n``, ``sampled``  rows, and rows computed with
    """

    budget: Floats
    profit: Floats
    low: Floats
    high: Floats
    price: Floats
    used: Floats
    resource: str
    n: int
    sampled: int


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why rows got their level.

    ``reduced``  (k, L) gain less the priced resources of each level; -inf where not allowed
    ``table``    a line a row:
      row, level, reduced; marginal (as in the assignment)
      runner_up    the best other level, -1 if none; margin: how far its reduced gain is behind, and only for
                   marginal rows below 0
      wanted       the level of greatest gain if everything were free; binding: the resource whose price
                   speaks most against it, missing if the row gets it
      switch_gain  the gain at which the runner-up would win, all else equal; switch_resource, the resource
                   that parts the two most, with the switch_cost of the runner-up and the switch_price at
                   which it would win (NaN where none of zero or more would do)
    """

    reduced: Floats
    table: pd.DataFrame


def assign(
    gain: ArrayLike,
    cost: ArrayLike,
    capacity: ArrayLike,
    allowed: ArrayLike | None = None,
    size: ArrayLike | None = None,
    *,
    resources: Sequence[str] | None = None,
    tolerance: float = 1e-6,
) -> Assignment:
    """Choose the level of service of each customer: the greatest total gain that the capacities allow.

    ``gain`` (n, L): gain of each level in money, net of what the caller counts as its cost, over any common
    base. ``cost`` (n, L, R): use of each resource (money, hours, slots), of any sign. ``capacity`` (R,), inf
    where there is no limit. ``allowed`` (n, L) bool: False takes a level away (contract minimum, minimum
    service for all, credit hold); gain and cost may hold anything there. ``size`` (n,): customers in the
    row, each with this gain and cost; a row of several may be split between levels. ``resources``: their
    names, for errors and explanations.
    A limit on a group (at most 5 % of a region downgraded) is one more resource that only its rows use.

    Stops when the gap is within ``tolerance``, or after a fixed amount of search: look at ``gap``. One
    resource is filled by slopes (Sinha & Zoltners 1979, Oper. Res. 27:503-515; Zemel 1980), several by
    cutting planes (Kelley 1960, J. SIAM 8:703-712) in a moving box. Equal input gives equal answers.

    Raises ``Infeasible`` when no assignment fits, saying which constraint fails and by how much, and
    ValueError for shapes that don't fit, missing numbers and rows without an allowed level.
    """
    problem = _Problem.read(gain, cost, capacity, allowed, size, resources).with_room_for_the_least()
    if len(problem.capacity) == 1:
        prices, first = _fill_by_slopes(problem)
    else:
        prices, first = _best_prices(problem), None
    found = _settle_ties(problem, prices, first, tolerance)
    return Assignment(
        level=found.level,
        count=found.choice.count,
        value=found.choice.gain,
        upper_bound=found.upper_bound,
        gap=_relative(found.upper_bound - found.choice.gain, found.upper_bound),
        certificate=found.certificate,
        prices=prices,
        used=found.choice.used,
        capacity=np.array(capacity, dtype=float),
        marginal=found.marginal,
        resources=problem.names,
        n=int(problem.size.sum()),
    )


def relax(
    gain: ArrayLike,
    cost: ArrayLike,
    capacity: ArrayLike,
    allowed: ArrayLike | None = None,
    size: ArrayLike | None = None,
    *,
    resources: Sequence[str] | None = None,
) -> Relaxation:
    """The bound and the prices of ``assign`` without its assignment, in a part of its time. Arguments as there.

    Raises as ``assign`` does, but nothing for whole customers that don't fit.
    """
    problem = _Problem.read(gain, cost, capacity, allowed, size, resources).with_room_for_the_least()
    prices = _best_prices(problem)
    gained, used = problem.respond(prices)
    value = gained + float(prices @ (problem.capacity - used))
    return Relaxation(value, prices, problem.names, int(problem.size.sum()))


def frontier(
    gain: ArrayLike,
    cost: ArrayLike,
    capacity: ArrayLike,
    budgets: ArrayLike,
    resource: int | str = 0,
    allowed: ArrayLike | None = None,
    size: ArrayLike | None = None,
    *,
    resources: Sequence[str] | None = None,
    sample: int = _SAMPLE,
) -> Frontier:
    """Total gain against the capacity of one resource, the others held: what would another budget bring?

    Arrays as in ``assign``; ``budgets`` (k,), ascending, replace the capacity of ``resource`` (position or
    name). Larger bases are estimated from ``sample`` rows drawn with a fixed seed; confirm the chosen point
    with ``assign``. Profit is the optimum with at most R customers split between levels (the linear
    relaxation), which is what makes the curve concave. Raises as ``assign`` does, but a budget or another
    capacity that nothing fits gives NaN.
    """
    whole = _Problem.read(gain, cost, capacity, allowed, size, resources)
    names = list(whole.names)
    if resource not in names and resource not in range(len(names)):
        raise ValueError(f"resource {resource!r} is unknown; known are {', '.join(names)}")
    axis = names.index(resource) if isinstance(resource, str) else int(resource)
    budget = np.array(budgets, dtype=float)
    if budget.ndim != 1 or not np.isfinite(budget).all() or (np.diff(budget) < 0).any():
        raise ValueError("budgets must be finite and ascending")
    whole.with_capacity(axis, np.inf).with_room_for_the_least()

    rows = _sample_rows(whole.n, sample)
    part = whole if len(rows) == whole.n else whole.at_rows(rows)
    share = max(part.size.sum(), 1.0) / max(whole.size.sum(), 1.0)
    pool = _Pool()
    prices = np.zeros(len(names))
    radius = part.price_scale()
    for money in budget:
        problem = part.with_capacity(axis, money).with_shared_capacity(share)
        found, feasible = _descend(problem, prices, radius, pool, tolerance=1e-8)
        prices = found if feasible else prices
    return _read_frontier(part, pool, axis, budget, share, whole.n)


def explain(
    result: Assignment,
    gain: ArrayLike,
    cost: ArrayLike,
    allowed: ArrayLike | None = None,
    rows: ArrayLike | None = None,
) -> Explanation:
    """Explain the levels of ``rows`` (positions; default all) by the prices of the resources.

    ``gain``, ``cost``, ``allowed`` as they were given to ``assign`` for ``result``, whole.
    """
    gains, costs = inputs.array("gain", gain), inputs.array("cost", cost)
    shape = result.count.shape
    free = np.ones(shape, dtype=bool) if allowed is None else inputs.flags("allowed", allowed)
    if gains.shape != shape or costs.shape != (*shape, len(result.prices)) or free.shape != shape:
        raise ValueError(
            f"gain, cost and allowed must be as assign had them, {shape} with {len(result.prices)} resources; "
            f"they are {gains.shape}, {costs.shape} and {free.shape}"
        )
    chosen = np.arange(len(gains)) if rows is None else inputs.finite("rows", rows, least=0).astype(np.int64)
    inputs.refuse(chosen >= len(gains), "rows", f"a position below {len(gains)}", rows)
    gains, costs, free = gains[chosen], costs[chosen], free[chosen]
    _refuse_missing(gains, costs, free)
    gains, costs = np.where(free, gains, -np.inf), np.where(free[:, :, None], costs, 0.0)
    line = np.arange(len(chosen))
    level = result.level[chosen]
    reduced = gains - costs @ result.prices

    others = reduced.copy()
    others[line, level] = -np.inf
    runner_up = others.argmax(axis=1)
    alone = ~np.isfinite(others.max(axis=1, initial=-np.inf))
    margin = np.where(alone, np.nan, reduced[line, level] - others[line, runner_up])
    wanted = gains.argmax(axis=1)
    # What the prices charge for the step from one level to the other, resource by resource.
    held_back = (costs[line, wanted] - costs[line, level]) * result.prices
    step = costs[line, runner_up] - costs[line, level]
    against = np.abs(step * result.prices).argmax(axis=1)
    price, difference = result.prices[against], step[line, against]
    with np.errstate(divide="ignore", invalid="ignore"):
        switch_cost = costs[line, runner_up, against] - margin / price
        switch_price = price - margin / difference
    priced = ~alone & (price > 0) & (difference != 0)
    names = np.array(result.resources, dtype=object)
    table = pd.DataFrame(
        {
            "row": chosen,
            "level": level,
            "reduced": reduced[line, level],
            "runner_up": np.where(alone, -1, runner_up),
            "margin": margin,
            "wanted": wanted,
            "binding": pd.Series(names[held_back.argmax(axis=1)], dtype="str").where(
                (wanted != level) & (held_back > 0).any(axis=1)
            ),
            "switch_gain": np.where(alone, np.nan, gains[line, runner_up] + margin),
            "switch_resource": pd.Series(names[against], dtype="str").where(priced),
            "switch_cost": np.where(priced & (switch_cost >= 0), switch_cost, np.nan),
            "switch_price": np.where(priced & (switch_price >= 0), switch_price, np.nan),
            "marginal": result.marginal[chosen],
        }
    )
    return Explanation(reduced=reduced, table=table)


@dataclass(frozen=True)
class _Problem:
    """The input, checked, with customers along the last axis so that a pass reads memory in order.

    A level that isn't allowed has gain -inf and cost 0.
    """

    gain: Floats  # (L, n)
    cost: Floats  # (R, L, n)
    size: Floats  # (n,)
    capacity: Floats  # (R,)
    names: tuple[str, ...]

    @property
    def n(self) -> int:
        return self.gain.shape[1]

    @classmethod
    def read(
        cls,
        gain: ArrayLike,
        cost: ArrayLike,
        capacity: ArrayLike,
        allowed: ArrayLike | None,
        size: ArrayLike | None,
        resources: Sequence[str] | None,
    ) -> _Problem:
        gains, costs = inputs.array("gain", gain), inputs.array("cost", cost)
        limits = inputs.array("capacity", capacity)
        if gains.ndim != 2 or not 1 <= gains.shape[1] <= 127:
            raise ValueError(f"gain must be (customers, levels) with 1 to 127 levels, not {gains.shape}")
        if limits.ndim != 1 or not len(limits) or costs.shape != (*gains.shape, len(limits)):
            raise ValueError(
                f"gain is {gains.shape} and capacity {limits.shape}, one resource or more, so cost must be "
                f"{(*gains.shape, limits.size)}, not {costs.shape}"
            )
        names = tuple(f"resource {r}" for r in range(len(limits))) if resources is None else tuple(resources)
        if len(set(names)) != len(limits):
            raise ValueError(f"{len(limits)} resources need as many different names, not {names}")
        missing = np.isnan(limits) | (limits == -np.inf)
        if missing.any():
            raise ValueError(f"capacity of {names[int(missing.argmax())]!r} is missing")
        free = np.ones(gains.shape, dtype=bool) if allowed is None else inputs.flags("allowed", allowed)
        if free.shape != gains.shape:
            raise ValueError(f"allowed must be {gains.shape} like gain, not {free.shape}")
        inputs.refuse(~np.asarray(free.any(axis=1)), "allowed", "at least one level")
        _refuse_missing(gains, costs, free)
        many = inputs.weights(size, len(gains), "size")
        inputs.refuse(
            np.asarray((many != np.floor(many)) | (many >= 2**31)), "size", "a whole number of zero or more", size
        )
        if not free.all():
            gains, costs = np.where(free, gains, -np.inf), np.where(free[:, :, None], costs, 0.0)
        by_resource = np.ascontiguousarray(costs.transpose(2, 1, 0))
        if np.isinf(limits).any():  # no limit: more than all can use, but a number to compute with
            most = np.array([(cost.max(axis=0, initial=0.0) * many).sum() for cost in by_resource])
            limits = np.where(np.isinf(limits), 2 * most + 1, limits)
        return cls(np.ascontiguousarray(gains.T), by_resource, many, limits, names)

    def with_capacity(self, resource: int, capacity: float) -> _Problem:
        changed = self.capacity.copy()
        changed[resource] = capacity
        return _Problem(self.gain, self.cost, self.size, changed, self.names)

    def with_shared_capacity(self, share: float) -> _Problem:
        return _Problem(self.gain, self.cost, self.size, self.capacity * share, self.names)

    def without_gain(self) -> _Problem:
        nothing = np.where(np.isfinite(self.gain), 0.0, -np.inf)
        return _Problem(nothing, self.cost, self.size, self.capacity, self.names)

    def at_rows(self, rows: Ints) -> _Problem:
        return _Problem(
            np.ascontiguousarray(self.gain[:, rows]),
            np.ascontiguousarray(self.cost[:, :, rows]),
            self.size[rows],
            self.capacity,
            self.names,
        )

    def price_scale(self) -> Floats:
        """A first guess at the size of the prices: how gains vary over how costs vary."""
        if not self.n:
            return np.ones(len(self.capacity))
        lowest = np.where(np.isfinite(self.gain), self.gain, np.inf).min(axis=0)
        gains = float((self.gain.max(axis=0) - lowest).mean()) or 1.0
        costs = np.ptp(self.cost, axis=1).mean(axis=1)
        return gains / np.where(costs > 0, costs, gains)

    def with_room_for_the_least(self) -> _Problem:
        """Refuse a capacity below what all use at the least, unless the rounding of a sum explains it."""
        capacity = self.capacity.copy()
        allowed = np.isfinite(self.gain)
        for resource, name in enumerate(self.names):
            least = np.where(allowed, self.cost[resource], np.inf).min(axis=0, initial=np.inf)
            needed = math.fsum(least * self.size) if self.n else 0.0
            short = needed - capacity[resource]
            if short > _ROUNDING * abs(needed):
                raise Infeasible(
                    f"{name}: the least that all customers use is {needed:.10g}, and the capacity is "
                    f"{capacity[resource]:.10g}: short by {short:.6g}",
                    {name: float(short)},
                )
            capacity[resource] = max(capacity[resource], needed)
        return _Problem(self.gain, self.cost, self.size, capacity, self.names)

    def respond(self, prices: Floats) -> tuple[float, Floats]:
        """Total gain and use (R,) if each customer took the level that is best for him at these prices.

        For every capacity b, gain + prices . (b - use) bounds what any assignment within b can gain.
        """
        total, used = 0.0, np.zeros(len(prices))
        for rows in self.chunks():
            best, level = self.best(prices, rows)
            size, line = self.size[rows], np.arange(rows.start, rows.stop)
            total += float((best * size).sum())
            for resource, cost in enumerate(self.cost):
                used[resource] += (cost[level, line] * size).sum()
        return total + float(prices @ used), used

    def losses(self, prices: Floats) -> tuple[NDArray[np.int8], Floats, float]:
        """The best level (n,) at these prices, what each level (L, n) loses against it, and the bound."""
        level = np.empty(self.n, dtype=np.int8)
        loss = np.empty_like(self.gain)
        bound = float(prices @ self.capacity)
        for rows in self.chunks():
            best, level[rows] = self.best(prices, rows)
            bound += float((best * self.size[rows]).sum())
            for choice in range(len(self.gain)):
                loss[choice, rows] = best - self.reduced(prices, choice, rows)
        return level, loss, bound

    def best(self, prices: Floats, rows: slice) -> tuple[Floats, NDArray[np.int8]]:
        """The greatest reduced gain of each row and its level, the first one of equals."""
        best = self.reduced(prices, 0, rows)
        level = np.zeros(len(best), dtype=np.int8)
        for choice in range(1, len(self.gain)):
            reduced = self.reduced(prices, choice, rows)
            level[reduced > best] = choice
            np.maximum(best, reduced, out=best)
        return best, level

    def reduced(self, prices: Floats, level: int, rows: slice) -> Floats:
        # Not a matrix product: its threads fight over busy cores, and its sums hang on their number.
        reduced = self.gain[level, rows].copy()
        for resource in np.flatnonzero(prices):
            reduced -= prices[resource] * self.cost[resource, level, rows]
        return reduced

    def chunks(self) -> Iterator[slice]:
        for start in range(0, self.n, _CHUNK):
            yield slice(start, min(start + _CHUNK, self.n))

    def everyone_at(self, level: NDArray) -> _Choice:
        count = np.zeros((self.n, len(self.gain)), dtype=np.int32)
        count[np.arange(self.n), level] = self.size
        return _Choice(self, count)


@dataclass(frozen=True)
class _Choice:
    """Customers of each row at each level. Sums are correctly rounded: no check hangs on their order."""

    problem: _Problem
    count: NDArray[np.int32]  # (n, L)

    @cached_property
    def used(self) -> Floats:
        row, level, many = self._cells
        return np.array([math.fsum(cost[level, row] * many) for cost in self.problem.cost])

    @cached_property
    def gain(self) -> float:
        row, level, many = self._cells
        return math.fsum(self.problem.gain[level, row] * many)

    @property
    def fits(self) -> bool:
        return bool((self.used <= self.problem.capacity).all())

    @property
    def _cells(self) -> tuple[Ints, Ints, NDArray[np.int32]]:
        row, level = np.nonzero(self.count)
        return row, level, self.count[row, level]


@dataclass
class _Pool:
    """Responses to prices tried so far. Each bounds the dual function from below, for any capacity."""

    gains: list[float] = field(default_factory=list)
    uses: list[Floats] = field(default_factory=list)

    def add(self, gain: float, use: Floats) -> None:
        self.gains.append(gain)
        self.uses.append(use)

    def bound(self, prices: Floats, capacity: Floats) -> float:
        """What the last response, if it was given to these prices, proves for this capacity."""
        return float(self.gains[-1] + prices @ (capacity - self.uses[-1]))


def _best_prices(problem: _Problem) -> Floats:
    """Prices of the resources that minimise the bound; on a sample first, then near those in full.

    Of many resources and few rows (groups of like customers) they are the duals of the relaxed programme.
    """
    if len(problem.capacity) > _FEW_RESOURCES and problem.gain.size <= _WHOLE_PROGRAMME:
        return _duals(problem)
    start, radius = np.zeros(len(problem.capacity)), problem.price_scale()
    rows = _sample_rows(problem.n, _SAMPLE)
    if len(rows) < problem.n:
        part = problem.at_rows(rows)
        part = part.with_shared_capacity(part.size.sum() / max(problem.size.sum(), 1.0))
        found, feasible = _descend(part, start, radius, _Pool(), tolerance=1e-7)
        if feasible:
            start, radius = found, 0.03 * found + 1e-4 * radius
    prices, feasible = _descend(problem, start, radius, _Pool(), tolerance=1e-10)
    if not feasible:
        raise _jointly_infeasible(problem)
    return prices


def _duals(problem: _Problem) -> Floats:
    """Prices of the resources by the linear relaxation. Any prices of zero or more make a bound, so its tolerance
    does no harm."""
    level, row = np.nonzero(np.isfinite(problem.gain) & (problem.size > 0))
    one = sparse.csr_array((np.ones(len(row)), (row, np.arange(len(row)))), shape=(problem.n, len(row)))
    scale = np.where(problem.capacity == 0, 1.0, np.abs(problem.capacity))
    gain = problem.gain[level, row] * problem.size[row]
    worth = float(np.abs(gain).max(initial=0.0)) or 1.0
    use = problem.cost[:, level, row] * problem.size[row] / scale[:, None]
    some = problem.size > 0
    with _quiet_solver():
        solution = linprog(
            -gain / worth,
            A_ub=sparse.csr_array(use),
            b_ub=problem.capacity / scale,
            A_eq=one[some],
            b_eq=np.ones(int(some.sum())),
            method="highs-ds",
        )
    if solution.x is None:
        raise _jointly_infeasible(problem)
    return np.maximum(-solution.ineqlin.marginals, 0.0) * worth / scale


def _descend(
    problem: _Problem,
    start: Floats,
    radius: Floats,
    pool: _Pool,
    tolerance: float,
    highest: Floats | None = None,
) -> tuple[Floats, bool]:
    """Minimise the bound over prices >= 0: Kelley's cutting planes in a box that moves, grows and shrinks.

    Gives the prices, and False when the bound fell below what any feasible assignment must reach, which
    proves by weak duality that there is none.
    """
    ceiling = np.full(len(start), np.inf) if highest is None else highest
    # With a ceiling on prices the bound may fall as it likes: overruns are for sale.
    floor = _least_gain(problem) if highest is None else -np.inf
    prices = np.minimum(start, ceiling)
    pool.add(*problem.respond(prices))
    bound = pool.bound(prices, problem.capacity)
    for _ in range(_PASSES):
        if not len(prices) or _below(bound, floor):
            break
        trial, predicted, at_edge = _next_prices(problem.capacity, pool, prices, radius, bound, ceiling)
        if predicted <= tolerance * abs(bound) + np.finfo(float).tiny:
            if not at_edge or radius.max() > 1e300:
                break
            radius = radius * 4
            continue
        pool.add(*problem.respond(trial))
        reached = pool.bound(trial, problem.capacity)
        if reached < bound:
            if at_edge and bound - reached > predicted / 2:
                radius = radius * 2
            prices, bound = trial, reached
        else:
            radius = radius / 2
    return prices, not _below(bound, floor)


def _next_prices(
    capacity: Floats, pool: _Pool, prices: Floats, radius: Floats, bound: float, ceiling: Floats
) -> tuple[Floats, float, bool]:
    """Lowest point of the cuts in the box around ``prices``; the fall of the bound they promise there."""
    slack = capacity - np.array(pool.uses)
    offset = np.array(pool.gains) + slack @ prices - bound
    slope = slack * radius
    # In units of the box, and of how much the steepest cut falls in it: the solver's tolerances then fit.
    unit = np.abs(slope).max() or 1.0
    near = offset > -1e4 * unit
    low = np.maximum(-1.0, -prices / radius)
    high = np.minimum(1.0, (ceiling - prices) / radius)
    solution = linprog(
        np.r_[np.zeros(len(prices)), 1.0],
        A_ub=np.column_stack([slope[near] / unit, -np.ones(near.sum())]),
        b_ub=-offset[near] / unit,
        bounds=[*zip(low, high, strict=True), (None, None)],
        method="highs-ds",
    )
    move = solution.x[:-1]
    edge = ((move > 0.999) & (high >= 1)) | ((move < -0.999) & (low <= -1))
    trial = np.clip(prices + radius * move, 0.0, ceiling)
    return trial, float(-solution.x[-1] * unit), bool(edge.any())


def _below(bound: float, floor: float) -> bool:
    return bool(np.isfinite(floor) and bound < floor - 1e-9 * (abs(floor) + abs(bound)))


def _least_gain(problem: _Problem) -> float:
    lowest = np.where(np.isfinite(problem.gain), problem.gain, np.inf).min(axis=0, initial=np.inf)
    return float((lowest * problem.size).sum())


def _mix(pool: _Pool, capacity: Floats, highest: Floats | None = None) -> tuple[float, Floats, Floats]:
    """The best mix of the pool's responses within the capacity: its gain, use (R,) and prices (R,).

    With ``highest`` prices (R,) the capacity may be exceeded at that price.
    """
    gains, uses = np.array(pool.gains), np.array(pool.uses)
    scale = np.maximum(np.abs(uses).max(axis=0), np.abs(capacity)) + np.finfo(float).tiny
    worth = np.abs(gains).max() or 1.0
    buys = np.zeros((len(capacity), 0)) if highest is None else -np.eye(len(capacity))
    rate = np.zeros(0) if highest is None else highest * scale / worth
    solution = linprog(
        np.r_[-gains / worth, rate],
        A_ub=np.hstack([(uses / scale).T, buys]),
        b_ub=capacity / scale,
        A_eq=np.r_[np.ones(len(gains)), np.zeros(len(rate))][None, :],
        b_eq=[1.0],
        method="highs-ds",
    )
    if solution.x is None:
        nothing = np.full(len(capacity), np.nan)
        return float("nan"), nothing, nothing
    share = solution.x[: len(gains)]
    return float(gains @ share), share @ uses, np.maximum(-solution.ineqlin.marginals, 0) * worth / scale


def _jointly_infeasible(problem: _Problem) -> Infeasible:
    """Each capacity can be met, but not all at once: the least overrun, each in shares of its capacity."""
    aimless = problem.without_gain()
    highest = 1 / np.where(problem.capacity == 0, 1.0, np.abs(problem.capacity))
    pool = _Pool()
    _descend(aimless, np.zeros(len(highest)), highest, pool, tolerance=1e-9, highest=highest)
    _, used, _ = _mix(pool, problem.capacity, highest)
    return _too_short("each capacity can be met, but not all at once", problem, used - problem.capacity)


def _fill_by_slopes(problem: _Problem) -> tuple[Floats, _Choice]:
    """Price and assignment under one resource: buy the steps up each customer's hull, best slope first."""
    slope, step, path = _hull(problem)
    n = problem.n
    base = np.take_along_axis(problem.cost[0], path[:1], axis=0)[0]
    left = problem.capacity[0] - math.fsum(base * problem.size)
    demand = (step * problem.size).ravel()
    bar, queue, left = _narrow(slope.ravel(), demand, left)
    taken = (slope > bar).sum(axis=0)
    bought = int(np.searchsorted(np.cumsum(demand[queue]), left, side="right"))
    np.add.at(taken, queue[:bought] % max(n, 1), 1)
    choice = problem.everyone_at(path[taken, np.arange(n)])
    while bought and not choice.fits:  # the running sums are rounded: give back until the exact use fits
        bought -= 1
        taken[queue[bought] % n] -= 1
        choice = problem.everyone_at(path[taken, np.arange(n)])
    if bought == len(queue):
        return np.zeros(1), choice

    critical, row = queue[bought], queue[bought] % n
    room = max(problem.capacity[0] - choice.used[0], 0.0)
    part = int(min(room // step.ravel()[critical], problem.size[row] - 1))
    if part > 0:
        count = choice.count.copy()
        count[row, path[taken[row], row]] -= part
        count[row, path[taken[row] + 1, row]] += part
        choice = _Choice(problem, count)
    return np.array([slope.ravel()[critical]]), choice


def _narrow(slope: Floats, demand: Floats, left: float) -> tuple[float, Ints, float]:
    """Where the budget ends among the steps: all with a slope above the first figure can be bought, what is
    left for the others is the third, and these others, best first, are the second.

    Sorting some thousand steps around the end spares sorting millions.
    """
    bar, queue = np.inf, np.flatnonzero(slope > 0)
    while len(queue) > 2**15:
        pivot = np.median(slope[queue[:: len(queue) // 999]])
        above = slope[queue] > pivot
        needed = demand[queue[above]].sum()
        if needed > left:
            queue = queue[above]
        elif above.any():
            bar, left, queue = float(pivot), left - needed, queue[~above]
        else:
            break
    return bar, queue[np.argsort(-slope[queue], kind="stable")], left


def _hull(problem: _Problem) -> tuple[Floats, Floats, NDArray[np.int8]]:
    """Steps up the upper hull of (cost, gain): slope and cost (L-1, n) of each step, and levels (L, n).

    The path starts at the cheapest level; after the hull's end it stays, with slope 0.
    """
    levels, n = problem.gain.shape
    slope, step = np.zeros((levels - 1, n)), np.zeros((levels - 1, n))
    path = np.zeros((levels, n), dtype=np.int8)
    for rows in problem.chunks():
        gain, cost = problem.gain[:, rows], problem.cost[0, :, rows]
        line = np.arange(gain.shape[1])
        allowed = np.isfinite(gain)
        cheapest = np.where(allowed, cost, np.inf)
        at = np.where(cheapest == cheapest.min(axis=0), gain, -np.inf).argmax(axis=0)
        path[0, rows] = at
        for number in range(levels - 1):
            more, dearer = gain - gain[at, line], cost - cost[at, line]
            better = allowed & (more > 0) & (dearer > 0)
            rise = np.where(better, more / np.where(better, dearer, 1.0), 0.0)
            nearest = rise.argmax(axis=0)
            slope[number, rows] = rise[nearest, line]
            if number:  # on a straight stretch rounding must not put the second step before the first
                np.minimum(slope[number, rows], slope[number - 1, rows], out=slope[number, rows])
            moves = slope[number, rows] > 0
            step[number, rows] = np.where(moves, dearer[nearest, line], 0.0)
            at = np.where(moves, nearest, at)
            path[number + 1, rows] = at
    return slope, step, path


@dataclass(frozen=True)
class _Settled:
    level: Ints
    choice: _Choice
    upper_bound: float
    certificate: Literal["prices", "solver"]
    marginal: NDArray[np.bool_]


def _settle_ties(problem: _Problem, prices: Floats, first: _Choice | None, tolerance: float) -> _Settled:
    """Whole customers: clear ones take their best level at the prices, the nearest ties are optimised.

    Whatever the solver says, a choice counts only by its use and gain as computed here.
    """
    level, loss, bound = problem.losses(prices)
    clear = problem.everyone_at(level)
    best = first if first is not None and first.fits else clear if clear.fits else None
    order = loss
    if best is None:
        level, order = _part_equals(problem, level, loss)
        clear = problem.everyone_at(level)

    own = (level, np.arange(problem.n))
    loss[own], order[own] = np.inf, np.inf
    alternatives = int(np.isfinite(loss).sum())
    reach, wanted = np.inf, max(_FIRST_CORE, _CORE_A_RESOURCE * len(problem.capacity))
    while alternatives and (best is None or _relative(bound - best.gain, bound) > tolerance):
        core = _nearest(order, wanted)
        everything = len(core[0]) == alternatives
        answer, limit = _solve_core(problem, level, clear, core, tolerance)
        if answer is not None and (best is None or answer.gain > best.gain):
            best = answer
        # An alternative that loses more than the unproved gain can't be part of a better assignment.
        outside = loss.copy()
        outside[core] = np.inf
        if best is not None and outside.min() >= bound - best.gain:
            reach = limit
        if answer is not None or everything:
            break
        wanted = 4 * len(core[0])
    if best is None:
        best = _least_overrun(problem, level, clear, _nearest(loss, alternatives))
        if not best.fits:
            over = best.used - problem.capacity
            raise _too_short("customers can't be split, and whole ones don't fit", problem, over)

    lost = np.where((best.count.T > 0) & np.isfinite(loss), loss, 0.0)
    return _Settled(
        level=np.where(problem.size > 0, best.count.argmax(axis=1), level),
        choice=best,
        upper_bound=max(min(bound, reach), best.gain),
        certificate="solver" if reach < bound else "prices",
        marginal=loss.min(axis=0, initial=np.inf) <= lost.max(initial=0.0),
    )


def _part_equals(problem: _Problem, level: NDArray[np.int8], loss: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Where many alternatives are equally good, choose among them by small prices of their own.

    Otherwise thousands of customers for whom two levels are worth the same would all be sent to the first
    of them. A fixed random preference makes equals differ; only they are rearranged, so nothing is lost.
    """
    finite = np.isfinite(loss)
    equal = loss <= 1e-7 * loss[finite].mean()
    if equal.sum() <= problem.n + _FIRST_CORE:
        return level, loss
    preference = np.where(equal, np.random.default_rng(0).random(loss.shape), -np.inf)
    parted = _Problem(preference, problem.cost, problem.size, problem.capacity, problem.names)
    try:
        chosen, behind, _ = parted.losses(_best_prices(parted))
    except Infeasible:  # equals alone don't fit: the core has to reach further
        return level, loss
    return chosen, np.where(equal, -1 / (1 + np.where(equal, behind, 0.0)), loss)


def _nearest(loss: Floats, wanted: int) -> tuple[Ints, Ints]:
    """Level and row of the ``wanted`` alternatives that lose least, and of all that tie with the last."""
    finite = int(np.isfinite(loss).sum())
    last = min(wanted, finite) - 1
    level, row = np.nonzero(loss <= np.partition(loss, last, axis=None)[last])
    return level, row


def _solve_core(
    problem: _Problem, level: NDArray[np.int8], clear: _Choice, core: tuple[Ints, Ints], tolerance: float
) -> tuple[_Choice | None, float]:
    """Optimise the swaps in ``core`` away from the clear choice, whole customers only.

    Gives the choice, None if nothing feasible was found, and a bound on what any such swaps can reach.
    """
    swaps = _Swaps.read(problem, level, core)
    k, scale = len(swaps.gain), swaps.scale
    room = (problem.capacity - clear.used) / scale
    # A constant, the gain before any swap, so that the solver's relative gap is the one of the whole.
    gain = np.r_[swaps.gain, clear.gain]
    bounds = Bounds(np.r_[np.zeros(k), 1.0], np.r_[swaps.most, 1.0])
    rows = sparse.vstack([(swaps.cost / scale).T, swaps.shared])
    rows = sparse.hstack([rows, sparse.csr_array((rows.shape[0], 1))]).tocsr()
    options = {"mip_rel_gap": tolerance / 2, "node_limit": _NODES}
    reach = np.inf
    for _ in range(3):
        limits = LinearConstraint(rows, -np.inf, np.r_[room, swaps.shared_most])
        with _quiet_solver():
            answer = milp(-gain, constraints=limits, integrality=np.ones(k + 1), bounds=bounds, options=options)
        if answer.x is None:
            break
        if reach == np.inf:  # only the first question had all the room there is
            reach = -answer.mip_dual_bound
        choice = swaps.apply(clear, np.rint(answer.x[:-1]).astype(np.int64))
        if choice.fits:
            return choice, reach
        # The solver forgives a millionth of a row, and the capacities don't: ask for that much less.
        over = np.maximum(choice.used - problem.capacity, 0.0)
        room = room - np.where(over > 0, 2 * over / scale + 1e-9, 0.0)
    return None, np.inf


def _least_overrun(
    problem: _Problem, level: NDArray[np.int8], clear: _Choice, everything: tuple[Ints, Ints]
) -> _Choice:
    """The whole customers that exceed the capacities least, each measured in shares of itself."""
    swaps = _Swaps.read(problem, level, everything)
    k, resources = len(swaps.gain), len(problem.capacity)
    room = (problem.capacity - clear.used) / swaps.scale
    weight = swaps.scale / np.where(problem.capacity == 0, 1.0, np.abs(problem.capacity))
    overrun = sparse.vstack([-sparse.eye_array(resources), sparse.csr_array((len(swaps.shared_most), resources))])
    rows = sparse.hstack([sparse.vstack([(swaps.cost / swaps.scale).T, swaps.shared]), overrun]).tocsr()
    with _quiet_solver():
        answer = milp(
            np.r_[np.zeros(k), weight],
            constraints=LinearConstraint(rows, -np.inf, np.r_[room, swaps.shared_most]),
            integrality=np.r_[np.ones(k), np.zeros(resources)],
            bounds=Bounds(0, np.r_[swaps.most, np.full(resources, np.inf)]),
            options={"node_limit": _NODES},
        )
    return swaps.apply(clear, np.rint(answer.x[:k]).astype(np.int64))


def _too_short(what: str, problem: _Problem, over: Floats) -> Infeasible:
    # A shortage that only the solver's rounding makes isn't worth a name, unless there is no other.
    small = np.minimum(1e-9 * np.abs(problem.capacity), over.max() / 2)
    short = {name: float(by) for name, by, least in zip(problem.names, over, small, strict=True) if by > least}
    listed = " and ".join(f"{name} by {by:.6g}" for name, by in short.items())
    return Infeasible(f"{what}: short {listed} at the least", short)


@dataclass(frozen=True)
class _Swaps:
    """Moves of customers from their clear level to another one; rows that are alike share a variable."""

    gain: Floats  # (k,) of one customer's move
    cost: Floats  # (k, R)
    most: Floats  # (k,) customers that can make it
    kind: Ints  # (k,) the kind of rows that make it
    to: Ints  # (k,)
    shared: sparse.csr_array  # (s, k) moves that compete for the same customers,
    shared_most: Floats  # (s,) and how many these are
    row: Ints  # (rows of the core,)
    row_kind: Ints
    row_size: Ints
    row_level: NDArray[np.int8]

    @property
    def scale(self) -> Floats:
        """(R,) the largest use that one move changes."""
        largest = np.abs(self.cost).max(axis=0, initial=0.0)
        return np.where(largest > 0, largest, 1.0)

    @classmethod
    def read(cls, problem: _Problem, level: NDArray[np.int8], core: tuple[Ints, Ints]) -> _Swaps:
        to, customer = core
        own = level[customer]
        row, place = np.unique(customer, return_inverse=True)
        # For each row, the gain and costs of each move it may make: alike rows are one kind.
        lines = np.full((len(row), len(problem.gain), 1 + len(problem.capacity)), np.inf)
        lines[place, to, 0] = problem.gain[to, customer] - problem.gain[own, customer]
        lines[place, to, 1:] = (problem.cost[:, to, customer] - problem.cost[:, own, customer]).T
        _, example, row_kind = np.unique(lines.reshape(len(row), -1), axis=0, return_index=True, return_inverse=True)
        customers = np.zeros(len(example))
        np.add.at(customers, row_kind, problem.size[row])
        kind, target = np.nonzero(np.isfinite(lines[example, :, 0]))
        moves = lines[example[kind], target]
        rivals = np.flatnonzero(np.bincount(kind, minlength=len(example)) > 1)
        member = np.flatnonzero(np.isin(kind, rivals))
        shared = sparse.csr_array(
            (np.ones(len(member)), (np.searchsorted(rivals, kind[member]), member)), (len(rivals), len(kind))
        )
        return cls(
            gain=moves[:, 0],
            cost=moves[:, 1:],
            most=customers[kind],
            kind=kind,
            to=target,
            shared=shared,
            shared_most=customers[rivals],
            row=row,
            row_kind=row_kind,
            row_size=problem.size[row].astype(np.int64),
            row_level=level[row],
        )

    def apply(self, clear: _Choice, moved: Ints) -> _Choice:
        """The clear choice with ``moved`` (k,) customers moved, taken from the first rows of each kind."""
        count = clear.count.copy()
        for kind in np.unique(self.kind[moved > 0]):
            members = np.flatnonzero(self.row_kind == kind)
            last = np.cumsum(self.row_size[members])
            first = last - self.row_size[members]
            done = 0
            for move in np.flatnonzero((self.kind == kind) & (moved > 0)):
                end = done + moved[move]
                part = (np.clip(last, done, end) - np.clip(first, done, end)).astype(np.int32)
                count[self.row[members], self.row_level[members]] -= part
                count[self.row[members], self.to[move]] += part
                done = end
        return _Choice(clear.problem, count)


def _read_frontier(part: _Problem, pool: _Pool, axis: int, budget: Floats, share: float, n: int) -> Frontier:
    """Every budget answered from the same responses: that makes the curve concave, not nearly concave."""
    profit, price, error = (np.full(len(budget), np.nan) for _ in range(3))
    used = np.full((len(budget), len(part.capacity)), np.nan)
    for point, money in enumerate(budget):
        problem = part.with_capacity(axis, money).with_shared_capacity(share)
        gain, use, prices = _mix(pool, problem.capacity)
        profit[point], used[point], price[point] = gain / share, use / share, prices[axis]
        error[point] = _sampling_error(part, prices, share, n)
    low, high = profit - 1.96 * error, profit + 1.96 * error
    return Frontier(budget, profit, low, high, price, used, part.names[axis], n, part.n)


def _sampling_error(part: _Problem, prices: Floats, share: float, n: int) -> float:
    """Standard error of the total: at given prices it is a sum over customers, plus a constant."""
    if part.n == n or np.isnan(prices).any():
        return 0.0
    each = np.concatenate([part.best(prices, rows)[0] for rows in part.chunks()])
    apart = part.size * (each - np.average(each, weights=part.size))
    return float(np.sqrt((1 - part.n / n) * part.n * apart.var()) / share)


@contextlib.contextmanager
def _quiet_solver() -> Iterator[None]:
    """Keep HiGHS 1.12 from printing a left-over line on standard output, which is for answers.

    HiGHS issue #2783: not even its silent mode stops it. Whatever else is written meanwhile is passed on.
    """
    if os.name != "posix":
        yield
        return
    flush = ctypes.CDLL(None).fflush
    with _STANDARD_OUTPUT, tempfile.TemporaryFile() as caught:
        flush(None)
        kept = os.dup(1)
        os.dup2(caught.fileno(), 1)
        try:
            yield
        finally:
            flush(None)
            os.dup2(kept, 1)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if not line.startswith(b"HighsMipSolverData::"):
                    os.write(1, line)


def _sample_rows(n: int, most: int) -> Ints:
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, most, replace=False))


def _relative(gap: float, bound: float) -> float:
    return max(gap, 0.0) / abs(bound) if bound else max(gap, 0.0)


def _refuse_missing(gain: Floats, cost: Floats, free: NDArray[np.bool_]) -> None:
    """Gain (n, L) and cost (n, L, R) may hold anything where a level is not allowed, and only there."""
    inputs.refuse((~np.isfinite(gain) & free).any(axis=1), "gain", "finite at every allowed level")
    no_cost = ~np.asarray(np.isfinite(cost).all(axis=2))
    inputs.refuse((no_cost & free).any(axis=1), "cost", "finite at every allowed level")
