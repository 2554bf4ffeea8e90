"""What customers say: to the company (surveys) and to others (word of mouth).

A response's score is the mean of the overall satisfaction and the seven items: steps of 1/8 on the
1-5 scale. It is in force from the day of the answer until the next response, at most 182 days, at most
to the end of the window. While it is, the customer's word of mouth is a Poisson process whose rate is
flat between two thresholds and exponential outside (`CURVE`), with a mild gamma factor for each
stretch. Outside of such stretches nobody talks. Who answers does not depend on how content he is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.demo import window
from data.demo.course import Course
from data.demo.customers import Customers
from data.demo.lists import codes
from data.demo.load import Batch, Coded
from data.demo.presence import in_periods
from data.demo.purchases import Orders
from data.demo.streams import Subject, pick, ragged, stream
from queries.schema import SURVEY_ITEMS

RESPONSES_A_YEAR = {"organisation": 1.5, "person": 0.6}
VALID_DAYS = 182
MONTH = 30.4375
CURVE = {"tC": 2.6, "kC": 2.0, "c0": 0.012, "tP": 4.2, "kP": 3.0, "p0": 0.015, "referral_share": 0.25}
"""A month: complaint c0 exp(kC max(0, tC - s)), praise p0 exp(kP max(0, s - tP)); referral by share."""
DISPERSION_SHAPE = 5.0
DRIVER_WEIGHTS = dict(zip(SURVEY_ITEMS, (0.30, 0.16, 0.08, 0.05, 0.24, 0.10, 0.07), strict=True))
ANSWER_NOISE, ITEM_OF_CUSTOMER, ITEM_NOISE, OVERALL_NOISE = 0.30, 0.42, 0.42, 0.30

KINDS = codes("wom_kind")
PRAISE, COMPLAINT, REFERRED = (KINDS.index(kind) for kind in ("praise", "complaint", "referral"))
TALK_CHANNELS = codes("wom_channel")
MEAN_REACH = np.array([60, 400, 250, 30, 4])
REFERRAL_SUCCESS = 0.7
REFERRAL_DAYS = 150


@dataclass(frozen=True)
class Responses:
    """Survey responses in order of customer and day; `days` is how long the score is in force."""

    who: np.ndarray
    day: np.ndarray
    satisfaction: np.ndarray
    recommend: np.ndarray
    items: np.ndarray
    days: np.ndarray

    @property
    def score(self) -> np.ndarray:
        return (self.satisfaction + self.items.sum(axis=1)) / (1 + len(SURVEY_ITEMS))


def draw(customers: Customers, orders: Orders, course: Course, seed: int) -> Responses:
    rng = stream(seed, customers.chunk, Subject.SURVEY)
    who, day = _answers(rng, customers, orders)
    truth = course.satisfaction[who, window.PERIOD_OF_DAY[day]] + ANSWER_NOISE * rng.standard_normal(len(who))
    own = ITEM_OF_CUSTOMER * rng.standard_normal((len(customers), len(SURVEY_ITEMS)))
    felt = truth[:, None] + own[who] + ITEM_NOISE * rng.standard_normal((len(who), len(SURVEY_ITEMS)))
    overall = felt @ np.array(list(DRIVER_WEIGHTS.values())) + OVERALL_NOISE * rng.standard_normal(len(who))
    recommend = 2.2 * overall - 0.7 + 0.8 * rng.standard_normal(len(who))
    return Responses(
        who,
        day,
        _on_scale(overall, 1, 5),
        _on_scale(recommend, 0, 10),
        _on_scale(felt, 1, 5),
        _in_force(who, day),
    )


def _on_scale(values: np.ndarray, least: int, most: int) -> np.ndarray:
    return np.clip(np.rint(values), least, most).astype(np.int64)


def _answers(rng: np.random.Generator, customers: Customers, orders: Orders) -> tuple[np.ndarray, np.ndarray]:
    """(who, day) without two answers of one customer on one day."""
    a_year = np.where(customers.person, RESPONSES_A_YEAR["person"], RESPONSES_A_YEAR["organisation"])
    who, day = in_periods(rng, customers, orders, np.repeat(a_year[:, None], window.PERIODS, axis=1))
    moments = np.unique(who * window.DAYS + day)
    return moments // window.DAYS, moments % window.DAYS


def _in_force(who: np.ndarray, day: np.ndarray) -> np.ndarray:
    following = np.append(np.where(who[1:] == who[:-1], day[1:], window.DAYS), window.DAYS)[: len(day)]
    return np.minimum(following - day, VALID_DAYS)


@dataclass(frozen=True)
class Talk:
    who: np.ndarray
    day: np.ndarray
    kind: np.ndarray


def talk(customers: Customers, responses: Responses, seed: int) -> Talk:
    """Word of mouth; a day is drawn evenly from the days a score is in force."""
    rng = stream(seed, customers.chunk, Subject.WORD_OF_MOUTH)
    score, months = responses.score, responses.days / MONTH
    praise = CURVE["p0"] * np.exp(CURVE["kP"] * np.maximum(0, score - CURVE["tP"]))
    complaint = CURVE["c0"] * np.exp(CURVE["kC"] * np.maximum(0, CURVE["tC"] - score))
    parts = []
    for kind, rate in (
        (PRAISE, praise),
        (COMPLAINT, complaint),
        (REFERRED, CURVE["referral_share"] * praise),
    ):
        factor = rng.gamma(DISPERSION_SHAPE, 1 / DISPERSION_SHAPE, len(score))
        spell = ragged(rng.poisson(rate * months * factor))
        day = responses.day[spell] + (rng.random(len(spell)) * responses.days[spell]).astype(np.int64)
        parts.append((responses.who[spell], day, np.full(len(spell), kind)))
    who, day, kinds = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((who, day))
    return Talk(who[order], day[order], kinds[order])


@dataclass(frozen=True)
class ReferralPool:
    """Customers of the whole warehouse who came by referral, in order of acquisition."""

    acquired: np.ndarray
    key: np.ndarray

    def someone_after(self, rng: np.random.Generator, day: np.ndarray) -> np.ndarray:
        """A key of someone acquired within five months after each day, or 0."""
        low = np.searchsorted(self.acquired, day, side="right")
        high = np.searchsorted(self.acquired, day + REFERRAL_DAYS, side="right")
        chosen = low + (rng.random(len(day)) * (high - low)).astype(np.int64)
        found = (high > low) & (rng.random(len(day)) < REFERRAL_SUCCESS)
        return np.where(found, np.append(self.key, 0)[chosen], 0)


def talk_rows(customers: Customers, said: Talk, pool: ReferralPool, seed: int, first_event: int) -> Batch:
    rng = stream(seed, customers.chunk, Subject.WORD_OF_MOUTH).spawn(1)[0]
    channel = pick(rng, [34, 16, 18, 10, 22], len(said.who))
    referred = np.where(said.kind == REFERRED, pool.someone_after(rng, said.day), 0)
    return {
        "event_key": first_event + np.arange(len(said.who)),
        "customer_key": customers.key[said.who],
        "happened_on": said.day,
        "kind": Coded(KINDS, said.kind),
        "channel": Coded(TALK_CHANNELS, channel),
        "reach": 1 + rng.poisson(MEAN_REACH[channel] * rng.gamma(1.5, 1 / 1.5, len(channel))),
        "referred_key": np.ma.masked_equal(referred, 0),
    }


def survey_rows(customers: Customers, responses: Responses, first_response: int) -> Batch:
    order = np.lexsort((responses.who, responses.day))
    return {
        "response_key": first_response + np.arange(len(order)),
        "customer_key": customers.key[responses.who[order]],
        "answered_on": responses.day[order],
        "satisfaction": responses.satisfaction[order],
        "recommend": responses.recommend[order],
        **{item: responses.items[order, column] for column, item in enumerate(SURVEY_ITEMS)},
    }
