"""What is written in the meeting: notes kept with the week, and events marked on the charts."""

from __future__ import annotations

import html
from datetime import timedelta

import streamlit as st

from dashboard.errors import DashboardError
from dashboard.insight import Reader
from dashboard.ledger import notes as ledger

SAID = "note-said"


@st.fragment
def notes(reader: Reader, question: str | None = None) -> None:
    """The notes of the week (beside one question), and a field for those who may write."""
    if reader.ledger is None:
        return
    t, week = reader.t, reader.view.window.last_week
    place = question or "week"
    try:
        written = ledger.notes(reader, week, question)
    except DashboardError as error:
        st.error(str(error))
        return
    with st.container(key=f"notes-{place.replace('.', '-')}", gap="small"):
        for note in written:
            about = f"{note.author} · {note.at:%Y-%m-%d %H:%M} UTC"
            st.html(
                f"<p class='note'>{html.escape(note.text)}<br><span class='card-foot'>{html.escape(about)}</span></p>"
            )
        if said := st.session_state.pop(f"{SAID}-{place}", None):
            st.error(said)
        if not reader.scope.may("decide"):
            return
        key = f"note-{place}"
        st.text_area(t("Note of the meeting"), key=key, height=80, label_visibility="collapsed",
                     placeholder=t("Write down what was said; it is kept with this week."))  # fmt: skip
        st.button(t("Keep the note"), key=f"keep-{place}", on_click=_keep, args=(reader, place, question))


def _keep(reader: Reader, place: str, question: str | None) -> None:
    """Write the note of the field; the field is emptied only when it was kept."""
    text = st.session_state[f"note-{place}"]
    if not text.strip():
        return
    try:
        ledger.write_note(reader, reader.view.window.last_week, text, question)
    except DashboardError as error:
        st.session_state[f"{SAID}-{place}"] = str(error)
        return
    st.session_state[f"note-{place}"] = ""


@st.fragment
def mark(reader: Reader) -> None:
    """A field to mark an event on the charts, for those who may write for everyone."""
    if reader.ledger is None or not reader.scope.may("share"):
        return
    t = reader.t
    weeks = reader.calendar.weeks()
    opened = st.popover(t("Mark an event on the charts"), icon=":material/flag:", key="mark", on_change="rerun")
    if not opened.open:
        return
    with opened:
        if said := st.session_state.pop(f"{SAID}-mark", None):
            st.info(said)
        st.selectbox(t("Week"), weeks, format_func=reader.language.week, key="mark-week")
        st.text_input(t("Event"), key="mark-text", max_chars=60)
        st.button(t("Mark it"), key="mark-keep", on_click=_mark, args=(reader,))


def _mark(reader: Reader) -> None:
    week, text = st.session_state["mark-week"], st.session_state["mark-text"]
    try:
        ledger.annotate(reader, week, week + timedelta(days=6), text)
    except DashboardError as error:
        st.session_state[f"{SAID}-mark"] = str(error)
        return
    st.session_state["mark-text"] = ""
    st.session_state[f"{SAID}-mark"] = reader.t("Kept; it stands on the charts of all pages.")
