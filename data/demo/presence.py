"""When a customer is there: events spread over the time he is served, on the clock of work."""

from __future__ import annotations

import numpy as np

from data.demo import window
from data.demo.customers import Customers
from data.demo.purchases import Orders
from data.demo.streams import ragged


def heard_of(customers: Customers, orders: Orders) -> np.ndarray:
    """Whether there was an order in each period or the one before; shape (customers, periods)."""
    cell = orders.who * window.PERIODS + window.PERIOD_OF_DAY[orders.day]
    ordered = np.bincount(cell, minlength=len(customers) * window.PERIODS).reshape(-1, window.PERIODS) > 0
    ordered[:, 1:] = ordered[:, 1:] | ordered[:, :-1]
    return ordered


def in_periods(
    rng: np.random.Generator, customers: Customers, orders: Orders, a_year: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(who, day) of Poisson events on the clock of work; `a_year` has shape (customers, periods)."""
    chinese = customers.chinese[:, None]
    first = np.maximum(window.PERIOD_START, customers.acquired[:, None])
    end = np.minimum(window.PERIOD_END, orders.last_active[:, None] + 1)
    begin = window.WORK.elapsed(first, chinese)
    weeks = np.where(end > first, window.WORK.elapsed(end, chinese) - begin, 0)
    counts = rng.poisson(a_year * weeks / 52.1775).ravel()
    cell = ragged(counts)
    who = cell // window.PERIODS
    elapsed = begin.ravel()[cell] + rng.random(len(cell)) * weeks.ravel()[cell]
    day = window.WORK.day_at(elapsed, customers.chinese[who])
    return who, np.minimum(day, end.ravel()[cell] - 1)
