"""What was planted, and what came of it: the answers that the dashboard's methods are tested against."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.demo import (
    complaints,
    contacts,
    course,
    customers,
    direct,
    pipeline,
    purchases,
    sales,
    satisfaction,
    service,
    stock,
    targets,
    window,
)
from data.demo.chunk import Chunk
from data.demo.customers import CAUSES
from queries.schema import GRADES, TIERS

EACH_CUSTOMER_UP_TO = 50_000
"""Warehouses of at most so many customers have each customer's cause of loss in their truth."""


def path_of(warehouse: Path) -> Path:
    """The truth beside a warehouse: demo.duckdb has demo.truth.json."""
    return Path(warehouse).with_suffix(".truth.json")


def truth(warehouse: Path) -> dict:
    """What was planted in a demo warehouse."""
    return json.loads(path_of(warehouse).read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Year:
    """The last 52 weeks of one chunk's customers, in cents; `active` have any line, event or cost in them."""

    first_key: int
    cause: np.ndarray
    active: np.ndarray
    revenue: np.ndarray
    cost_of_goods: np.ndarray
    service: np.ndarray
    direct: np.ndarray

    @property
    def profit(self) -> np.ndarray:
        return self.revenue - self.cost_of_goods - self.service - self.direct


def year_of(drawn: Chunk) -> Year:
    lines, returns, events, entries = drawn.lines, drawn.returns, drawn.events, drawn.entries

    def total(owner: np.ndarray, day: np.ndarray, cents: np.ndarray | None = None) -> np.ndarray:
        recent = day >= window.LAST_52_WEEKS
        sums = np.bincount(owner[recent], None if cents is None else cents[recent], len(drawn.customers))
        return np.rint(sums).astype(np.int64)

    back = lines.who[returns.line]
    seen = total(lines.who, lines.day) + total(back, returns.day)
    seen += total(events.who, events.day) + total(entries.who, entries.day)
    return Year(
        first_key=drawn.customers.first_key,
        cause=drawn.customers.cause,
        active=seen > 0,
        revenue=total(lines.who, lines.day, lines.revenue) + total(back, returns.day, returns.revenue),
        cost_of_goods=total(lines.who, lines.day, lines.cost) + total(back, returns.day, returns.cost),
        service=total(events.who, events.day, events.cents),
        direct=total(entries.who, entries.day, entries.cents),
    )


@dataclass
class Record:
    """Kept of each chunk: 40 bytes a customer, and word of mouth summed by score."""

    years: list[Year] = field(default_factory=list)
    patterns: list[np.ndarray] = field(default_factory=list)
    days_at_score: np.ndarray = field(default_factory=lambda: np.zeros(41))
    talk: np.ndarray = field(default_factory=lambda: np.zeros(len(satisfaction.KINDS), np.int64))

    def add(self, drawn: Chunk) -> None:
        self.years.append(year_of(drawn))
        self.patterns.append(np.where(drawn.resellers.keeps, drawn.resellers.pattern, -1))
        eighths = np.rint(8 * drawn.responses.score).astype(np.int64)
        self.days_at_score += np.bincount(eighths, drawn.responses.days, 41)
        self.talk += np.bincount(drawn.talk.kind, minlength=len(self.talk))

    def _column(self, name: str) -> np.ndarray:
        return np.concatenate([getattr(year, name) for year in self.years])

    def facts(self, total: int, seed: int) -> dict:
        """Everything planted and what came of it, as plain JSON values."""
        return {
            "seed": seed,
            "customers": total,
            "window": {"starts_on": window.START.isoformat(), "ends_on": window.END.isoformat()},
            "purchases": _purchases(),
            "order_value": _order_value(),
            "word_of_mouth": _word_of_mouth() | {"realised": self._talk()},
            "satisfaction": _satisfaction(),
            "service": _service(),
            "response_to_service": _response_to_service(),
            "grades": _grades(),
            "loss_causes": _loss_causes() | {"last_52_weeks": self._by_cause()},
            "last_52_weeks": self._year(),
            "complaints": _complaints(),
            "contacts": {"response": contacts.RESPONSE, "opt_out": contacts.OPT_OUT},
            "pipeline": _pipeline(),
            "stock": _stock(),
            "targets": _targets(),
            **(self._each_customer() if total <= EACH_CUSTOMER_UP_TO else {}),
        }

    def _talk(self) -> dict:
        below, above = (
            np.arange(41) < 8 * satisfaction.CURVE["tC"],
            np.arange(41) > 8 * satisfaction.CURVE["tP"],
        )
        days = self.days_at_score
        return {
            "months": round(float(days.sum() / satisfaction.MONTH), 2),
            "share_below": round(float(days[below].sum() / days.sum()), 4),
            "share_above": round(float(days[above].sum() / days.sum()), 4),
            "events": _by(satisfaction.KINDS, self.talk),
        }

    def _year(self) -> dict:
        """Whale statistics over the customers with anything at all in the last 52 weeks."""
        profit = np.sort(self._column("profit")[self._column("active")])[::-1]
        parts = ("revenue", "cost_of_goods", "service", "direct", "profit")
        best = profit[: max(1, round(0.2 * len(profit)))]
        return {
            "starts_on": "2025-11-17",
            "ends_on": window.END.isoformat(),
            "active_customers": len(profit),
            **{name: int(self._column(name).sum()) / 100 for name in parts},
            "profit_to_revenue": round(float(profit.sum() / self._column("revenue").sum()), 4),
            "share_of_best_fifth": round(float(best.sum() / profit.sum()), 4),
            "share_of_losers": round(float((profit < 0).mean()), 4),
        }

    def _by_cause(self) -> dict:
        cause, active, profit = (self._column(name) for name in ("cause", "active", "profit"))
        result = {}
        for index, name in enumerate(CAUSES):
            members = profit[active & (cause == index)]
            result[name] = {
                "active_customers": len(members),
                "losers": int((members < 0).sum()),
                "loss": int(members[members < 0].sum()) / 100,
                "profit": int(members.sum()) / 100,
            }
        return result

    def _each_customer(self) -> dict:
        """Keys of the customers with each cause of loss and each reseller pattern."""
        key = np.concatenate([year.first_key + np.arange(len(year.cause)) for year in self.years])
        cause, pattern = self._column("cause"), np.concatenate(self.patterns)
        return {
            "cause_of_customer": {name: key[cause == index].tolist() for index, name in enumerate(CAUSES) if index},
            "pattern_of_reseller": {name: key[pattern == index].tolist() for index, name in enumerate(stock.PATTERNS)},
        }


def _by(codes: Sequence[str], values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Values by code, as plain numbers; codes beyond the last value have none."""
    return dict(zip(codes, np.asarray(values).tolist(), strict=False))


def _purchases() -> dict:
    return {
        "model": "BG/NBD in purchases, by customer kind; exact on the clock of trade",
        "unit": "week",
        "parameters": customers.PURCHASES,
        "starts": "acquired_on (the first purchase of customers acquired in the window is on that day)",
        "left_truncated": "customers acquired before the window: only purchases in the window are there",
        "clock": "seasons and weekdays slow and hasten it; its mean is a week a calendar week",
        "same_day": "never: one order a day, so purchases are days with an order (returns left out)",
        "correlation_of_disposition_with_staying": customers.LOYALTY_OF_DISPOSITION,
    }


def _order_value() -> dict:
    return {
        "line_value_at_list_price": {
            kind: {"mean_log": mean, "sd_log": spread} for kind, (mean, spread) in customers.LINE_VALUE.items()
        },
        "lines_an_order": 1 + purchases.MORE_LINES,
        "price_change": {"on": window.PRICE_CHANGE.isoformat(), "factor": window.PRICE_RISE},
        "cost_of_goods_of_year": _by([str(year) for year in window.YEARS], sales.COST_OF_YEAR),
    }


def _word_of_mouth() -> dict:
    return {
        **satisfaction.CURVE,
        "month_days": satisfaction.MONTH,
        "valid_days": satisfaction.VALID_DAYS,
        "dispersion_shape": satisfaction.DISPERSION_SHAPE,
        "score": "mean of satisfaction and the seven items, steps of 1/8",
        "complaint": "c0 * exp(kC * max(0, tC - score)) a month",
        "praise": "p0 * exp(kP * max(0, score - tP)) a month",
        "referral": "referral_share * praise",
        "spell": "answered_on to the eve of the next response, 182 days at most, ends_on at most",
        "outside_spells": 0,
    }


def _satisfaction() -> dict:
    return {
        "driver_weights": satisfaction.DRIVER_WEIGHTS,
        "tier_effect": _by(TIERS, course.TIER_EFFECT),
        "disposition_effect": course.DISPOSITION_EFFECT,
        "mean": course.MEAN_SATISFACTION,
        "effect_of_cause": {CAUSES[cause]: effect for cause, effect in course.CAUSE_EFFECT.items()},
        "responses_a_year": satisfaction.RESPONSES_A_YEAR,
        "who_answers": "does not depend on satisfaction",
    }


def _service() -> dict:
    per_year = {
        "visits_a_year": service.VISITS_A_YEAR,
        "calls_a_year": service.CALLS_A_YEAR,
        "support_a_year": service.SUPPORT_A_YEAR,
    }
    return {
        "use_of_capacity": _by(service.CODES, service.USE),
        **{name: _by(TIERS, rates) for name, rates in per_year.items()},
        "grade_factor": _by(GRADES, service.GRADE_FACTOR),
    }


def _response_to_service() -> dict:
    return {
        "effort": _by(TIERS, course.TIER_EFFORT),
        "spend": "proportional to 1 + gain (1 - exp(-speed effort)) and to exp(slope true satisfaction)",
        "gain": course.SPEND_GAIN,
        "speed": course.SPEND_SPEED,
        "spend_relative_to_standard": _by(TIERS, course.spending_at(course.TIER_EFFORT).round(6)),
        "spend_slope_of_satisfaction": course.SPEND_OF_SATISFACTION,
        "effect_of_move": _effect_of_move(),
        "retention": "drop-out does not respond to the tier; it goes with disposition (see purchases)",
    }


def _effect_of_move() -> dict:
    """What a move from one tier to another does to spending and so to the margin, satisfaction's part included."""
    spend = course.spending_at(course.TIER_EFFORT) * np.exp(course.SPEND_OF_SATISFACTION * course.TIER_EFFECT)
    return {before: _by(TIERS, (spend / then - 1).round(6)) for before, then in zip(TIERS, spend, strict=True)}


def _grades() -> dict:
    return {
        "floors_half_year_value": _by(GRADES, course.GRADE_FLOOR),
        "reviews": [review.isoformat() for review in window.REVIEWS],
        "tier_shares_by_grade": {
            grade: _by(TIERS, shares) for grade, shares in zip(GRADES, course.TIER_SHARES, strict=True)
        },
    }


def _loss_causes() -> dict:
    return {
        "planted_share_of_customers": _by(CAUSES, customers.CAUSE_SHARES),
        "over_served": {"visits_and_calls_besides_times_those_of_grade": service.OVER_SERVICE},
        "returns": {"rate": sales.HEAVY_RETURN_RATE, "usual_rate": sales.RETURN_RATE},
        "urgent_small": {"urgent_share": service.URGENT_SHARE_OF_CAUSE, "usual_share": service.URGENT_SHARE},
        "bad_debt": {
            "write_off_share": direct.WRITE_OFF_SHARE_OF_CAUSE,
            "usual_share": direct.WRITE_OFF_SHARE,
        },
        "sets_in": "half before the window, the others evenly over its first two years",
    }


def _complaints() -> dict:
    return {
        "cases_a_year_at_mean_satisfaction": complaints.CASES_A_YEAR,
        "log_rate_of_a_point_of_satisfaction": complaints.CASES_OF_SATISFACTION,
        "median_response_hours": _by(TIERS, complaints.RESPONSE_HOURS * complaints.RESPONSE_OF_TIER),
        "median_days_from_response_to_resolution": _by(complaints.CATEGORIES, complaints.RESOLUTION_DAYS),
        "satisfaction_after_lost_by_doubling_of_time": complaints.COST_OF_DOUBLING,
    }


def _pipeline() -> dict:
    return {
        "mean_days": _by(pipeline.STAGES, pipeline.MEAN_DAYS + 0.5),
        "advance": _by(pipeline.STAGES, pipeline.ADVANCE),
        "advance_of": "leads and existing customers; customers won in the window got through",
    }


def _stock() -> dict:
    return {
        "pattern_shares": _by(stock.PATTERNS, stock.PATTERN_SHARES),
        "from_month": stock.MONTHS[stock.ONSET].isoformat(),
    }


def _targets() -> dict:
    return {
        "spread": targets.SPREAD,
        "money": "CNY for the ISO quarter; gross_margin = revenue - cost of goods; "
        "cost_to_serve = service at the rates in force + direct costs; profit = gross_margin - cost_to_serve",
        "satisfaction": "mean score of the responses",
    }
