"""Opportunities on their way from a name on a list to a customer in after-sales care.

Many customers won in the window have the opportunity they came from; leads that were lost or are still
open have a name only; and existing customers are offered more. Time in a stage is gamma with a planted
mean; an entry that has not been left by the end of the window is open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.demo import names, window
from data.demo.customers import Customers
from data.demo.lists import codes
from data.demo.load import Batch, Coded, numbered
from data.demo.streams import Subject, ragged, rank_within, stream

STAGES = codes("stage")
CLOSE = STAGES.index("close")
MEAN_DAYS = np.array([9.0, 13.0, 24.0, 16.0, 6.0, 45.0])
ADVANCE = np.array([0.64, 0.60, 0.58, 0.62, 0.72])
"""Share of opportunities that go on from each stage to the next, among leads and existing customers."""
TRACED_SHARE, LEADS_A_CUSTOMER, OFFERS_A_CUSTOMER = 0.5, 0.30, 0.10


@dataclass(frozen=True)
class Opportunities:
    """`who` is -1 for a lead; `reached` is the last stage entered."""

    who: np.ndarray
    starts: np.ndarray
    stays: np.ndarray
    reached: np.ndarray
    cents: np.ndarray


def stage_rows(customers: Customers, seed: int, first_entry: int, first_opportunity: int) -> tuple[Batch, int]:
    """Stage entries, and how many opportunities they belong to."""
    rng = stream(seed, customers.chunk, Subject.PIPELINE)
    found = _all(rng, customers)
    count = found.reached + 1
    which, stage = ragged(count), rank_within(count)
    entered = (found.starts[:, None] + np.cumsum(found.stays, axis=1) - found.stays)[which, stage]
    left = entered + found.stays[which, stage]
    begun = entered < window.DAYS
    which, stage, entered, left = which[begun], stage[begun], entered[begun], left[begun]
    who = found.who[which]
    rows: Batch = {
        "entry_key": first_entry + np.arange(len(which)),
        "opportunity_code": Coded(numbered("O", first_opportunity, len(found.who), 7), which),
        "customer_key": np.ma.masked_array(customers.first_key + who, who < 0),
        "lead_name": Coded(tuple(names.leads(rng, int((found.who < 0).sum()))), _lead_index(found.who)[which]),
        "stage": Coded(STAGES, stage),
        "entered_on": entered,
        "left_on": np.ma.masked_array(left, left >= window.DAYS),
        "value": found.cents[which],
    }
    return rows, len(found.who)


def _lead_index(who: np.ndarray) -> np.ndarray:
    """Running number of each lead, -1 for customers."""
    return np.where(who < 0, np.cumsum(who < 0) - 1, -1)


def _stays(rng: np.random.Generator, size: int) -> np.ndarray:
    return 1 + np.floor(rng.gamma(2.0, MEAN_DAYS / 2, (size, len(STAGES)))).astype(np.int64)


def _reached(rng: np.random.Generator, size: int, most: int) -> np.ndarray:
    goes_on = rng.random((size, len(ADVANCE))) < ADVANCE
    return np.minimum(np.cumprod(goes_on, axis=1).sum(axis=1), most)


def _all(rng: np.random.Generator, customers: Customers) -> Opportunities:
    yearly = 300 * customers.line_value * customers.rate * 52
    won = np.flatnonzero((customers.acquired >= 0) & (rng.random(len(customers)) < TRACED_SHARE))
    won_stays = _stays(rng, len(won))
    won_starts = customers.acquired[won] - won_stays[:, : CLOSE + 1].sum(axis=1)
    traced = won_starts >= 0
    won, won_stays, won_starts = won[traced], won_stays[traced], won_starts[traced]

    offered = np.flatnonzero((customers.acquired < window.DAYS - 60) & (rng.random(len(customers)) < OFFERS_A_CUSTOMER))
    first = np.maximum(customers.acquired[offered] + 30, 0)
    offer_starts = first + (rng.random(len(offered)) * (window.DAYS - first)).astype(np.int64)

    leads = rng.binomial(len(customers), LEADS_A_CUSTOMER)
    strangers = rng.integers(0, len(customers), leads)
    who = np.concatenate([won, offered, np.full(leads, -1)])
    like = np.concatenate([won, offered, strangers])
    return Opportunities(
        who=who,
        starts=np.concatenate([won_starts, offer_starts, rng.integers(0, window.DAYS, leads)]),
        stays=np.concatenate([won_stays, _stays(rng, len(offered) + leads)]),
        reached=np.concatenate(
            [
                np.full(len(won), len(STAGES) - 1),
                _reached(rng, len(offered), len(STAGES) - 1),
                _reached(rng, leads, CLOSE),
            ]
        ),
        cents=np.rint(yearly[like] * np.exp(0.5 * rng.standard_normal(len(like)))).astype(np.int64),
    )
