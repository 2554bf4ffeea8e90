"""What belongs to one reader's session: who he is, his language, his filters and the data version of this run.

Filters live in the session and in the URL. A page change keeps them; a link restores them exactly.
"""

from __future__ import annotations

import html
from dataclasses import replace
from typing import NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.charts.theme import Look
from dashboard.filters import Filters
from dashboard.insight import Reader
from dashboard.language import CODES, Language, language
from dashboard.ledger import open_ledger
from dashboard.scope import Scope
from dashboard.settings import Settings
from dashboard.warehouse.read import Marts, open_marts

FILTERS, LANGUAGE, LOST = "filters", "language", "lost"
PAGES, PAGE = "pages", "page"
DEFAULT_LANGUAGE = "zh"
PRESENT = "present"
"""The URL's parameter of the presentation: which answer is on the screen."""
IN_THE_WINDOW = """
export default function({ data, parentElement, setTriggerValue }) {
  if (!location.search)
    history.replaceState(history.state, "", `${location.pathname}?${new URLSearchParams(data.link)}`);
  if (parentElement.following) return;
  parentElement.following = true;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const tell = () => setTimeout(() => setTriggerValue("changed", dark.matches), 200);
  dark.addEventListener("change", tell);
  return () => dark.removeEventListener("change", tell);
}
"""
"""What only the browser can do. A bare address (the sidebar's, or one typed in) gets the filters and the language in
place: the server could only add an entry to the browser's history, and the way back would lead from it to it. And a
run is asked for when the browser turns light or dark: the page follows by itself, charts are drawn by the server."""
MOVE, STALE = "move", "stale"
"""The move that a click on the matrix chose, (level today, level recommended); and whether more than the part of the
page that runs now has to follow."""


def scope() -> Scope:
    """The reader's scope; ends the run for those who may see nothing."""
    settings = Settings.read()
    if settings.access is None:
        return Scope.unrestricted("local")
    speech = words()
    if not st.user.get("is_logged_in"):
        title = speech.t("Customer value dashboard")
        how = speech.t("Sign in with your company account to see the data you are entitled to.")
        st.html(f"<div class='door'><h1>{html.escape(title)}</h1><p>{html.escape(how)}</p></div>")
        st.button(speech.t("Sign in"), type="primary", on_click=st.login)
        st.stop()
    found = settings.scope_of(str(st.user.get("email") or ""))
    if found is None:
        st.error(speech.t("You are signed in, but nobody has given you access yet. Ask the owner of the access file."))
        st.button(speech.t("Sign out"), on_click=st.logout)
        st.stop()
    return found


def words() -> Language:
    """The reader's language: the URL's, else the one chosen before, else the browser's."""
    asked = st.query_params.get("lang")
    if asked in CODES:
        st.session_state[LANGUAGE] = asked
    if LANGUAGE not in st.session_state:
        wanted = (st.context.locale or DEFAULT_LANGUAGE)[:2]
        st.session_state[LANGUAGE] = wanted if wanted in CODES else "en"
    return language(st.session_state[LANGUAGE])


def look(held: Marts) -> Look:
    """The theme in force, the language and the currency: what a figure needs to know of its reader."""
    return Look("dark" if st.context.theme.type == "dark" else "light", words(), held.currency)


def at_the_window() -> None:
    """Complete a bare address, and draw the charts anew when the browser turns light or dark."""
    st.components.v2.component("window", js=IN_THE_WINDOW)(
        key="window", data={"page": st.session_state[PAGE], "link": _shown()}, on_changed_change=lambda: None
    )


def filters() -> Filters:
    return st.session_state[FILTERS]


def choose(chosen: Filters) -> None:
    """Look at something else from the next run on; the URL follows at the end of this one."""
    st.session_state[FILTERS] = chosen


def reset() -> None:
    """Look at everything again, at the same weeks."""
    choose(filters().reset())


def reader() -> Reader:
    """The reader of this run, with the newest published version of the data.

    Filters come from the URL when it was opened or walked back to, otherwise from the session; a bare URL has none to
    say. What these data don't know, of a link or of filters chosen before a refresh, is left out and said; the rest
    is kept.
    """
    rights = scope()
    held = open_marts(Settings.read().marts)
    if FILTERS not in st.session_state or (st.query_params and _walked()):
        wanted = {name: value for name, value in st.query_params.items() if name not in ("lang", PRESENT)}
    else:
        wanted = filters().url()
    found, lost = Filters.salvaged(wanted, held)
    choose(found.checked(held))
    if lost:
        st.session_state[LOST] = lost
    write_url()
    return Reader(filters(), rights, held, words(), open_ledger(Settings.read()))


def _walked() -> bool:
    """Whether this run comes from the browser's way back or forward."""
    run = get_script_run_ctx()
    return run is not None and run.is_history_navigation


def current(reader: Reader) -> Reader:
    """The reader with the filters in force now: in a fragment they may be newer than those of the page's run."""
    return reader if reader.filters == filters() else replace(reader, filters=filters())


def refresh() -> None:
    """Run the whole page when a callback asked for it: what a part of the page did concerns the others."""
    if st.session_state.pop(STALE, False):
        st.rerun(scope="app")


def turn_to(page: str) -> NoReturn:
    """Go to a page with the filters chosen, in one step: the browser's way back then leads here."""
    st.switch_page(st.session_state[PAGES][page], query_params=filters().url() | {"lang": words().code})


def write_url() -> None:
    """A step of the browser's history to the filters chosen, if the URL isn't theirs; a bare one is completed in place
    (`at_the_window`)."""
    if st.query_params and dict(st.query_params.items()) != _shown():
        st.query_params.from_dict(_shown())


def _shown() -> dict[str, str]:
    """The URL's parameters of what is shown; without marts there is only the language."""
    shown = filters().url() if FILTERS in st.session_state else {}
    if PRESENT in st.query_params:
        shown[PRESENT] = st.query_params[PRESENT]
    return shown | {"lang": words().code}
