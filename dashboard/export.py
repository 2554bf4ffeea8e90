"""Tables as files. Cells and headings that a spreadsheet would run as a formula are neutralised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: object) -> object:
    """Text that begins like a formula gets a leading apostrophe; numbers stay numbers.

    A carriage return becomes a line feed: CSV writers leave it unquoted, and what follows would be a new row.
    """
    if not isinstance(value, str):
        return value
    guarded = f"'{value}" if value.startswith(FORMULA_STARTS) else value
    return guarded.replace("\r\n", "\n").replace("\r", "\n")


def to_csv(table: pd.DataFrame, header: bool = True) -> str:
    """The table as CSV; undefined values are empty cells."""
    safe = table.rename(columns=harmless)
    for name in safe.select_dtypes(["object", "str"]).columns:
        safe[name] = safe[name].map(harmless)
    return safe.to_csv(index=False, header=header, lineterminator="\n")


def csv_of(parts: Iterable[pd.DataFrame]) -> Iterator[str]:
    """One CSV of the parts of a table, part by part."""
    for place, part in enumerate(parts):
        yield to_csv(part, header=place == 0)
