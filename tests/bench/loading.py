"""How fast a file becomes a warehouse, beside what DuckDB alone needs to read the same file into a table.

`python -m tests.bench loading [--lines N]`. Both run in processes of their own, in turns, so that each has its own
memory to be measured; 50,000,000 lines need about 15 GB of disk and are the measure of flat memory.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

ROUNDS = 3
GOAL = 0.7

LINES = """
SELECT 'INV' || (i // 4) AS invoice, format('C{{:06d}}', (hash(i // 4) % 50000)::INTEGER) AS customer,
    format('P{{:04d}}', (hash(i * 7) % 2000)::INTEGER) AS product,
    DATE '2023-01-01' + (i * 1000 // {lines})::INTEGER AS day,
    (hash(i * 3) % 9 + 1)::INTEGER AS qty, ((hash(i * 5) % 10000) / 100)::DECIMAL(10, 2) AS price,
    ((hash(i * 11) % 5000) / 100)::DECIMAL(10, 2) AS cost, 'Country ' || ((hash(i // 4) % 50000) % 40) AS country
FROM range({lines}) AS lines (i)
"""

MAPPING = """
[warehouse]
currency = "EUR"
[source.sales]
file = "{file}"
numbers = ["qty", "price"]
[table.sales_line]
from = "sales"
[table.sales_line.columns]
order_code = "invoice"
customer = "customer"
product = "product"
sold_on = "day"
quantity = "qty"
revenue = {{ expression = "qty * price" }}
cost_of_goods = "cost"
[table.customer]
rows_of = "sales_line"
columns = {{ code = "customer", region = "country" }}
[table.product]
rows_of = "sales_line"
columns = {{ code = "product" }}
[table.region]
rows_of = "sales_line"
columns = {{ code = "country" }}
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
import resource, sys, time
from pathlib import Path
import duckdb
from dashboard.warehouse.load import load
folder, file = Path(sys.argv[1]), sys.argv[2]
for name in ("alone", "ours"):
    (folder / f"{{name}}.duckdb").unlink(missing_ok=True)
started = time.perf_counter()
{body}
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def run(lines: int) -> None:
    """Print seconds, rows a second, the most memory held and the ratio, for CSV and for Parquet."""
    with tempfile.TemporaryDirectory(prefix="dashboard-loading-") as name:
        folder = Path(name)
        print(f"{lines:,} order lines, medians of {ROUNDS} rounds; a ratio of {GOAL:.0%} is the goal\n")
        print(f"{'file':<14}{'':<14}{'seconds':>9}{'rows/s':>14}{'memory':>10}   ratio")
        for file in ("sales.csv", "sales.parquet"):
            duckdb.connect().execute(f"COPY ({LINES.format(lines=lines)}) TO '{folder / file}'")
            (folder / f"{file}.toml").write_text(MAPPING.format(file=file), "utf-8")
            rounds = [(_measured(ALONE, folder, file), _measured(OURS, folder, file)) for _ in range(ROUNDS)]
            ratio = statistics.median(alone[0] / ours[0] for alone, ours in rounds)
            for at, who in enumerate(("DuckDB alone", "load")):
                seconds = statistics.median(pair[at][0] for pair in rounds)
                memory = max(pair[at][1] for pair in rounds)
                goal = f"   {ratio:.0%} {'met' if ratio >= GOAL else 'NOT MET'}" if at else ""
                print(f"{file:<14}{who:<14}{seconds:>9.1f}{lines / seconds:>14,.0f}{memory:>7,.0f} MB{goal}")
            (folder / file).unlink()


def _measured(body: str, folder: Path, file: str) -> tuple[float, float]:
    """Seconds and megabytes of one run in a process of its own."""
    program = MEASURED.format(body=body)
    done = subprocess.run([sys.executable, "-c", program, folder, file], capture_output=True, text=True, check=True)
    seconds, memory = map(float, done.stdout.split()[-2:])
    return seconds, memory
