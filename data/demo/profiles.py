"""Personal details of persons and of some organisations' key contacts. Invented, and no input to anything."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations

import numpy as np

from data.demo import geography, names, window
from data.demo.customers import Customers
from data.demo.lists import codes
from data.demo.load import Batch, Coded
from data.demo.streams import Subject, pick, stream

HOBBIES = codes("hobby") + tuple(",".join(pair) for pair in combinations(codes("hobby"), 2))
KEY_CONTACT_SHARE = 0.12
DIALLING = {"CN": "86", "JP": "81", "SG": "65", "MY": "60", "TH": "66", "DE": "49", "US": "1", "GB": "44"}
RELIGION_SHARES = {
    "CN": [86, 8, 3, 1, 2],
    "JP": [60, 34, 1, 0, 5],
    "SG": [22, 32, 19, 15, 12],
    "MY": [2, 20, 9, 63, 6],
    "TH": [3, 91, 1, 5, 0],
    "DE": [44, 1, 48, 6, 1],
    "US": [30, 1, 62, 1, 6],
    "GB": [43, 1, 46, 6, 4],
}
"""None, Buddhism, Christianity, Islam, other."""


def profile_rows(customers: Customers, customer_names: list[str], seed: int) -> Batch:
    rng = stream(seed, customers.chunk, Subject.PROFILE)
    who = np.flatnonzero(customers.person | (rng.random(len(customers)) < KEY_CONTACT_SHARE))
    size = len(who)
    contacts = names.contacts(customers, rng, who)
    person = customers.person[who].tolist()
    born = window.day(date(2026, 11, 15)) - rng.integers(24 * 365, 68 * 365, size)

    def coded(domain: str, shares: list[float]) -> Coded:
        return Coded(codes(domain), pick(rng, shares, size))

    return {
        "customer_key": customers.key[who],
        "contact_name": [
            customer_names[index] if own else name
            for index, own, (name, _) in zip(who.tolist(), person, contacts, strict=True)
        ],
        "phone": _phones(rng, customers, who),
        "email": [f"c{key:06d}@example.com" for key in customers.key[who].tolist()],
        "birthday": born,
        "sex": coded("sex", [48, 52]),
        "education": coded("education", [18, 27, 42, 13]),
        "birthplace": _birthplaces(rng, customers, who),
        "religion": _religions(rng, customers, who),
        "zodiac": Coded(codes("zodiac"), _zodiac(born)),
        "hobbies": Coded(HOBBIES, rng.integers(0, len(HOBBIES), size)),
        "smokes": coded("yes_no", [22, 66, 12]),
        "drinks": coded("yes_no", [24, 36, 40]),
        "operating_history": coded("operating_history", [30, 22, 26, 14, 8]),
    }


def _phones(rng: np.random.Generator, customers: Customers, who: np.ndarray) -> list[str]:
    """Numbers that begin with 000 behind the country's code, so that they ring nowhere."""
    country, digits = customers.country[who].tolist(), rng.integers(0, 10_000_000, len(who)).tolist()
    return [f"+{DIALLING[geography.COUNTRIES[c]]} 000 {d:07d}" for c, d in zip(country, digits, strict=True)]


def _birthplaces(rng: np.random.Generator, customers: Customers, who: np.ndarray) -> Coded:
    """Half were born where they live, the others in any city of the country."""
    moved, city = rng.random(len(who)) < 0.5, customers.city[who].copy()
    for country in range(len(geography.COUNTRIES)):
        cities = np.flatnonzero(country == geography.CITY_COUNTRY)
        movers = np.flatnonzero(moved & (customers.country[who] == country))
        city[movers] = rng.choice(cities, len(movers))
    return Coded(tuple(name for name, _ in geography.CITY_NAME), city)


def _religions(rng: np.random.Generator, customers: Customers, who: np.ndarray) -> Coded:
    edges = np.cumsum([RELIGION_SHARES[country] for country in geography.COUNTRIES], axis=1)[customers.country[who]]
    draw = rng.random(len(who)) * edges[:, -1]
    return Coded(codes("religion"), (draw[:, None] >= edges).sum(axis=1))


def _zodiac(born: np.ndarray) -> np.ndarray:
    """The animal of the calendar year of birth, 0 (monkey) to 11 (goat)."""
    years = np.array([(window.START + timedelta(days=day)).year for day in born.tolist()], dtype=np.int64)
    return years % 12
