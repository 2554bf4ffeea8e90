"""Tables in the reader's language, the dialog with the customers behind a number, and files to take away."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from dashboard.export import to_csv
from dashboard.filters import Filters
from dashboard.insight import Reader
from dashboard.insights.cost import item_name
from dashboard.insights.quality import FIELDS
from dashboard.language import ALIVE_NAMES, KIND_NAMES, MINUS, NEEDS_NAMES, TIER_NAMES, UNDEFINED, message, undefined
from dashboard.metrics import METRICS
from dashboard.ui import session
from dashboard.ui.answers import answer

DECIMALS = {"money": 2, "count": 0, "number": 2, "score": 2, "rate": 3}
WHOLE_FROM = 10_000
"""Money of this size is listed without cents; files to take away keep them."""
WIDTHS = {"code": 82, "name": 186, "grade": 58, "tier": 86, "region": 92}
KIND_WIDTHS = {"money": 92, "share": 76}
"""Pixels of a column, so that a customer's row is seen whole on a desk's screen."""
PARTS = {"cost": "money", "filled": "share"}
"""Formats of columns that are named for what they are part of, such as `cost:freight`."""
MOST_ROWS, TALL = 12, 420
CODED = ("code", "step", "item", "cause")
"""Columns for programs: beside a name they say the same again."""
STATES = {
    "fits": message("Matches"),
    "over": message("Over-served"),
    "under": message("Under-served"),
    "same": message("The same"),
    "promote": message("Would rise"),
    "demote": message("Would fall"),
    "new": message("New"),
    "left": message("Left"),
    "complaining": message("Complaining"),
    "indifferent": message("Indifferent"),
    "praising": message("Praising"),
    "total": message("Total"),
    "subtotal": message("Subtotal"),
    "cost": message("Cost"),
    "none": message("No single cause"),
}


def readable(frame: pd.DataFrame, reader: Reader) -> pd.DataFrame:
    """Codes as words and columns in order; numbers stay numbers."""
    shown = frame.copy()
    for column in shown.columns:
        if column in ("tier", "current", "recommended"):
            shown[column] = [reader.t(TIER_NAMES[c]) if c in TIER_NAMES else c for c in shown[column]]
        elif column in ("fit", "zone", "from_grade", "to_grade", "kind", "cause", "move"):
            shown[column] = [_word(value, reader) for value in shown[column]]
        elif column == "needs_level":
            shown[column] = [f"{n} · {reader.t(NEEDS_NAMES[n])}" if n in NEEDS_NAMES else n for n in shown[column]]
        elif column == "metric":
            shown[column] = [reader.t(METRICS[m].label) if m in METRICS else m for m in shown[column]]
    return shown


def _word(value: Any, reader: Reader) -> Any:
    words = STATES | KIND_NAMES | ALIVE_NAMES
    if value in words:
        return reader.t(words[value])
    return item_name(reader, value) if isinstance(value, str) else value


def heading(column: str, reader: Reader) -> str:
    """A column's heading in the reader's language."""
    if column.startswith("cost:"):
        return item_name(reader, column.removeprefix("cost:"))
    if column.startswith("filled:"):
        return reader.t(FIELDS[column.removeprefix("filled:")])
    return reader.t(METRICS[column].label) if column in METRICS else column


def table(frame: pd.DataFrame, reader: Reader, key: str, *, opens_customer: bool = False) -> None:
    """A table to sort and search; with `opens_customer` a click on a row opens that customer."""
    shown = readable(frame, reader)
    if "name" in shown and not opens_customer:
        shown = shown.drop(columns=[column for column in CODED if column in shown])
    kinds = {column: _kind(column) for column in shown.columns}
    config = {}
    for column, kind in kinds.items():
        known = METRICS.get(column)
        told: dict[str, Any] = {
            "label": heading(column, reader),
            "help": reader.t(known.definition) if known and known.definition else None,
            "width": WIDTHS.get(column) or KIND_WIDTHS.get(kind) if opens_customer else None,
        }
        if kind in ("date", "week"):
            config[column] = st.column_config.DateColumn(**told, format="YYYY-MM-DD")
        elif pd.api.types.is_numeric_dtype(shown[column]):
            config[column] = st.column_config.NumberColumn(**told)
        else:
            config[column] = st.column_config.TextColumn(**told)
    chosen: Any = st.dataframe(
        _in_form(shown, kinds, reader),
        hide_index=True,
        column_config=config,
        height=TALL if len(shown) > MOST_ROWS else "content",
        key=key,
        on_select="rerun" if opens_customer else "ignore",
        selection_mode=("single-row", "single-cell"),
        placeholder="–",
    )
    if not opens_customer:
        return
    rows = [*chosen["selection"]["rows"], *(row for row, _ in chosen["selection"]["cells"])]
    if rows:
        open_customer(str(frame.iloc[rows[0]]["code"]), reader)


def _kind(column: str) -> str:
    return METRICS[column].format if column in METRICS else PARTS.get(column.split(":")[0], "text")


def _in_form(shown: pd.DataFrame, kinds: dict[str, str], reader: Reader) -> Styler:
    """The numbers as the reader writes them, with a true minus; they are still sorted as numbers."""
    numeric = [column for column in shown.columns if pd.api.types.is_numeric_dtype(shown[column])]
    money = [column for column in numeric if kinds[column] == "money"]
    # A ledger adds up to the cent.
    whole = "ledger" not in shown and bool((shown[money].abs() >= WHOLE_FROM).any(axis=None))

    def form(column: str) -> Callable[[float], str]:
        kind = kinds[column]
        if kind == "share":
            return lambda value: reader.language.percent(value, 1)
        if kind == "size":
            return reader.language.number
        decimals = 0 if kind == "money" and whole else DECIMALS.get(kind, 0)
        return lambda value: UNDEFINED if undefined(value) else minus(f"{value:,.{decimals}f}")

    return shown.style.format({column: form(column) for column in numeric})


def minus(digits: str) -> str:
    """Digits with a true minus, and none before a zero."""
    return digits.lstrip("-") if not digits.strip("-0.,") else digits.replace("-", MINUS)


def open_customer(code: str, reader: Reader) -> None:
    """Go to the page of one customer, keeping the weeks."""
    kept = reader.filters
    session.choose(Filters(kept.period, kept.compare, kept.as_of, customer=code))
    st.switch_page(st.session_state[session.PAGES]["customer"])


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
        download(insight.table, reader, "customers")


def download(frame: pd.DataFrame, reader: Reader, name: str) -> None:
    """The table as a CSV file that a spreadsheet opens without running anything."""
    st.download_button(
        reader.t("Download CSV"),
        lambda: ("\ufeff" + to_csv(frame)).encode("utf-8"),
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
