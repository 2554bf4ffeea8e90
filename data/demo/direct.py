"""Costs that belong to one customer without any driver: freight, gifts, refunds, lawyers, bad debt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.demo import window
from data.demo.course import Course
from data.demo.customers import BAD_DEBT, RETURNS, Customers
from data.demo.lists import codes
from data.demo.load import Batch, Coded
from data.demo.presence import heard_of
from data.demo.purchases import Orders
from data.demo.sales import Lines, Returns, order_value
from data.demo.service import Delivery
from data.demo.streams import Subject, stream

KINDS = codes("direct_cost")
FREIGHT, GIFT, REFUND, LEGAL, DEBT = (KINDS.index(kind) for kind in ("freight", "gift", "refund", "legal", "bad_debt"))
FREIGHT_SHARE = 0.45
"""Share of orders not carried by the own fleet that leave a freight bill."""
WRITE_OFF_SHARE, WRITE_OFF_SHARE_OF_CAUSE = 0.0006, 0.60
LAWSUIT_SHARE = 0.15
REFUND_SHARE, REFUND_SHARE_OF_CAUSE = 0.08, 0.75
"""Returns for which the customer's own costs are refunded too."""
GIFT_CENTS = np.array([68_000, 38_000, 9_000, 0])
GIFT_DAYS = tuple(window.day(new_year) - 12 for new_year in window.SPRING_FESTIVALS)


@dataclass(frozen=True)
class Entries:
    who: np.ndarray
    day: np.ndarray
    kind: np.ndarray
    cents: np.ndarray


def draw(
    customers: Customers,
    orders: Orders,
    lines: Lines,
    returns: Returns,
    delivery: Delivery,
    course: Course,
    seed: int,
) -> Entries:
    rng = stream(seed, customers.chunk, Subject.DIRECT)
    value = order_value(orders, lines)
    parts = [
        _freight(rng, orders, delivery, value),
        *_gifts(customers, orders, course),
        _refunds(rng, customers, lines, returns),
        *_write_offs(rng, customers, orders, value),
    ]
    who, day, kind, cents = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept = np.flatnonzero((day < window.DAYS) & (cents > 0))
    kept = kept[np.argsort(day[kept], kind="stable")]
    return Entries(who[kept], day[kept], kind[kept], cents[kept])


def _entries(kind: int, who: np.ndarray, day: np.ndarray, cents: np.ndarray) -> tuple[np.ndarray, ...]:
    return who, day, np.full(len(who), kind), np.rint(cents).astype(np.int64)


def _freight(rng: np.random.Generator, orders: Orders, delivery: Delivery, value: np.ndarray) -> tuple[np.ndarray, ...]:
    sent = ~delivery.urgent & ~delivery.own_fleet & (rng.random(len(orders)) < FREIGHT_SHARE)
    chosen = np.flatnonzero(sent)
    cents = (1_500 + 0.05 * value[chosen]) * np.exp(0.3 * rng.standard_normal(len(chosen)))
    return _entries(FREIGHT, orders.who[chosen], orders.day[chosen], cents)


def _gifts(customers: Customers, orders: Orders, course: Course) -> list[tuple[np.ndarray, ...]]:
    """A present before each Spring Festival to every customer who orders at that time, by tier."""
    buying = heard_of(customers, orders)
    gifts = []
    for given in GIFT_DAYS:
        period = window.PERIOD_OF_DAY[given]
        present = (customers.acquired <= given) & (orders.last_active >= given)
        who = np.flatnonzero(present & buying[:, period] & ~customers.person)
        tier = course.tier[who, period]
        gifts.append(_entries(GIFT, who, np.full(len(who), given), GIFT_CENTS[tier]))
    return gifts


def _refunds(rng: np.random.Generator, customers: Customers, lines: Lines, returns: Returns) -> tuple[np.ndarray, ...]:
    who = lines.who[returns.line]
    heavy = customers.suffers(RETURNS, who, returns.day)
    chosen = np.flatnonzero(rng.random(len(who)) < np.where(heavy, REFUND_SHARE_OF_CAUSE, REFUND_SHARE))
    cents = -returns.revenue[chosen] * (0.3 + 0.5 * rng.random(len(chosen)))
    return _entries(REFUND, who[chosen], returns.day[chosen] + 2, cents)


def _write_offs(
    rng: np.random.Generator, customers: Customers, orders: Orders, value: np.ndarray
) -> list[tuple[np.ndarray, ...]]:
    """Orders never paid, written off four to six months later; some go to court first."""
    troubled = customers.suffers(BAD_DEBT, orders.who, orders.day)
    chosen = np.flatnonzero(rng.random(len(orders)) < np.where(troubled, WRITE_OFF_SHARE_OF_CAUSE, WRITE_OFF_SHARE))
    day = orders.day[chosen] + rng.integers(110, 190, len(chosen))
    sued = np.flatnonzero(rng.random(len(chosen)) < LAWSUIT_SHARE)
    fees = 80_000 * np.exp(0.6 * rng.standard_normal(len(sued)))
    return [
        _entries(DEBT, orders.who[chosen], day, value[chosen] * (0.5 + 0.5 * rng.random(len(chosen)))),
        _entries(LEGAL, orders.who[chosen][sued], day[sued] - 30, fees),
    ]


def entry_rows(customers: Customers, entries: Entries, first_entry: int) -> Batch:
    return {
        "entry_key": first_entry + np.arange(len(entries.who)),
        "customer_key": customers.key[entries.who],
        "incurred_on": entries.day,
        "kind": Coded(KINDS, entries.kind),
        "amount": entries.cents,
    }
