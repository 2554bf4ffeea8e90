"""KPI cards: value, change against two comparisons, sparkline, and the target met or missed in words."""

from __future__ import annotations

import base64
import html

import streamlit as st

from dashboard.charts.sparkline import sparkline
from dashboard.charts.theme import Look
from dashboard.insight import MEASURED, Insight, Reader
from dashboard.language import UNDEFINED, message
from dashboard.metrics import METRICS, say
from dashboard.ui import session
from dashboard.ui.answers import answer
from dashboard.ui.gaps import noted
from dashboard.ui.table import go_on, want
from dashboard.wording import unbroken

GROUPS = {"active_customers": "active", "loss_makers": "loss_makers"}
"""The customers behind a card that are fewer than those in view."""
WIDTH = 146
AGAINST = {
    "previous": message("prev."),
    "last_year": message("last yr."),
    "event": message("same event"),
    "benchmark": message("all customers"),
}


def kpis(reader: Reader, look: Look, metrics: tuple[str, ...], *, headline: str = "value.summary") -> None:
    """A row of cards from `value.summary`; each opens the customers behind its number.

    `headline` is the question whose sentence stands above them. What nobody measured has no card.
    """
    insight = answer("value.summary", reader)
    if not insight.n:
        nobody(reader, insight)
        st.stop()  # the cards below would say the same once more
    above = insight if headline == insight.key else answer(headline, reader)
    if not above.missing:
        st.html(f"<h2 class='page-headline'>{unbroken(above.headline)}</h2>")
    rows = insight.table.set_index("metric")
    trend = answer("value.trend", reader).table
    with st.container(horizontal=True, gap="small", key="kpis"):
        for name in measured(reader, metrics):
            weeks = trend[name].tolist() if name in trend.columns else []
            with st.container(width=WIDTH, key=f"kpi-{name}", gap=None):
                st.html(_card(reader, look, name, rows.loc[name].to_dict(), weeks, insight.numbers["unknown"]))
                label = reader.t("See customers")
                st.button(
                    label, key=f"kpi-behind-{name}", type="tertiary", icon=":material/groups:",
                    on_click=want, kwargs={"group": GROUPS.get(name, "")},
                )  # fmt: skip
    go_on(reader)  # outside the narrow card it was asked from


def measured(reader: Reader, metrics: tuple[str, ...]) -> list[str]:
    """Those of the metrics that there are data for; the others are noted for the page's end."""
    wanted: dict[str, tuple[str, ...]] = {name: (MEASURED[name],) if name in MEASURED else () for name in metrics}
    if "gross_margin" in wanted and "profit" in wanted:
        wanted["profit"] = ("cost_of_goods", "costs")  # without service it is the gross margin once more
    return [name for name, needs in wanted.items() if not noted(reader, METRICS[name].label, needs)]


def nobody(reader: Reader, insight: Insight) -> None:
    """Say that nobody is in view, with the way back to everybody."""
    st.html(f"<h2 class='page-headline'>{unbroken(insight.headline)}</h2>")
    if reader.filters != reader.filters.reset():
        st.button(reader.t("Show all customers"), key="all-kpis", on_click=session.reset)


def _card(reader: Reader, look: Look, name: str, row: dict, weeks: list, reasons: dict[str, dict[str, str]]) -> str:
    metric, currency = METRICS[name], reader.marts.currency
    value = say(name, row["value"], reader.language, currency)
    exact = say(name, row["value"], reader.language, currency, exact=True)
    if row["value"] != row["value"]:
        nothing = reader.t("Nothing was recorded in these weeks")
        lines = [f"<div class='kpi-why'>{html.escape(nothing)}</div>"]
    else:
        lines = [_against(reader, name, row, comparison, reasons) for comparison in _comparisons(reader)]
        if (why := _nothing_to_compare(reader, name, row, reasons)) is not None:
            lines = [f"<div class='kpi-why'>{html.escape(why)}</div>"]
    spark = sparkline(weeks[-52:], look) if weeks else ""
    return (
        f"<div class='kpi'><div class='kpi-label' title='{html.escape(reader.t(metric.definition), quote=True)}'>"
        f"{html.escape(reader.t(metric.label))}</div>"
        f"<div class='kpi-value' title='{html.escape(exact, quote=True)}'>{html.escape(value)}</div>"
        f"<div class='kpi-spark'>{_image(spark)}</div>{''.join(lines)}</div>"
    )


def _nothing_to_compare(reader: Reader, name: str, row: dict, reasons: dict[str, dict[str, str]]) -> str | None:
    """Why there is nothing at all to compare a number with, where it is one reason."""
    if any(row[comparison] == row[comparison] for comparison in _comparisons(reader)):
        return None
    why = {reasons[comparison].get(name, "") for comparison in ("previous", "last_year")}
    if len(why) > 1 or "" in why or reader.filters.compare == "target":
        return None
    said = why.pop()
    return said[:1].upper() + said[1:]


def _comparisons(reader: Reader) -> list[str]:
    """What a card compares with, the reader's choice first; last year alone where both are the same weeks."""
    chosen = reader.filters.compare
    same = reader.compared("previous") == reader.compared("last_year") is not None
    shown = ["last_year", "target"] if same else ["previous", "last_year", "target"]
    shown += ["event"] if reader.occasion else []
    shown += ["benchmark"] if chosen == "benchmark" else []
    return sorted(shown, key=lambda comparison: comparison != chosen)


def _against(reader: Reader, name: str, row: dict, comparison: str, reasons: dict[str, dict[str, str]]) -> str:
    reason = reasons[comparison].get(name, "")
    if comparison == "target" and row["target"] == row["target"]:
        return _target(reader, name, row["value"], row["target"])
    if comparison == "target":
        return _line("", UNDEFINED, reader.t("target"), reason) if reader.filters.compare == "target" else ""
    return _delta(reader, name, row["value"], row[comparison], reader.t(AGAINST[comparison]), reason)


def _delta(reader: Reader, name: str, now: float, before: float, label: str, reason: str) -> str:
    good = METRICS[name].good
    share = METRICS[name].format == "share"
    change = reader.language.points(now - before) if share else reader.language.change(now, before)
    if change is None or (share and change == UNDEFINED):
        return _line("", UNDEFINED, label, reason or reader.t("no comparable value"))
    tone = "" if not good or now == before else "good" if (now > before) == (good == "up") else "bad"
    arrow = "▲" if now > before else "▼" if now < before else "="
    return _line(tone, f"{arrow} {change}", label)


def _target(reader: Reader, name: str, now: float, target: float) -> str:
    goal = say(name, target, reader.language, reader.marts.currency)
    met = now <= target if METRICS[name].good == "down" else now >= target
    gap = reader.language.change(now, target)
    words = reader.t("target met") if met else reader.t("target missed")
    said = f"{words} ({gap})" if gap else words
    return _line("good" if met else "bad", "✓" if met else "✗", said, reader.t("Target: {goal}", goal=goal))


def _image(svg: str) -> str:
    """The drawing as an image: Streamlit strips inline SVG from HTML."""
    return f"<img alt='' src='data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}'>" if svg else ""


def _line(tone: str, said: str, label: str, reason: str = "") -> str:
    title = f" title='{html.escape(reason, quote=True)}'" if reason else ""
    return f"<div class='kpi-delta {tone}'{title}>{html.escape(said)} <span>{html.escape(label)}</span></div>"
