"""The one frozen object that says what is being looked at.

It yields SQL conditions, the URL and a sentence, so that screen, link, export and mail can't differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from sqlalchemy import ColumnElement, select

from dashboard.errors import DashboardError, nearest
from dashboard.language import COMPARISON_NAMES, KIND_NAMES, PERIOD_NAMES, TIER_NAMES, Language, message
from dashboard.periods import COMPARISONS, DEFAULT_PERIOD, PERIODS, monday
from dashboard.scope import within
from queries import marts
from queries.schema import GRADES, TIERS

if TYPE_CHECKING:
    from dashboard.warehouse.read import Marts

CHOICES = ("region", "grade", "tier", "industry", "channel", "manager", "kind", "activity")
"""Filters that hold any number of codes, in the order in which they are shown."""

WHAT_IFS = {"budget": (0.5, 1.5), "hours": (0.5, 1.5), "effect": (0.0, 2.0)}
"""What-ifs of the plan with the least and the most that can be tried: shares of the service budget and of account
managers' hours, and a multiple of what service is assumed to bring."""

WHAT_IF_NAMES = {
    "budget": message("{share} of today's service budget"),
    "hours": message("{share} of the account managers' hours"),
    "effect": message("{share} of the effect assumed"),
}

GROUPS = re.compile(
    r"active|moved|surveyed|loss_makers|creators|break_even|destroyers"
    r"|regraded|graded-[A-D][A-D]|decile-([1-9]|10)|score-[1-5](\.\d+)?-[1-5](\.\d+)?"
)


@dataclass(frozen=True)
class Filters:
    """What is looked at: period, comparison, as-of week and any number of codes a dimension.

    `group` names the customers behind one number (the loss-makers, a decile …), `customer` one of them by
    code. Empty choices mean everything. `as_of` is a Monday; None is the newest week. `budget`, `hours` and
    `effect` are what-ifs of the plan (`WHAT_IFS`).
    """

    period: str = DEFAULT_PERIOD
    compare: str = "previous"
    as_of: date | None = None
    region: tuple[str, ...] = ()
    grade: tuple[str, ...] = ()
    tier: tuple[str, ...] = ()
    industry: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    manager: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    activity: tuple[str, ...] = ()
    group: str = ""
    customer: str = ""
    budget: float = 1.0
    hours: float = 1.0
    effect: float = 1.0

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> Filters:
        """Filters from URL or command-line parameters; unknown keys are left to others.

        Raises DashboardError naming the parameter and the nearest valid value.
        """
        values: dict[str, Any] = {}
        if period := params.get("period"):
            values["period"] = _one_of("period", period, PERIODS)
        if compare := params.get("compare"):
            values["compare"] = _one_of("compare", compare, COMPARISONS)
        if as_of := params.get("as_of"):
            values["as_of"] = _week(as_of)
        for name in CHOICES:
            if text := params.get(name):
                codes = tuple(dict.fromkeys(unquote(code) for code in text.split(",") if code))
                if name in ("grade", "tier"):
                    known = GRADES if name == "grade" else TIERS
                    codes = tuple(sorted((_one_of(name, c, known) for c in codes), key=known.index))
                values[name] = codes
        if group := params.get("group"):
            if not GROUPS.fullmatch(group):
                raise DashboardError(f"group: {group!r} names no group of customers")
            values["group"] = group
        if customer := params.get("customer"):
            values["customer"] = customer
        for name in WHAT_IFS:
            if share := params.get(name):
                values[name] = _share(name, share)
        return cls(**values)

    @classmethod
    def salvaged(cls, params: Mapping[str, str], held: Marts) -> tuple[Filters, dict[str, tuple[str, ...]]]:
        """As much of a link as these data know, and what they don't by parameter. One unknown code takes none along."""
        kept, lost = {}, {}
        for name, value in params.items():
            parts = [part for part in value.split(",") if part] if name in CHOICES else [value]
            good = [part for part in parts if _holds(name, part, held)]
            if good:
                kept[name] = ",".join(good)
            if unknown := tuple(unquote(part) for part in parts if part not in good):
                lost[name] = unknown
        return cls.parse(kept), lost

    def url(self) -> dict[str, str]:
        """The shortest parameters that restore these filters; defaults are left out."""
        params = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if value == f.default:
                continue
            if isinstance(value, tuple):
                params[f.name] = ",".join(map(_code_in_list, value))
            elif isinstance(value, float):
                params[f.name] = f"{value:g}"
            else:
                params[f.name] = value.isoformat() if isinstance(value, date) else value
        return params

    @property
    def canonical(self) -> str:
        """The same text for the same view: a cache key."""
        return urlencode(sorted(self.url().items()))

    def put(self, name: str, value: Any) -> Filters:
        """The filters with one of them changed."""
        return replace(self, **{name: value})

    def without(self, name: str) -> Filters:
        """The filters with one of them back at its default."""
        return self.put(name, next(f.default for f in fields(self) if f.name == name))

    def reset(self) -> Filters:
        """The same weeks and comparison with nothing chosen."""
        return Filters(self.period, self.compare, self.as_of)

    def without_what_ifs(self) -> Filters:
        """The same customers, as they are."""
        return replace(self, budget=1.0, hours=1.0, effect=1.0)

    def checked(self, held: Marts) -> Filters:
        """These filters when every code and week exists in the marts; raises DashboardError otherwise."""
        for name in CHOICES:
            if name not in ("grade", "tier"):
                held.check(name, getattr(self, name))
        calendar = held.calendar
        if self.as_of and not calendar.first_week <= self.as_of <= calendar.last_week:
            raise DashboardError(
                f"as_of: {self.as_of} lies outside the data, {calendar.first_week} to {calendar.last_week}"
            )
        # The unfinished week has to be named: left open, the review takes the last week that is over.
        if self.as_of == calendar.last_week and not calendar.unfinished:
            return replace(self, as_of=None)
        return self

    def conditions(self, customer: Any) -> list[ColumnElement[bool]]:
        """SQL conditions on a table with a customer's dimensions, for every choice but the activity."""
        found: list[ColumnElement[bool]] = []
        if self.region:
            found.append(within(customer.region_position, self.region))
        for name in ("grade", "tier", "industry", "kind"):
            if codes := getattr(self, name):
                found.append(customer[name].in_(codes))
        if self.channel:
            keys = select(marts.channel.c.channel_key).where(marts.channel.c.code.in_(self.channel))
            found.append(customer.channel_key.in_(keys))
        if self.manager:
            keys = select(marts.employee.c.employee_key).where(marts.employee.c.code.in_(self.manager))
            found.append(customer.manager_key.in_(keys))
        if self.customer:
            keys = select(marts.customer.c.customer_key).where(marts.customer.c.code == self.customer)
            found.append(customer.customer_key.in_(keys))
        return found

    def words(self, language: Language, held: Marts) -> dict[str, str]:
        """Each filter in force in the reader's words, by name; the period and comparison always."""
        window = held.calendar.window(self.period, self.as_of)
        said = {
            "period": f"{language.t(PERIOD_NAMES[self.period])} · "
            f"{language.period(window.first_week, min(window.last_day, held.calendar.last_day))}",
            "compare": language.t("against {what}", what=language.t(COMPARISON_NAMES[self.compare]).lower()),
        }
        for name in CHOICES:
            codes: tuple[str, ...] = getattr(self, name)
            if codes:
                said[name] = language.list([self._name(name, code, language, held) for code in codes])
        if self.group:
            said["group"] = group_name(self.group, language)
        if self.customer:
            said["customer"] = self.customer
        for name, sentence in WHAT_IF_NAMES.items():
            if (share := getattr(self, name)) != 1.0:
                said[name] = language.t(sentence, share=language.percent(share, 0))
        return said

    def sentence(self, language: Language, held: Marts) -> str:
        """What is looked at, in one line."""
        return " · ".join(self.words(language, held).values())

    @staticmethod
    def _name(name: str, code: str, language: Language, held: Marts) -> str:
        if name == "grade":
            grade = message("Measured grade {grade}") if held.measured else message("Grade {grade}")
            return language.t(grade, grade=code)
        if name == "tier":
            return language.t(TIER_NAMES[code])
        if name == "kind" and code in KIND_NAMES:
            return language.t(KIND_NAMES[code])
        entry = held.dimensions[name].get(code)
        return language.name(entry.name, entry.name_en) if entry else code


def group_name(group: str, language: Language) -> str:
    """The customers behind a number, in words."""
    t = language.t
    if group.startswith("decile-"):
        return t("profit decile {number}", number=group.removeprefix("decile-"))
    if group.startswith("score-"):
        low, high = group.removeprefix("score-").split("-")
        return t("satisfaction {low} to {high}", low=low, high=high)
    if group.startswith("graded-"):
        return t("grade in force {grade}, measured grade {measured}", grade=group[-2], measured=group[-1])
    return {
        "active": t("customers who bought"),
        "moved": t("customers with sales or costs"),
        "regraded": t("customers whom the grading policy grades otherwise"),
        "surveyed": t("customers who answered a survey"),
        "loss_makers": t("customers who lose money"),
        "creators": t("value creators"),
        "break_even": t("break-even customers"),
        "destroyers": t("value destroyers"),
    }[group]


def _share(name: str, text: str) -> float:
    """A what-if, to the hundredth."""
    least, most = WHAT_IFS[name]
    try:
        share = round(float(text), 2)
    except (ValueError, OverflowError):
        share = -1.0
    if not least <= share <= most:
        raise DashboardError(f"{name}: {text!r} is not a share from {least:g} to {most:g} (1 is today's)")
    return share


def _code_in_list(code: str) -> str:
    """A code as it stands between commas: only a comma and a per cent sign of its own are escaped."""
    return code.replace("%", "%25").replace(",", "%2C")


def _holds(name: str, value: str, held: Marts) -> bool:
    try:
        Filters.parse({name: value}).checked(held)
    except DashboardError:
        return False
    return True


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise DashboardError(f"{name}: {value!r} is not known{nearest(value, known)}")
    return value


def _week(text: str) -> date:
    try:
        return monday(date.fromisoformat(text))
    except ValueError:
        raise DashboardError(f"as_of: {text!r} is not a date like 2026-11-16 or a week like 2026-W47") from None
