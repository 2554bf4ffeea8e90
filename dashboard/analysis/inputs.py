"""What every method asks of its columns, and how it refuses them: by name and row, with the mend.

A column is a list, a numpy array or a pandas Series of numbers of any kind; the index of a Series serves only
to name a row. Columns are read, never changed. A refusal is a ValueError whose rows count from 0.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def numbers(name: str, values: ArrayLike) -> Floats:
    """The column as floats, missing ones NaN. A single number is a column of one."""
    if getattr(getattr(values, "dtype", None), "kind", "") in ("m", "M"):
        raise ValueError(f"{name} holds dates or durations: give numbers, times in one unit")
    try:
        if isinstance(values, pd.Series):
            found = values.to_numpy(dtype=float, na_value=np.nan)
        else:
            found = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError):
        found = _numbers_one_by_one(name, values)
    if found.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, an entry a row; it is {found.shape}")
    return found


def array(name: str, values: ArrayLike) -> Floats:
    """A table or cube of numbers in the shape it came in, missing ones NaN."""
    try:
        if isinstance(values, pd.DataFrame):
            return values.to_numpy(dtype=float, na_value=np.nan)
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers only, in rows of one length: {error}") from None


def shaped(name: str, values: ArrayLike, *, least: float | None = None, above: float | None = None) -> Floats:
    """Finite numbers in the shape they came in, a single one included."""
    shape = np.shape(values)
    column = values if len(shape) < 2 else array(name, values).ravel()
    return finite(name, column, least=least, above=above).reshape(shape)


def finite(
    name: str,
    values: ArrayLike,
    *,
    least: float | None = None,
    above: float | None = None,
    labels: Sequence | pd.Series | None = None,
) -> Floats:
    """The column as floats that are all finite and, if asked, at `least` or `above` a limit.

    `labels` name the rows in a refusal; without them the index of a Series does.
    """
    found = numbers(name, values)
    wrong, needed = ~np.isfinite(found), "a finite number"
    if least is not None:
        wrong, needed = wrong | (found < least), f"a finite number of {_words(least)} or more"
    elif above is not None:
        wrong, needed = wrong | (found <= above), f"a finite number above {_words(above)}"
    refuse(wrong, name, needed, values, labels)
    return found


def weights(values: ArrayLike | None, n: int, name: str = "weights") -> Floats:
    """How many customers each of the n rows stands for; 1 when left out."""
    if values is None:
        return np.ones(n)
    found = finite(name, values, least=0)
    if found.size != n:
        raise ValueError(f"{name} must be of one length with the {n} rows, not {found.size}")
    return found


def flags(name: str, values: ArrayLike) -> Flags:
    """True and False in any shape. A missing flag is refused: numpy would read it as True."""
    found = np.asarray(values)
    if found.dtype == bool:
        return found
    table = pd.DataFrame(found.reshape(len(found), -1) if found.size else [])
    unknown = ~table.isin([0, 1]).to_numpy(dtype=bool)
    refuse(unknown.any(axis=1), name, "true or false")
    return table.to_numpy(dtype=bool).reshape(found.shape)


def of_one_length(**columns: NDArray[Any]) -> None:
    """Refuse columns of different lengths, naming each."""
    if len({len(column) for column in columns.values()}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
        raise ValueError(f"columns must be of one length, an entry a row, but have: {lengths}")


def number(name: str, value: float, *, least: float = -np.inf, most: float = np.inf) -> float:
    """One finite number within the limits, both allowed."""
    if not (np.isfinite(value) and least <= value <= most):
        low = f" of {_words(least)} or more" if least > -np.inf else ""
        high = f", {_words(most)} at most" if most < np.inf else ""
        raise ValueError(f"{name} must be a finite number{low}{high}; got {value}")
    return float(value)


def between_0_and_1(name: str, value: float) -> float:
    """A level of confidence, or another fraction that is neither nothing nor all."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1; got {value}")
    return float(value)


def refuse(
    wrong: ArrayLike,
    name: str,
    needed: str,
    values: ArrayLike | None = None,
    labels: Sequence | pd.Series | None = None,
) -> None:
    """Raise when a row is wrong: the name, the first such row with its label and value, and how many."""
    where = np.flatnonzero(wrong)
    if not where.size:
        return
    row, rows = int(where[0]), where.size
    held = "" if values is None else f", not {_held(values, row)}"
    many = "" if rows == 1 else f" ({rows} such rows)"
    raise ValueError(f"{name}, row {row}{_label(values, labels, row)}: must be {needed}{held}{many}")


def refuse_unknown(names: Iterable, known: Iterable, what: str) -> None:
    """Raise for the first name that is not known, with the nearest one."""
    options = list(known)
    for name in names:
        if name not in options:
            raise ValueError(f"{what}: {unknown(name, options)}")


def unknown(name: object, known: Iterable) -> str:
    """That a name is unknown, and the nearest known one."""
    options = [str(option) for option in known]
    near = difflib.get_close_matches(str(name), options, n=1)
    mend = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(options)}"
    return f"{name!r} is unknown; {mend}"


def _numbers_one_by_one(name: str, values: Any) -> Floats:
    """For columns that numpy can't turn into numbers: pandas' missing value is NaN, text is refused."""
    column = pd.Series(list(values), dtype=object)
    found = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    refuse(np.isnan(found) & column.notna().to_numpy(), name, "a number", values)
    return found


def _label(values: Any, labels: Any, row: int) -> str:
    if labels is None and isinstance(values, pd.Series):
        labels = values.index
    if labels is None or (isinstance(labels, pd.RangeIndex) and labels[row] == row):
        return ""
    label = labels.iloc[row] if isinstance(labels, pd.Series) else labels[row]
    return f" ({label.item() if isinstance(label, np.generic) else label!r})"


def _held(values: Any, row: int) -> str:
    value = values.iloc[row] if isinstance(values, pd.Series) else np.ravel(np.asarray(values, dtype=object))[row]
    return f"{value:.10g}" if isinstance(value, int | float | np.number) else repr(value)


def _words(limit: float) -> str:
    return "zero" if limit == 0 else f"{limit:g}"
