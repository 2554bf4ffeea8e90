"""How satisfaction turns into word of mouth: spells of a survey answer and what was said meanwhile."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Date, Integer, Select, Subquery, case, cast, func, literal, select
from sqlalchemy.types import Double

from queries import marts
from queries.population import View, places, population
from queries.schema import SURVEY_ITEMS
from queries.value import as_float

BAND = 0.5
"""Width of the bands of satisfaction in tables, in points of the 1-5 scale."""


def _spells(view: View) -> Subquery:
    """Spells that began in the window, of the customers in view, with their exposure in months."""
    customers = population(view)
    s = marts.spell.c
    return (
        select(
            *marts.spell.c,
            ((s.ends_on - s.starts_on) / literal(marts.DAYS_A_MONTH)).label("months"),
            *(customers.c.grade, customers.c.region_position),
        )
        .join_from(marts.spell, customers, customers.c.customer_key == s.customer_key)
        .where(s.starts_on.between(view.window.first_week, view.window.last_day))
        .subquery("spells")
    )


def curve(view: View) -> Select:
    """Sums per distinct score: n spells, exposure (months), counts and sums of count² / exposure."""
    spells = _spells(view)
    s = spells.c
    score = func.round(s.score, 6).label("satisfaction")
    months = cast(s.months, Double)
    return (
        select(
            score,
            func.count().label("n"),
            func.sum(months).label("exposure"),
            *[cast(func.sum(s[w]), Integer).label(w) for w in marts.WORDS],
            *[func.sum(s[w] * s[w] / months).label(f"{w}_square") for w in ("praise", "complaint")],
        )
        .group_by("satisfaction")
        .order_by("satisfaction")
    )


def score_of(customers: Subquery) -> ColumnElement[Any]:
    """A customer's satisfaction in the window: the mean of his answers, null without one."""
    return customers.c.satisfaction_sum / func.nullif(customers.c.satisfaction_n, 0)


def histogram(view: View) -> Select:
    """Customers by satisfaction, in bands of a quarter point (`low` is the band's lower edge)."""
    customers = population(view)
    low = func.least(func.floor(score_of(customers) * 4) / 4, 4.75).label("low")
    return (
        select(low, func.count().label("customers"), as_float(func.sum(customers.c.revenue)).label("revenue"))
        .where(customers.c.satisfaction_n > 0)
        .group_by("low")
        .order_by("low")
    )


def standing(view: View, complaint: float, praise: float) -> Select:
    """Customers, revenue and profit below, between and above two scores."""
    customers = population(view)
    score = score_of(customers)
    zone = case((score < complaint, "complaining"), (score >= praise, "praising"), else_="indifferent")
    return (
        select(
            zone.label("zone"),
            func.count().label("customers"),
            as_float(func.sum(customers.c.revenue)).label("revenue"),
            as_float(func.sum(customers.c.profit)).label("profit"),
        )
        .where(customers.c.satisfaction_n > 0)
        .group_by("zone")
    )


def _answers(view: View) -> Subquery:
    """Survey answers given in the window by the customers in view."""
    customers = population(view)
    s = marts.survey
    return (
        select(
            *[s.c[name] for name in ("satisfaction", "recommend", *SURVEY_ITEMS)],
            marts.score().label("score"),
            *(customers.c.grade, customers.c.tier, customers.c.region_position),
        )
        .join_from(s, customers, customers.c.customer_key == s.c.customer_key)
        .where(s.c.answered_on.between(view.window.first_week, cast(literal(view.window.last_day), Date)))
        .subquery("answers")
    )


def _mean(score: ColumnElement[float]) -> list[ColumnElement]:
    return [
        func.avg(score).label("satisfaction"),
        func.stddev_samp(score).label("deviation"),
        func.count().label("n"),
    ]


def by_column(view: View, column: str) -> Select:
    """Mean score, deviation and number of answers by grade or tier."""
    answers = _answers(view)
    code = answers.c[column].label("code")
    return select(code, *_mean(answers.c.score)).where(answers.c[column].is_not(None)).group_by("code").order_by("code")


def by_region(view: View, level: int) -> Select:
    """Mean score, deviation and number of answers by region at a level of the tree."""
    answers = _answers(view)
    place = places(level)
    keys = (place.c.code, place.c.name, place.c.name_en)
    return (
        select(*keys, *_mean(answers.c.score))
        .join_from(answers, place, place.c.position == answers.c.region_position)
        .group_by(*keys)
        .order_by(func.count().desc(), place.c.code)
    )


def loyalty(view: View) -> Select:
    """Repurchase and recommendation by band of satisfaction (`low` is the band's lower edge)."""
    spells = _spells(view)
    s = spells.c
    low = func.least(func.floor(s.score / BAND) * BAND, 5 - BAND).label("low")
    return (
        select(
            low,
            func.count(s.bought_after).label("n"),
            func.count().filter(s.bought_after).label("bought"),
            func.avg(s.recommend).label("recommend"),
        )
        .group_by("low")
        .order_by("low")
    )


def drivers(view: View) -> Select:
    """Means and covariances of overall satisfaction and the items, over answers that rate them all."""
    answers = _answers(view)
    names = ("satisfaction", *SURVEY_ITEMS)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    rated = (
        select(*[cast(answers.c[name], Integer).label(name) for name in names])
        .where(*[answers.c[name].is_not(None) for name in names])
        .subquery("rated")
    )
    # Sums of whole numbers are exact, the same on every run, and twice as fast as covar_samp.
    sums = select(
        as_float(func.count()).label("n"),
        *[as_float(func.sum(rated.c[name])).label(name) for name in names],
        *[as_float(func.sum(rated.c[a] * rated.c[b])).label(f"{a}_{b}") for a, b in pairs],
    ).subquery("sums")
    s = sums.c

    def covariance(a: str, b: str) -> ColumnElement:
        return (s[f"{a}_{b}"] - s[a] * s[b] / s.n) / func.nullif(s.n - 1, 0)

    return select(
        cast(s.n, Integer).label("n"),
        *[(s[name] / s.n).label(f"mean_{name}") for name in names],
        *[covariance(a, b).label(f"cov_{a}_{b}") for a, b in pairs],
    )
