"""Touches: visits and calls as far as they were written up, and marketing by post, SMS, event and the rest.

Each channel has a planted share of touches noted as "ordered" and of recipients who opt out. The notes
stand for themselves: there is no planted lift in the sales lines.
"""

from __future__ import annotations

import numpy as np

from data.demo.course import Course
from data.demo.customers import Customers
from data.demo.lists import codes
from data.demo.load import Batch, Coded
from data.demo.presence import in_periods
from data.demo.purchases import Orders
from data.demo.service import CALL, VISIT, Events
from data.demo.streams import Subject, pick, stream

CHANNELS = codes("contact_channel")
PURPOSES = codes("contact_purpose")
OUTCOMES = codes("contact_outcome")
ORDERED, INTERESTED, NO_ANSWER, NO_INTEREST, DONE, OPTED_OUT = range(6)

WRITTEN_UP = {VISIT: ("visit", 0.45), CALL: ("phone", 0.30)}
TOUCHES_A_YEAR = {"mail": 1.0, "sms": 0.9, "gift": 0.12, "event": 0.18, "social": 0.25, "chat": 0.35}
RESPONSE = {
    "phone": 0.14,
    "mail": 0.035,
    "sms": 0.02,
    "visit": 0.22,
    "gift": 0.10,
    "event": 0.18,
    "social": 0.05,
    "chat": 0.20,
}
OPT_OUT = {"mail": 0.01, "sms": 0.035, "phone": 0.004, "social": 0.006}
COST = {"phone": 2, "mail": 4, "sms": 0.1, "visit": 65, "gift": 180, "event": 320, "social": 1, "chat": 0.5}
"""Mean out-of-pocket cost of a touch, CNY."""


def touch_rows(
    customers: Customers, orders: Orders, course: Course, events: Events, seed: int, first_contact: int
) -> Batch:
    rng = stream(seed, customers.chunk, Subject.CONTACT)
    parts = [_written_up(rng, events, activity) for activity in WRITTEN_UP]
    parts += [_marketing(rng, customers, orders, course, channel) for channel in TOUCHES_A_YEAR]
    who, day, channel = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((who, day))
    who, day, channel = who[order], day[order], channel[order]
    cents = np.array([100 * COST[name] for name in CHANNELS])[channel] * rng.gamma(3.0, 1 / 3, len(who))
    return {
        "contact_key": first_contact + np.arange(len(who)),
        "customer_key": customers.key[who],
        "employee_key": customers.manager_key[who],
        "contacted_on": day,
        "channel": Coded(CHANNELS, channel),
        "purpose": Coded(PURPOSES, pick(rng, [28, 30, 22, 8, 6, 6], len(who))),
        "outcome": Coded(OUTCOMES, _outcome(rng, channel)),
        "cost": np.rint(cents).astype(np.int64),
    }


def _written_up(rng: np.random.Generator, events: Events, activity: int) -> tuple[np.ndarray, ...]:
    channel, share = WRITTEN_UP[activity]
    chosen = np.flatnonzero(events.activity == activity)
    chosen = chosen[rng.random(len(chosen)) < share]
    return events.who[chosen], events.day[chosen], np.full(len(chosen), CHANNELS.index(channel))


def _marketing(
    rng: np.random.Generator, customers: Customers, orders: Orders, course: Course, channel: str
) -> tuple[np.ndarray, ...]:
    """Gifts and events go to the higher tiers, mass media to everybody."""
    favour = np.array([3.0, 2.0, 0.8, 0.2]) if channel in ("gift", "event") else np.ones(4)
    who, day = in_periods(rng, customers, orders, TOUCHES_A_YEAR[channel] * favour[course.tier])
    return who, day, np.full(len(who), CHANNELS.index(channel))


def _outcome(rng: np.random.Generator, channel: np.ndarray) -> np.ndarray:
    response = np.array([RESPONSE[name] for name in CHANNELS])[channel]
    opt_out = np.array([OPT_OUT.get(name, 0.0) for name in CHANNELS])[channel]
    draw = rng.random(len(channel))
    otherwise = np.array([INTERESTED, NO_ANSWER, NO_INTEREST, DONE])[pick(rng, [20, 22, 18, 40], len(channel))]
    return np.where(draw < response, ORDERED, np.where(draw > 1 - opt_out, OPTED_OUT, otherwise))
