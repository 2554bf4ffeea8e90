"""KPI cards: value, change against two comparisons, sparkline, and the target met or missed in words."""

from __future__ import annotations

import base64
import html

import streamlit as st

from dashboard.charts.sparkline import sparkline
from dashboard.charts.theme import Look
from dashboard.insight import MEASURED, NEEDS, Reader, has
from dashboard.metrics import METRICS, say
from dashboard.ui import session
from dashboard.ui.answers import answer
from dashboard.ui.table import behind

GROUPS = {"active_customers": "active", "loss_makers": "loss_makers"}
"""The customers behind a card that are fewer than those in view."""
WIDTH = 146


def kpis(reader: Reader, look: Look, metrics: tuple[str, ...], *, headline: str = "value.summary") -> None:
    """A row of cards from `value.summary`; each opens the customers behind its number.

    `headline` is the question whose sentence stands above them.
    """
    insight = answer("value.summary", reader)
    above = insight if headline == insight.key or not insight.n else answer(headline, reader)
    if not above.missing:
        st.html(f"<h2 class='page-headline'>{html.escape(above.headline)}</h2>")
    if not insight.n:
        if reader.filters != reader.filters.reset():
            st.button(reader.t("Show all customers"), key="all-kpis", on_click=session.reset)
        st.stop()  # the cards below would say the same once more
    rows = insight.table.set_index("metric")
    trend = answer("value.trend", reader).table
    asked = None
    with st.container(horizontal=True, gap="small", key="kpis"):
        for name in metrics:
            weeks = trend[name].tolist() if name in trend.columns else []
            with st.container(width=WIDTH, key=f"kpi-{name}", gap=None):
                st.html(_card(reader, look, name, rows.loc[name].to_dict(), weeks))
                label = reader.t("See customers")
                if st.button(label, key=f"kpi-behind-{name}", type="tertiary", icon=":material/groups:"):
                    asked = name
    if asked:  # outside the narrow card it was asked from
        behind(reader, GROUPS.get(asked, ""))


def _card(reader: Reader, look: Look, name: str, row: dict, weeks: list) -> str:
    metric, currency = METRICS[name], reader.marts.currency
    value = say(name, row["value"], reader.language, currency)
    exact = say(name, row["value"], reader.language, currency, exact=True)
    if row["value"] != row["value"]:
        lines = [f"<div class='kpi-why'>{html.escape(_why(reader, name))}</div>"]
    else:
        lines = [_against(reader, name, row, comparison) for comparison in _comparisons(reader)]
    spark = sparkline(weeks[-52:], look) if weeks else ""
    return (
        f"<div class='kpi'><div class='kpi-label' title='{html.escape(reader.t(metric.definition), quote=True)}'>"
        f"{html.escape(reader.t(metric.label))}</div>"
        f"<div class='kpi-value' title='{html.escape(exact, quote=True)}'>{html.escape(value)}</div>"
        f"<div class='kpi-spark'>{_image(spark)}</div>{''.join(lines)}</div>"
    )


def _why(reader: Reader, name: str) -> str:
    """Why a number is not there."""
    need = MEASURED.get(name)
    if need and not has(need, reader.marts):
        return reader.t("Needs {what}", what=reader.t(NEEDS[need]))
    return reader.t("Nothing was recorded in these weeks")


def _comparisons(reader: Reader) -> list[str]:
    """What a card compares with, the reader's choice first; last year alone where both are the same weeks."""
    same = reader.compared("previous") == reader.compared("last_year") is not None
    shown = ["last_year", "target"] if same else ["previous", "last_year", "target"]
    return sorted(shown, key=lambda comparison: comparison != reader.filters.compare)


def _against(reader: Reader, name: str, row: dict, comparison: str) -> str:
    if comparison == "target":
        return _target(reader, name, row["value"], row["target"]) if row["target"] == row["target"] else ""
    label = reader.t("prev.") if comparison == "previous" else reader.t("last yr.")
    return _delta(reader, METRICS[name].good, row["value"], row[comparison], label)


def _delta(reader: Reader, good: str, now: float, before: float, label: str) -> str:
    change = reader.language.change(now, before)
    if change is None:
        known = before == before
        reason = reader.t("no comparable value") if known else reader.t("the data does not reach back that far")
        return _line("", "–", label, reason)
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
