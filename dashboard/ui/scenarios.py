"""What-ifs with a name: keep the one on the screen, lay up to three side by side, hand on the link."""

from __future__ import annotations

import html
from dataclasses import replace
from urllib.parse import urlencode

import streamlit as st

from dashboard.errors import DashboardError
from dashboard.filters import Filters
from dashboard.insight import Reader
from dashboard.language import message
from dashboard.ledger import views
from dashboard.ledger.views import Scenario
from dashboard.ui import session
from dashboard.ui.answers import answer
from dashboard.ui.table import plain_markdown

BESIDE = 3
"""What-ifs that are compared at a time."""
NOW = "now"
SAID = "scenario-said"
ROWS = (
    ("budget", message("Service budget a year")),
    ("gain", message("Gain in all")),
    ("profit", message("Profit a year")),
    ("cost", message("Change of service cost")),
    ("hours", message("Change of account-manager hours")),
    ("raised", message("Customers raised")),
    ("lowered", message("Customers lowered")),
)


@st.fragment
def scenarios(reader: Reader) -> None:
    """Keep, open, compare and retire named what-ifs."""
    t = reader.t
    if told := st.session_state.pop(SAID, None):
        st.warning(plain_markdown(told))
    kept = {_key(each): each for each in views.saved_scenarios(reader)}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="scenario-save"):
        st.text_input(t("Name for the what-if on the screen"), key="scenario-name", width=320, max_chars=80)
        shared = reader.scope.may("share")
        st.checkbox(
            t("For everyone"), key="scenario-everyone", disabled=not shared,
            help=None if shared else t("This needs the permission “share”."),
        )  # fmt: skip
        st.button(t("Keep it"), key="scenario-keep", on_click=_keep, args=(reader,))
    if not kept:
        return
    names = {NOW: t("On the screen now")} | {key: _name(reader, each) for key, each in kept.items()}
    chosen = st.multiselect(
        t("Compare up to three"), list(names), default=[NOW, *list(kept)[: BESIDE - 1]], max_selections=BESIDE,
        format_func=names.__getitem__, key=f"scenario-compare-{'-'.join(kept)}",
        placeholder=t("Choose what-ifs to compare"),
    )  # fmt: skip
    shown = {names[key]: _looking(reader, kept.get(key)) for key in chosen}
    st.html(_compared(reader, shown))
    key = st.selectbox(
        t("Open, hand on or retire"), list(kept), format_func=names.__getitem__, key="scenario-one", width=320
    )
    if key:
        _one(reader, kept[key])


def _one(reader: Reader, scenario: Scenario) -> None:
    t = reader.t
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(t("Open"), key="scenario-open", on_click=_open, args=(reader, scenario))
        if not scenario.everyone or reader.scope.may("share"):
            st.button(t("Retire"), key="scenario-retire", on_click=_retire, args=(reader, scenario))
    session.refresh()
    st.caption(t("The link holds everything; whoever opens it sees it with his own rights:"))
    st.code(f"{st.context.url or ''}?{urlencode(scenario.params, safe=',')}", language=None, wrap_lines=True)


def _looking(reader: Reader, scenario: Scenario | None) -> Reader:
    if scenario is None:
        return reader
    found, _ = Filters.salvaged(scenario.params, reader.marts)
    return replace(reader, filters=found.checked(reader.marts))


def _compared(reader: Reader, shown: dict[str, Reader]) -> str:
    """A column a what-if: whom it is about, what it costs, what it brings."""
    t = reader.t
    columns = {name: _figures(each) for name, each in shown.items()}
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    words = "".join(
        f"<td>{html.escape(each.filters.sentence(reader.language, reader.marts))}</td>" for each in shown.values()
    )
    rows = f"<tr><td>{html.escape(t('What is looked at'))}</td>{words}</tr>"
    for name, label in ROWS:
        cells = "".join(f"<td>{html.escape(figures.get(name, '–'))}</td>" for figures in columns.values())
        rows += f"<tr><td>{html.escape(t(label))}</td>{cells}</tr>"
    return f"<table class='compared'><tr><th></th>{head}</tr>{rows}</table>"


def _figures(reader: Reader) -> dict[str, str]:
    numbers = answer("levels.recommendation", reader).numbers
    if "effects" not in numbers:
        return {}
    number = reader.language.number
    hours = sum(area["used"] - area["today"] for area in numbers["hours"].values())
    return {
        "budget": reader.money(numbers["budget"]),
        "gain": reader.money(numbers["gain"]),
        "profit": reader.money(numbers["effects"]["profit"]["change"]),
        "cost": reader.money(float(round(numbers["budget_used"] - numbers["budget_today"], -2))),
        "hours": number(float(round(hours))),
        "raised": number(numbers["raised"], exact=True),
        "lowered": number(numbers["lowered"], exact=True),
    }


def _key(scenario: Scenario) -> str:
    return str(scenario.id)


def _name(reader: Reader, scenario: Scenario) -> str:
    return f"{scenario.name} · {reader.t('everyone')}" if scenario.everyone else scenario.name


def _keep(reader: Reader) -> None:
    name, everyone = st.session_state["scenario-name"], st.session_state["scenario-everyone"]
    try:
        views.save_scenario(reader, name, reader.filters.url(), everyone=everyone)
    except DashboardError as error:
        st.session_state[SAID] = str(error)
    else:
        st.session_state["scenario-name"] = ""


def _retire(reader: Reader, scenario: Scenario) -> None:
    try:
        views.retire_scenario(reader, scenario.name, everyone=scenario.everyone)
    except DashboardError as error:
        st.session_state[SAID] = str(error)


def _open(reader: Reader, scenario: Scenario) -> None:
    session.choose(_looking(reader, scenario).filters)
    st.session_state[session.STALE] = True
