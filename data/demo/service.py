"""What customers ask of the company: nine activities, their rates and the capacity behind them.

Orders bring order handling, deliveries and collection; returns bring return handling; tiers bring
visits and calls. Over-served customers get many more visits and calls, the urgent-and-small ones an
urgent delivery for most orders: these are planted causes of loss. Unit rates change each January;
capacity is set for each year from the year's mean use, so that `unit_rate = weekly_cost / weekly_capacity`
holds to the cent and the use of capacity is what is planted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from data.demo import window
from data.demo.complaints import Cases
from data.demo.course import Course
from data.demo.customers import BAD_DEBT, OVER_SERVED, PHONE, SALES_REP, URGENT_SMALL, Customers
from data.demo.load import Batch
from data.demo.presence import heard_of, in_periods
from data.demo.purchases import Orders
from data.demo.sales import Lines, Returns, order_value
from data.demo.streams import Subject, stream

ACTIVITIES = (
    ("order_handling", "订单处理", "Order handling", "order_office", "minute", 1.60, 0.80),
    ("delivery", "常规配送", "Delivery drop", "fleet", "drop", 66.00, 0.82),
    ("urgent_delivery", "加急配送", "Urgent delivery", "fleet", "drop", 196.00, 0.93),
    ("return_handling", "退货处理", "Return handling", "returns_desk", "line", 46.00, 0.80),
    ("visit", "上门拜访", "Visit", "field_sales", "visit", 520.00, 0.86),
    ("call", "电话服务", "Call", "call_centre", "minute", 2.10, 0.82),
    ("technical_support", "技术支持", "Technical support", "service_desk", "minute", 3.20, 0.78),
    ("complaint_handling", "投诉处理", "Complaint handling", "service_desk", "minute", 3.60, 0.77),
    ("collection", "开票与催收", "Invoicing and collection", "accounts", "piece", 26.00, 0.84),
)
"""Code, names, cost pool, driver unit, rate of 2023 in CNY a unit, mean use of capacity planted."""
(ORDER_HANDLING, DELIVERY, URGENT, RETURN_HANDLING, VISIT, CALL, SUPPORT, COMPLAINT_HANDLING, COLLECTION) = range(9)
CODES = tuple(row[0] for row in ACTIVITIES)
USE = np.array([row[6] for row in ACTIVITIES])
RATE_OF_YEAR = np.array([1.0, 1.04, 1.07, 1.11])
RATE_CENTS = np.rint(np.array([[row[5]] for row in ACTIVITIES]) * 100 * RATE_OF_YEAR).astype(np.int64)
"""Cents a driver unit, shape (activities, years from 2023)."""

VISITS_A_YEAR = np.array([9.0, 3.0, 0.5, 0.05])
CALLS_A_YEAR = np.array([12.0, 6.0, 1.3, 0.25])
SUPPORT_A_YEAR = np.array([3.0, 1.5, 0.5, 0.1])
GRADE_FACTOR = np.array([1.1, 1.0, 0.70, 0.30])
"""Visits, calls and support of a tier are fewer for lower grades."""
OVER_SERVICE = 20.0
"""Over-served customers get so many times what befitted their grade at first besides, whatever became of their tier."""
PERSON_SHARE_OF_VISITS = 0.1
SHARE_WHEN_SILENT = 0.02
"""Visits, calls and support of customers without an order in this period and the one before."""
VAN_LOAD_CENTS, MOST_LOADS = 250_000, 10
OWN_FLEET_SHARE, OWN_FLEET_SHARE_OF_SMALL, SMALL_ORDER_CENTS = 0.42, 0.15, 100_000
URGENT_SHARE, URGENT_SHARE_OF_CAUSE = 0.02, 0.80
COLLECTION_SHARE, COLLECTION_SHARE_OF_CAUSE = 0.15, 0.55


@dataclass(frozen=True)
class Events:
    """Service events: quantities in thousandths of the driver unit; channel -1 where there is none."""

    who: np.ndarray
    activity: np.ndarray
    day: np.ndarray
    quantity: np.ndarray
    channel: np.ndarray

    @property
    def cents(self) -> np.ndarray:
        """Quantity times the rate in force, rounded half up to the cent, for each event."""
        rate = RATE_CENTS[self.activity, window.YEAR_OF_DAY[self.day]]
        return (2 * self.quantity * rate + 1000) // 2000


@dataclass(frozen=True)
class Delivery:
    """How each order went out."""

    urgent: np.ndarray
    own_fleet: np.ndarray


def _events(activity: int, who: np.ndarray, day: np.ndarray, quantity: np.ndarray, channel: np.ndarray | int) -> Events:
    milli = np.rint(1000 * quantity).astype(np.int64)
    return Events(who, np.full(len(who), activity), day, milli, np.broadcast_to(channel, who.shape))


def _join(parts: list[Events]) -> Events:
    day = np.concatenate([part.day for part in parts])
    order = np.argsort(day.astype(np.int16), kind="stable")
    who, activity, quantity, channel = (
        np.concatenate([getattr(part, name) for part in parts])[order]
        for name in ("who", "activity", "quantity", "channel")
    )
    return Events(who, activity, day[order], quantity, channel)


def draw(
    customers: Customers,
    orders: Orders,
    lines: Lines,
    returns: Returns,
    course: Course,
    cases: Cases,
    seed: int,
) -> tuple[Events, Delivery]:
    """All service events of a chunk; each complaint case makes work too."""
    rng = stream(seed, customers.chunk, Subject.SERVICE)
    value = order_value(orders, lines)
    delivery = _delivery(rng, customers, orders, value)
    parts = [
        _order_handling(rng, orders),
        *_deliveries(orders, value, delivery),
        _return_handling(lines, returns),
        *(_personal(rng, customers, orders, course, activity) for activity in (VISIT, CALL, SUPPORT)),
        _complaint_handling(rng, cases),
        _collection(rng, customers, orders),
    ]
    return _join(parts), delivery


def _minutes(rng: np.random.Generator, middle: float | np.ndarray, size: int) -> np.ndarray:
    """Lognormal minutes around `middle`, to a tenth."""
    return np.maximum(1, np.round(middle * np.exp(0.45 * rng.standard_normal(size)), 1))


def _order_handling(rng: np.random.Generator, orders: Orders) -> Events:
    """Orders by telephone and through a representative are typed in: 6 minutes and 1.5 for each line."""
    typed = np.flatnonzero((orders.channel == PHONE) | (orders.channel == SALES_REP) & (rng.random(len(orders)) < 0.6))
    minutes = _minutes(rng, 6 + 1.5 * orders.lines[typed], len(typed))
    return _events(ORDER_HANDLING, orders.who[typed], orders.day[typed], minutes, orders.channel[typed])


def _delivery(rng: np.random.Generator, customers: Customers, orders: Orders, value: np.ndarray) -> Delivery:
    """Urgent orders apart, the own fleet takes part of the bigger orders; most small ones go by post."""
    share = np.where(customers.suffers(URGENT_SMALL, orders.who, orders.day), URGENT_SHARE_OF_CAUSE, URGENT_SHARE)
    urgent = rng.random(len(orders)) < share
    own = np.where(value < SMALL_ORDER_CENTS, OWN_FLEET_SHARE_OF_SMALL, OWN_FLEET_SHARE)
    return Delivery(urgent, ~urgent & (rng.random(len(orders)) < own))


def _deliveries(orders: Orders, value: np.ndarray, delivery: Delivery) -> list[Events]:
    """One drop for each van load of goods; really big orders come in a lorry that counts for ten."""
    loads = np.minimum(1 + value // VAN_LOAD_CENTS, MOST_LOADS)
    drops = ((URGENT, np.flatnonzero(delivery.urgent)), (DELIVERY, np.flatnonzero(delivery.own_fleet)))
    return [
        _events(activity, orders.who[chosen], orders.day[chosen], loads[chosen], orders.channel[chosen])
        for activity, chosen in drops
    ]


def _return_handling(lines: Lines, returns: Returns) -> Events:
    return _events(RETURN_HANDLING, lines.who[returns.line], returns.day, np.ones(len(returns.line)), -1)


def _personal(rng: np.random.Generator, customers: Customers, orders: Orders, course: Course, activity: int) -> Events:
    """Visits, calls and technical support by tier, while the customer is served."""
    a_year = {VISIT: VISITS_A_YEAR, CALL: CALLS_A_YEAR, SUPPORT: SUPPORT_A_YEAR}[activity]
    fitting = a_year * GRADE_FACTOR
    a_year = a_year[course.tier] * GRADE_FACTOR[course.grade]
    if activity != SUPPORT:
        at_work = (customers.cause == OVER_SERVED)[:, None] & (customers.cause_from[:, None] <= window.PERIOD_START)
        a_year = a_year + np.where(at_work, OVER_SERVICE * fitting[_grade_at_first(course, at_work)], 0)
    if activity == VISIT:
        a_year = np.where(customers.person[:, None], PERSON_SHARE_OF_VISITS * a_year, a_year)
    who, day = in_periods(rng, customers, orders, np.where(heard_of(customers, orders), 1, SHARE_WHEN_SILENT) * a_year)
    middle = {VISIT: 1.0, CALL: 28.0, SUPPORT: 38.0}[activity]
    quantity = np.ones(len(who)) if activity == VISIT else _minutes(rng, middle, len(who))
    return _events(activity, who, day, quantity, SALES_REP if activity == VISIT else PHONE)


def _grade_at_first(course: Course, at_work: np.ndarray) -> np.ndarray:
    """Each customer's grade when his cause set in or when he was won, in a column."""
    since = np.maximum(at_work.argmax(axis=1), course.first_period)[:, None]
    return np.take_along_axis(course.grade, since, axis=1)


def _complaint_handling(rng: np.random.Generator, cases: Cases) -> Events:
    return _events(COMPLAINT_HANDLING, cases.who, cases.day, _minutes(rng, 55, len(cases.who)), PHONE)


def _collection(rng: np.random.Generator, customers: Customers, orders: Orders) -> Events:
    """Invoices that someone has to chase, some weeks after the order; organisations only."""
    troubled = customers.suffers(BAD_DEBT, orders.who, orders.day)
    share = np.where(troubled, COLLECTION_SHARE_OF_CAUSE, COLLECTION_SHARE) * ~customers.person[orders.who]
    day = orders.day + rng.integers(14, 60, len(orders))
    chosen = np.flatnonzero((rng.random(len(orders)) < share) & (day < window.DAYS))
    pieces = 1.0 + rng.poisson(np.where(troubled[chosen], 1.5, 0.3))
    return _events(COLLECTION, orders.who[chosen], day[chosen], pieces, -1)


def event_rows(customers: Customers, events: Events, first_event: int) -> Batch:
    return {
        "event_key": first_event + np.arange(len(events.who)),
        "customer_key": customers.key[events.who],
        "activity_key": 1 + events.activity,
        "served_on": events.day,
        "quantity": events.quantity,
        "channel_key": np.ma.masked_array(1 + events.channel, events.channel < 0),
    }


def activity_rows() -> Batch:
    code, name, name_en, pool, unit = (list(column) for column in list(zip(*ACTIVITIES, strict=True))[:5])
    return {
        "activity_key": np.arange(1, len(ACTIVITIES) + 1),
        "code": code,
        "name": name,
        "name_en": name_en,
        "cost_pool": pool,
        "driver_unit": unit,
    }


def rate_rows(used: np.ndarray) -> Batch:
    """Rates of each year; `used` are driver units by (activity, week). Capacity is whole, costs are exact."""
    year_of_week = window.YEAR_OF_DAY[6::7]
    mean = np.stack([used[:, year_of_week == year].mean(axis=1) for year in range(len(window.YEARS))], axis=1)
    capacity = np.maximum(1, np.rint(mean / USE[:, None])).astype(np.int64)
    activity, year = (index.ravel() for index in np.indices(capacity.shape))
    january = np.array([window.day(date(first, 1, 1)) for first in (*window.YEARS, window.YEARS[-1] + 1)])
    return {
        "activity_key": 1 + activity,
        "valid_from": january[year],
        "valid_to": np.ma.masked_array(january[year + 1], year == len(window.YEARS) - 1),
        "unit_rate": 100 * RATE_CENTS.ravel(),
        "weekly_capacity": 1000 * capacity.ravel(),
        "weekly_cost": capacity.ravel() * RATE_CENTS.ravel(),
    }
