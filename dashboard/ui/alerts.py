"""Alerts that stand, each to be acknowledged or closed with a reason by those who decide."""

from __future__ import annotations

import html
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.errors import DashboardError
from dashboard.insight import Insight, Reader, find
from dashboard.ledger.alerts import set_state
from dashboard.ui.answers import answer
from dashboard.ui.table import plain_markdown
from dashboard.wording import unbroken

SHOWN = 10
"""Alerts in sight, and as many of a rule that names customers; the others are in the pack and on the command line."""
SAID = "alert-said"


@st.fragment(parallel=True)
def alerts(reader: Reader) -> None:
    """The alerts with their severity and state, the most severe first."""
    t, insight = reader.t, answer("alerts.open", reader)
    with st.container(key="card-alerts-open"):
        st.html(
            f"<div class='card-head'><div class='card-title'>{html.escape(t(find(insight.key).title))}</div>"
            f"<h3 class='card-headline'>{unbroken(insight.headline)}</h3></div>"
        )
        if said := st.session_state.pop(SAID, None):
            st.error(said)
        if insight.table.empty:
            return
        together = insight.numbers["together"]
        apart = insight.table["rule"].isin(list(together))
        _listed(reader, insight, insight.table[~apart])
        for rule, said in together.items():
            with st.expander(f"**{plain_markdown(said)}**", key=f"fold-alerts-{rule}"):
                _listed(reader, insight, insight.table[insight.table["rule"] == rule])


def _listed(reader: Reader, insight: Insight, rows: pd.DataFrame) -> None:
    for row in rows.head(SHOWN).to_dict("records"):
        _alert(reader, row, insight.numbers["about"][row["code"]])
    if (more := len(rows) - SHOWN) > 0:
        st.caption(reader.t("and {n} more", n=more))


def _alert(reader: Reader, row: dict[str, Any], about: dict[str, Any]) -> None:
    t, key = reader.t, row["code"]
    level = "red" if about["severity"] == "red" else "amber"
    told = " · ".join(row[part] for part in ("state", "author", "note") if pd.notna(row[part]))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"alert-{key}"):
        st.html(
            f"<div class='finding finding-{level}'><div class='finding-level'>{html.escape(row['severity'])}"
            f"<span>{html.escape(told)}</span></div>"
            f"<div class='finding-what'>{unbroken(row['alert'])}</div></div>"
        )
        if not reader.scope.may("decide"):
            return
        if pd.isna(row["author"]):
            st.button(t("Acknowledge"), key=f"acknowledge-{key}", type="tertiary", on_click=_say,
                      args=(reader, key, "acknowledged", about))  # fmt: skip
        with st.popover(t("Close"), type="tertiary"):
            st.text_input(t("Reason"), key=f"reason-{key}")
            st.button(t("Close this alert"), key=f"close-{key}", on_click=_say, args=(reader, key, "closed", about))


def _say(reader: Reader, key: str, state: str, about: dict[str, Any]) -> None:
    reason = st.session_state.get(f"reason-{key}", "") if state == "closed" else ""
    try:
        set_state(reader, key, state, reason, customer=about["customer"] or None, regions=about["regions"])
    except DashboardError as error:
        st.session_state[SAID] = str(error)
