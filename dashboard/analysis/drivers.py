"""What drives satisfaction: how much each rated item moves the overall rating, others held equal.

Standardised regression coefficients from means and covariances, so that the warehouse hands over sums and
no answers. Importance against performance: Martilla & James (1977), J. Marketing 41(1):77-79.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from dashboard.analysis import inputs


def key_drivers(
    n: int, covariance: Mapping[tuple[str, str], float], outcome: str, items: Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Importance of each item for an outcome, with its interval.

    covariance: sample covariances by pair (either order), over the same `n` answers. Gives columns item,
    importance (change of the outcome in standard deviations for one standard deviation of the item), low,
    high. Items that never vary have no importance and are left out; an empty frame when nothing can be said
    (an outcome without variation, items that determine one another, a covariance that is missing, or too
    few answers).
    """
    inputs.between_0_and_1("level", level)

    def cov(a: str, b: str) -> float:
        value = covariance.get((a, b), covariance.get((b, a)))
        return float("nan") if value is None else float(value)

    varying = [item for item in items if cov(item, item) > 0]
    spread = cov(outcome, outcome)
    freedom = n - len(varying) - 1
    empty = pd.DataFrame({"item": [], "importance": [], "low": [], "high": []})
    if not varying or not spread > 0 or freedom < 1:
        return empty
    sd = np.sqrt([cov(item, item) for item in varying])
    between = np.array([[cov(a, b) for b in varying] for a in varying]) / np.outer(sd, sd)
    with_outcome = np.array([cov(item, outcome) for item in varying]) / (sd * np.sqrt(spread))
    if not np.isfinite([*between.ravel(), *with_outcome]).all() or np.linalg.cond(between) > 1e10:
        return empty
    inverse = np.linalg.inv(between)
    beta = inverse @ with_outcome
    unexplained = max(0.0, 1 - float(beta @ with_outcome))
    error = np.sqrt(np.diag(inverse) * unexplained / freedom)
    reach = stats.t.ppf((1 + level) / 2, freedom) * error
    return pd.DataFrame({"item": varying, "importance": beta, "low": beta - reach, "high": beta + reach})
