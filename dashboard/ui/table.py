"""Tables in the reader's language, the dialog with the customers behind a number, and files to take away."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.export import csv_of
from dashboard.filters import Filters
from dashboard.insight import Insight, Reader, whole
from dashboard.language import message
from dashboard.metrics import METRICS
from dashboard.reports.fitting import ems
from dashboard.ui import session
from dashboard.ui.answers import answer
from dashboard.ui.gaps import unrecorded
from dashboard.wording import CODED, forms, heading, kind_of, readable

WIDTHS = {"code": 82, "name": 176, "grade": 58, "tier": 86, "region": 92}
KIND_WIDTHS = {"money": 88, "share": 76, "number": 84}
"""Pixels of a column, so that a customer's row is seen whole on a desk's screen."""
MOST_ROWS, TALL = 12, 420


def table(frame: pd.DataFrame, reader: Reader, key: str, *, opens_customer: bool = False) -> None:
    """A table to sort and search; with `opens_customer` a click on a row opens that customer.

    What nobody records in the whole warehouse has no column.
    """
    shown = readable(frame, reader)
    shown = shown.drop(columns=[column for column in shown if column in unrecorded(reader.marts)])
    if "name" in shown and not opens_customer:
        shown = shown.drop(columns=[column for column in CODED if column in shown])
    kinds = {column: kind_of(column) for column in shown.columns}
    config = {}
    for column, kind in kinds.items():
        known = METRICS.get(column)
        told: dict[str, Any] = {
            "label": heading(column, reader),
            "help": reader.t(known.definition) if known and known.definition else None,
            "width": _width(column, kind, heading(column, reader)) if opens_customer else None,
        }
        if kind in ("date", "week"):
            config[column] = st.column_config.DateColumn(**told, format="YYYY-MM-DD")
        elif pd.api.types.is_numeric_dtype(shown[column]):
            config[column] = st.column_config.NumberColumn(**told)
        else:
            config[column] = st.column_config.TextColumn(**told)

    def chosen() -> None:
        picked = st.session_state[key]["selection"]
        rows = [*picked["rows"], *(row for row, _ in picked["cells"])]
        if rows:
            want(customer=str(frame.iloc[rows[0]]["code"]))

    st.dataframe(
        shown.style.format(forms(shown, reader)),
        hide_index=True,
        column_config=config,
        height=TALL if len(shown) > MOST_ROWS else "content",
        key=key,
        on_select=chosen if opens_customer else "ignore",
        selection_mode=("single-row", "single-cell"),
        placeholder="–",
    )
    if opens_customer:
        go_on(reader)


def _width(column: str, kind: str, label: str) -> int | None:
    """Pixels of a column: of its kind, and never less than its heading; None leaves it to the text."""
    width = WIDTHS.get(column) or KIND_WIDTHS.get(kind)
    return width and max(width, round(12 * ems(label)) + 20)


WANTED = "wanted"


def want(*, customer: str = "", group: str | None = None) -> None:
    """Ask, in a callback, for the page of a customer or for the customers behind a number; see `go_on`."""
    st.session_state[WANTED] = (customer, group)


def go_on(reader: Reader) -> None:
    """Open what a click has asked for.

    Called where a page begins and where a card ends: a click reruns its card or the whole page, and neither a
    dialog nor another page may be opened by a card that is computed beside the page.
    """
    customer, group = st.session_state.pop(WANTED, ("", None))
    if customer:
        open_customer(customer)
    elif group is not None:
        behind(reader, group)


def open_customer(code: str) -> None:
    """Go to the page of one customer, keeping the weeks."""
    kept = session.filters()
    session.choose(Filters(kept.period, kept.compare, kept.as_of, customer=code))
    session.turn_to("customer")


def behind(reader: Reader, group: str) -> None:
    """Open the dialog with the customers behind a number: the same filters, narrowed to a group if it has one."""
    title = reader.t("The customers behind this number")

    @st.dialog(title, width="large")
    def show() -> None:
        customers(replace(reader, filters=reader.filters.put("group", group or reader.filters.group)))

    show()


def customers(reader: Reader) -> None:
    """The customers in view with their total, to open one by one or take away."""
    insight = answer("customers.list", reader)
    st.html(f"<p class='filter-sentence'>{html.escape(insight.words)}</p>")
    st.markdown(f"**{plain_markdown(insight.headline)}**")
    if insight.table.empty:
        return
    shown, n = len(insight.table), insight.n
    if shown < n:
        st.caption(reader.t("The first {shown} of {n} are listed; the totals are of all.", shown=shown, n=f"{n:,}"))
    table(insight.table, reader, f"customers-{reader.filters.canonical}", opens_customer=True)
    if reader.scope.may("export"):
        download(insight, reader, "customers")


def download(insight: Insight, reader: Reader, name: str, label: str = message("Download CSV")) -> None:
    """The whole table as a CSV file that a spreadsheet opens without running anything: what is shown and the rest."""
    st.download_button(
        reader.t(label),
        lambda: ("\ufeff" + "".join(csv_of(whole(insight, reader)))).encode("utf-8"),
        file_name=f"{name}-{reader.marts.calendar.last_day}.csv",
        mime="text/csv",
        key=f"download-{name}-{reader.filters.canonical}",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
    )


def plain_markdown(text: str) -> str:
    """Text whose Markdown would otherwise be rendered: data is escaped before it reaches a label."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#+-.!|~$:" else c for c in text)
