"""An answer's chart as plain series: what the native charts of office programs are made of.

Each is made of the insight's table and numbers alone, like the page's own figure, and in the same colours. A matrix
is a grid of cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from dashboard.charts.theme import LIGHT, ink, mix
from dashboard.insight import Insight, Reader
from dashboard.language import MINUS, TIER_NAMES, Language, symbol, undefined
from dashboard.wording import STATES
from queries.schema import GRADES, TIERS

Kind = Literal["bar", "column", "line", "xy"]
Values = tuple[float | None, ...]


@dataclass(frozen=True)
class Series:
    """A row of values. `x` belongs to kind 'xy', `colors` colours each point by itself, `hidden` is drawn without
    any colour (what the steps of a waterfall stand on), `points` are marks without a line."""

    name: str
    values: Values
    color: str = LIGHT.accent
    x: Values = ()
    colors: tuple[str, ...] = ()
    hidden: bool = False
    points: bool = False


@dataclass(frozen=True)
class Picture:
    """A chart: its kind, the names of its categories, its series, and how its numbers are written."""

    kind: Kind
    series: tuple[Series, ...]
    categories: tuple[str, ...] = ()
    stacked: bool = False
    format: str = "#,##0"
    x_format: str = "#,##0"
    x_title: str = ""
    y_title: str = ""
    x_range: tuple[float, float] | None = None

    @property
    def known(self) -> bool:
        """Whether there is anything to draw: a share of no profit is undefined at every point."""
        return any(value is not None for series in self.series for value in series.values)

    @property
    def legend(self) -> tuple[Series, ...]:
        """The series that need a name beside them."""
        shown = tuple(series for series in self.series if not series.hidden)
        return shown if len(shown) > 1 and not self.stacked else ()


@dataclass(frozen=True)
class Cell:
    """A cell of a grid: its text and the colours of its ground and of the text."""

    text: str
    fill: str
    ink: str


@dataclass(frozen=True)
class Grid:
    """A matrix: the name of its corner, of its columns and rows, and its cells row by row."""

    corner: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]


Draw = Callable[[Insight, Reader], Picture | Grid | None]

# --- how numbers are written on axes -------------------------------------------------------------------------------

PERCENT, WHOLE, RATE = "0%", "#,##0", "0.00"
UNITS = {
    "en": ((1e10, '#,##0,,,"B"'), (1e9, '0.0,,,"B"'), (1e7, '#,##0,,"M"'), (1e6, '0.0,,"M"'), (1e3, '#,##0,"K"')),
    # Office programs divide by thousands only: a point is put before the last digits of what is left.
    "zh": ((1e8, '0\\.00,,"亿"'), (1e5, '0\\.0,"万"')),
}


def money_format(values: Iterable[float | None], language: Language, currency: str) -> str:
    """The number format of an axis of money, in the unit that the largest amount asks for."""
    largest = max((abs(v) for v in values if not undefined(v)), default=0)
    sign = symbol(currency, language.code).replace('"', "")
    core = next((form for size, form in UNITS[language.code] if largest >= size), WHOLE)
    return f'"{sign}"{core};"{MINUS}{sign}"{core};0'


def numbers(values: Iterable[Any]) -> Values:
    return tuple(None if undefined(value) else float(value) for value in values)


# --- kinds of charts that several questions share ------------------------------------------------------------------


def waterfall_of(steps: pd.DataFrame, reader: Reader) -> Picture:
    """From a total through its steps to what is left: bars that stand on a bar nobody sees.

    Rows as in `dashboard.charts.cost.waterfall`. A step across zero has a part on either side.
    """
    amounts = [amount or 0.0 for amount in numbers(steps["amount"])]
    base, above, below, colors, reached = [], [], [], [], 0.0
    for amount, kind in zip(amounts, steps["kind"], strict=True):
        start, end = (0.0, amount) if kind in ("total", "subtotal") else (reached, reached + amount)
        reached = end
        low, high = min(start, end), max(start, end)
        base.append(max(low, 0.0) + min(high, 0.0))
        above.append(max(high, 0.0) - max(low, 0.0))
        below.append(min(low, 0.0) - min(high, 0.0))
        whole = kind in ("total", "subtotal")
        colors.append(LIGHT.neutral if whole and amount >= 0 else LIGHT.loss if amount < 0 else LIGHT.gain)
    if steps["kind"].iloc[-1] == "total" and amounts[-1] >= 0:
        colors[-1] = LIGHT.accent
    told = [f"{name}  {reader.money(amount)}" for name, amount in zip(steps["name"], amounts, strict=True)]
    word = reader.t("Amount")
    series = (
        Series(reader.t("Start"), tuple(base), hidden=True),
        Series(word, tuple(above), colors=tuple(colors)),
        Series(reader.t("{what}, below zero", what=word), tuple(below), colors=tuple(colors)),
    )
    form = money_format([*base, *above, *below], reader.language, reader.marts.currency)
    return Picture("bar", series, tuple(told), stacked=True, format=form)


def bars_of(
    names: Iterable[Any], values: Iterable[Any], name: str, reader: Reader, color: str = LIGHT.accent
) -> Picture:
    """One bar of money a row; what lies below zero in the colour of a loss."""
    shown = numbers(values)
    colors = tuple(LIGHT.loss if (value or 0) < 0 else color for value in shown)
    form = money_format(shown, reader.language, reader.marts.currency)
    return Picture("bar", (Series(name, shown, colors=colors),), tuple(map(str, names)), format=form)


def grid_of(
    corner: str,
    rows: Sequence[tuple[str, str]],
    columns: Sequence[tuple[str, str]],
    cell: Callable[[str, str], tuple[str, str]],
) -> Grid:
    """A matrix of (code, name) rows and columns; `cell` says a cell's text and ground."""
    found = []
    for row, _ in rows:
        told = [cell(row, column) for column, _ in columns]
        found.append(tuple(Cell(text, fill, ink(fill)) for text, fill in told))
    return Grid(corner, tuple(name for _, name in columns), tuple(name for _, name in rows), tuple(found))


# --- the charts of questions ---------------------------------------------------------------------------------------


def _waterfall(insight: Insight, reader: Reader) -> Picture:
    return waterfall_of(insight.table, reader)


def _contributions(insight: Insight, reader: Reader) -> Picture | None:
    steps = insight.numbers.get("waterfall")
    return waterfall_of(pd.DataFrame(steps), reader) if steps else None


def _whale(insight: Insight, reader: Reader) -> Picture:
    table, t = insight.table, reader.t
    line = Series(t("Share of profit"), numbers(table["profit_share"]), x=numbers(table["customers_share"]))
    peak = Series(
        t("Peak"),
        numbers([insight.numbers.get("peak_share")]),
        LIGHT.loss,
        x=numbers([insight.numbers.get("peak_at_share")]),
        points=True,
    )
    return Picture(
        *("xy", (line, peak)),
        format=PERCENT,
        x_format=PERCENT,
        x_title=t("Share of customers, most profitable first"),
        y_title=t("Share of profit"),
        x_range=(0.0, 1.0),
    )


def _deciles(insight: Insight, reader: Reader) -> Picture:
    profit = numbers(insight.table["profit"])
    colors = tuple(LIGHT.loss if (value or 0) < 0 else LIGHT.gain for value in profit)
    return Picture(
        "column",
        (Series(reader.t("Profit"), profit, colors=colors),),
        tuple(map(str, insight.table["decile"])),
        format=money_format(profit, reader.language, reader.marts.currency),
        x_title=reader.t("Decile"),
    )


def _regions(insight: Insight, reader: Reader) -> Picture:
    return bars_of(insight.table["name"], insight.table["profit"], reader.t("Profit"), reader)


def _losses(insight: Insight, reader: Reader) -> Picture:
    return bars_of(insight.table["name"], insight.table["loss"], reader.t("Loss"), reader, LIGHT.loss)


def _standing(insight: Insight, reader: Reader) -> Picture:
    tones = {"complaining": LIGHT.loss, "indifferent": LIGHT.neutral, "praising": LIGHT.gain}
    zones = list(insight.table["zone"])
    series = Series(
        reader.t("Customers"),
        numbers(insight.table["customers"]),
        colors=tuple(tones.get(zone, LIGHT.neutral) for zone in zones),
    )
    return Picture("column", (series,), tuple(reader.t(STATES.get(zone, zone)) for zone in zones))


def _curve(insight: Insight, reader: Reader) -> Picture:
    """Events a customer-month at each satisfaction, as observed: praise and complaints."""
    table = insight.table.sort_values("satisfaction")
    x = numbers(table["satisfaction"])
    sides = (("Praise", "praise_rate", LIGHT.gain), ("Complaints to others", "complaint_rate", LIGHT.loss))
    series = tuple(Series(reader.t(name), numbers(table[column]), color, x=x) for name, column, color in sides)
    x_title, y_title = reader.t("Satisfaction, 1 to 5"), reader.t("Events a customer-month")
    return Picture("xy", series, (), False, RATE, "0.0", x_title, y_title, (1.0, 5.0))


def _frontier(insight: Insight, reader: Reader) -> Picture:
    table, t = insight.table.sort_values("budget"), reader.t
    amounts = [*table["budget"], *table["value"]]
    series = [Series(t("Best for each budget"), numbers(table["value"]), x=numbers(table["budget"]))]
    for name, key, color in (
        (t("Today"), "current", LIGHT.neutral),
        (t("The recommended plan"), "plan", LIGHT.gain),
    ):
        if point := insight.numbers.get(key):
            amounts += [point["budget"], point["value"]]
            x, y = numbers([point["budget"]]), numbers([point["value"]])
            series.append(Series(name, y, color, x=x, points=True))
    form = money_format(amounts, reader.language, reader.marts.currency)
    return Picture("xy", tuple(series), (), False, form, form, t("Service budget"), t("Profit"))


def _matrix(insight: Insight, reader: Reader) -> Grid:
    """Grade against tier: over- and under-served cells tinted and named."""
    table = insight.table
    found = {(row.grade, row.tier): row for row in table.itertuples()}
    grounds = {"over": mix(LIGHT.over, LIGHT.page, 0.25), "under": mix(LIGHT.under, LIGHT.page, 0.25)}

    def cell(grade: str, tier: str) -> tuple[str, str]:
        row = found.get((grade, tier))
        if row is None:
            return "–", LIGHT.card
        lines = [reader.language.number(row.customers), reader.money(row.profit), reader.t(STATES[row.fit])]
        return "\n".join(lines), grounds.get(row.fit, LIGHT.card)

    grades = [(g, reader.t("Grade {grade}", grade=g)) for g in GRADES]
    return grid_of(reader.t("Grade"), grades, [(tier, reader.t(TIER_NAMES[tier])) for tier in TIERS], cell)


def _moves(
    insight: Insight, reader: Reader, before: str, after: str, order: Sequence[str], names: dict[str, str], amount: str
) -> Grid:
    """From one rank to another: rises tinted as gains, falls as losses, with how many and how much."""
    found = {(getattr(row, before), getattr(row, after)): row for row in insight.table.itertuples()}
    places = {code: place for place, code in enumerate(order)}

    def ground(one: str, other: str) -> str:
        if one == other:
            return mix(LIGHT.neutral, LIGHT.page, 0.2)
        up = one == "new" or (other != "left" and places[other] < places[one])
        return mix(LIGHT.gain if up else LIGHT.loss, LIGHT.page, 0.25)

    def cell(one: str, other: str) -> tuple[str, str]:
        row = found.get((one, other))
        if row is None or not row.customers:
            return "–", LIGHT.card
        return f"{reader.language.number(row.customers)}\n{reader.money(getattr(row, amount))}", ground(one, other)

    come = [code for code in ("new",) if (insight.table[before] == code).any()]
    gone = [code for code in ("left",) if (insight.table[after] == code).any()]
    rows = [(code, names[code]) for code in (*come, *order)]
    columns = [(code, names[code]) for code in (*order, *gone)]
    return grid_of(reader.t("From ↓ to →"), rows, columns, cell)


def _migration(insight: Insight, reader: Reader) -> Grid:
    names = {g: reader.t("Grade {grade}", grade=g) for g in GRADES}
    names |= {code: reader.t(STATES[code]) for code in ("new", "left")}
    return _moves(insight, reader, "from_grade", "to_grade", GRADES, names, "value_to_come")


def _recommendation(insight: Insight, reader: Reader) -> Grid:
    names = {tier: reader.t(TIER_NAMES[tier]) for tier in TIERS}
    return _moves(insight, reader, "current", "recommended", TIERS, names, "gain")


def _trend(insight: Insight, reader: Reader) -> Picture:
    table, t = insight.table, reader.t
    lines = (("Revenue", "revenue", LIGHT.neutral), ("Profit", "profit", LIGHT.accent))
    series = tuple(Series(t(name), numbers(table[column]), color) for name, column, color in lines)
    form = money_format([v for s in series for v in s.values], reader.language, reader.marts.currency)
    return Picture("line", series, tuple(pd.Timestamp(day).strftime("%Y-%m-%d") for day in table["week"]), format=form)


PICTURES: dict[str, Draw] = {
    "review.contributions": _contributions,
    "review.regions": _waterfall,
    "review.lines": _waterfall,
    "review.grades": _waterfall,
    "review.customers": _waterfall,
    "value.whale": _whale,
    "value.deciles": _deciles,
    "value.by_region": _regions,
    "value.trend": _trend,
    "tiers.matrix": _matrix,
    "tiers.migration": _migration,
    "satisfaction.curve": _curve,
    "satisfaction.standing": _standing,
    "cost.waterfall": _waterfall,
    "cost.losses": _losses,
    "levels.matrix": _recommendation,
    "levels.frontier": _frontier,
}
"""The native chart of a question; a question without one is a table."""
