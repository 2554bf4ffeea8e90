"""The entry: identity, language and navigation. Pages guard themselves (see `dashboard.ui.open_page`).

It lies here and not beside pages/, where Streamlit would serve pages by name before the guard.
"""

from __future__ import annotations

import contextlib
import sys
from base64 import b64encode
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from dashboard.charts.theme import DARK, LIGHT  # noqa: E402
from dashboard.errors import DashboardError  # noqa: E402
from dashboard.language import CODES, message  # noqa: E402
from dashboard.settings import Settings  # noqa: E402
from dashboard.ui import session  # noqa: E402
from dashboard.ui.gaps import waits  # noqa: E402
from dashboard.warehouse.read import open_marts  # noqa: E402

PAGES = (
    ("overview", message("Overview"), ":material/home:"),
    ("review", message("Weekly review"), ":material/event_note:"),
    ("value", message("Customer value"), ":material/monitoring:"),
    ("tiers", message("Tiers and grades"), ":material/grid_view:"),
    ("satisfaction", message("Word of mouth"), ":material/forum:"),
    ("cost", message("Cost to serve"), ":material/payments:"),
    ("levels", message("Service levels"), ":material/tune:"),
    ("customer", message("Customer"), ":material/person_search:"),
    ("policy", message("Service policy"), ":material/rule_settings:"),
    ("data", message("Data"), ":material/database:"),
)
FIRST = PAGES[0][0]
ICON = "data:image/png;base64," + b64encode((ROOT / "dashboard" / "ui" / "icon.png").read_bytes()).decode()
LANGUAGE_NAMES = {"zh": "中文", "en": "English"}


def _style() -> str:
    """The style sheet. Its colours follow the reader's scheme at once; the server hears of a change only later."""
    parts = {
        "text": "text",
        "muted": "secondary",
        "line": "line",
        "card": "card",
        "accent": "accent",
        "gain": "gain",
        "loss": "loss",
    }
    variables = "".join(
        f"--{name}:light-dark({getattr(LIGHT, part)},{getattr(DARK, part)});" for name, part in parts.items()
    )
    sheet = (ROOT / "dashboard" / "ui" / "style.css").read_text("utf-8")
    return f"<style>:root{{{variables}}}{sheet}</style>"


def _choose_language() -> None:
    st.session_state[session.LANGUAGE] = st.session_state["language-switch"]
    st.query_params["lang"] = st.session_state[session.LANGUAGE]


def _sections(pages: dict[str, StreamlitPage], named: StreamlitPage, waiting: str) -> dict[str, list[StreamlitPage]]:
    """The pages, and apart from them, under the heading `waiting`, those whose data nobody has supplied."""
    apart: list[str] = []
    with contextlib.suppress(DashboardError):  # the page says it
        held = open_marts(Settings.read().marts)
        apart = [name for name in pages if waits(name, held)]
    ready = [page for name, page in pages.items() if name not in apart]
    return {"": [*ready, named]} | ({waiting: [pages[name] for name in apart]} if apart else {})


def main() -> None:
    language = session.words()
    t = language.t
    st.set_page_config(page_title=t("Customer value dashboard"), page_icon=ICON, layout="wide")
    st.html(_style())
    session.scope()
    pages = {
        name: st.Page(
            ROOT / "pages" / f"{name}.py",
            title=t(title),
            icon=icon,
            url_path="home" if name == FIRST else name,
            default=name == FIRST,
        )
        for name, title, icon in PAGES
    }
    st.session_state[session.PAGES] = pages
    # The first page lies at the root, whatever name it is given: a hidden one answers to its own name.
    named = st.Page(ROOT / "pages" / f"{FIRST}.py", title=t(PAGES[0][1]), url_path=FIRST, visibility="hidden")
    chosen = st.navigation(_sections(pages, named, t("Waiting for data")), position="sidebar")
    st.session_state[session.PAGE] = chosen.url_path or FIRST
    with contextlib.suppress(DashboardError):  # the page says it
        session.reader()  # the link's filters, which the address is completed with
    with st.sidebar:
        st.session_state["language-switch"] = language.code
        st.segmented_control(
            t("Language"),
            CODES,
            format_func=LANGUAGE_NAMES.__getitem__,
            key="language-switch",
            required=True,
            on_change=_choose_language,
            label_visibility="collapsed",
        )
        session.at_the_window()
    chosen.run()


main()
