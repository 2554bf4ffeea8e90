"""Pilots: a random share of customers held at their level, so that what service brings is seen and not assumed."""

from __future__ import annotations

import html
import secrets
from dataclasses import replace

import streamlit as st

from dashboard.errors import DashboardError
from dashboard.insight import Reader
from dashboard.language import TIER_NAMES
from dashboard.ledger import pilots as ledger
from dashboard.ledger.entries import today
from dashboard.periods import WEEK
from dashboard.ui import session
from dashboard.ui.table import plain_markdown
from queries import levels as queries
from queries.schema import TIERS

SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)
WEEKS = (13, 26, 52)
SEEDS = 1_000_000
SAID = "pilot-said"


@st.fragment
def pilots(reader: Reader) -> None:
    """Pilots that were declared, and a new one for those who may change the policy."""
    session.refresh()
    t, day = reader.t, today(reader)
    if told := st.session_state.pop(SAID, None):
        kind, text = told
        getattr(st, kind)(plain_markdown(text))
    found = ledger.declared(reader)
    for each in found:
        levels = reader.language.list(t(TIER_NAMES[level]) for level in each.levels)
        running = t("running") if each.starts_on <= day <= each.ends_on else t("over")
        dates = reader.language.period(each.starts_on, each.ends_on)
        n = reader.language.number(len(each.held), exact=True)
        held = t("{n} {n:customer|customers} held at {levels}", n=n, levels=levels)
        said = html.escape(" · ".join([running, dates, held, each.why, each.author]))
        st.html(f"<h3 class='card-headline'>{html.escape(each.name)}</h3><p class='filter-sentence'>{said}</p>")
    if not found:
        st.html(f"<p class='filter-sentence'>{html.escape(t('No pilot has been declared yet.'))}</p>")
    if not reader.scope.may("policy"):
        return
    opened = st.expander(t("Declare a pilot"), key="pilot-new", on_change="rerun")
    if opened.open:
        with opened:
            _form(reader)


def _form(reader: Reader) -> None:
    t = reader.t
    text = t("A lot decides who keeps his level; the others are moved as decided. What differs is the effect.")
    st.html(f"<p class='filter-sentence'>{html.escape(text)}</p>")
    st.text_input(t("Name"), key="pilot-name", width=420, max_chars=80)
    st.multiselect(
        t("Customers who are now at"), TIERS, default=["key"], key="pilot-levels", width=420,
        format_func=lambda tier: t(TIER_NAMES[tier]), placeholder=t("Choose levels"),
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        st.selectbox(
            t("Share held"), SHARES, index=1, key="pilot-share", width=160,
            format_func=lambda share: reader.language.percent(share, 0),
        )  # fmt: skip
        st.selectbox(
            t("How long"), WEEKS, index=1, key="pilot-weeks", width=300,
            format_func=lambda weeks: t(
                "{n} {n:week|weeks}, to {day}", n=weeks, day=reader.language.date(today(reader) + weeks * WEEK)
            ),
        )  # fmt: skip
    st.text_input(t("Reason"), key="pilot-why", width=560)
    st.button(t("Draw and declare"), key="pilot-declare", type="primary", on_click=_declare, args=(reader,))


def _declare(reader: Reader) -> None:
    """Draw by lot among the customers of the regions chosen, whatever else is filtered, and write it."""
    state, day = st.session_state, today(reader)
    state[session.STALE] = True
    whole = replace(reader, filters=reader.filters.reset().put("region", reader.filters.region))
    seed, levels, share = secrets.randbelow(SEEDS), state["pilot-levels"], state["pilot-share"]
    try:
        held = list(whole.rows(queries.drawn(whole.view, levels, share, seed))["code"]) if levels else []
        made = ledger.declare(
            reader,
            state["pilot-name"],
            levels=levels,
            seed=seed,
            share=share,
            starts_on=day,
            ends_on=day + state["pilot-weeks"] * WEEK,
            held=held,
            why=state["pilot-why"],
        )
    except DashboardError as error:
        state[SAID] = ("error", str(error))
    else:
        state[SAID] = ("success", reader.t("{n} {n:customer is|customers are} held at their level.", n=len(made.held)))
