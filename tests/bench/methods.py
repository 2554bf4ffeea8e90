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

from dashboard.analysis import concentration, cost_to_serve, grading, lifetime_value, service_levels, word_of_mouth

PEER = ["lifetimes==0.11.3", "numpy<2", "pandas<2.2", "scipy<1.12", "autograd<1.7"]
FIT = """
import json, sys, time
import numpy as np
from lifetimes import BetaGeoFitter
data = np.load(sys.argv[1])
started = time.perf_counter()
fitter = BetaGeoFitter().fit(data["frequency"], data["recency"], data["age"])
print(json.dumps({"seconds": time.perf_counter() - started, **{k: float(v) for k, v in fitter.params_.items()}}))
"""


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


def peer_fit(data: Path, folder: Path) -> dict[str, float] | None:
    """`lifetimes` on the same file, or None when it can't be installed here."""
    python = folder / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER], check=True, capture_output=True)
        said = subprocess.run([python, "-c", FIT, data], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        print(f"the peer could not run: {str(error.stderr)[-200:]}", file=sys.stderr)
        return None
    return json.loads(said.stdout.splitlines()[-1])


def lifetime_rows() -> list[tuple[str, str, str, str]]:
    frequency, recency, age = purchases(1_000_000)
    ours = seconds(lambda: lifetime_value.fit_bg_nbd(frequency, recency, age))
    params = lifetime_value.fit_bg_nbd(frequency, recency, age).params
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "customers.npz"
        np.savez(data, frequency=frequency, recency=recency, age=age)
        peer = peer_fit(data, Path(folder) / "peer")
    rows = [("BG/NBD, 1M customers", f"{ours:.2f} s", "2 s", "–")]
    if peer:
        apart = max(abs(peer[name] / value - 1) for name, value in params.items())
        rows[0] = (rows[0][0], rows[0][1], "2 s", f"lifetimes {peer['seconds']:.1f} s = {peer['seconds'] / ours:.0f} ×")
        rows.append(("  parameters apart by at most", f"{apart:.1e}", "1e-4", "relative to lifetimes"))
    many = purchases(10_000_000)
    rows.append(("BG/NBD, 10M customers", f"{seconds(lambda: lifetime_value.fit_bg_nbd(*many), 1):.1f} s", "15 s", "–"))
    return rows


def curve_row() -> tuple[str, str, str, str]:
    rng = np.random.default_rng(2)
    score, months = rng.uniform(1, 5, 50_000).round(3), rng.uniform(1, 6, 50_000)
    praise = rng.poisson(months * 0.015 * np.exp(3 * np.maximum(0, score - 4.2)))
    complaint = rng.poisson(months * 0.012 * np.exp(2 * np.maximum(0, 2.6 - score)))
    took = seconds(lambda: word_of_mouth.fit_curve(score, praise, complaint, months))
    return "word-of-mouth curve with bands, 50k", f"{took:.2f} s", "3 s", "–"


def concentration_rows() -> list[tuple[str, str, str, str]]:
    rng = np.random.default_rng(3)
    revenue = rng.lognormal(8, 1.5, 10_000_000)
    profit = rng.normal(1, 3, 10_000_000)

    def plain_gini() -> float:
        ordered = np.sort(revenue)
        n = len(ordered)
        return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * ordered.sum()))

    took = seconds(lambda: concentration.gini(revenue))
    return [
        ("Gini, 10M values", f"{took:.2f} s", "2 s", f"numpy sort and dot {seconds(plain_gini):.2f} s"),
        ("whale curve, 10M values", f"{seconds(lambda: concentration.whale_curve(profit)):.2f} s", "2 s", "–"),
    ]


def grading_row() -> tuple[str, str, str, str]:
    readings = np.random.default_rng(4).standard_normal((1_000_000, 52))
    policy = grading.GradePolicy(cuts=(1, 0.5, -0.5), band=0.1)
    took = seconds(lambda: grading.assign_grades(readings, policy), 1)
    return "grades, 1M customers × 52 weeks", f"{took:.2f} s", "10 s", "–"


def cost_row() -> tuple[str, str, str, str]:
    rng = np.random.default_rng(5)
    n = 1_000_000
    volumes = pd.DataFrame(
        {
            "customer": np.tile(rng.permutation(n), 2),
            "activity": pd.Categorical.from_codes(np.repeat([0, 1], n), ["calls", "visits"]),
            "quantity": rng.gamma(1, 5, 2 * n),
        }
    )
    activities = pd.DataFrame(
        {"activity": ["calls", "visits"], "capacity_cost": [100_000.01, 3e6], "practical_capacity": [6e6, 6e6]}
    )
    took = seconds(lambda: cost_to_serve.time_driven(activities, volumes), 1)
    found = cost_to_serve.time_driven(activities, volumes)
    exact = found.customers_cents + found.unused_cents + found.enterprise_cents == found.ledger_cents
    return "cost to serve, 1M customers", f"{took:.2f} s", "5 s", "adds to the cent" if exact else "DOES NOT ADD UP"


def levels_rows() -> list[tuple[str, str, str, str]]:
    def problem(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(6)
        effort = np.array([0.0, 0.3, 0.6, 1.0])
        value = rng.lognormal(8, 1.2, n)
        gain = value[:, None] * (1 - np.exp(-3 * effort)) * rng.uniform(0.05, 0.3, (n, 1))
        cost = effort[:, None] * np.array([900.0, 20.0, 12.0]) * rng.uniform(0.7, 1.3, (n, 4, 3))
        return gain, cost, np.array([200.0, 5.0, 3.5]) * n

    small, large = problem(10_000), problem(1_000_000)
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
            "levels, 10k × 4 × 3",
            f"{seconds(lambda: service_levels.assign(*small)):.2f} s",
            "2 s",
            f"HiGHS {waited:.1f} s, {against}",
        ),
        (
            "levels, 1M × 4 × 3",
            f"{seconds(lambda: service_levels.assign(*large), 1):.1f} s",
            "30 s",
            f"gap {big.gap:.1e} (goal 1e-4)",
        ),
    ]


def run() -> None:
    """Print every method's time, its goal and its peer."""
    rows = [*lifetime_rows(), curve_row(), *concentration_rows(), grading_row(), cost_row(), *levels_rows()]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)
