"""Who the customers are: what the warehouse shows of them, and what is planted underneath.

Hidden under each customer are a purchase rate and a drop-out probability (BG/NBD), a size of order
(lognormal), a disposition to be satisfied, and for about a quarter of them one cause of loss. The
drop-out probability is drawn from its beta distribution and then handed out by rank, the lower ones
to the better disposed (a Gaussian copula): satisfied customers stay longer, yet the marginals are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.demo import geography, window
from data.demo.geography import Staff
from data.demo.lists import codes
from data.demo.load import Batch, Coded, numbered
from data.demo.streams import Subject, pick, rank_within, stream

INDUSTRIES = codes("industry")
HOUSEHOLD = INDUSTRIES.index("household")
SIZES = codes("size")
KINDS = codes("kind")

CHANNELS = (
    ("web", "官网商城", "Web shop"),
    ("sales_rep", "销售代表", "Sales representative"),
    ("distributor", "经销商", "Distributor"),
    ("marketplace", "电商平台", "Marketplace"),
    ("phone", "电话", "Phone"),
    ("referral", "转介绍", "Referral"),
    ("exhibition", "展会", "Exhibition"),
    ("advertising", "广告投放", "Advertising"),
)
SALES_CHANNELS = 5
WEB, SALES_REP, DISTRIBUTOR, MARKETPLACE, PHONE, REFERRAL = range(6)

ACQUISITION_COST = np.array([350.0, 1_800.0, 900.0, 420.0, 600.0, 250.0, 2_600.0, 1_100.0])
"""Mean cost of winning an organisation by each channel, CNY; a person costs an eighth."""

CAUSES = ("none", "over_served", "deep_discount", "returns", "urgent_small", "bad_debt")
NONE, OVER_SERVED, DEEP_DISCOUNT, RETURNS, URGENT_SMALL, BAD_DEBT = range(6)
CAUSE_SHARES = (0.817, 0.052, 0.04, 0.034, 0.030, 0.027)
DEAL = 200
VALUE_OF_CAUSE = np.array([1.0, 1.5, 2.4, 1.9, 0.16, 1.6])
"""Order size by cause: bigger customers ask for discounts and attention; urgent orders are small."""

PERSON_SHARE = 0.15
BEFORE_WINDOW = 0.45
OLDEST_WEEKS, TYPICAL_WEEKS = 8 * 52.1775, 1.9 * 52.1775

PURCHASES = {
    "organisation": {"r": 1.3, "alpha": 5.4, "a": 0.5, "b": 27.0},
    "person": {"r": 1.0, "alpha": 8.5, "a": 0.7, "b": 13.0},
}
"""BG/NBD parameters; the rate is purchases an operational week."""
LOYALTY_OF_DISPOSITION = 0.6
"""Correlation of disposition with (low) drop-out probability on the normal scale."""

LINE_VALUE = {"organisation": (6.05, 1.25), "person": (4.90, 0.60)}
"""Mean and standard deviation of the logarithm of a customer's usual order line, CNY at list price."""


@dataclass(frozen=True)
class Customers:
    """One chunk of customers, one array element each; keys run from `first_key` on."""

    chunk: int
    first_key: int
    person: np.ndarray
    city: np.ndarray
    industry: np.ndarray
    size: np.ndarray
    manager_key: np.ndarray
    acquired: np.ndarray
    came_by: np.ndarray
    usual_channel: np.ndarray
    strategic_fit: np.ndarray
    rate: np.ndarray
    drop_out: np.ndarray
    line_value: np.ndarray
    disposition: np.ndarray
    discount: np.ndarray
    cause: np.ndarray
    cause_from: np.ndarray

    def __len__(self) -> int:
        return len(self.person)

    @cached_property
    def key(self) -> np.ndarray:
        return self.first_key + np.arange(len(self))

    @cached_property
    def chinese(self) -> np.ndarray:
        return geography.CITY_COUNTRY[self.city] == geography.CHINA

    @cached_property
    def country(self) -> np.ndarray:
        return geography.CITY_COUNTRY[self.city]

    def suffers(self, cause: int, who: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Whether `cause` is at work for these customers on these days."""
        return (self.cause[who] == cause) & (day >= self.cause_from[who])


def draw(seed: int, chunk: int, first_key: int, size: int, staff: Staff) -> Customers:
    rng = stream(seed, chunk, Subject.CUSTOMER)
    person = rng.random(size) < PERSON_SHARE
    city = pick(rng, geography.CITY_WEIGHT, size)
    acquired, came_by = _acquired(rng, size), pick(rng, [22, 24, 8, 12, 6, 12, 9, 7], size)
    rate, line_value = _rate(rng, person), _line_value(rng, person)
    disposition = rng.standard_normal(size)
    cause, cause_from = _cause(rng, rate * line_value)
    bigness = np.log(line_value * rate) + 0.8 * rng.standard_normal(size)
    return Customers(
        chunk=chunk,
        first_key=first_key,
        person=person,
        city=city,
        industry=np.where(person, HOUSEHOLD, pick(rng, [20, 14, 12, 9, 8, 6, 8, 9, 9, 5], size)),
        size=np.where(person, -1, np.digitize(bigness, [3.6, 5.0, 6.3])),
        manager_key=staff.manager_of(geography.CITY_AREA[city], rng.random(size)),
        acquired=acquired,
        came_by=came_by,
        usual_channel=_usual_channel(rng, person, came_by),
        strategic_fit=1 + np.digitize(bigness + 1.5 * rng.standard_normal(size), [2.6, 4.3, 5.8, 7.4]),
        rate=rate,
        drop_out=_drop_out(rng, person, disposition),
        line_value=line_value * VALUE_OF_CAUSE[cause],
        disposition=disposition,
        discount=_discount(rng, person, cause, bigness),
        cause=cause,
        cause_from=cause_from,
    )


def _by_kind(person: np.ndarray, name: str) -> np.ndarray:
    return np.where(person, PURCHASES["person"][name], PURCHASES["organisation"][name])


def _rate(rng: np.random.Generator, person: np.ndarray) -> np.ndarray:
    return rng.gamma(_by_kind(person, "r")) / _by_kind(person, "alpha")


def _line_value(rng: np.random.Generator, person: np.ndarray) -> np.ndarray:
    mean, spread = (np.where(person, LINE_VALUE["person"][k], LINE_VALUE["organisation"][k]) for k in (0, 1))
    return np.exp(mean + spread * rng.standard_normal(len(person)))


def _acquired(rng: np.random.Generator, size: int) -> np.ndarray:
    """Day of acquisition: 45 % before the window (exponential ages, eight years at most), the rest in it."""
    reach = 1 - np.exp(-OLDEST_WEEKS / TYPICAL_WEEKS)
    age = -TYPICAL_WEEKS * np.log1p(-reach * rng.random(size)) * 7
    before = -1 - age.astype(np.int64)
    return np.where(rng.random(size) < BEFORE_WINDOW, before, rng.integers(0, window.DAYS - 7, size))


def _usual_channel(rng: np.random.Generator, person: np.ndarray, came_by: np.ndarray) -> np.ndarray:
    other = np.where(person, pick(rng, [50, 2, 3, 35, 10], len(person)), pick(rng, [27, 33, 13, 12, 15], len(person)))
    return np.where((came_by < SALES_CHANNELS) & (rng.random(len(person)) < 0.6), came_by, other)


def _drop_out(rng: np.random.Generator, person: np.ndarray, disposition: np.ndarray) -> np.ndarray:
    """Beta draws, handed out by rank within each kind: the better disposed get the lower ones."""
    rho = LOYALTY_OF_DISPOSITION
    score = -rho * disposition + np.sqrt(1 - rho**2) * rng.standard_normal(len(person))
    drawn = rng.beta(_by_kind(person, "a"), _by_kind(person, "b"))
    for members in (np.flatnonzero(person), np.flatnonzero(~person)):
        drawn[members[np.argsort(score[members])]] = np.sort(drawn[members])
    return drawn


def _discount(rng: np.random.Generator, person: np.ndarray, cause: np.ndarray, bigness: np.ndarray) -> np.ndarray:
    """Usual discount: persons 2 %, organisations 3 to 12 % by size; some 35 points more with that cause."""
    usual = np.where(person, 0.02, np.clip(0.02 + 0.012 * bigness, 0.03, 0.12))
    deep = np.where(cause == DEEP_DISCOUNT, 0.31 + 0.08 * rng.random(len(person)), 0.0)
    return np.clip(usual + deep + 0.015 * rng.standard_normal(len(person)), 0, 0.55)


def _cause(rng: np.random.Generator, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cause of loss and the day it sets in: half before the window, the others in its first two years.

    Causes are dealt like cards to stretches of customers of like value, so that no seed has all its
    lawsuits among the giants.
    """
    size = len(value)
    stretch = np.empty(size, np.int64)
    stretch[np.argsort(value)] = np.arange(size) // DEAL
    dealt = np.lexsort((rng.random(size), stretch))
    counts = np.bincount(stretch)
    card = (rank_within(counts) + 0.5) / np.repeat(counts, counts)
    cause = np.empty(size, np.int64)
    cause[dealt] = np.searchsorted(np.cumsum(CAUSE_SHARES), card)
    later = rng.integers(0, 2 * 364, size)
    return cause, np.where(rng.random(size) < 0.5, np.iinfo(np.int32).min, later)


def customer_rows(customers: Customers, names: tuple[list[str], list[str]], seed: int) -> Batch:
    """The customer table. Needs level and credit limit follow the size of business with noise."""
    rng = stream(seed, customers.chunk, Subject.CUSTOMER).spawn(1)[0]
    size = len(customers)
    monthly = customers.rate * 4.35 * 3 * customers.line_value
    need = np.log(monthly + 1) + 0.6 * customers.strategic_fit + 1.2 * rng.standard_normal(size)
    limit = 5_000 * np.ceil(monthly * 2.5 * np.exp(0.4 * rng.standard_normal(size)) / 5_000)
    cost = ACQUISITION_COST[customers.came_by] * np.where(customers.person, 0.12, 1) * rng.gamma(2.0, 0.5, size)
    return {
        "customer_key": customers.key,
        "code": numbered("C", customers.first_key, size, 6),
        "name": names[0],
        "name_en": names[1],
        "kind": Coded(KINDS, customers.person.astype(np.int64)),
        "region_key": geography.CITY_KEY[customers.city],
        "industry": Coded(INDUSTRIES, customers.industry),
        "size": Coded(SIZES, customers.size),
        "manager_key": customers.manager_key,
        "acquired_on": customers.acquired,
        "acquisition_channel_key": 1 + customers.came_by,
        "acquisition_cost": np.rint(100 * cost).astype(np.int64),
        "strategic_fit": customers.strategic_fit,
        "needs_level": 1 + np.digitize(need, [7.0, 9.2, 10.8, 12.2]),
        "credit_limit": np.ma.masked_array((100 * limit).astype(np.int64), customers.person),
    }
