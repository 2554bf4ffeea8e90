"""Tables as files. Cells and headings that a spreadsheet would run as a formula are neutralised."""

from __future__ import annotations

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: object) -> object:
    """Text that begins like a formula gets a leading apostrophe; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def to_csv(table: pd.DataFrame) -> str:
    """The table as CSV; undefined values are empty cells."""
    safe = table.rename(columns=harmless)
    for name in safe.select_dtypes(["object", "str"]).columns:
        safe[name] = safe[name].map(harmless)
    return safe.to_csv(index=False, lineterminator="\n")
