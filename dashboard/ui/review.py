"""The review in the meeting: the same answers one a screen, in large type, turned by the arrow keys."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from dashboard.charts.theme import Look
from dashboard.insight import QUESTIONS, Reader, find
from dashboard.periods import DEFAULT_PERIOD
from dashboard.ui import session
from dashboard.ui.answers import answer, figure
from dashboard.ui.card import PLOTLY
from dashboard.ui.kpi import kpis, nobody
from dashboard.ui.lead import lead
from dashboard.ui.notes import notes
from dashboard.ui.table import table

SCREEN_ROWS = 8
"""Rows of a table that can be read across a room."""
TALLEST = 600
"""Pixels of a figure that fill a projector's screen beside its sentence and the field for a note."""
FIGURES = ("revenue", "gross_margin", "cost_to_serve", "profit", "margin", "satisfaction")


@st.fragment(parallel=True)
def week(reader: Reader, look: Look) -> None:
    """The week's figures beside what they are compared with."""
    everybody = answer("value.summary", reader)
    if everybody.n:
        kpis(reader, look, FIGURES, headline="review.summary")
    else:  # a part that runs beside others can't end the page
        nobody(reader, everybody)


def presented(reader: Reader, look: Look, keys: Sequence[str]) -> bool:
    """Whether the page is on a projector: then one answer is shown, and nothing else of the page."""
    if session.PRESENT not in st.query_params:
        st.button(
            reader.t("Present"), key="present", icon=":material/slideshow:", on_click=_turn, args=(1,),
            help=reader.t("One answer a screen, turned by the arrow keys; Esc ends it."),
        )  # fmt: skip
        return False
    number = _number(st.query_params[session.PRESENT], len(keys))
    key = keys[number - 1]
    st.html("<style>" + PROJECTOR + "</style>")
    _screen(reader, look, key)
    _controls(reader, number, len(keys))
    notes(reader, key)
    return True


@st.fragment(parallel=True)
def queue(reader: Reader) -> None:
    """What there is to decide now, leading to its page; over the usual year, not over the week."""
    year = replace(reader, filters=reader.filters.put("period", DEFAULT_PERIOD))
    lead(year, "levels", "levels.queue" if "levels.queue" in QUESTIONS else "levels.recommendation", "levels.today")


def _number(text: str, count: int) -> int:
    return min(max(int(text), 1), count) if text.isdecimal() else 1


def _turn(number: int) -> None:
    st.query_params[session.PRESENT] = str(number)


def _end() -> None:
    if session.PRESENT in st.query_params:  # the key may be pressed twice
        del st.query_params[session.PRESENT]


def _screen(reader: Reader, look: Look, key: str) -> None:
    """One answer: its sentence, and the figure or the first rows."""
    asked, insight = find(key), answer(key, reader)
    with st.container(key="screen"):
        st.html(
            f"<div class='screen-title'>{html.escape(reader.t(asked.title))}</div>"
            f"<h2 class='screen-headline page-headline'>{html.escape(insight.headline)}</h2>"
        )
        if insight.missing or insight.table.empty:
            return
        if asked.draw:
            st.plotly_chart(
                _enlarged(figure(insight, reader, look)), theme=None, config=PLOTLY, alt=insight.headline,
                key=f"screen-{key}-{reader.filters.canonical}-{look.mode}",
            )  # fmt: skip
        else:
            table(insight.table.head(SCREEN_ROWS), reader, f"screen-{key}")


def _enlarged(drawn: object) -> object:
    """The figure in type that can be read across a room, without changing the one that is kept."""
    import plotly.graph_objects as go

    assert isinstance(drawn, go.Figure)
    large = go.Figure(drawn)
    grow = 1.5
    height = max((large.layout.height or 400) * grow, TALLEST)
    large.update_layout(height=height, font_size=(large.layout.font.size or 12) * grow)
    margin = large.layout.margin
    large.update_layout(margin={"r": (margin.r or 8) * grow, "t": (margin.t or 30) * grow})
    for note in large.layout.annotations:
        note.font.size = (note.font.size or 12) * grow
        note.xshift = (note.xshift or 0) * grow
    for axis in (large.layout.xaxis, large.layout.yaxis):
        if axis.tickfont.size:
            axis.tickfont.size *= grow
    return large


def _controls(reader: Reader, number: int, count: int) -> None:
    t = reader.t
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="screen-controls"):
        st.button(
            t("Back"), key="screen-back", shortcut="Left", on_click=_turn, args=(max(number - 1, 1),), type="tertiary",
            disabled=number == 1,
        )  # fmt: skip
        st.html(f"<span class='card-foot'>{number} / {count}</span>", width="content")
        st.button(
            t("Next"), key="screen-next", shortcut="Right", on_click=_turn, args=(min(number + 1, count),),
            type="tertiary", disabled=number == count,
        )  # fmt: skip
        st.button(t("End the presentation"), key="screen-end", shortcut="Esc", on_click=_end, type="tertiary")
        st.html(f"<span class='card-foot'>{html.escape(reader.filters.sentence(reader.language, reader.marts))}</span>")


PROJECTOR = """
[data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stSidebarCollapsedControl"],
.st-key-filter-bar, .st-key-filter-chips { display: none !important; }
.block-container { max-width: 94vw; padding-top: 2.2rem; }
h1.page-title { display: none; }
.screen-title { font-size: 1.25rem; color: var(--muted); }
h2.screen-headline { font-size: 2.4rem; line-height: 1.25; }
"""
