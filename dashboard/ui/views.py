"""Saved views: a page with its filters under a name, for oneself or for everyone; the link carries everything."""

from __future__ import annotations

import streamlit as st

from dashboard.errors import DashboardError
from dashboard.filters import Filters
from dashboard.insight import Reader
from dashboard.ledger import views as ledger
from dashboard.ui import session
from dashboard.ui.table import plain_markdown

SAID, WANTED = "view-said", "view-wanted"


def saved(reader: Reader) -> None:
    """The reader's own views and everyone's, and a field to save this one; nothing is ever saved unasked."""
    go_to(reader)
    if reader.ledger is None:
        return
    t = reader.t
    opened = st.popover(t("Views"), icon=":material/bookmark:", key="views", on_change="rerun")
    if not opened.open:
        return
    with opened:
        try:
            held = ledger.saved_views(reader)
        except DashboardError as error:
            st.error(str(error))
            return
        for view in held:
            whose = t("for everyone, by {author}", author=view.author) if view.everyone else t("only mine")
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"view-row-{view.id}"):
                st.button(
                    plain_markdown(view.name), key=f"view-{view.id}", type="tertiary", help=plain_markdown(whose),
                    icon=":material/group:" if view.everyone else ":material/person:",
                    on_click=_want, args=(view.page, view.params),
                )  # fmt: skip
                if not view.everyone or reader.scope.may("share"):
                    st.button(
                        "", key=f"view-drop-{view.id}", icon=":material/delete:", type="tertiary",
                        help=t("Take it out of the list"), on_click=_drop, args=(reader, view.name, view.everyone),
                    )  # fmt: skip
        if said := st.session_state.pop(SAID, None):
            st.error(said)
        st.text_input(t("Name of this view"), key="view-name", max_chars=60)
        if reader.scope.may("share"):
            st.checkbox(t("For everyone"), key="view-everyone")
        st.button(t("Save this view"), key="view-save", on_click=_save, args=(reader,))


def _want(page: str, params: dict[str, str]) -> None:
    st.session_state[WANTED] = (page, params)


def go_to(reader: Reader) -> None:
    """Open the view that was chosen, as far as these data and this reader's rights go."""
    if WANTED not in st.session_state:
        return
    page, params = st.session_state.pop(WANTED)
    found, lost = Filters.salvaged(params, reader.marts)
    session.choose(found.checked(reader.marts))
    if lost:
        st.session_state[session.LOST] = lost
    pages = st.session_state[session.PAGES]
    if page in pages and page != st.session_state[session.PAGE]:
        session.turn_to(page)
    st.rerun()


def _save(reader: Reader) -> None:
    everyone = bool(st.session_state.get("view-everyone"))
    try:
        ledger.save_view(
            reader, st.session_state["view-name"], st.session_state[session.PAGE], session.filters().url(),
            everyone=everyone,
        )  # fmt: skip
    except DashboardError as error:
        st.session_state[SAID] = str(error)
        return
    st.session_state["view-name"] = ""


def _drop(reader: Reader, name: str, everyone: bool) -> None:
    try:
        ledger.retire_view(reader, name, everyone=everyone)
    except DashboardError as error:
        st.session_state[SAID] = str(error)
