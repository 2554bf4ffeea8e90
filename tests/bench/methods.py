"""How fast the methods are, each beside its peer in one run.

The peers are installed in an environment of their own, by this bench and not by the product.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.signal import lfilter

from dashboard.analysis import concentration, cost_to_serve, grading, lifetime_value, service_levels, word_of_mouth

PEER = ["lifetimes==0.11.3", "numpy<2", "pandas<2.2", "scipy<1.12", "autograd<1.7"]
FIT = """
import json, resource, sys, time
import numpy as np
{how}
data = np.load(sys.argv[1])
columns = data["frequency"], data["recency"], data["age"]
times = []
for _ in range({runs}):
    started = time.perf_counter()
    params = fit(columns)
    times.append(time.perf_counter() - started)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({{"seconds": sorted(times)[len(times) // 2], "gigabytes": peak, "params": params}}))
"""
OURS = """from dashboard.analysis.lifetime_value import fit_bg_nbd
def fit(columns):
    return fit_bg_nbd(*columns).params"""
THEIRS = """from lifetimes import BetaGeoFitter
def fit(columns):
    return {k: float(v) for k, v in BetaGeoFitter().fit(*columns).params_.items()}"""
Row = tuple[str, str, str, str]


def seconds(work: Callable[[], object], runs: int = 3) -> float:
    """The median of a few runs."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2]


def purchases(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """BG/NBD customers (frequency, recency, age in weeks, to the day) with the parameters of CDNOW."""
    rng = np.random.default_rng(seed)
    age = rng.integers(27 * 7, 39 * 7, n) / 7
    rate, drop = rng.gamma(0.243, 1 / 4.414, n), rng.beta(0.793, 2.426, n)
    frequency, recency, now = np.zeros(n), np.zeros(n), np.zeros(n)
    alive = np.ones(n, dtype=bool)
    while alive.any():
        now[alive] += rng.exponential(1 / rate[alive])
        alive &= now < age
        frequency[alive] += 1
        recency[alive] = now[alive]
        alive &= rng.random(n) > drop
    return frequency, np.minimum(np.ceil(recency * 7) / 7, age), age


def fitted(python: Path | str, how: str, data: Path, runs: int) -> dict:
    """Seconds, peak memory and parameters of a fit in a process of its own."""
    script = FIT.format(how=how, runs=runs)
    said = subprocess.run([python, "-c", script, data], check=True, capture_output=True, text=True)
    return json.loads(said.stdout.splitlines()[-1])


def peer_fit(data: Path, folder: Path) -> dict | None:
    """`lifetimes` on the same file, or None when it can't be installed here."""
    python = folder / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER], check=True, capture_output=True)
        return fitted(python, THEIRS, data, 1)
    except subprocess.CalledProcessError as error:
        print(f"the peer could not run: {str(error.stderr)[-200:]}", file=sys.stderr)
        return None


def lifetime_rows(n: int) -> list[Row]:
    frequency, recency, age = purchases(n)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "customers.npz"
        np.savez(data, frequency=frequency, recency=recency, age=age)
        ours = fitted(sys.executable, OURS, data, 3)
        peer = peer_fit(data, Path(folder) / "peer")
    against, apart = "–", "–"
    if peer:
        against = f"lifetimes {peer['seconds']:.1f} s = {peer['seconds'] / ours['seconds']:.0f} × (goal 20 ×)"
        apart = f"{max(abs(peer['params'][name] / value - 1) for name, value in ours['params'].items()):.1e}"
    return [
        (f"BG/NBD, {n:,} customers", f"{ours['seconds']:.2f} s", "2 s", against),
        ("  peak memory", f"{ours['gigabytes']:.2f} GB", "2 GB", f"{peer['gigabytes']:.2f} GB" if peer else "–"),
        ("  parameters apart by at most", apart, "1e-4", "relative to lifetimes"),
    ]


def large_lifetime_rows(n: int) -> list[Row]:
    frequency, recency, age = purchases(n)
    rows = [_large_row(f"BG/NBD, {n:,} customers, by the day", frequency, recency, age)]
    # Times to the second, so that no two customers share a history: nothing can be grouped.
    shift = np.random.default_rng(7).uniform(0, 1 / 7, n)
    again = frequency > 0
    return [*rows, _large_row("  no two alike", frequency, np.where(again, recency + shift / 2, 0), age + shift)]


def _large_row(name: str, *histories: np.ndarray) -> Row:
    return name, f"{seconds(lambda: lifetime_value.fit_bg_nbd(*histories), 1):.1f} s", "15 s", "–"


def curve_rows(n: int) -> list[Row]:
    rng = np.random.default_rng(2)
    score, months = rng.uniform(1, 5, n).round(3), rng.uniform(1, 6, n)
    praise = rng.poisson(months * 0.015 * np.exp(3 * np.maximum(0, score - 4.2)))
    complaint = rng.poisson(months * 0.012 * np.exp(2 * np.maximum(0, 2.6 - score)))
    took = seconds(lambda: word_of_mouth.fit_curve(score, praise, complaint, months))
    eighths = pd.DataFrame({"satisfaction": np.rint(score * 8) / 8, "n": 1, "exposure": months, "praise": praise})
    sums = eighths.assign(complaint=complaint).groupby("satisfaction", as_index=False).sum()
    click = seconds(lambda: word_of_mouth.fit_curve_from_groups(sums))
    return [
        (f"word-of-mouth curve with bands, {n:,}", f"{took:.2f} s", "3 s", "–"),
        (f"  from the sums of {len(sums)} scores", f"{click:.2f} s", "0.25 s", "–"),
    ]


def concentration_rows(n: int) -> list[Row]:
    rng = np.random.default_rng(3)
    revenue, profit = rng.lognormal(8, 1.5, n), rng.normal(1, 3, n)

    def plain_gini() -> float:
        ordered = np.sort(revenue)
        return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * ordered.sum()))

    gini, plain = seconds(lambda: concentration.gini(revenue)), seconds(plain_gini)
    whale, summed = seconds(lambda: concentration.whale_curve(profit)), seconds(lambda: np.cumsum(np.sort(profit)))
    return [
        (f"Gini, {n:,} values", f"{gini:.2f} s", "2 s", f"numpy sort and dot {plain:.2f} s"),
        (f"whale curve, {n:,} values", f"{whale:.2f} s", "2 s", f"numpy sort and cumsum {summed:.2f} s"),
    ]


def grading_row(n: int) -> Row:
    readings = np.random.default_rng(4).standard_normal((n, 52))
    policy = grading.GradePolicy(cuts=(1, 0.5, -0.5), band=0.1)
    took = seconds(lambda: grading.assign_grades(readings, policy), 1)
    smoothed = seconds(lambda: lfilter([0.15], [1, -0.85], readings, axis=1), 1)
    return f"grades, {n:,} × 52 weeks", f"{took:.2f} s", "10 s", f"scipy, the smoothing alone {smoothed:.2f} s"


def cost_row(n: int) -> Row:
    rng = np.random.default_rng(5)
    volumes = pd.DataFrame(
        {
            "customer": np.tile(rng.permutation(n), 2),
            "activity": pd.Categorical.from_codes(np.repeat([0, 1], n), ["calls", "visits"]),
            "quantity": rng.gamma(1, 5, 2 * n),
        }
    )
    activities = pd.DataFrame(
        {"activity": ["calls", "visits"], "capacity_cost": [100_000.01, 3e6], "practical_capacity": [6.0 * n, 6.0 * n]}
    )
    rates = (activities["capacity_cost"] / activities["practical_capacity"]).set_axis(activities["activity"])

    def plain() -> pd.Series:
        money = volumes["quantity"] * volumes["activity"].map(rates).astype(float)
        return money.groupby(volumes["customer"]).sum().round(2)

    took = seconds(lambda: cost_to_serve.time_driven(activities, volumes), 1)
    found = cost_to_serve.time_driven(activities, volumes)
    exact = found.customers_cents + found.unused_cents + found.enterprise_cents == found.ledger_cents
    off = abs(round(plain().sum() * 100) - found.customers_cents)
    peer = f"pandas groupby {seconds(plain, 1):.2f} s, off by {off} cents"
    return f"cost to serve, {n:,} customers", f"{took:.2f} s", "5 s", f"{'exact' if exact else 'NOT EXACT'}; {peer}"


def levels_rows(few: int, many: int) -> list[Row]:
    def problem(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(6)
        effort = np.array([0.0, 0.3, 0.6, 1.0])
        value = rng.lognormal(8, 1.2, n)
        gain = value[:, None] * (1 - np.exp(-3 * effort)) * rng.uniform(0.05, 0.3, (n, 1))
        cost = effort[:, None] * np.array([900.0, 20.0, 12.0]) * rng.uniform(0.7, 1.3, (n, 4, 3))
        return gain, cost, np.array([200.0, 5.0, 3.5]) * n

    small, large = problem(few), problem(many)
    gain, cost, capacity = small
    n, levels = gain.shape
    rows = sparse.kron(sparse.eye(n), np.ones((1, levels)), format="csr")
    limits = [
        LinearConstraint(rows, 1, 1),
        LinearConstraint(sparse.csr_matrix(cost.reshape(n * levels, -1).T), -np.inf, capacity),
    ]
    started = time.perf_counter()
    peer = milp(-gain.ravel(), constraints=limits, integrality=1, bounds=Bounds(0, 1), options={"time_limit": 120})
    waited = time.perf_counter() - started
    ours = service_levels.assign(*small)
    against = "no answer" if peer.x is None else f"{-peer.fun / ours.value - 1:+.1e} of value"
    big = service_levels.assign(*large)
    return [
        (
            f"levels, {few:,} × 4 × 3",
            f"{seconds(lambda: service_levels.assign(*small)):.2f} s",
            "2 s",
            f"HiGHS {waited:.1f} s, {against}",
        ),
        (
            f"levels, {many:,} × 4 × 3",
            f"{seconds(lambda: service_levels.assign(*large), 1):.1f} s",
            "30 s",
            f"gap {big.gap:.1e} (goal 1e-4)",
        ),
    ]


def run(share: float = 1.0) -> None:
    """Print every method's time, its goal and its peer; `share` of the customers tries it in a moment."""
    million, ten = round(share * 1_000_000), round(share * 10_000_000)
    rows: list[Row] = [
        ("method", "took", "goal", "peer, in the same run"),
        *lifetime_rows(million),
        *large_lifetime_rows(ten),
        *curve_rows(round(share * 50_000)),
        *concentration_rows(ten),
        grading_row(million),
        cost_row(million),
        *levels_rows(round(share * 10_000), million),
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)
