"""Responses to service are concave and end where they are said to; a planted effect is found with its interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dashboard.analysis.response import FORMS, Response, moved_against_alike


def response(form: str = "exponential", power: float = 0.7, most: float = 0.4) -> Response:
    return Response(form, most, 0.2, 0.7, 1000.0, power, "a test")  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
def test_more_service_never_brings_less_and_each_step_brings_less_than_the_one_before(form: str) -> None:
    brought = response(form).at(np.linspace(0, 20_000, 200))
    steps = np.diff(brought)
    assert brought[0] == 0
    assert (steps > 0).all()
    assert (np.diff(steps) < 0).all()
    assert response(form).at(1e12) == pytest.approx(0.4, rel=1e-3)


def test_the_forms_by_hand() -> None:
    """1 − exp(−1) of 0.4, and at effort = scale ADBUDG has brought half, whatever its power."""
    assert response().at(1000.0) == pytest.approx(0.4 * 0.6321206)
    for power in (0.3, 0.7, 1.0):
        assert response("adbudg", power).at(1000.0) == pytest.approx(0.2)
    assert response("adbudg", 0.5).at(4000.0) == pytest.approx(0.4 * 2 / 3)


def test_draws_of_the_end_have_the_stated_interval_and_never_cross_zero() -> None:
    drawn = response().drawn(np.random.default_rng(0).standard_normal(20_000))
    low, middle, high = np.percentile(drawn, [2.5, 50, 97.5])
    assert (low, middle, high) == pytest.approx((0.2, 0.4, 0.7), abs=0.01)
    assert response().drawn(-100.0) == 0


def cells(effect: float, rng: np.random.Generator) -> pd.DataFrame:
    """Moved and alike customers of six cells, each with its own drift of before and after."""
    rows = []
    for drift, n, others in ((5, 40, 90), (-3, 8, 400), (0, 120, 60), (9, 3, 3), (2, 1, 50), (4, 30, 1)):
        moved, alike = drift + effect + rng.normal(0, 10, n), drift + rng.normal(0, 10, others)
        variances = (np.var(x, ddof=1) if len(x) > 1 else np.nan for x in (moved, alike))
        rows.append((n, moved.mean(), next(variances), others, alike.mean(), next(variances)))
    return pd.DataFrame(rows, columns=["n", "mean", "variance", "n_alike", "mean_alike", "variance_alike"])


def test_a_planted_effect_lies_in_the_interval_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    found = [moved_against_alike(cells(4.0, rng)) for _ in range(400)]
    assert np.mean([e.low <= 4.0 <= e.high for e in found]) == pytest.approx(0.95, abs=0.03)  # type: ignore[operator]
    assert np.mean([e.estimate for e in found]) == pytest.approx(4.0, abs=0.25)
    assert {(e.n, e.alike) for e in found} == {(171, 553)}  # the cells with a single customer on one side don't count


def test_without_anybody_alike_there_is_no_effect() -> None:
    lonely = cells(1.0, np.random.default_rng(2)).assign(n_alike=1)
    found = moved_against_alike(lonely)
    assert (found.estimate, found.low, found.high, found.n) == (None, None, None, 0)
