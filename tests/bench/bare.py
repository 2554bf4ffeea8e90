"""Bare Streamlit apps to compare with: what any page costs before it says anything.

One script for all: `/` is the empty page; `/?charts=6` draws six constant Plotly charts; `&choose=1` adds a
select box that changes them all; `&fragment=1` puts a button that shows a table under one of them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

APP = """\
import streamlit as st

st.set_page_config(page_title="Bare", layout="wide")
st.title("Bare")
count = int(st.query_params.get("charts", 0))
if count:
    from figures import FIGURES, TABLE

    choice = "A"
    if "choose" in st.query_params:
        choice = st.selectbox("Choose", list(FIGURES), key="choose")

    @st.fragment
    def opens(number):
        st.plotly_chart(FIGURES[choice][number])
        if st.button("Table", key="toggle"):
            st.session_state["open"] = not st.session_state.get("open", False)
        if st.session_state.get("open", False):
            st.dataframe(TABLE, hide_index=True)

    for number in range(count):
        if number == 0 and "fragment" in st.query_params:
            opens(number)
        else:
            st.plotly_chart(FIGURES[choice][number])
"""

FIGURES = """\
import pandas as pd
import plotly.graph_objects as go

WEEKS = list(range(1, 13))


def figure(shift):
    return go.Figure(go.Bar(x=WEEKS, y=[(week * 7 + shift) % 11 + 1 + shift / 10 for week in WEEKS]))


FIGURES = {name: [figure(2 * number + start) for number in range(24)] for start, name in enumerate("AB")}
TABLE = pd.DataFrame({"week": WEEKS, "value": [(week * 7) % 11 + 1 for week in WEEKS]})
"""


def write(folder: Path, root: Path) -> Path:
    """The bare app in a folder, with the configuration of the dashboard at `root`; returns its script."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(root / ".streamlit", folder / ".streamlit", dirs_exist_ok=True)
    (folder / "figures.py").write_text(FIGURES, "utf-8")
    script = folder / "app.py"
    script.write_text(APP, "utf-8")
    return script
