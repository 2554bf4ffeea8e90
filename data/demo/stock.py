"""Resellers' stock: what they bought (it is in the sales lines), what they sold on, what is left.

Every month on hand = on hand before + purchased - sold. Each reseller has a planted pattern from nine
months before the end: healthy, stuffed (sells on far less than he buys), pulling out (lives on his stock)
or dying (sales fade month by month).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from data.demo import window
from data.demo.customers import INDUSTRIES, RETURNS, Customers
from data.demo.load import Batch
from data.demo.sales import LIST_CENTS, Lines
from data.demo.streams import Subject, pick, rank_within, stream

MONTHS = tuple(date(2023 + (10 + n) // 12, (10 + n) % 12 + 1, 1) for n in range(37))
_FIRST_DAY = np.array([window.day(month) for month in MONTHS])
_MONTH_OF_DAY = np.searchsorted(_FIRST_DAY, np.arange(window.DAYS), side="right") - 1

RESELLING = tuple(INDUSTRIES.index(name) for name in ("wholesale", "retail"))
RESELLER_SHARE = 0.5
PRODUCTS_EACH = 2
MONTHS_OF_HISTORY = 8
PATTERNS = ("healthy", "stuffed", "pulling_out", "dying")
PATTERN_SHARES = (0.64, 0.14, 0.12, 0.10)
ONSET = len(MONTHS) - 9
SOLD_OF_PATTERN = np.array([1.0, 0.55, 1.30, 1.0])
FADING = 0.84
"""A dying reseller sells this share of the month before."""


@dataclass(frozen=True)
class Resellers:
    """`keeps` marks customers who report stock (and, by contract, return nothing)."""

    keeps: np.ndarray
    pattern: np.ndarray


def draw(customers: Customers, seed: int) -> Resellers:
    rng = stream(seed, customers.chunk, Subject.STOCK)
    able = np.isin(customers.industry, RESELLING) & (customers.cause != RETURNS)
    keeps = able & (rng.random(len(customers)) < RESELLER_SHARE)
    return Resellers(keeps, pick(rng, list(PATTERN_SHARES), len(customers)))


def stock_rows(customers: Customers, lines: Lines, resellers: Resellers, seed: int) -> Batch:
    rng = stream(seed, customers.chunk, Subject.STOCK).spawn(1)[0]
    who, product, purchased = _purchased(lines, resellers)
    sold, on_hand, first = _sold(rng, purchased, resellers.pattern[who])
    pair, month = np.nonzero(np.arange(len(MONTHS)) >= first[:, None])
    return {
        "customer_key": customers.key[who[pair]],
        "product_key": 1 + product[pair],
        "month": _FIRST_DAY[month],
        "purchased": 1000 * purchased[pair, month],
        "sold": 1000 * sold[pair, month],
        "on_hand": 1000 * on_hand[pair, month],
    }


def _purchased(lines: Lines, resellers: Resellers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The favourite products of each reseller and the units bought by month; shape (pairs, months)."""
    products, mine = len(LIST_CENTS), np.flatnonzero(resellers.keeps[lines.who])
    pair_of_line = lines.who[mine].astype(np.int64) * products + lines.product[mine]
    month = _MONTH_OF_DAY[lines.day[mine]]
    pairs, position, counts = np.unique(pair_of_line, return_inverse=True, return_counts=True)
    by_favour = np.lexsort((pairs, -counts, pairs // products))
    _, of_customer = np.unique(pairs // products, return_counts=True)
    chosen = np.sort(by_favour[(rank_within(of_customer) < PRODUCTS_EACH) & (counts[by_favour] >= MONTHS_OF_HISTORY)])
    cell = position * len(MONTHS) + month
    units = np.bincount(cell, lines.quantity[mine], len(pairs) * len(MONTHS)).reshape(-1, len(MONTHS))
    return pairs[chosen] // products, pairs[chosen] % products, np.rint(units[chosen]).astype(np.int64)


def _sold(
    rng: np.random.Generator, purchased: np.ndarray, pattern: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units sold on and left by month, and the month of the first purchase."""
    first = (purchased > 0).argmax(axis=1)
    usual = purchased.sum(axis=1) / np.maximum(1, len(MONTHS) - first)
    held = np.ceil(usual * np.where(pattern == PATTERNS.index("pulling_out"), 5.0, 1.5)).astype(np.int64)
    sold, on_hand, demand = np.zeros_like(purchased), np.zeros_like(purchased), usual.copy()
    for month in range(len(MONTHS)):
        if month >= ONSET:
            demand = np.where(pattern == PATTERNS.index("dying"), FADING * demand, SOLD_OF_PATTERN[pattern] * usual)
        wanted = np.rint(demand * np.exp(0.25 * rng.standard_normal(len(usual)))).astype(np.int64)
        present = month >= first
        sold[:, month] = np.where(present, np.minimum(wanted, held + purchased[:, month]), 0)
        held = held + np.where(present, purchased[:, month] - sold[:, month], 0)
        on_hand[:, month] = held
    return sold, on_hand, first
