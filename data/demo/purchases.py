"""When customers order: the BG/NBD process, exact on the operational clock.

From acquisition a customer with rate L makes Poisson(L x weeks) repeat purchases and leaves for good
right after any of them with probability p; L is gamma, p beta between customers. The life of
customers acquired before the window is drawn from their acquisition on and only the window's part is
kept: some had left before it began, and what is seen of the others is left-truncated, as in any
real warehouse. Customers acquired in the window make their first purchase on that day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.demo import window
from data.demo.customers import SALES_CHANNELS, Customers
from data.demo.streams import Subject, pick, ragged, rank_within, stream

SILENCE = 60
"""Days after the last purchase of a customer who left during which he is still served and asked."""
MORE_LINES = 2.0
USUAL_CHANNEL_SHARE = 0.78


@dataclass(frozen=True)
class Orders:
    """One chunk's orders in order of date; `who` is the customer's position in the chunk."""

    who: np.ndarray
    day: np.ndarray
    lines: np.ndarray
    channel: np.ndarray
    base_value: np.ndarray
    last_active: np.ndarray
    left: np.ndarray

    def __len__(self) -> int:
        return len(self.who)


def draw(customers: Customers, seed: int) -> Orders:
    rng = stream(seed, customers.chunk, Subject.PURCHASE)
    lifetime = rng.geometric(np.maximum(customers.drop_out, 1e-9))
    earlier = rng.poisson(customers.rate * np.maximum(0, -customers.acquired) / 7)
    who, day, left = _repeat_purchases(rng, customers, lifetime - earlier)
    new = np.flatnonzero(customers.acquired >= 0)
    who, day = _one_a_day(np.concatenate([new, who]), np.concatenate([customers.acquired[new], day]))
    order = np.argsort(day.astype(np.int16), kind="stable")
    who, day = who[order], day[order]
    lines = 1 + rng.poisson(MORE_LINES, len(who))
    return Orders(
        who=who,
        day=day,
        lines=lines,
        channel=_channel(rng, customers, who),
        base_value=customers.line_value[who] * lines,
        last_active=_last_active(customers, who, day, left),
        left=left,
    )


def _repeat_purchases(
    rng: np.random.Generator, customers: Customers, remaining: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(customer, day) of the repeat purchases in the window, and whether the customer has left by its end."""
    begin = window.TRADE.elapsed(customers.acquired, customers.chinese)
    counts = rng.poisson(customers.rate * (window.WEEKS - begin))
    who = ragged(counts)
    moment = np.sort(who + rng.random(len(who))) - who
    kept = rank_within(counts) < remaining[who]
    who, moment = who[kept], moment[kept]
    elapsed = begin[who] + np.clip(moment, 0, 1 - 1e-9) * (window.WEEKS - begin[who])
    return who, window.TRADE.day_at(elapsed, customers.chinese[who]), counts >= remaining


def _one_a_day(who: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A second purchase on a day moves to the next free one, so that purchases can be counted in days."""
    moment = np.sort(who * window.DAYS + day)
    who, day = np.divmod(moment, window.DAYS)
    rank = rank_within(np.bincount(who))
    apart = np.maximum.accumulate(who * 2 * window.DAYS + day - rank) + rank
    day = apart - who * 2 * window.DAYS
    return who[day < window.DAYS], day[day < window.DAYS]


def _last_active(customers: Customers, who: np.ndarray, day: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Day until which a customer is served: the last one, or some time after the last purchase if he left."""
    last = np.full(len(customers), -SILENCE - 1)
    np.maximum.at(last, who, day)
    return np.where(left, np.minimum(last + SILENCE, window.DAYS - 1), window.DAYS - 1)


def _channel(rng: np.random.Generator, customers: Customers, who: np.ndarray) -> np.ndarray:
    usual = rng.random(len(who)) < USUAL_CHANNEL_SHARE
    return np.where(usual, customers.usual_channel[who], pick(rng, [35, 25, 8, 17, 15], len(who)) % SALES_CHANNELS)
