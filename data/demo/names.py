"""Customers' names: Chinese and English renderings of one another, in the manner of each country."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from data.demo import geography
from data.demo.customers import HOUSEHOLD, INDUSTRIES, Customers
from data.demo.lists import words
from data.demo.streams import Subject, pick, stream

Name = tuple[str, str]
PLACE_SHARE_ABROAD = 0.3


def _brands(country: str) -> tuple[Name, ...]:
    """What companies call themselves: two lucky characters in China, mostly families elsewhere."""
    if country == "CN":
        return tuple((a + b, x + y) for a, x in words("first", "CN") for b, y in words("second", "CN") if a != b)
    families = words("surname", country)
    if country in ("JP", "TH"):
        return families + words("brand", country)
    joint = "" if country in ("SG", "MY") else "与"
    pairs = tuple((a + joint + b, f"{x} & {y}") for (a, x), (b, y) in combinations(families, 2))
    return families * 3 + pairs + words("brand", country) * 3


_BRANDS = tuple(_brands(country) for country in geography.COUNTRIES)
_TRADES = tuple(words("trade", industry) for industry in INDUSTRIES)
_SUFFIXES = tuple(words("suffix", country) for country in geography.COUNTRIES)
_SURNAMES = tuple(words("surname", country) for country in geography.COUNTRIES)
_GIVEN = tuple(words("given", country) for country in geography.COUNTRIES)


def _at(values: tuple[Name, ...], draw: float) -> Name:
    return values[int(draw * len(values))]


def _person(country: int, draws: list[float]) -> Name:
    return geography.full_name(
        geography.COUNTRIES[country], _at(_SURNAMES[country], draws[0]), _at(_GIVEN[country], draws[1])
    )


def _company(country: int, city: int, industry: int, draws: list[float]) -> Name:
    placed = country == geography.CHINA or draws[3] < PLACE_SHARE_ABROAD
    place, place_en = geography.CITY_NAME[city] if placed else ("", "")
    brand, brand_en = _at(_BRANDS[country], draws[0])
    trade, trade_en = _at(_TRADES[industry], draws[1])
    suffix, suffix_en = _at(_SUFFIXES[country], draws[2])
    english = " ".join(part for part in (place_en, brand_en, trade_en, suffix_en) if part)
    return place + brand + trade + suffix, english


def draw(customers: Customers, seed: int) -> tuple[list[str], list[str]]:
    """(name, English name) of each customer of a chunk."""
    draws = stream(seed, customers.chunk, Subject.NAME).random((len(customers), 4)).tolist()
    columns = (customers.country.tolist(), customers.city.tolist(), customers.industry.tolist())
    names = [
        _person(country, draw) if industry == HOUSEHOLD else _company(country, city, industry, draw)
        for country, city, industry, draw in zip(*columns, draws, strict=True)
    ]
    return [name for name, _ in names], [name_en for _, name_en in names]


def contacts(customers: Customers, rng: np.random.Generator, who: np.ndarray) -> list[Name]:
    """People to speak to at these customers."""
    draws = rng.random((len(who), 2)).tolist()
    return [_person(country, draw) for country, draw in zip(customers.country[who].tolist(), draws, strict=True)]


def leads(rng: np.random.Generator, count: int) -> list[str]:
    """Names of companies that are not customers (yet)."""
    draws = rng.random((count, 4)).tolist()
    cities = pick(rng, geography.CITY_WEIGHT, count).tolist()
    industries = rng.integers(0, HOUSEHOLD, count).tolist()
    return [
        _company(int(geography.CITY_COUNTRY[city]), city, industry, draw)[0]
        for city, industry, draw in zip(cities, industries, draws, strict=True)
    ]
