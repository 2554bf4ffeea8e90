"""Regions as a tree (country › region › city) and the account managers who look after them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.demo.lists import rows, words
from data.demo.load import Batch
from data.demo.streams import Subject, pick, stream

COUNTRIES = tuple(row["code"] for row in rows("regions") if not row["parent"])
_KEY = {row["code"]: key for key, row in enumerate(rows("regions"), start=1)}
_CITIES = tuple(row for row in rows("regions") if row["weight"])

CITY_KEY = np.array([_KEY[row["code"]] for row in _CITIES])
CITY_NAME = tuple((row["name"], row["name_en"]) for row in _CITIES)
CITY_WEIGHT = np.array([float(row["weight"]) for row in _CITIES])
CITY_COUNTRY = np.array([COUNTRIES.index(row["code"][:2]) for row in _CITIES])
CHINA = COUNTRIES.index("CN")

AREAS = tuple(row["code"] for row in rows("regions") if row["parent"] == "CN") + COUNTRIES[1:]
"""Sales areas: the five regions of China and every other country. Each has a manager at least."""
CITY_AREA = np.array(
    [AREAS.index(row["parent"] if row["code"].startswith("CN") else row["code"][:2]) for row in _CITIES]
)

CUSTOMERS_A_MANAGER = 500


def region_rows() -> Batch:
    regions = rows("regions")
    parents = np.array([_KEY.get(row["parent"], 0) for row in regions])
    return {
        "region_key": np.arange(1, len(regions) + 1),
        "code": [row["code"] for row in regions],
        "name": [row["name"] for row in regions],
        "name_en": [row["name_en"] for row in regions],
        "parent_key": np.ma.masked_equal(parents, 0),
    }


@dataclass(frozen=True)
class Staff:
    """Account managers in order of area: area `a` has keys `first[a]` to `first[a] + count[a] - 1`."""

    first: np.ndarray
    count: np.ndarray

    def manager_of(self, area: np.ndarray, draw: np.ndarray) -> np.ndarray:
        """A manager's key for customers of these areas; `draw` in [0, 1) says which one."""
        return self.first[area] + (draw * self.count[area]).astype(np.int64)


def staff_for(customers: int) -> Staff:
    """One manager for 500 customers, by area in proportion, at least one an area."""
    weights = np.bincount(CITY_AREA, CITY_WEIGHT)
    wanted = max(len(AREAS), customers // CUSTOMERS_A_MANAGER)
    count = np.ones(len(AREAS), dtype=np.int64)
    for _ in range(wanted - len(AREAS)):
        count[np.argmax(weights / count)] += 1
    return Staff(first=1 + np.cumsum(count) - count, count=count)


def employee_rows(staff: Staff, seed: int) -> Batch:
    """The managers, then one sales director and one service lead for each area."""
    area = np.concatenate([np.repeat(np.arange(len(AREAS)), staff.count), np.arange(len(AREAS)), np.arange(len(AREAS))])
    managers = int(staff.count.sum())
    roles = ["account_manager"] * managers + ["sales_director"] * len(AREAS) + ["service_lead"] * len(AREAS)
    rng = stream(seed, 0, Subject.EMPLOYEE)
    names = [_person(rng, AREAS[index][:2]) for index in area]
    return {
        "employee_key": np.arange(1, len(area) + 1),
        "code": [f"E{key:04d}" for key in range(1, len(area) + 1)],
        "name": [name for name, _ in names],
        "name_en": [name_en for _, name_en in names],
        "role": roles,
        "region_key": np.array([_KEY[AREAS[index]] for index in area]),
        "hours_per_week": np.array([3200, 3600, 4000])[pick(rng, [1, 2, 7], len(area))],
    }


def _person(rng: np.random.Generator, country: str) -> tuple[str, str]:
    surname, given = (words(kind, country)[rng.integers(len(words(kind, country)))] for kind in ("surname", "given"))
    return full_name(country, surname, given)


def full_name(country: str, surname: tuple[str, str], given: tuple[str, str]) -> tuple[str, str]:
    """A person's name in Chinese and in English; Chinese puts the family name first where its bearer does."""
    name = surname[0] + given[0] if country in ("CN", "JP", "SG") else f"{given[0]}·{surname[0]}"
    return name, f"{given[1]} {surname[1]}"
