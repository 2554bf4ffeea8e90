"""The service policy: a readable, versioned file of what levels include, bring and may change."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from dashboard.analysis.response import FORMS, Response
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
def parsed(toml: str, where: str) -> Policy:
    """The policy that a text says; `where` names it in errors. Raises DashboardError naming the key and the mend."""
    try:
        text = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise DashboardError(f"{where}: {error}") from error
    known(text, Policy, where)
    _refuse_personal(text, where)
    known(text["levels"], TIERS, f"{where}: [levels]")
    known(text["response"], RESPONSES, f"{where}: [response]")
    return Policy(
        version=str(text["version"]),
        source=str(text["source"]),
        levels={tier: _level(text["levels"][tier], f"{where}: [levels.{tier}]") for tier in TIERS},
        response={name: _response(text["response"][name], f"{where}: [response.{name}]") for name in RESPONSES},
        limits=_limits(text["limits"], f"{where}: [limits]"),
        capacity=_capacity(text["capacity"], f"{where}: [capacity]"),
        approval=_approval(text["approval"], f"{where}: [approval]"),
        lifetime=_lifetime(text["lifetime"], f"{where}: [lifetime]"),
        word_of_mouth=_talk(text["word_of_mouth"], f"{where}: [word_of_mouth]"),
    )


def numbered(toml: str, path: Sequence[str], value: float) -> str:
    """A policy's text with one number changed and all else as it was written, comments too.

    `path` is the number's place, such as ("levels", "key", "includes", "visit"). Raises DashboardError when the number
    isn't written on a line of its own.
    """
    digits = f"{value:.10g}"
    for depth in range(len(path) - 1, 0, -1):
        head, rest = re.escape(".".join(path[:depth])), [re.escape(key) for key in path[depth:]]
        inner = r"[^\n{]*\{[^\n}]*?\b".join(rest)
        place = rf"(^\[{head}\]\n(?:(?!^\[).*\n)*?{inner}\s*=\s*)-?[\d._]+"
        changed, times = re.subn(place, lambda found: found[1] + digits, toml, count=1, flags=re.MULTILINE)
        if times:
            return changed
    raise DashboardError(f"{'.'.join(path)} isn't written on a line of its own: change it in the text")


def versioned(toml: str, version: str) -> str:
    """A policy's text under another version."""
    return re.sub(r'(?m)^version\s*=.*$', f'version = "{version}"', toml, count=1)


def line_of(toml: str, fault: str) -> int | None:
    """The line of a policy's text that an error is about, as far as it says so; the first is 1."""
    if found := re.search(r"at line (\d+)", fault):
        return int(found[1])
    lines, first = toml.splitlines(), 0
    if (section := re.search(r"\[(\w+(?:\.\w+)?)\]", fault)) and f"[{section[1]}]" in lines:
        first = lines.index(f"[{section[1]}]")
    for key in re.findall(r"'(\w+)'|: (\w+)(?=,|:| needs)", fault):
        for number, line in enumerate(lines[first:], first + 1):
            if re.search(rf"\b{re.escape(key[0] or key[1])}\b", line) and not line.startswith("#"):
                return number
    return first + 1 if section else None


def _level(text: dict[str, Any], where: str) -> Level:
    known(text, Level, where)
    return Level(
        _numbers(text["includes"], f"{where}: includes"),
        _numbers(text["money"], f"{where}: money"),
        _words(text["promises"], f"{where}: promises"),
    )


def _response(text: dict[str, Any], where: str) -> Response:
    known(text, Response, where, optional=("power",))
    if text["form"] not in FORMS:
        raise DashboardError(f"{where}: 'form' is one of {', '.join(FORMS)}; got {text['form']!r}")
    most, low, high = (number(text, name, where, least=-1.0) for name in ("most", "low", "high"))
    if not low <= most <= high:
        raise DashboardError(f"{where}: 'most' must lie from 'low' to 'high'; got {low:g}, {most:g}, {high:g}")
    scale, power = number(text, "scale", where), number({"power": 1.0} | text, "power", where)
    if not scale or not 0 < power <= 1:
        raise DashboardError(f"{where}: 'scale' needs a number above zero, 'power' one above zero and at most 1")
    return Response(text["form"], most, low, high, scale, power, _text(text, "source", where))


def _limits(text: dict[str, Any], where: str) -> Limits:
    known(text, Limits, where)
    fall = text["largest_fall"]
    if isinstance(fall, bool) or not isinstance(fall, int) or fall < 0:
        raise DashboardError(f"{where}: 'largest_fall' needs a whole number of zero or more")
    share = number(text, "largest_share_lowered", where)
    if share > 1:
        raise DashboardError(f"{where}: 'largest_share_lowered' is a share from 0 to 1; got {share:g}")
    least = _one_of(text, "least", where, TIERS)
    floors = _rules(text["floors"], f"{where}: floors")
    ceilings = _rules(text["ceilings"], f"{where}: ceilings")
    return Limits(fall, least, share, floors, ceilings)


def _rules(text: list[dict[str, Any]], where: str) -> tuple[Rule, ...]:
    return tuple(_rule(rule, f"{where}, number {place}") for place, rule in enumerate(text, 1))


def _rule(text: dict[str, Any], where: str) -> Rule:
    tests = [test for test in TESTS if test in text]
    if len(tests) != 1:
        raise DashboardError(f"{where}: needs one of {', '.join(TESTS)}")
    test = tests[0]
    known(text, ("level", "input", test, "why"), where)
    asked = _one_of(text, "input", where, INPUTS)
    value = text[test]
    if test != "one_of":
        value = number(text, test, where, least=float("-inf"))
    elif not isinstance(value, list) or not value:
        raise DashboardError(f"{where}: 'one_of' needs a list of values")
    if asked == "grade" and test == "one_of" and (odd := [v for v in value if v not in GRADES]):
        raise DashboardError(f"{where}: grade {odd[0]!r} is not known{nearest(str(odd[0]), GRADES)}")
    if test != "one_of" and asked in ("code", "grade", "industry", "size"):
        raise DashboardError(f"{where}: {asked!r} has no order; use 'one_of'")
    value = tuple(value) if test == "one_of" else value
    return Rule(_one_of(text, "level", where, TIERS), asked, test, value, _words(text["why"], f"{where}: why"))


def _capacity(text: dict[str, Any], where: str) -> Capacity:
    known(text, Capacity, where, optional=("budget",))
    share = number(text, "share", where)
    if share > 1:
        raise DashboardError(f"{where}: 'share' is a share from 0 to 1; got {share:g}")
    return Capacity(
        _text(text, "role", where),
        share,
        _numbers(text["hours"], f"{where}: hours"),
        _numbers(text["hours_per_unit"], f"{where}: hours_per_unit"),
        tuple(str(code) for code in text["activities"]),
        number(text, "budget", where) if "budget" in text else None,
    )


def _approval(text: dict[str, Any], where: str) -> Approval:
    known(text, Approval, where)
    levels = tuple(_one_of({"levels": level}, "levels", where, TIERS) for level in text["levels"])
    return Approval(levels, number(text, "cost_above", where), number(text, "gain_above", where))


def _lifetime(text: dict[str, Any], where: str) -> Lifetime:
    known(text, Lifetime, where)
    model = _one_of(text, "model", where, PURCHASE_MODELS)
    rate, years = number(text, "annual_discount_rate", where), number(text, "horizon_years", where)
    if not years:
        raise DashboardError(f"{where}: 'horizon_years' needs a number above zero")
    return Lifetime(rate, years, model)


def _talk(text: dict[str, Any], where: str) -> Talk:
    known(text, Talk, where)
    names = [name for name in Talk.__dataclass_fields__ if name != "source"]
    return Talk(_text(text, "source", where), *[number(text, name, where) for name in names])


def _refuse_personal(text: Any, where: str) -> None:
    """Nothing in the policy may name a personal detail, whatever the key it stands under."""
    if isinstance(text, dict):
        for key, value in text.items():
            if key in PERSONAL or (key == "input" and value in PERSONAL):
                name, inputs = value if key == "input" else key, ", ".join(INPUTS)
                raise DashboardError(f"{where}: {name!r} is a personal detail and never an input; use {inputs}")
            _refuse_personal(value, where)
    elif isinstance(text, list):
        for value in text:
            _refuse_personal(value, where)


def number(text: dict[str, Any], key: str, where: str, least: float = 0.0) -> float:
    """A number of at least so much under a key of a policy file."""
    value = text[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
        floor = {0.0: " of zero or more", float("-inf"): ""}.get(least, f" of {least:g} or more")
        raise DashboardError(f"{where}: {key!r} needs a number{floor}")
    return float(value)


def _numbers(text: Any, where: str) -> dict[str, float]:
    if not isinstance(text, dict):
        raise DashboardError(f"{where} needs names with numbers, such as {{ visit = 2 }}")
    return {str(name): number(text, name, where) for name in text}


def _text(text: dict[str, Any], key: str, where: str) -> str:
    if not isinstance(text[key], str) or not text[key].strip():
        raise DashboardError(f"{where}: {key!r} needs a text")
    return str(text[key])


def _words(text: Any, where: str) -> dict[str, str]:
    if not isinstance(text, dict):
        raise DashboardError(f"{where} needs a text in each language: {', '.join(LANGUAGES)}")
    known(text, LANGUAGES, where)
    return {code: _text(text, code, where) for code in LANGUAGES}


def _one_of(text: dict[str, Any], key: str, where: str, choices: tuple[str, ...]) -> str:
    value = text[key]
    if value not in choices:
        raise DashboardError(f"{where}: {key!r}: {value!r} is not known{nearest(str(value), choices)}")
    return str(value)


def known(text: Any, keys: Any, where: str, optional: tuple[str, ...] = ()) -> None:
    """Refuse a part of a policy file with unknown or missing keys; `keys` are names or the class they make."""
    names = tuple(f.name for f in fields(keys)) if isinstance(keys, type) else tuple(keys)
    if not isinstance(text, dict):
        raise DashboardError(f"{where} needs the keys {', '.join(names)}")
    for key in text:
        if key not in names:
            raise DashboardError(f"{where}: unknown key {key!r}{nearest(key, names)}")
    for key in names:
        if key not in text and key not in optional:
            raise DashboardError(f"{where}: key {key!r} is missing")
