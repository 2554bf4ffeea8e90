"""An answer on the overview: the headline, a second sentence that bears it out, and the way to its page."""

from __future__ import annotations

import html

import streamlit as st

from dashboard.insight import Reader, find
from dashboard.ui import session
from dashboard.ui.answers import answer
from dashboard.ui.gaps import lacks
from dashboard.wording import unbroken


def lead(reader: Reader, page: str, key: str, support: str, otherwise: str = "") -> None:
    """One of the five answers, leading to its page with the same filters.

    Without its data it is left to the page's end, and the question `otherwise` is asked in its place.
    """
    if lacks(reader, key):
        if otherwise:
            lead(reader, page, otherwise, support)
        return
    insight, second = answer(key, reader), answer(support, reader)
    also = "" if second.missing else second.headline
    with st.container(key=f"lead-{page}", gap=None):
        st.html(
            f"<div class='answer'><div class='card-title'>{html.escape(reader.t(find(key).title))}</div>"
            f"<h3 class='card-headline'>{unbroken(insight.headline)}</h3>"
            f"<p class='answer-also'>{html.escape(also)}</p></div>"
        )
        st.page_link(
            st.session_state[session.PAGES][page],
            label=reader.t("See why"),
            icon=":material/arrow_forward:",
            icon_position="right",
        )
