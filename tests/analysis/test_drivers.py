"""Key drivers: importance is recovered with its interval, and nothing is said where nothing can be."""

import numpy as np
import pytest

from dashboard.analysis.drivers import key_drivers

ITEMS = ["price", "delivery", "advice"]


def answers(n: int, seed: int) -> np.ndarray:
    """Ratings of three correlated items and the overall one, a row an answer: price counts most, advice nothing."""
    rng = np.random.default_rng(seed)
    mood = rng.normal(size=n)
    items = 0.6 * mood[:, None] + 0.8 * rng.normal(size=(n, 3))
    return np.column_stack([items, items @ [0.5, 0.3, 0.0] + 0.7 * rng.normal(size=n)])


def covariances(table: np.ndarray) -> dict[tuple[str, str], float]:
    names = [*ITEMS, "overall"]
    found = np.cov(table.T)
    return {(a, b): found[i, j] for i, a in enumerate(names) for j, b in enumerate(names) if j >= i}


def test_importance_is_the_standardised_coefficient_of_least_squares():
    table = answers(400, 1)
    scaled = (table - table.mean(axis=0)) / table.std(axis=0, ddof=1)
    expected = np.linalg.lstsq(scaled[:, :3], scaled[:, 3], rcond=None)[0]
    found = key_drivers(400, covariances(table), "overall", ITEMS)
    assert found["item"].tolist() == ITEMS
    assert found["importance"].to_numpy() == pytest.approx(expected)


def test_intervals_cover_the_true_importance_at_about_their_level():
    # The truth: items have variance 1, the outcome .25 + .09 + 2 x .15 x .36 + .49.
    truth = np.array([0.5, 0.3, 0.0]) / np.sqrt(0.25 + 0.09 + 2 * 0.15 * 0.36 + 0.49)
    inside = []
    for seed in range(400):
        found = key_drivers(150, covariances(answers(150, seed)), "overall", ITEMS)
        inside.append((found["low"] <= truth) & (truth <= found["high"]))
    assert (np.mean(inside, axis=0) > 0.91).all() and (np.mean(inside, axis=0) < 0.985).all()


def test_an_item_that_never_varies_has_no_importance():
    table = answers(200, 2)
    table[:, 2] = 4.0
    assert key_drivers(200, covariances(table), "overall", ITEMS)["item"].tolist() == ["price", "delivery"]


def test_nothing_is_said_where_nothing_can_be():
    table = answers(200, 3)
    same = table.copy()
    same[:, 1] = 2 * same[:, 0]
    silent = table.copy()
    silent[:, 3] = 5.0
    known = covariances(table)
    missing = {pair: value for pair, value in known.items() if pair != ("price", "delivery")}
    for n, covariance in ((200, covariances(same)), (200, covariances(silent)), (4, known), (200, {}), (200, missing)):
        assert key_drivers(n, covariance, "overall", ITEMS).empty
    assert key_drivers(200, known | {("price", "overall"): np.nan}, "overall", ITEMS).empty


def test_the_order_of_a_pair_and_of_the_items_changes_nothing():
    known = covariances(answers(200, 4))
    turned = {(b, a): value for (a, b), value in known.items()}
    one = key_drivers(200, known, "overall", ITEMS)
    other = key_drivers(200, turned, "overall", ITEMS[::-1]).sort_values("item", key=lambda c: c.map(ITEMS.index))
    assert other["importance"].to_numpy() == pytest.approx(one["importance"].to_numpy())


def test_a_level_that_is_none_is_refused():
    with pytest.raises(ValueError, match="level must lie between 0 and 1; got 95"):
        key_drivers(200, {}, "overall", ITEMS, level=95)
