"""An insight as a card: the headline is the finding, the figure its evidence, the table one click away."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import date
from typing import Any

import streamlit as st

from dashboard.charts.theme import Look
from dashboard.insight import Insight, Question, Reader, find
from dashboard.ui import session
from dashboard.ui.answers import answer, figure, height_of
from dashboard.ui.gaps import lacks
from dashboard.ui.table import behind, download, go_on, plain_markdown, table, want
from dashboard.wording import unbroken

PLOTLY = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}


def cards(reader: Reader, look: Look, keys: Sequence[str], *, alongside: bool = False) -> None:
    """Cards side by side, their figures of one height; on a narrow screen one below the other.

    `alongside`: none waits for another, so that each figure has its own height. One that lacks its data leaves its
    place to the others.
    """
    keys = [key for key in keys if not lacks(reader, key)]
    if not keys:
        return
    heights = [] if alongside else [h for key in keys if (h := height_of(answer(key, reader), reader, look))]
    show = card_alongside if alongside else card
    for column, key in zip(st.columns(len(keys), gap="medium"), keys, strict=True):
        with column:
            show(reader, look, key, height=max(heights, default=0))


def fold(reader: Reader, look: Look, key: str, *, opens_customer: bool = False) -> None:
    """A card of second rank: its finding is in view, its evidence is drawn when it is opened."""
    if not lacks(reader, key):
        _fold(reader, look, key, opens_customer)


@st.fragment
def _fold(reader: Reader, look: Look, key: str, opens_customer: bool) -> None:
    insight = answer(key, reader)
    if not insight.n:
        card(reader, look, key)
        return
    title = plain_markdown(reader.t(find(key).title))
    opened = st.expander(f"{title}  \n**{plain_markdown(insight.headline)}**", key=f"fold-{key}", on_change="rerun")
    if opened.open:
        with opened:
            _evidence(reader, look, insight, opens_customer)


def card(
    reader: Reader, look: Look, key: str, *, opens_customer: bool = False, headline: bool = True, height: int = 0
) -> None:
    """One question's answer. A click on a mark filters by the question's dimension or opens its customers.

    `headline` is False where the page's own headline is this one. A question without a figure shows its
    table; with `opens_customer` a click on a row opens the customer. `height` is that of the figure beside it.
    One that lacks its data is left to the page's end (`gaps`).
    """
    if not lacks(reader, key):
        _waited_for(reader, look, key, opens_customer, headline, height)


def card_alongside(reader: Reader, look: Look, key: str, *, opens_customer: bool = False, height: int = 0) -> None:
    """The same card, computed beside the rest of the page, so that none waits for another."""
    if not lacks(reader, key):
        _beside(reader, look, key, opens_customer, True, height)


def _card(reader: Reader, look: Look, key: str, opens_customer: bool, headline: bool, height: int) -> None:
    insight = answer(key, reader)
    head = _head(reader.t(find(key).title), insight, headline)
    _evidence(reader, look, insight, opens_customer, height, head)


def _evidence(
    reader: Reader, look: Look, insight: Insight, opens_customer: bool, height: int = 0, head: str = ""
) -> None:
    """A card below its finding: figure or table, and the ways on; or the way back from an empty view."""
    asked, key = find(insight.key), insight.key
    with st.container(key=f"card-{key.replace('.', '-')}"):
        if head:
            st.html(head)
        if not insight.n and insight.table.empty:
            if reader.filters != reader.filters.reset():
                st.button(reader.t("Show all customers"), key=f"all-{key}", on_click=session.reset, type="tertiary")
            return
        if insight.table.empty:
            pass  # the sentence says it all
        elif asked.draw is None:
            table(insight.table, reader, f"table-{key}", opens_customer=opens_customer)
        else:
            _figure(reader, look, insight, height)
        _foot(reader, insight, asked)
        go_on(reader)
        session.refresh()


_waited_for = st.fragment(_card)
_beside = st.fragment(_card, parallel=True)


def _head(title: str, insight: Insight, headline: bool) -> str:
    said = f"<h3 class='card-headline'>{unbroken(insight.headline)}</h3>" if headline else ""
    return f"<div class='card-head'><div class='card-title'>{html.escape(title)}</div>{said}</div>"


def _figure(reader: Reader, look: Look, insight: Insight, height: int) -> None:
    asked = find(insight.key)
    key = f"chart-{insight.key}-{reader.filters.canonical}-{look.mode}"

    def opened() -> None:
        codes = _codes(st.session_state[key])
        if asked.dimension == "move":
            st.session_state[session.MOVE] = tuple(map(str, codes)) if codes[0] else None
            st.session_state[session.STALE] = True
        elif codes[0]:
            want(customer=str(codes[0]))

    clicked: Any = st.plotly_chart(
        figure(insight, reader, look, height),
        theme=None,
        config=PLOTLY,
        key=key,
        on_select=opened if asked.dimension in ("customer", "move") else "rerun" if asked.dimension else "ignore",
        selection_mode="points",
        alt=insight.headline,
    )
    if asked.dimension in ("", "customer", "move"):
        return
    if (codes := _codes(clicked))[0]:
        if asked.dimension != "group":
            _filter_by(asked.dimension, codes)
        elif group := insight.numbers["groups"].get(str(codes[0])):
            behind(reader, group)


def _codes(clicked: Any) -> Sequence[Any]:
    """What the mark that was clicked stands for; one empty code when none was."""
    points = clicked["selection"]["points"]
    codes = points[0].get("customdata") if points else None
    return (codes if isinstance(codes, list | tuple) else [codes]) or [None]


def _filter_by(dimension: str, codes: Sequence[object]) -> None:
    """Narrow the whole page to the mark that was clicked; the matrix sets grade and tier together."""
    chosen = session.filters()
    names = ("grade", "tier") if dimension == "grade" and len(codes) > 1 else (dimension,)
    for name, code in zip(names, codes, strict=False):
        if code:
            chosen = chosen.put(name, (str(code),))
    if chosen != session.filters():
        session.choose(chosen)
        st.rerun(scope="app")


def _foot(reader: Reader, insight: Insight, asked: Question) -> None:
    t, has_figure = reader.t, asked.draw is not None
    facts = t("n = {n} · to {day}", n=f"{insight.n:,}", day=reader.language.date(insight.as_of))
    told = ""
    if "grades" in asked.needs and reader.marts.measured:
        facts += " · " + t("measured grades")
        told = html.escape(_measured_by(reader), quote=True)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"foot-{insight.key}"):
        st.html(f"<span class='card-foot' title='{told}'>{html.escape(facts)}</span>", width="content")
        if has_figure:
            showing = st.session_state.get(f"show-{insight.key}", False)
            label = t("Hide table") if showing else t("Table")
            st.button(
                label, key=f"toggle-{insight.key}", type="tertiary", icon=":material/table_rows:", on_click=_toggle,
                args=(insight.key,),
            )  # fmt: skip
        if asked.behind is not None and not reader.filters.customer:
            st.button(
                t("See customers"), key=f"behind-{insight.key}", type="tertiary", icon=":material/groups:",
                on_click=want, kwargs={"group": asked.behind},
            )  # fmt: skip
        if not has_figure and not insight.table.empty and reader.scope.may("export"):
            download(insight, reader, insight.key)
    if has_figure and st.session_state.get(f"show-{insight.key}", False):
        table(insight.table, reader, f"table-{insight.key}")
        if reader.scope.may("export"):
            download(insight, reader, insight.key)


def _toggle(key: str) -> None:
    st.session_state[f"show-{key}"] = not st.session_state.get(f"show-{key}", False)


def note_on_grades(reader: Reader) -> None:
    """Where the company keeps no grades: that those shown are measured, by which policy, and when last."""
    if reader.marts.measured:
        st.html(f"<p class='filter-sentence'>{html.escape(_measured_by(reader))}</p>")


def _measured_by(reader: Reader) -> str:
    rules = reader.marts.grading
    return reader.t(
        "Grades are measured by policy {version}, last reviewed on {day}, for the warehouse holds none of your own.",
        version=rules["version"],
        day=reader.language.date(date.fromisoformat(rules["reviews"][-1])),
    )
