"""How fast a file becomes a warehouse, beside what DuckDB alone needs to read the same file into a table.

`python -m tests.bench loading [--lines N]`. Both run in processes of their own, in turns, so that each has its own
memory to be measured; 50,000,000 lines need about 15 GB of disk and are the measure of flat memory.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from tests.warehouse.desk import sales

ROUNDS = 5
MANY, FEW_ROUNDS = 10_000_000, 1
"""Lines from which a round is long enough to be the only one."""
GOAL = 0.7

LINES = """
SELECT 'INV' || (i // 4) AS invoice, format('C{{:06d}}', (hash(i // 4) % 50000)::INTEGER) AS customer,
    format('P{{:04d}}', (hash(i * 7) % 2000)::INTEGER) AS product,
    DATE '2023-01-01' + (i * 1000 // {lines})::INTEGER AS day,
    (hash(i * 3) % 9 + 1)::INTEGER AS qty, ((hash(i * 5) % 10000) / 100)::DECIMAL(10, 2) AS price,
    ((hash(i * 11) % 5000) / 100)::DECIMAL(10, 2) AS cost, 'Country ' || ((hash(i // 4) % 50000) % 40) AS country
FROM range({lines}) AS lines (i)
"""

LOOKED_UP = """
product = "product"
cost_of_goods = "cost"

[table.customer]
"""
DIMENSIONS = """
region = "country"

[table.product]
rows_of = "sales_line"
columns = { code = "product" }
[table.region]
rows_of = "sales_line"
columns = { code = "country" }
"""

ALONE = """
connection = duckdb.connect(str(folder / "alone.duckdb"))
connection.execute(f"CREATE TABLE sales AS FROM '{folder / file}'")
connection.execute("CHECKPOINT")
connection.close()
"""

OURS = """
load(folder / f"{file}.toml", folder / "ours.duckdb")
"""

MEASURED = """
import sys, time
from pathlib import Path
import duckdb
from dashboard.warehouse.load import load
folder, file = Path(sys.argv[1]), sys.argv[2]
for name in ("alone", "ours"):
    (folder / f"{{name}}.duckdb").unlink(missing_ok=True)
used, started = time.process_time(), time.perf_counter()
{body}
print(time.perf_counter() - started, time.process_time() - used)
# What `resource` tells as the most memory held begins with that of the process which started this one.
print(next(int(line.split()[1]) >> 10 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


class Measured(NamedTuple):
    """What a run took: seconds by the clock, seconds of the processors, and the most memory held in MB."""

    seconds: float
    processor: float
    memory: float


def run(lines: int) -> None:
    """Print seconds by the clock and of the processors, rows a second, the most memory held and the ratios, for CSV
    and for Parquet. The best round counts, for what else the machine does only adds to a time."""
    count = FEW_ROUNDS if lines >= MANY else ROUNDS
    with tempfile.TemporaryDirectory(prefix="dashboard-loading-") as name:
        folder = Path(name)
        print(f"{lines:,} order lines, the best of {count} rounds in turns; a ratio of {GOAL:.0%} is the goal\n")
        print(f"{'file':<14}{'':<14}{'seconds':>9}{'rows/s':>14}{'processor':>11}{'memory':>10}   ratio")
        for file in ("sales.csv", "sales.parquet"):
            duckdb.connect().execute(f"COPY ({LINES.format(lines=lines)}) TO '{folder / file}'")
            (folder / f"{file}.toml").write_text(_mapping(file), "utf-8")
            rounds = [(_measured(ALONE, folder, file), _measured(OURS, folder, file)) for _ in range(count)]
            best = [_best(turns) for turns in zip(*rounds, strict=True)]
            ratio, of_processor = best[0].seconds / best[1].seconds, best[0].processor / best[1].processor
            for who, one in zip(("DuckDB alone", "load"), best, strict=True):
                met = f"{ratio:.0%} {'met' if ratio >= GOAL else 'NOT MET'}, of processor time {of_processor:.0%}"
                print(
                    f"{file:<14}{who:<14}{one.seconds:>9.1f}{lines / one.seconds:>14,.0f}{one.processor:>9.1f} s"
                    f"{one.memory:>7,.0f} MB{f'   {met}' if one is best[1] else ''}",
                    flush=True,
                )
            (folder / file).unlink()


def _best(rounds: Sequence[Measured]) -> Measured:
    seconds, processor, memory = zip(*rounds, strict=True)
    return Measured(min(seconds), min(processor), max(memory))


def _mapping(file: str) -> str:
    return sales(file=file).replace("\n[table.customer]\n", LOOKED_UP) + DIMENSIONS.lstrip()


def _measured(body: str, folder: Path, file: str) -> Measured:
    """One run in a process of its own."""
    program = MEASURED.format(body=body)
    done = subprocess.run([sys.executable, "-c", program, folder, file], capture_output=True, text=True, check=True)
    return Measured(*map(float, done.stdout.split()[-3:]))
