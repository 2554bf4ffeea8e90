"""The answer to a question, and the register of all questions.

A question is answered in one place and asked from many: a page, an export, the command line, a test.
`@question` registers the function that answers; `ask` runs it for a reader.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import Select

from dashboard.errors import DashboardError, nearest
from dashboard.filters import Filters
from dashboard.language import Language, message
from dashboard.periods import REVIEWED, SHORT, Calendar, Window, around
from dashboard.scope import Scope
from dashboard.warehouse.read import Entry, Marts
from queries.population import View, counted

if TYPE_CHECKING:
    from dashboard.ledger import Ledger
    from dashboard.policy import Policy


@dataclass(frozen=True)
class Reader:
    """Who asks, for what, in which language, of which version of the data, and where his entries go.

    `trial` is a service policy that he only tries (None: the one in force).
    """

    filters: Filters
    scope: Scope
    marts: Marts
    language: Language
    ledger: Ledger | None = None
    trial: Policy | None = None

    @cached_property
    def calendar(self) -> Calendar:
        return self.marts.calendar

    @cached_property
    def view(self) -> View:
        """The customers and weeks in view."""
        window = self.calendar.window(self.filters.period, self.filters.as_of)
        return View(self.filters, self.scope, window, self.calendar)

    def compared(self, comparison: str) -> View | None:
        """The same view over the weeks it is compared with, or None when the data doesn't reach back.

        Where no event moves the weeks, 'event' is the same weeks last year.
        """
        window = self.calendar.compared(self.filters.period, comparison, self.filters.as_of)
        if comparison == "event" and self._around:
            window = self.calendar.held(self._around[0])
        return self.view.over(window) if window else None

    @cached_property
    def _around(self) -> tuple[Window, str] | None:
        return around(self.view.window, self.marts.occasions) if self.filters.period != "all" else None

    @property
    def occasion(self) -> str:
        """The named event that last year's weeks are aligned by; empty when the calendar's weeks are alike."""
        if not self._around:
            return ""
        rows = self.marts.events
        row = rows[rows["name"] == self._around[1]].iloc[0]
        return self.language.name(row["name"], row["name_en"])

    @cached_property
    def reviewing(self) -> Reader:
        """The same reader at a review: of a week or a few, the last finished one unless another is named."""
        chosen, calendar = self.filters, self.calendar
        period = chosen.period if chosen.period in REVIEWED else SHORT
        week = chosen.as_of or (calendar.finished_week if calendar.unfinished else None)
        return replace(self, filters=replace(chosen, period=period, as_of=week))

    @cached_property
    def customers(self) -> int:
        """How many customers are in view."""
        return int(self.rows(counted(self.view)).iloc[0, 0])

    def rows(self, statement: Select) -> pd.DataFrame:
        """A statement's rows; it must carry the reader's scope. A measure nobody took is undefined in them."""
        return self._measured(self.marts.read(statement, self.scope))

    def stream(self, statement: Select) -> Iterator[pd.DataFrame]:
        """A statement's rows in parts, however many there are: for files."""
        return map(self._measured, self.marts.stream(statement, self.scope))

    def _measured(self, found: pd.DataFrame) -> pd.DataFrame:
        unknown = [name for name, need in MEASURED.items() if name in found and not has(need, self.marts)]
        return found.assign(**dict.fromkeys(unknown, float("nan"))) if unknown else found

    def t(self, text: str, **values: object) -> str:
        return self.language.t(text, **values)

    def money(self, amount: float | None) -> str:
        return self.language.money(amount, self.marts.currency)

    def named(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with `name` (and other names where it has them) in the reader's language and their
        English columns gone; a missing name is said to be so."""
        found = {}
        for column in ("name", "region", "manager", "channel"):
            if f"{column}_en" in frame:
                found[column] = frame[column].astype(object)
                if self.language.code == "en":
                    found[column] = frame[f"{column}_en"].where(frame[f"{column}_en"].notna(), found[column])
        found["name"] = found["name"].where(found["name"].notna(), self.t("not stated"))
        return frame.assign(**found).drop(columns=[f"{column}_en" for column in found])

    def label(self, domain: str, code: str) -> str:
        """The reader's name of a coded value."""
        entry: Entry | None = self.marts.labels.get((domain, code))
        return self.language.name(entry.name, entry.name_en) if entry else code


@dataclass(frozen=True)
class Insight:
    """An answer: the sentence, the numbers, the table, and what they are about.

    `n` is the number of customers (or answers) behind it, `missing` says in words why there is no answer.
    Shares are fractions of 1; an undefined number is None.
    """

    key: str
    headline: str
    numbers: dict[str, Any]
    table: pd.DataFrame
    n: int
    filters: dict[str, str] = field(default_factory=dict)
    words: str = ""
    as_of: date | None = None
    version: str = ""
    missing: str = ""

    def to_json(self) -> str:
        """The answer for a program: `key`, `headline`, `numbers`, `table`, `filters`, `as_of`, `n` …"""
        body = {
            "key": self.key,
            "headline": self.headline,
            "numbers": self.numbers,
            "table": self.table.to_dict("records"),
            "filters": self.filters,
            "filters_in_words": self.words,
            "as_of": self.as_of,
            "n": self.n,
            "version": self.version,
            "missing": self.missing or None,
        }
        return json.dumps(plain(body), ensure_ascii=False, indent=2)


@dataclass(frozen=True)
class Answer:
    """What a question's function returns; `ask` adds the rest."""

    headline: str
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    numbers: dict[str, Any] = field(default_factory=dict)
    n: int = 0


@dataclass(frozen=True)
class Question:
    """A registered question. `needs` are tables of the contract (or 'cost_of_goods') it can't do without;
    `draw` makes its figure of table and numbers; `dimension` is the filter that a click on a mark sets, or
    'group' when marks are groups of customers, 'move' when they are moves from one level to another; `behind` is the
    group of customers the answer is about: empty for all in view, None when it is about none; `written` says that
    the answer also depends on the ledger, so that one that is kept goes with every new entry. It may depend on the
    reader's rights and regions, never on who he is;
    `weekly` says that it is about the week of a review, whatever the period (`Reader.reviewing`); `parts` gives, for
    files, all rows of a table of which the answer has only the first."""

    key: str
    title: str
    answer: Callable[[Reader], Answer]
    needs: tuple[str, ...] = ()
    draw: Callable[..., Any] | None = None
    dimension: str = ""
    behind: str | None = ""
    written: bool = False
    weekly: bool = False
    parts: Callable[[Reader], Iterator[pd.DataFrame]] | None = None


QUESTIONS: dict[str, Question] = {}

NEEDS = {
    "cost_of_goods": message("the cost of goods of the order lines (sales_line.cost_of_goods)"),
    "service_event": message("service events by activity (tables activity, activity_rate and service_event)"),
    "direct_cost": message("direct costs such as freight or bad debt (table direct_cost)"),
    "survey": message("survey answers (table survey)"),
    "word_of_mouth": message("praise, complaints and referrals (table word_of_mouth)"),
    "assignment": message("grades and tiers over time (table assignment)"),
    "grades": message("grades: sales to measure them from, or the grades you keep (table assignment)"),
    "region": message("the region tree (table region, and customer.region_key)"),
    "costs": message("what customers cost to serve (tables service_event or direct_cost)"),
}

MEASURED = {
    "gross_margin": "cost_of_goods",
    "profit": "cost_of_goods",
    "margin": "cost_of_goods",
    "loss_makers": "cost_of_goods",
    "cost_to_serve": "costs",
    "activity_cost": "service_event",
    "direct_cost": "direct_cost",
    "satisfaction": "survey",
    "answers": "survey",
    "praise": "word_of_mouth",
    "complaint": "word_of_mouth",
    "referral": "word_of_mouth",
}
"""What each measure is made of: without it the sum would be a zero that nobody measured."""


def question(
    key: str,
    title: str,
    *,
    needs: tuple[str, ...] = (),
    draw: Callable[..., Any] | None = None,
    dimension: str = "",
    behind: str | None = "",
    written: bool = False,
    weekly: bool = False,
    parts: Callable[[Reader], Iterator[pd.DataFrame]] | None = None,
) -> Callable[[Callable[[Reader], Answer]], Callable[[Reader], Answer]]:
    """Register the function that answers a question."""

    def register(answer: Callable[[Reader], Answer]) -> Callable[[Reader], Answer]:
        if key in QUESTIONS:
            raise ValueError(f"question {key!r} is registered twice")
        QUESTIONS[key] = Question(key, title, answer, needs, draw, dimension, behind, written, weekly, parts)
        return answer

    return register


def find(key: str) -> Question:
    """The question of a key. Raises DashboardError with the nearest key."""
    if key not in QUESTIONS:
        raise DashboardError(f"no question {key!r}{nearest(key, QUESTIONS)}; see 'dashboard ask --list'")
    return QUESTIONS[key]


def ask(key: str, reader: Reader) -> Insight:
    """The answer to a question for a reader. Missing tables and empty views are answers too."""
    asked = find(key)
    reader = reader.reviewing if asked.weekly else reader
    lacking = [need for need in asked.needs if not has(need, reader.marts)]
    missing = ""
    if lacking:
        what = reader.language.list([reader.t(NEEDS[need]) for need in lacking])
        missing = reader.t("This needs {what}. Supply it with 'dashboard load' and refresh.", what=what)
        answer = Answer(missing)
    else:
        answer = asked.answer(reader)
    window = reader.view.window
    return Insight(
        key,
        answer.headline,
        answer.numbers,
        answer.table,
        answer.n,
        reader.filters.url(),
        reader.filters.sentence(reader.language, reader.marts),
        min(window.last_day, reader.calendar.last_day),
        reader.marts.version,
        missing,
    )


def whole(insight: Insight, reader: Reader) -> Iterable[pd.DataFrame]:
    """The table of an answer in parts, with the rows that the answer itself leaves out."""
    parts = find(insight.key).parts
    return [insight.table] if parts is None or insight.table.empty else parts(reader)


def has(need: str, held: Marts) -> bool:
    """Whether the marts hold what a question needs."""
    # Events without activities and rates can't be costed: that is missing, not a cost of nothing.
    costed = {"service_event", "activity", "activity_rate"} <= held.filled
    if need == "costs":
        return costed or "direct_cost" in held.filled
    return costed if need == "service_event" else need in held.filled


def no_customers(reader: Reader) -> Answer:
    """The answer for an empty view."""
    return Answer(reader.t("No customers match these filters."))


def plain(value: Any) -> Any:
    """A value as JSON has it: undefined numbers are null, dates are text."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "isoformat"):
        return None if pd.isna(value) else value.isoformat()[:10]
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if pd.isna(value):
        return None
    return str(value)
