"""Columns in numpy to tables in DuckDB, through Arrow and without copying numbers.

A column is given as its schema type wants it: money and quantities as whole numbers in the last
decimal place (cents, thousandths), dates as days of the window, times as seconds of the window, coded
text as `Coded`. A masked array is NULL where it is masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Column, Date, DateTime, Numeric, String, Table

from data.demo import window

MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Coded:
    """Text that repeats: `index` points into `values`; a negative index is NULL."""

    values: tuple[str, ...] | pa.Array
    index: np.ndarray


Values: TypeAlias = np.ndarray | Coded | pa.Array | list
Batch: TypeAlias = Mapping[str, Values]


def numbered(prefix: str, first: int, count: int, digits: int) -> pa.Array:
    """Codes such as C000123, from `first` on."""
    numbers = pc.cast(pa.array(np.arange(first, first + count)), pa.string())
    return pc.binary_join_element_wise(prefix, pc.utf8_lpad(numbers, digits, "0"), "")


def _arrow_type(column: Column) -> pa.DataType:
    kind = column.type
    if isinstance(kind, Numeric):
        return pa.decimal64(kind.precision, kind.scale)
    if isinstance(kind, DateTime):
        return pa.timestamp("us")
    if isinstance(kind, Date):
        return pa.date32()
    return pa.string() if isinstance(kind, String) else pa.int64()


def _from_numpy(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    missing = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    numbers = np.asarray(np.ma.getdata(values))
    if pa.types.is_date32(kind):
        numbers = (numbers + window.EPOCH).astype(np.int32)
    elif pa.types.is_timestamp(kind):
        numbers = (numbers.astype(np.int64) + window.EPOCH * 86_400) * MICROSECONDS
    numbers = np.ascontiguousarray(numbers, dtype=np.int32 if pa.types.is_date32(kind) else np.int64)
    present = None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(kind, len(numbers), [present, pa.py_buffer(numbers)])


def _from_codes(coded: Coded) -> pa.Array:
    index = coded.index.astype(np.int32)
    indices = pa.array(index, mask=index < 0 if (index < 0).any() else None)
    values = coded.values if isinstance(coded.values, pa.Array) else pa.array(coded.values, pa.string())
    return pa.DictionaryArray.from_arrays(indices, values)


def arrow(table: Table, batch: Batch) -> pa.Table:
    """`batch` as Arrow in the schema's column order; every column of the table must be given."""
    arrays = []
    for column in table.columns:
        values = batch[column.name]
        if isinstance(values, Coded):
            arrays.append(_from_codes(values))
        elif isinstance(values, np.ndarray):
            arrays.append(_from_numpy(values, _arrow_type(column)))
        else:
            arrays.append(values if isinstance(values, pa.Array) else pa.array(values, _arrow_type(column)))
    return pa.table(arrays, names=[column.name for column in table.columns])


def insert(connection: duckdb.DuckDBPyConnection, table: Table, batch: Batch) -> int:
    """Append `batch` to `table`; returns the number of rows."""
    rows = arrow(table, batch)
    if rows.num_rows:
        connection.register("batch", rows)
        connection.execute(f'INSERT INTO "{table.name}" SELECT * FROM batch')
        connection.unregister("batch")
    return rows.num_rows
