"""Tables in the reader's words: headings, codes as names, and numbers as he writes them.

Pages, packs and files all say a table's cells by this one module, so that they agree to the digit.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from dashboard.insight import Reader
from dashboard.insights.cost import item_name
from dashboard.insights.quality import FIELDS
from dashboard.language import ALIVE_NAMES, KIND_NAMES, MINUS, NEEDS_NAMES, TIER_NAMES, UNDEFINED, message, undefined
from dashboard.metrics import METRICS, Format

DECIMALS = {"money": 2, "count": 0, "number": 2, "score": 2, "rate": 3}
WHOLE_FROM = 10_000
"""Money of this size is listed without cents; files to take away keep them."""
PARTS: dict[str, Format] = {"cost": "money", "filled": "share"}
"""Formats of columns that are named for what they are part of, such as `cost:freight`."""
CODED = ("code", "step", "item", "cause", "part")
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
    "change": message("Change"),
    "none": message("No single cause"),
}

AMOUNT = re.compile(rf"[+{MINUS}][^\d]{{0,4}}\d[\d.,]*")
"""A signed number with its currency."""


def unbroken(text: str) -> str:
    """A sentence as HTML whose signed amounts stay on one line: browsers part a minus from the ¥ behind it."""
    return AMOUNT.sub(r"<span class='amount'>\g<0></span>", html.escape(text))


def readable(frame: pd.DataFrame, reader: Reader) -> pd.DataFrame:
    """Codes as words and columns in order; numbers stay numbers."""
    shown = frame.copy()
    for column in shown.columns:
        if column in ("tier", "current", "recommended", "runner_up", "level", "from_tier", "to_tier"):
            shown[column] = [reader.t(TIER_NAMES[c]) if c in TIER_NAMES else c for c in shown[column]]
        elif column in ("fit", "zone", "from_zone", "from_grade", "to_grade", "kind", "cause", "move"):
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


def kind_of(column: str) -> Format:
    """What kind of number or text a column holds."""
    return METRICS[column].format if column in METRICS else PARTS.get(column.split(":")[0], "text")


def forms(shown: pd.DataFrame, reader: Reader, *, cents: bool = False) -> dict[str, Callable[[float], str]]:
    """How the numbers of each numeric column are written: in full, with a true minus, undefined as a dash.

    Large money stands without cents, but a ledger's, which adds up to the cent, and where `cents` asks for them.
    Other numbers have decimals only in a column where one needs them.
    """
    numeric = [column for column in shown.columns if pd.api.types.is_numeric_dtype(shown[column])]
    money = [column for column in numeric if kind_of(column) == "money"]
    whole = not cents and "ledger" not in shown and bool((shown[money].abs() >= WHOLE_FROM).any(axis=None))

    def form(column: str) -> Callable[[float], str]:
        kind = kind_of(column)
        if kind == "share":
            return lambda value: reader.language.percent(value, 1)
        if kind == "size":
            return reader.language.number
        known = shown[column].dropna()
        entire = whole if kind == "money" else kind == "number" and bool((known == known.round()).all())
        decimals = 0 if entire else DECIMALS.get(kind, 0)
        return lambda value: UNDEFINED if undefined(value) else minus(f"{value:,.{decimals}f}")

    return {column: form(column) for column in numeric}


def minus(digits: str) -> str:
    """Digits with a true minus, and none before a zero."""
    return digits.lstrip("-") if not digits.strip("-0.,") else digits.replace("-", MINUS)
