"""The review in the meeting: the same answers one a screen, in large type, turned by the arrow keys."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from dashboard.charts.theme import SIZE, Look
from dashboard.insight import Reader, find
from dashboard.language import MINUS
from dashboard.periods import DEFAULT_PERIOD
from dashboard.reports.pack import Part, amounts_in, columns, part_of
from dashboard.ui import session
from dashboard.ui.answers import answer, figure
from dashboard.ui.card import PLOTLY
from dashboard.ui.gaps import lacks
from dashboard.ui.kpi import kpis, measured, nobody
from dashboard.ui.lead import lead
from dashboard.ui.notes import notes
from dashboard.wording import unbroken

SCREEN_ROWS = 10
"""Rows of a table that can be read across a room."""
GROW = 1.85
"""How much larger a figure's letters are on a projector's screen: 20 pixels and more."""
QUEUE = "levels.queue"
FIGURES = ("revenue", "gross_margin", "cost_to_serve", "profit", "margin", "satisfaction")


def week(reader: Reader, look: Look) -> None:
    """The week's figures beside what they are compared with."""
    measured(reader, FIGURES)  # here: what runs beside the page may be done after its end
    _week(reader, look)


@st.fragment(parallel=True)
def _week(reader: Reader, look: Look) -> None:
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
    keys = [key for key in keys if not lacks(reader, key)]
    number = _number(st.query_params[session.PRESENT], len(keys))
    key = keys[number - 1]
    st.html("<style>" + PROJECTOR + "</style>")
    _screen(reader, look, key)
    _controls(reader, number, len(keys))
    notes(reader, key)
    return True


def queue(reader: Reader) -> None:
    """What there is to decide now, leading to its page and told as there: over the usual year, not over the week."""
    if not lacks(reader, QUEUE):
        _queue(replace(reader, filters=session.filters().put("period", DEFAULT_PERIOD)))


@st.fragment(parallel=True)
def _queue(year: Reader) -> None:
    lead(year, "levels", QUEUE, "levels.today")


def _number(text: str, count: int) -> int:
    return min(max(int(text), 1), count) if text.isdecimal() else 1


def _turn(number: int) -> None:
    st.query_params[session.PRESENT] = str(number)


def _end() -> None:
    if session.PRESENT in st.query_params:  # the key may be pressed twice
        del st.query_params[session.PRESENT]


def _screen(reader: Reader, look: Look, key: str) -> None:
    """One answer: its sentence, and the figure or the first rows, which fill the screen."""
    asked, insight = find(key), answer(key, reader)
    st.html(
        f"<div class='screen-title'>{html.escape(reader.t(asked.title))}</div>"
        f"<h2 class='screen-headline page-headline'>{unbroken(insight.headline)}</h2>"
    )
    if insight.table.empty:
        return
    if asked.draw is None:
        st.html(_rows(part_of(insight, reader, columns(key)), reader))
        return
    with st.container(key="screen", height="stretch"):
        st.plotly_chart(
            _enlarged(figure(insight, reader, look)), theme=None, config=PLOTLY, alt=insight.headline,
            height="stretch", key=f"screen-{key}-{reader.filters.canonical}-{look.mode}",
        )  # fmt: skip


def _rows(part: Part, reader: Reader) -> str:
    """The first rows of a table in large type, with the columns that a slide has too."""
    shown = [(place, part.columns[place]) for place in part.shown if part.columns[place].name != "code"]

    def cells(tag: str, texts: Sequence[str]) -> str:
        told = []
        for place, column in shown:
            text = texts[place]
            kind = "number" if column.is_number else ""
            kind += " loss" if column.is_number and text.startswith(MINUS) else ""
            told.append(f"<{tag} class='{kind}'>{html.escape(text)}</{tag}>")
        return f"<tr>{''.join(told)}</tr>"

    head = cells("th", [column.heading for column in part.columns])
    rows = "".join(cells("td", texts) for texts in part.said[:SCREEN_ROWS])
    foot = [amounts_in(part, reader.marts.currency, reader.language)]
    if len(part.said) > SCREEN_ROWS:
        foot.append(reader.t("The first {shown} of {n} rows.", shown=SCREEN_ROWS, n=f"{len(part.said):,}"))
    said = html.escape(" · ".join(filter(None, foot)))
    return f"<table class='screen-table'>{head}{rows}</table><p class='screen-more'>{said}</p>"


def _enlarged(drawn: object) -> object:
    """The figure in type that can be read across a room, without changing the one that is kept."""
    import plotly.graph_objects as go

    assert isinstance(drawn, go.Figure)
    large = go.Figure(drawn)
    large.update_layout(font_size=(large.layout.font.size or SIZE) * GROW)
    margin = large.layout.margin
    large.update_layout(margin={"r": (margin.r or 8) * GROW, "t": (margin.t or 30) * GROW})
    for note in large.layout.annotations:
        note.font.size = (note.font.size or SIZE) * GROW
        note.xshift = (note.xshift or 0) * GROW
    for axis in (large.layout.xaxis, large.layout.yaxis):
        if axis.tickfont.size:
            axis.tickfont.size *= GROW
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
.block-container { max-width: 95vw; padding-top: 1.6rem; padding-bottom: 1rem; }
h1.page-title { display: none; }
.screen-title { font-size: max(1.25rem, 1.2vw); color: var(--muted); }
h2.screen-headline { font-size: max(1.9rem, 2.2vw); line-height: 1.25; text-wrap: pretty; }
[data-testid="stLayoutWrapper"]:has(> .st-key-screen) { flex: 0 0 auto; height: max(20rem, 100vh - 30rem); }
table.screen-table { width: 100%; border-collapse: collapse; }
.screen-table th, .screen-table td { padding: .4em .5em; border: 0; border-bottom: 1px solid var(--line);
  text-align: left; font-size: max(1rem, 1.2vw); line-height: 1.3; }
.screen-table td { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; max-width: 22em; }
.screen-table td:first-child { max-width: 19em; }
.screen-table th { color: var(--muted); font-weight: 500; }
.screen-table .number { text-align: right; }
.screen-table .loss { color: var(--loss); }
.screen-more { color: var(--muted); font-size: 1rem; margin: .4rem 0 0; }
"""
