"""An answer on the overview: the headline, a link to its page, and the picture in small."""

from __future__ import annotations

import html

import streamlit as st

from dashboard.charts.theme import Look
from dashboard.insight import Reader, find
from dashboard.ui import session
from dashboard.ui.answers import answer


def lead(reader: Reader, look: Look, key: str, page: str) -> None:
    """One of the five answers, leading to its page with the same filters."""
    insight = answer(key, reader)
    with st.container(key=f"lead-{key.replace('.', '-')}", gap=None):
        st.html(
            f"<div class='answer'><div class='card-title'>{html.escape(reader.t(find(key).title))}</div>"
            f"<h3 class='card-headline'>{html.escape(insight.headline)}</h3></div>"
        )
        st.page_link(
            st.session_state[session.PAGES][page],
            label=reader.t("See why"),
            icon=":material/arrow_forward:",
            icon_position="right",
        )
