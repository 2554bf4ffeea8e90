"""The service policy: a readable, versioned file of what levels include, bring and may change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, cast

from dashboard import toml
from dashboard.analysis.response import FORMS, Form, Response
from dashboard.errors import DashboardError, nearest
from dashboard.settings import ROOT
from queries.schema import GRADES, TIERS, customer_profile

FILE = ROOT / "data" / "policy.toml"
INPUTS = (
    *("code", "grade", "strategic_fit", "needs_level", "industry", "size"),
    *("revenue", "gross_margin", "cost_to_serve", "profit", "bad_debt"),
)
"""All that a rule may ask of a customer. Nothing personal is among them, and nothing else gets in."""
PERSONAL = tuple(c.name for c in customer_profile.c if not c.primary_key)
RESPONSES = ("spending", "retention", "satisfaction", "cost_to_serve")
PURCHASE_MODELS = ("mbg_nbd", "bg_nbd")
TESTS = ("at_least", "at_most", "one_of")
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Level:
    """`includes`: driver units a year by activity; `money`: amounts a year by kind of direct cost; `promises`:
    what is promised besides, in the words of each language."""

    includes: dict[str, float]
    money: dict[str, float]
    promises: dict[str, str]


@dataclass(frozen=True)
class Rule:
    """Customers of whom `input` passes `test` against `value` get at least (a floor) or at most (a ceiling) `level`.

    `why` is the reason by language.
    """

    level: str
    input: str
    test: str
    value: Any
    why: dict[str, str]


@dataclass(frozen=True)
class Limits:
    """What a review may not do: fall by more than so many levels, leave anybody below `least`, lower more than
    a share of any region's customers, break a floor or a ceiling. A floor goes before a ceiling."""

    largest_fall: int
    least: str
    largest_share_lowered: float
    floors: tuple[Rule, ...]
    ceilings: tuple[Rule, ...]


@dataclass(frozen=True)
class Approval:
    """Which decisions need a second person: to one of these levels, or changing more money a year than this."""

    levels: tuple[str, ...]
    cost_above: float
    gain_above: float

    def asks(self, level: str, cost_change: float, gain: float) -> bool:
        """Whether a change to `level` needs a second person; money a year, its sign doesn't matter."""
        return level in self.levels or abs(cost_change) > self.cost_above or abs(gain) > self.gain_above


@dataclass(frozen=True)
class Capacity:
    """What is scarce. Account managers are employees with `role`, of whose hours `share` goes to customers;
    `hours` a year by region code take the place of what table employee says; `hours_per_unit` of each activity;
    `activities` whose weekly capacity limits the plan; `budget` a year, None for what today's levels cost."""

    role: str
    share: float
    hours: dict[str, float]
    hours_per_unit: dict[str, float]
    activities: tuple[str, ...]
    budget: float | None


@dataclass(frozen=True)
class Lifetime:
    """How value to come is computed: the rate is a fraction a year, the horizon in years."""

    annual_discount_rate: float
    horizon_years: float
    model: str


@dataclass(frozen=True)
class Talk:
    """What word of mouth is worth, in the warehouse's money: of one event, and of a point of satisfaction
    for one customer and month."""

    source: str
    value_of_praise: float
    cost_of_complaint: float
    cost_of_a_point: float


@dataclass(frozen=True)
class Policy:
    """What recommendation and forecasts rest on. `levels` by tier, best first; `response` by what responds."""

    version: str
    source: str
    levels: dict[str, Level]
    response: dict[str, Response]
    limits: Limits
    capacity: Capacity
    approval: Approval
    lifetime: Lifetime
    word_of_mouth: Talk


@cache
def policy(path: Path = FILE) -> Policy:
    """The policy of a file. Raises DashboardError naming the key and the mend."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DashboardError(f"policy {path}: {error}") from error
    return parsed(text, f"policy {path}")


@lru_cache(16)
def parsed(text: str, where: str) -> Policy:
    """The policy that a text says; `where` names it in errors. Raises DashboardError naming the key and the mend."""
    table = toml.exactly(toml.parsed(text, where), Policy, where)
    _refuse_personal(table, where)
    levels = toml.exactly(table["levels"], TIERS, f"{where}: [levels]")
    response = toml.exactly(table["response"], RESPONSES, f"{where}: [response]")
    return Policy(
        version=str(table["version"]),
        source=str(table["source"]),
        levels={tier: _level(levels[tier], f"{where}: [levels.{tier}]") for tier in TIERS},
        response={name: _response(response[name], f"{where}: [response.{name}]") for name in RESPONSES},
        limits=_limits(table["limits"], f"{where}: [limits]"),
        capacity=_capacity(table["capacity"], f"{where}: [capacity]"),
        approval=_approval(table["approval"], f"{where}: [approval]"),
        lifetime=_lifetime(table["lifetime"], f"{where}: [lifetime]"),
        word_of_mouth=_talk(table["word_of_mouth"], f"{where}: [word_of_mouth]"),
    )


def numbered(text: str, path: Sequence[str], value: float) -> str:
    """A policy's text with one number changed and all else as it was written, comments too.

    `path` is the number's place, such as ("levels", "key", "includes", "visit"). Raises DashboardError when the number
    isn't written on a line of its own.
    """
    digits = f"{value:.10g}"
    for depth in range(len(path) - 1, 0, -1):
        head, rest = re.escape(".".join(path[:depth])), [re.escape(key) for key in path[depth:]]
        inner = r"[^\n{]*\{[^\n}]*?\b".join(rest)
        place = rf"(^\[{head}\]\n(?:(?!^\[).*\n)*?{inner}\s*=\s*)-?[\d._]+"
        changed, times = re.subn(place, lambda found: found[1] + digits, text, count=1, flags=re.MULTILINE)
        if times:
            return changed
    raise DashboardError(f"{'.'.join(path)} isn't written on a line of its own: change it in the text")


def versioned(text: str, version: str) -> str:
    """A policy's text under another version."""
    return re.sub(r"(?m)^version\s*=.*$", f'version = "{version}"', text, count=1)


def line_of(text: str, fault: str) -> int | None:
    """The line of a policy's text that an error is about, as far as it says so; the first is 1."""
    if found := re.search(r"at line (\d+)", fault):
        return int(found[1])
    lines, first = text.splitlines(), 0
    if (section := re.search(r"\[(\w+(?:\.\w+)?)\]", fault)) and f"[{section[1]}]" in lines:
        first = lines.index(f"[{section[1]}]")
    for key in re.findall(r"'(\w+)'|: (\w+)(?=,|:| needs)", fault):
        for number, line in enumerate(lines[first:], first + 1):
            if re.search(rf"\b{re.escape(key[0] or key[1])}\b", line) and not line.startswith("#"):
                return number
    return first + 1 if section else None


def _level(table: Any, where: str) -> Level:
    toml.exactly(table, Level, where)
    return Level(
        toml.numbers(table["includes"], f"{where}: includes"),
        toml.numbers(table["money"], f"{where}: money"),
        _words(table["promises"], f"{where}: promises"),
    )


def _response(table: Any, where: str) -> Response:
    toml.exactly(table, Response, where, optional=("power",))
    form = cast(Form, toml.one_of(table, "form", FORMS, where))
    most, low, high = (toml.number(table, name, where, least=-1.0) for name in ("most", "low", "high"))
    if not low <= most <= high:
        raise DashboardError(f"{where}: 'most' must lie from 'low' to 'high'; got {low:g}, {most:g}, {high:g}")
    scale, power = toml.number(table, "scale", where), toml.number(table, "power", where, 1.0)
    if not scale or not 0 < power <= 1:
        raise DashboardError(f"{where}: 'scale' needs a number above zero, 'power' one above zero and at most 1")
    return Response(form, most, low, high, scale, power, toml.filled(table, "source", where))


def _limits(table: Any, where: str) -> Limits:
    toml.exactly(table, Limits, where)
    return Limits(
        largest_fall=toml.whole(table, "largest_fall", where, 0, len(TIERS)),
        least=toml.one_of(table, "least", TIERS, where),
        largest_share_lowered=toml.number(table, "largest_share_lowered", where, most=1),
        floors=_rules(table["floors"], f"{where}: floors"),
        ceilings=_rules(table["ceilings"], f"{where}: ceilings"),
    )


def _rules(tables: list[dict[str, Any]], where: str) -> tuple[Rule, ...]:
    return tuple(_rule(rule, f"{where}, number {place}") for place, rule in enumerate(tables, 1))


def _rule(table: dict[str, Any], where: str) -> Rule:
    tests = [test for test in TESTS if test in table]
    if len(tests) != 1:
        raise DashboardError(f"{where}: needs one of {', '.join(TESTS)}")
    test = tests[0]
    toml.exactly(table, ("level", "input", test, "why"), where)
    asked = toml.one_of(table, "input", INPUTS, where)
    value = table[test]
    if test != "one_of":
        value = toml.number(table, test, where, least=-toml.INFINITE)
    elif not isinstance(value, list) or not value:
        raise DashboardError(f"{where}: 'one_of' needs a list of values")
    if asked == "grade" and test == "one_of" and (odd := [v for v in value if v not in GRADES]):
        raise DashboardError(f"{where}: grade {odd[0]!r} is not known{nearest(str(odd[0]), GRADES)}")
    if test != "one_of" and asked in ("code", "grade", "industry", "size"):
        raise DashboardError(f"{where}: {asked!r} has no order; use 'one_of'")
    value = tuple(value) if test == "one_of" else value
    level = toml.one_of(table, "level", TIERS, where)
    return Rule(level, asked, test, value, _words(table["why"], f"{where}: why"))


def _capacity(table: Any, where: str) -> Capacity:
    toml.exactly(table, Capacity, where, optional=("budget",))
    return Capacity(
        toml.filled(table, "role", where),
        toml.number(table, "share", where, most=1),
        toml.numbers(table["hours"], f"{where}: hours"),
        toml.numbers(table["hours_per_unit"], f"{where}: hours_per_unit"),
        toml.texts(table, "activities", where),
        toml.number(table, "budget", where) if "budget" in table else None,
    )


def _approval(table: Any, where: str) -> Approval:
    toml.exactly(table, Approval, where)
    levels = toml.texts(table, "levels", where)
    for level in levels:
        toml.one_of({"levels": level}, "levels", TIERS, where)
    return Approval(levels, toml.number(table, "cost_above", where), toml.number(table, "gain_above", where))


def _lifetime(table: Any, where: str) -> Lifetime:
    toml.exactly(table, Lifetime, where)
    model = toml.one_of(table, "model", PURCHASE_MODELS, where)
    rate, years = toml.number(table, "annual_discount_rate", where), toml.number(table, "horizon_years", where)
    if not years:
        raise DashboardError(f"{where}: 'horizon_years' needs a number above zero")
    return Lifetime(rate, years, model)


def _talk(table: Any, where: str) -> Talk:
    toml.exactly(table, Talk, where)
    names = [name for name in Talk.__dataclass_fields__ if name != "source"]
    return Talk(toml.filled(table, "source", where), *[toml.number(table, name, where) for name in names])


def _words(table: Any, where: str) -> dict[str, str]:
    """A text in each language."""
    toml.exactly(table, LANGUAGES, where)
    return {code: toml.filled(table, code, where) for code in LANGUAGES}


def _refuse_personal(part: Any, where: str) -> None:
    """Nothing in the policy may name a personal detail, whatever the key it stands under."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in PERSONAL or (key == "input" and value in PERSONAL):
                name, inputs = value if key == "input" else key, ", ".join(INPUTS)
                raise DashboardError(f"{where}: {name!r} is a personal detail and never an input; use {inputs}")
            _refuse_personal(value, where)
    elif isinstance(part, list):
        for value in part:
            _refuse_personal(value, where)
