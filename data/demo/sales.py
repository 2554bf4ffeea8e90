"""What is on an order: products, quantities, discounts, cost of goods and returns.

Quantities aim at the customer's usual value of a line, so revenue is lognormal between customers.
List prices rose on one day (`window.PRICE_CHANGE`), unit costs each January; the product table shows
today's. A return is a line of its own, negative in every amount, that names the line it takes back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.demo import window
from data.demo.course import Course
from data.demo.customers import CHANNELS, DEEP_DISCOUNT, INDUSTRIES, RETURNS, Customers
from data.demo.lists import codes, rows
from data.demo.load import Batch, Coded, numbered
from data.demo.purchases import Orders
from data.demo.streams import Subject, pick, stream

CATEGORIES = codes("category")
_CATEGORY = np.array([CATEGORIES.index(row["category"]) for row in rows("products")])
_POPULARITY = np.array([float(row["popularity"]) for row in rows("products")])
LIST_CENTS = np.array([round(100 * float(row["list_price"])) for row in rows("products")])
_COST_SHARE = np.array([float(row["cost_share"]) for row in rows("products")])
COST_CENTS = np.rint(LIST_CENTS * _COST_SHARE).astype(np.int64)
COST_OF_YEAR = np.array([0.96, 0.97, 0.985, 1.0])

FAVOURITES = {
    "manufacturing": ("safety", "tools", "electrical"),
    "wholesale": ("packaging", "office", "tools"),
    "retail": ("packaging", "cleaning", "lighting"),
    "construction": ("tools", "safety", "electrical"),
    "healthcare": ("cleaning", "safety", "office"),
    "education": ("office", "it", "lighting"),
    "hospitality": ("cleaning", "lighting", "office"),
    "logistics": ("packaging", "safety", "it"),
    "technology": ("it", "office", "electrical"),
    "energy": ("electrical", "safety", "lighting"),
    "household": ("office", "cleaning", "it"),
}
FAVOURITE_WEIGHT = 4.0
LINE_SPREAD = 0.55
DISCOUNT_SPREAD = 0.02

RETURN_RATE, HEAVY_RETURN_RATE = 0.007, 0.42
RETURN_DAYS = (3, 24)
PAYMENT_METHODS = codes("payment_method")

_SLOTS = 4096


def _product_slots() -> np.ndarray:
    """For each industry a table of product positions in which each product has its share of slots."""
    slots = np.empty((len(INDUSTRIES), _SLOTS), dtype=np.int16)
    for row, industry in enumerate(INDUSTRIES):
        liked = np.isin(_CATEGORY, [CATEGORIES.index(name) for name in FAVOURITES[industry]])
        edges = np.cumsum(_POPULARITY * np.where(liked, FAVOURITE_WEIGHT, 1.0))
        slots[row] = np.searchsorted(edges / edges[-1], (np.arange(_SLOTS) + 0.5) / _SLOTS)
    return slots


def _modest_siblings() -> np.ndarray:
    """For each product one of the three cheapest of its category: what a small order takes instead."""
    siblings = np.empty(len(_CATEGORY), dtype=np.int16)
    for category in range(len(CATEGORIES)):
        members = np.flatnonzero(category == _CATEGORY)
        cheapest = members[np.argsort(LIST_CENTS[members])][:3]
        siblings[members] = np.resize(cheapest, len(members))
    return siblings


_PRODUCT_SLOTS = _product_slots()
_MODEST = _modest_siblings()


@dataclass(frozen=True)
class Lines:
    """One chunk's order lines in order of date; amounts in cents. `order` points into the orders."""

    order: np.ndarray
    who: np.ndarray
    day: np.ndarray
    product: np.ndarray
    quantity: np.ndarray
    revenue: np.ndarray
    discount: np.ndarray
    cost: np.ndarray
    payment: np.ndarray


@dataclass(frozen=True)
class Returns:
    """Returned lines: `line` points into the lines; amounts are negative."""

    line: np.ndarray
    day: np.ndarray
    quantity: np.ndarray
    revenue: np.ndarray
    discount: np.ndarray
    cost: np.ndarray


def draw(customers: Customers, orders: Orders, course: Course, seed: int, keeps: np.ndarray) -> tuple[Lines, Returns]:
    """Lines and returns of a chunk; customers marked in `keeps` (resellers with stock) return nothing."""
    rng = stream(seed, customers.chunk, Subject.SALES)
    lines = _lines(rng, customers, orders, course)
    return lines, _returns(rng, customers, lines, keeps)


def _lines(rng: np.random.Generator, customers: Customers, orders: Orders, course: Course) -> Lines:
    order = np.repeat(np.arange(len(orders)), orders.lines)
    who, day = orders.who[order], orders.day[order]
    product = _PRODUCT_SLOTS[customers.industry[who], rng.integers(0, _SLOTS, len(who), dtype=np.int16)]
    spend = course.spend[orders.who, window.PERIOD_OF_DAY[orders.day]] * customers.line_value[orders.who]
    noise = np.exp(LINE_SPREAD * rng.standard_normal(len(who), dtype=np.float32))
    wanted = 100 * spend[order] * noise
    product = np.where(wanted < LIST_CENTS[product] / 2, _MODEST[product], product)
    quantity = np.maximum(1, np.rint(wanted / LIST_CENTS[product])).astype(np.int64)
    gross = _price_cents(day, product) * quantity
    discount = np.rint(gross * _discount(rng, customers, who, day)).astype(np.int64)
    cost = np.rint(COST_CENTS[product] * COST_OF_YEAR[window.YEAR_OF_DAY[day]]).astype(np.int64) * quantity
    return Lines(
        order=order,
        who=who,
        day=day,
        product=product,
        quantity=quantity,
        revenue=gross - discount,
        discount=discount,
        cost=cost,
        payment=_payment(rng, customers, orders)[order],
    )


def order_value(orders: Orders, lines: Lines) -> np.ndarray:
    """Revenue of each order before returns, cents."""
    return np.bincount(lines.order, lines.revenue, len(orders))


def _price_cents(day: np.ndarray, product: np.ndarray) -> np.ndarray:
    before = np.rint(LIST_CENTS / window.PRICE_RISE).astype(np.int64)
    return np.where(day < window.day(window.PRICE_CHANGE), before[product], LIST_CENTS[product])


def _discount(rng: np.random.Generator, customers: Customers, who: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Usual discount of the customer with some noise a line; a deep discounter begins with 6 %."""
    usual = np.where(
        (customers.cause[who] == DEEP_DISCOUNT) & (day < customers.cause_from[who]),
        0.06,
        customers.discount[who],
    )
    noise = DISCOUNT_SPREAD * rng.standard_normal(len(who), dtype=np.float32)
    return np.where(usual > 0, np.clip(usual + noise, 0, 0.6), 0)


def _payment(rng: np.random.Generator, customers: Customers, orders: Orders) -> np.ndarray:
    organisation = pick(rng, [35, 50, 10, 5], len(orders))
    person = pick(rng, [4, 0, 26, 70], len(orders))
    return np.where(customers.person[orders.who], person, organisation)


def _returns(rng: np.random.Generator, customers: Customers, lines: Lines, keeps: np.ndarray) -> Returns:
    heavy = customers.suffers(RETURNS, lines.who, lines.day)
    rate = np.where(heavy, HEAVY_RETURN_RATE, RETURN_RATE) * ~keeps[lines.who]
    line = np.flatnonzero(rng.random(len(rate), dtype=np.float32) < rate)
    day = lines.day[line] + rng.integers(*RETURN_DAYS, len(line))
    line, day = line[day < window.DAYS], day[day < window.DAYS]
    whole = rng.random(len(line)) < 0.6
    bought = lines.quantity[line]
    quantity = np.where(whole, bought, np.ceil(bought * rng.random(len(line))).astype(np.int64))
    revenue, discount, cost = (
        -np.rint(amounts[line] * (quantity / bought)).astype(np.int64)
        for amounts in (lines.revenue, lines.discount, lines.cost)
    )
    order = np.argsort(day, kind="stable")
    return Returns(line[order], day[order], -quantity[order], revenue[order], discount[order], cost[order])


def line_rows(
    customers: Customers, orders: Orders, lines: Lines, returns: Returns, first_line: int, first_order: int
) -> Batch:
    """Sales lines, then returns; keys run from `first_line`, order codes from `first_order`."""
    back = returns.line
    names = numbered("S", first_order, len(orders), 9)
    of_line = np.concatenate([np.zeros(len(lines.who), np.int64), first_line + back])

    def both(sold: np.ndarray, returned: np.ndarray) -> np.ndarray:
        return np.concatenate([sold, returned])

    return {
        "line_key": first_line + np.arange(len(of_line)),
        "order_code": Coded(names, both(lines.order, lines.order[back])),
        "customer_key": customers.first_key + both(lines.who, lines.who[back]),
        "product_key": 1 + both(lines.product, lines.product[back]).astype(np.int64),
        "channel_key": 1 + orders.channel[both(lines.order, lines.order[back])],
        "sold_on": both(lines.day, returns.day),
        "quantity": 1000 * both(lines.quantity, returns.quantity),
        "revenue": both(lines.revenue, returns.revenue),
        "discount": both(lines.discount, returns.discount),
        "cost_of_goods": both(lines.cost, returns.cost),
        "payment_method": Coded(PAYMENT_METHODS, both(lines.payment, lines.payment[back])),
        "return_of": np.ma.masked_equal(of_line, 0),
    }


def product_rows() -> Batch:
    products = rows("products")
    return {
        "product_key": np.arange(1, len(products) + 1),
        "code": [f"P{key:03d}" for key in range(1, len(products) + 1)],
        "name": [row["name"] for row in products],
        "name_en": [row["name_en"] for row in products],
        "category": [row["category"] for row in products],
        "list_price": LIST_CENTS,
        "unit_cost": COST_CENTS,
    }


def channel_rows() -> Batch:
    codes_, names, english = zip(*CHANNELS, strict=True)
    return {
        "channel_key": np.arange(1, len(CHANNELS) + 1),
        "code": list(codes_),
        "name": list(names),
        "name_en": list(english),
    }
