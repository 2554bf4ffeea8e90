"""Every figure is whole on any table: full, empty, one row, all undefined, names of any script and length."""

from __future__ import annotations

import inspect
import itertools
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboard.charts import axes, cost, levels, lifetime, satisfaction, theme, tiers, value
from dashboard.charts.sparkline import sparkline
from dashboard.charts.theme import DARK, LIGHT, Look, Palette, contrast, ink, mix
from dashboard.language import MINUS, language
from queries.schema import GRADES, TIERS

LOOKS = [Look(mode, language(code), "CNY") for mode in ("light", "dark") for code in ("en", "zh")]
SUBJECTS = (value, lifetime, tiers, satisfaction, cost, levels)
LONG = "深圳市<b>前海</b>&超长名称有限公司 Incorporated Überlänge Ærøskøbing مؤسسة 🐋 " * 6
Case = tuple[Callable[..., go.Figure], pd.DataFrame, dict[str, Any]]

MOVES = ("same", "promote", "demote")
WEEKS = [date(2025, 11, 17) + timedelta(weeks=i) for i in range(52)]
SHARE = np.linspace(1 / 300, 1, 300)
BUMP = 1.4 * (1 - np.exp(-8 * SHARE)) - 0.4 * SHARE**9
REGIONS = [("E", "East China", 5e6), ("S", "South China", 2e6), ("NE", "Northeast", -3e5)]
ZONES = [
    {"code": "creators", "from_share": 0.0, "to_share": 0.4, "customers": 400, "profit": 9e7},
    {"code": "break_even", "from_share": 0.4, "to_share": 0.8, "customers": 400, "profit": 1e5},
    {"code": "destroyers", "from_share": 0.8, "to_share": 1.0, "customers": 1, "profit": -3e7},
]


def frame(columns: str, *records: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(records), columns=columns.split())


def cases() -> dict[str, Case]:
    """A builder, a table as its question makes it, and its numbers."""
    money = 8e7 * BUMP
    whale = pd.DataFrame({"customers_share": SHARE, "profit_share": BUMP, "profit": money})
    numbers = {"total_profit": 8e7, "peak_share": 1.3, "peak_share_low": 1.25, "peak_share_high": 1.36}
    numbers |= {"top_20_share": 1.1, "top_20_share_low": 1.0, "top_20_share_high": 1.2, "zones": ZONES}
    losing = whale.assign(profit_share=None, profit=money - 2e8 * SHARE)
    scale = np.linspace(1.25, 4.75, 12)
    rates = {
        f"{side}_{part}": 0.02 * np.abs(scale - 3) ** 2 * size + 0.001
        for side in ("praise", "complaint")
        for part, size in (("rate", 1.0), ("low", 0.7), ("high", 1.4))
    }
    points = frame("praise praise_low praise_high complaint complaint_low complaint_high")
    fitted = [{"s": float(s), **{name: 0.01 * abs(s - 3) for name in points}} for s in np.linspace(1, 5, 60)]
    threshold = {"estimate": 2.2, "low": 2.1, "high": 2.4}
    curve = pd.DataFrame({"satisfaction": scale, "n": 50, **rates, "referral_rate": 0.004, "customers": 30})
    by_week = [(w, 3e6 + i, 4e5, 2.9e6, None) for i, w in enumerate(WEEKS)]
    events = [{"starts_on": WEEKS[i], "name": f"Event with a name {i}"} for i in range(0, 52, 4)]
    bins = [(None, None, 12, -5e3), *((10.0**i, 10.0 ** (i + 1), 90 * i, 1e5 * i) for i in range(1, 7))]
    pairs = list(itertools.product(GRADES, TIERS))
    fits = ("fits", "over", "under")
    grid = [(g, t, 10 * i, 1e5 * (i - 5), 2e5 * i, fits[i % 3]) for i, (g, t) in enumerate(pairs)]
    moves = [*itertools.product(GRADES, (*GRADES, "left")), ("new", "D"), ("new", "B")]
    steps = [
        ("revenue", "Revenue", 1e8, "total"),
        ("goods", "Goods", -7e7, "cost"),
        ("margin", "Margin", 3e7, "subtotal"),
        ("visit", "Visits", -3.4e7, "cost"),
        ("refund", "Refund", 1e6, "cost"),
        ("profit", "Profit", -3e6, "total"),
    ]
    edges = [0.0, 1.15, 9.0, 99.0, 999.0, 9999.0, 99_999.0]
    cells = [
        (a, b, c * sign, d * sign, 40, 3e5, (c * sign - a) * 40)
        for (a, b), (c, d), sign in itertools.product(itertools.pairwise(edges), itertools.pairwise(edges), (1, -1))
    ]
    codes = [(code, name, amount) for code, name, amount in REGIONS]
    return {
        "whale": (value.whale, whale, numbers),
        "whale of a loss": (value.whale, losing, numbers | {"top_20_share": None, "total_profit": -1e8}),
        "lorenz": (
            value.lorenz,
            pd.DataFrame({"customers_share": SHARE, "revenue_share": SHARE**4}),
            {"gini": 0.6, "top_20_share": 0.59},
        ),
        "distribution": (
            value.distribution,
            frame("low high customers revenue", *bins),
            {"median": 5e3, "mean": 4e4, "deciles": [10.0**i for i in range(1, 7)]},
        ),
        "deciles": (
            value.deciles,
            frame(
                "decile customers revenue profit revenue_share profit_share",
                *((i, 100, 1e6, 3e5 - i * 4e4, 0.1, 0.4 - i * 0.06) for i in range(1, 11)),
            ),
            {},
        ),
        "value trend": (
            value.trend,
            frame("week revenue profit revenue_last_year profit_last_year", *by_week),
            {"events": events},
        ),
        "regions": (
            value.by_region,
            frame(
                "code name customers revenue profit margin",
                *((c, n, 9, 2e7, p, p / 2e7) for c, n, p in codes),
            ),
            {},
        ),
        "bars": (value.bars, frame("code name value", *codes), {"header": "Profit"}),
        "tier matrix": (tiers.matrix, frame("grade tier customers profit revenue fit", *grid), {}),
        "region and grade": (
            tiers.region_grade,
            frame("code name grade customers", *((c, n, g, 7) for (c, n, _) in codes for g in "DCAB")),
            {},
        ),
        "measured grades": (
            tiers.measured,
            frame(
                "grade measured move customers value_to_come profit",
                *((g, m, MOVES[(m < g) + 2 * (m > g)], 9, 3e4, 1e4) for g in "DCAB" for m in "BAD"),
            ),
            {},
        ),
        "migration": (
            tiers.migration,
            frame("from_grade to_grade customers profit value_to_come", *((a, b, 5, 1e4, 2e4) for a, b in moves)),
            {},
        ),
        "grade trend": (
            tiers.trend,
            frame(
                "week grade customers customers_share",
                *((w, g, 100 + i, 0.25 + place / 100) for i, w in enumerate(WEEKS) for place, g in enumerate(GRADES)),
            ),
            {},
        ),
        "needs": (
            tiers.needs,
            frame("needs_level grade customers", *((n, g, 12 * n) for n in range(1, 6) for g in GRADES)),
            {},
        ),
        "curve": (
            satisfaction.curve,
            curve,
            {
                "fitted": fitted,
                "complaint_threshold": threshold,
                "praise_threshold": {"estimate": 4.1, "low": 4.0, "high": 4.2},
                "customers_by_score": [{"low": 1 + i / 4, "customers": 5 * i} for i in range(16)],
            },
        ),
        "curve without thresholds": (
            satisfaction.curve,
            curve,
            {"fitted": [], "complaint_threshold": None, "praise_threshold": {"estimate": None}},
        ),
        "standing": (
            satisfaction.standing,
            frame(
                "zone customers revenue profit",
                *((z, 10, 1e6, -1e5) for z in ("complaining", "indifferent", "praising")),
            ),
            {},
        ),
        "satisfaction by group": (
            satisfaction.by_group,
            frame("code name satisfaction low high n", *((c, n, 3.9, 3.8, 4.0, 50) for c, n, _ in codes)),
            {},
        ),
        "loyalty": (
            satisfaction.loyalty,
            frame(
                "satisfaction n repurchase_rate low high recommend",
                *((s, 60, s / 6, s / 7, s / 5.5, 2.0 * s) for s in (1, 2, 3, 4, 5)),
            ),
            {},
        ),
        "drivers": (
            satisfaction.drivers,
            frame(
                "item name importance low high performance performance_low performance_high",
                *((f"i{i}", f"Item {i}", i / 9, i / 10, i / 8, 4.5 - i, 4.4 - i, 4.6 - i) for i in range(7)),
            ),
            {"improve": ["i6"]},
        ),
        "waterfall": (cost.waterfall, frame("step name amount kind", *steps), {}),
        "activities": (
            cost.activities,
            frame(
                "code name driver_unit quantity unit_rate cost capacity used_share unused_cost",
                ("visit", "Visits", "hour", 400, 250.0, 1e5, 500, 0.8, 2.5e4),
                ("call", "Calls", "minute", 900, 3.0, 2.7e3, 800, 1.125, -300.0),
            ),
            {},
        ),
        "quadrant": (
            cost.quadrant,
            frame("cost_low cost_high margin_low margin_high customers revenue profit", *cells),
            {},
        ),
        "losses": (cost.losses, frame("cause name customers loss", ("debt", "Bad debt", 4, 9e5)), {}),
        "cost by tier": (cost.by_tier, frame("code name value", *((t, t, 1e6) for t in TIERS)), {}),
        "frontier": (
            levels.frontier,
            frame("budget value", *((b * 1e6, b**0.5 * 1e6) for b in range(1, 40))),
            {
                "current": {"budget": 2e7, "value": 4e6},
                "plan": {"budget": 2e7, "value": 4.47e6},
                "price": 0.3,
            },
        ),
        "levels today": (
            levels.today,
            frame(
                "tier customers cost_to_serve profit return_per_cost",
                *((t, 9, 1e6, -2e6, 0.4) for t in TIERS),
            ),
            {},
        ),
        "value to come": (
            lifetime.distribution,
            frame(
                "value_from value_to customers value_to_come",
                *((-(10.0**i), -(10.0 ** (i - 1)) if i > 2 else 0.0, 5 * i, -1e4 * i) for i in range(5, 1, -1)),
                *((10.0 ** (i - 1) if i > 2 else 0.0, 10.0**i, 9 * i, 1e5 * i) for i in range(2, 7)),
            ),
            {},
        ),
        "value to come by group": (
            lifetime.groups,
            frame(
                "code name customers value_to_come value_low value_high value_share",
                *((c, n, 40, v, v - 1e5, v + 1e5, 0.3) for c, n, v in codes),
            ),
            {},
        ),
        "value so far and to come": (
            lifetime.against_past,
            frame(
                "so_far to_come customers value_so_far value_to_come",
                *((a, b, 5 * a, 1e5 / a, 1e6 / b) for a, b in itertools.product(range(1, 5), range(1, 5))),
            ),
            {},
        ),
        "alive": (
            lifetime.alive,
            frame(
                "zone probability customers customers_share revenue value_to_come",
                *((z, "some", 9, 0.2, 1e6, 2e6) for z in ("sure", "likely", "open", "unlikely", "gone")),
            ),
            {},
        ),
        "forecast": (
            lifetime.forecast,
            frame(
                "customers expected history actual low high",
                *((90, i / 2, i / 1.7, i / 2.1, i / 2.3, i / 1.9) for i in range(10)),
            ),
            {},
        ),
        "reasons": (
            tiers.reasons,
            frame("reason up down value_to_come", ("Value rose", 9, 0, 2e5), ("Value fell", 0, 12, -4e4)),
            {},
        ),
        "stability": (
            tiers.stability,
            frame(
                "grade start_share end_share stationary_share kept_share",
                *((g, 0.3 - i / 20, 0.1 + i / 10, 0.25, 0.8) for i, g in enumerate(GRADES)),
            ),
            {},
        ),
        "worth": (
            satisfaction.worth,
            frame(
                "satisfaction worth_of_a_point worth_low worth_high from_complaints from_praise cost_of_a_point",
                *((s, 50 * (s - 3) ** 2, 40.0, 210.0, 9.0, 4.0, 30.0) for s in scale),
            ),
            {
                "interior": {"score": 2.6, "profit": 12.0},
                "corner": {"score": 5.0, "profit": -9.0},
                "corner_pays": False,
            },
        ),
        "follow-up": (
            levels.follow_up,
            frame(
                "date direction n alike expected_profit came came_low came_high",
                *((WEEKS[i], "raised", 40, 90, 1e5, 2e5 - 1e5 * i, -1e5, 4e5) for i in range(3)),
            ),
            {},
        ),
        "capacity": (
            levels.capacity,
            frame(
                "code name hours_today hours_planned hours_capacity hours_share price_of_an_hour",
                *((c, n, 900.5, 800.0, 1000.0, 0.8, 40.0 * i) for i, (c, n, _) in enumerate(codes)),
                ("X", "Nobody", 5.0, 0.0, 0.0, None, 0.0),
            ),
            {},
        ),
        "levels matrix": (
            levels.matrix,
            frame(
                "current recommended customers gain",
                *((a, b, 4, 5e4) for a, b in itertools.product(TIERS, TIERS)),
            ),
            {},
        ),
    }


CASES = cases()
CLICKABLE = {
    "regions": ["code"],
    "bars": ["code"],
    "tier matrix": ["grade", "tier"],
    "region and grade": ["code", "grade"],
    "needs": ["needs_level", "grade"],
    "standing": ["zone"],
    "satisfaction by group": ["code"],
    "value to come by group": ["code"],
    "drivers": ["item"],
    "waterfall": ["step"],
    "activities": ["code"],
    "losses": ["cause"],
    "cost by tier": ["code"],
    "levels today": ["tier"],
    "capacity": ["code"],
    "levels matrix": ["current", "recommended"],
}
each = pytest.mark.parametrize("name", list(CASES))
each_look = pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look.mode}-{look.language.code}")


def draw(name: str, look: Look = LOOKS[0], table: pd.DataFrame | None = None) -> go.Figure:
    builder, full, numbers = CASES[name]
    return builder(full if table is None else table, numbers, look)


def words(figure: go.Figure) -> str:
    """All a reader can see or hover over, as one text."""

    def texts(part: Any) -> list[str]:
        if isinstance(part, str):
            return [part]
        if isinstance(part, dict):
            return [t for key, p in part.items() if key != "family" for t in texts(p)]
        return [t for p in part for t in texts(p)] if isinstance(part, list | tuple) else []

    return "\n".join(texts(json.loads(figure.to_json())))


def undefined(table: pd.DataFrame) -> pd.DataFrame:
    """The same rows with every measure undefined; codes, names and places stay."""
    measures = [c for c in table.columns if pd.api.types.is_numeric_dtype(table[c])]
    kept = {"decile", "needs_level", "customers_share", "satisfaction"}
    return table.assign(**{c: np.nan for c in measures if c not in kept})


def test_every_builder_has_a_case() -> None:
    def builders(module: ModuleType) -> set[Any]:
        found = inspect.getmembers(module, inspect.isfunction)
        return {f for _, f in found if list(inspect.signature(f).parameters) == ["table", "numbers", "look"]}

    assert set().union(*map(builders, SUBJECTS)) == {builder for builder, _, _ in CASES.values()}


@each
@each_look
def test_a_figure_is_light_and_names_every_number(name: str, look: Look) -> None:
    figure = draw(name, look)
    body = figure.to_json()
    assert isinstance(figure, go.Figure)
    assert len(body.encode()) < 30_000
    assert not re.search(r"nan\b|NaN|Infinity|None|NaT", words(figure))
    assert not re.search(r"(?<![\w-])-\d", words(figure)), "a minus is U+2212"
    assert figure.layout.title.text is None
    assert figure.layout.height


@each
@pytest.mark.parametrize("change", ["one row", "undefined", "long names", "reversed"])
def test_a_figure_stands_on_any_table(name: str, change: str) -> None:
    table = CASES[name][1]
    table = {
        "one row": lambda: table.head(1),
        "undefined": lambda: undefined(table),
        "long names": lambda: table.assign(name=LONG) if "name" in table else table,
        "reversed": lambda: table.iloc[::-1],
    }[change]()
    for look in (LOOKS[0], LOOKS[3]):
        text = words(draw(name, look, table))
        assert not re.search(r"nan\b|NaN|Infinity|None|NaT", text)
        assert "<b>前海" not in text, "markup in data stays text"


@each
def test_no_customers_is_said_in_words(name: str) -> None:
    for look in LOOKS:
        figure = draw(name, look, CASES[name][1].head(0))
        assert not figure.data
        assert words(figure).count(look.language.t("No customers here")) == 1
    assert draw(name, LOOKS[0], pd.DataFrame()).layout.annotations[0].text == "No customers here"


@each
def test_a_figure_does_not_change_its_table(name: str) -> None:
    before = CASES[name][1].copy(deep=True)
    draw(name)
    pd.testing.assert_frame_equal(CASES[name][1], before)


@pytest.mark.parametrize("name", list(CLICKABLE))
def test_a_mark_carries_the_code_of_what_it_shows(name: str) -> None:
    wanted = {tuple(row) for row in CASES[name][1][CLICKABLE[name]].itertuples(index=False)}
    figure = draw(name)
    found = {tuple(code) for trace in figure.data for code in (trace.customdata or ())}
    assert found == wanted
    assert all(trace.type in ("bar", "scatter") for trace in figure.data), "other traces can't be clicked"


def test_grades_and_tiers_keep_their_order() -> None:
    mixed = CASES["region and grade"][1].sample(frac=1, random_state=1)
    assert [trace.name for trace in draw("region and grade", table=mixed).data] == list(GRADES)
    matrix = draw("tier matrix", table=CASES["tier matrix"][1].sample(frac=1, random_state=1))
    assert matrix.layout.xaxis.ticktext == ("Strategic", "Key", "Standard", "Self-service")
    assert matrix.layout.yaxis.ticktext == tuple(f"Grade {grade}" for grade in GRADES)
    assert matrix.layout.yaxis.range[0] > matrix.layout.yaxis.range[1], "A is on top"
    cells = zip(matrix.data[0].customdata, matrix.data[0].x, matrix.data[0].base, strict=True)
    for (grade, tier), x, base in cells:
        assert (TIERS[x], GRADES[round(base + 0.47)]) == (tier, grade)
    trend = draw("grade trend", table=CASES["grade trend"][1].iloc[::-1])
    assert [trace.line.color for trace in trend.data[::2]] == list(LIGHT.grades.values())
    nodes = draw("migration", table=CASES["migration"][1].sample(frac=1, random_state=1)).data[0].node
    assert [label[0] for label in nodes.label[:4]] == list(GRADES)
    assert list(nodes.y[:4]) == sorted(nodes.y[:4])


def test_a_grade_has_one_colour_everywhere() -> None:
    stacked = {trace.name: trace.marker.color for trace in draw("region and grade").data}
    table = frame("code name value", *((g, g, 1.0) for g in GRADES))
    barred = dict(zip(GRADES, value.bars(table, {}, LOOKS[0]).data[0].marker.color, strict=True))
    assert stacked == barred == dict(LIGHT.grades)


def test_equal_names_stay_two_rows() -> None:
    table = frame("code name value", ("a", "Same", 1.0), ("b", "Same", 2.0))
    figure = value.bars(table, {}, LOOKS[0])
    assert list(figure.data[0].y) == [0, 1]
    assert figure.layout.yaxis.ticktext == ("Same", "Same")


def test_bars_of_a_ranking_fall() -> None:
    assert [code for (code,) in draw("regions").data[0].customdata] == ["E", "S", "NE"]
    assert [code for (code,) in draw("activities").data[0].customdata] == ["visit", "call"]


def test_the_whale_says_its_peak_its_best_fifth_and_its_zones() -> None:
    text = words(draw("whale"))
    assert "after" in text and "The best 20% make 110%" in text and "100% = ¥80M" in text
    assert "1 customer<br>−¥30M" in text and "400 customers<br>+¥90M" in text
    zh = words(draw("whale", LOOKS[1]))
    assert "前20%客户贡献110%" in zh and "亏损客户" in zh and "−¥3,000万" in zh


def test_a_whale_of_a_loss_is_drawn_in_money() -> None:
    figure = draw("whale of a loss")
    assert figure.layout.annotations[0].text == "Cumulative profit, ¥M"
    assert "100% =" not in words(figure)


def test_the_tint_above_the_total_lies_between_curve_and_line() -> None:
    tint = draw("whale").data[0]
    assert min(tint.y) == pytest.approx(1) and max(tint.y) == pytest.approx(max(BUMP), abs=1e-4)
    first = np.interp(1, BUMP[:100], SHARE[:100])
    assert min(tint.x) == pytest.approx(first, abs=0.01)


def test_the_waterfall_reconciles() -> None:
    bars = draw("waterfall").data[0]
    ends = [base + length for base, length in zip(bars.base, bars.x, strict=True)]
    assert bars.base == (0, 1e8, 0, 3e7, -4e6, 0)
    assert ends == [1e8, 3e7, 3e7, -4e6, -3e6, -3e6]


def test_complaint_hangs_below_zero_and_praise_stands_above() -> None:
    figure = draw("curve")
    praise, complaint = (trace for trace in figure.data if trace["type"] == "scatter" and trace.mode == "markers")
    assert min(praise.y) > 0 > max(complaint.y)
    assert MINUS not in "".join(figure.layout.yaxis.ticktext), "both sides count upward from zero"
    assert "Praise above 4.10 →" in words(figure) and "← Complaints below 2.20" in words(figure)
    assert sum(figure.data[-1].y) == sum(5 * i for i in range(16))


def test_events_on_a_trend_do_not_meet() -> None:
    figure = draw("value trend")
    labels = [note for note in figure.layout.annotations if note.text.startswith("Event")]
    assert len(figure.layout.shapes) == 13
    assert 0 < len(labels) <= 13
    days = (WEEKS[-1] - WEEKS[0]).days
    boxes = []
    for note in labels:
        place = (date.fromisoformat(note.x) - WEEKS[0]).days / days * value.NARROW
        wide = theme.width_of(note.text) * 5.6
        boxes.append((note.yshift, place if note.xanchor == "left" else place - wide, wide))
    for (lane, start, wide), (other_lane, other_start, _) in itertools.combinations(boxes, 2):
        assert lane != other_lane or start + wide <= other_start


def test_the_unit_is_said_once() -> None:
    for look, unit in ((LOOKS[0], "¥M"), (LOOKS[1], "万元")):
        axis, found = axes.money_axis(look, -2e6, 2.2e7)
        assert found == unit
        assert not re.search("[¥万KM]", "".join(axis["ticktext"]))
    assert axes.money_axis(LOOKS[0], -2e6, 2.2e7)[0]["ticktext"] == ["0", "5", "10", "15", "20"]
    assert axes.money_axis(LOOKS[0], -1.2e7, 1e7)[0]["ticktext"][:2] == ["−10", "−5"]
    assert axes.money_axis(Look("light", language("zh"), "USD"), 0, 9e9)[1] == "亿美元"


def test_months_are_named_in_the_readers_language() -> None:
    english = axes.week_axis(LOOKS[0], WEEKS)
    chinese = axes.week_axis(LOOKS[1], WEEKS)
    assert english["ticktext"] == ["Jan<br>2026", "Apr<br>", "Jul<br>", "Oct<br>"]
    assert chinese["ticktext"] == ["1月<br>2026年", "4月<br>", "7月<br>", "10月<br>"]
    assert (
        len(
            axes.week_axis(LOOKS[0], [date(2000 + i // 52, 1, 1) + timedelta(weeks=i % 52) for i in range(900)])[
                "tickvals"
            ]
        )
        <= 5
    )


@pytest.mark.parametrize(("low", "high", "count"), [(0, 1, 5), (-3.2e6, 7e8, 5), (0, 0, 5), (3, 3.001, 2), (0, 9, 1)])
def test_ticks_are_round_and_inside(low: float, high: float, count: int) -> None:
    places = axes.ticks(low, high, count)
    assert places and len(places) <= count + 2
    assert all(low <= place <= high for place in places)


def test_a_name_fits_its_place() -> None:
    assert theme.short("Short") == "Short"
    assert theme.width_of(theme.short("深圳市超长名称有限公司分公司", 10)) <= 10
    assert theme.short("A & <b>", 20) == "A &amp; &lt;b&gt;"
    assert theme.wrapped("Phone and online support", 16) == "Phone and<br>online support"
    assert theme.wrapped("持续购买客户的销量", 16) == "持续购买<br>客户的销量", "no letter stands alone"
    assert theme.wrapped("内蒙古自治区呼伦贝尔市鄂伦春自治旗", 16).count("<br>") == 1


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_can_be_seen(palette: Palette) -> None:
    marks = [palette.accent, palette.gain, palette.loss, palette.neutral, palette.over, palette.under]
    for mark in [*marks, *palette.grades.values(), *palette.tiers.values()]:
        assert contrast(mark, palette.page) >= 3 and contrast(mark, palette.card) >= 3, mark
    for text in (palette.text, palette.secondary, palette.accent, palette.gain, palette.loss):
        assert contrast(text, palette.page) >= 4.5 and contrast(text, palette.card) >= 4.5, text
    tints = [mix(tone, palette.page, 0.22) for tone in (palette.over, palette.under)]
    shades = [mix(palette.accent, palette.page, share / 100) for share in range(5, 61)]
    for fill in [*palette.grades.values(), *tints, *shades]:
        assert contrast(ink(fill), fill) >= 4.5, fill


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_shades_fall_with_worth(palette: Palette) -> None:
    for scale in (palette.grades, palette.tiers):
        against_page = [contrast(color, palette.page) for color in scale.values()]
        assert against_page == sorted(against_page, reverse=True)
        assert all(a / b > 1.15 for a, b in itertools.pairwise(against_page))


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("blindness", ["none", "protan", "deutan"])
def test_colours_that_mean_opposites_differ_for_the_colour_blind(palette: Palette, blindness: str) -> None:
    pairs = [(palette.gain, palette.loss), (palette.over, palette.under), (palette.accent, palette.neutral)]
    pairs += [*itertools.pairwise(palette.grades.values()), *itertools.pairwise(palette.tiers.values())]
    for one, other in pairs:
        assert difference(one, other, blindness) > 9, (one, other)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_a_sparkline_breaks_where_a_week_is_missing() -> None:
    drawing = sparkline([1.0, 2.0, None, 3.0, float("nan"), 5.0], LOOKS[0])
    root = ElementTree.fromstring(drawing)
    path = root.find("{http://www.w3.org/2000/svg}path")
    assert path is not None and path.attrib["d"].count("M") == 3
    assert root.attrib["aria-hidden"] == "true"
    assert "nan" not in drawing and len(sparkline(list(range(52)), LOOKS[2])) < 1500
    assert LIGHT.accent in drawing and DARK.accent in sparkline([1, 2], LOOKS[2])


@pytest.mark.parametrize("values", [[], [None], [float("nan")] * 3, [4.0], [2.0, 2.0]])
def test_a_sparkline_of_little_is_still_a_drawing(values: list[float | None]) -> None:
    assert ElementTree.fromstring(sparkline(values, LOOKS[0])).tag.endswith("svg")


# Machado, Oliveira & Fernandes (2009), IEEE TVCG 15(6): full severity, in linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def difference(one: str, other: str, blindness: str) -> float:
    """CIE 1976 distance of two colours as a colour-blind reader sees them."""
    return float(np.linalg.norm(lab(one, blindness) - lab(other, blindness)))


def lab(color: str, blindness: str) -> np.ndarray:
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    seen = np.clip(BLINDNESS[blindness] @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(to_xyz @ seen / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_without_profit_only_revenue_is_drawn() -> None:
    """No empty panel and no axis of nothing."""
    build, table, numbers = CASES["value trend"]
    drawn = build(table.assign(profit=None, profit_last_year=None), numbers, LOOKS[0])
    assert "Profit" not in words(drawn) and drawn.layout.yaxis.domain == (0, 1)
    build, table, numbers = CASES["deciles"]
    drawn = build(table.assign(profit=None, profit_share=None), numbers, LOOKS[0])
    assert [round(v, 9) for v in drawn.data[0].y] == [round(v, 9) for v in table["revenue_share"]]
    assert "Share of revenue" in words(drawn)
