"""The policy file: readable, versioned, and refused with the key and the mend when something is wrong in it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from dashboard.errors import DashboardError
from dashboard.policy import FILE, policy
from queries.schema import TIERS


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = FILE.read_text("utf-8")
    assert old in text
    path = tmp_path / "policy.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return path


def test_the_policy_as_shipped_is_whole() -> None:
    rules = policy()
    assert rules.version
    assert rules.source
    assert tuple(rules.levels) == TIERS


def test_each_level_brings_and_includes_no_less_than_the_one_below() -> None:
    """And each step up brings less than the one before: more service has falling returns."""
    levels = list(policy().levels.values())
    response = [level.response for level in levels]
    assert response == sorted(response, reverse=True)
    assert response[-1] == 0
    for higher, lower in pairwise(levels):
        assert all(higher.includes.get(code, 0) >= units for code, units in lower.includes.items())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version =", "verson =", "unknown key 'verson'; did you mean 'version'?"),
        ("largest_fall = 1", "", "key 'largest_fall' is missing"),
        ("largest_fall = 1", "largest_fall = -1", "'largest_fall' needs a whole number of zero or more"),
        ("largest_fall = 1", "largest_fall = 1.5", "'largest_fall' needs a whole number of zero or more"),
        ("[levels.key]", "[levels.kex]", "[levels]: unknown key 'kex'; did you mean 'key'?"),
        ("response = 0.0", "respons = 0.0", "[levels.self_service]: unknown key 'respons'; did you mean 'response'?"),
        ("response = 0.0", "response = -0.1", "[levels.self_service]: 'response' needs a number of zero or more"),
        ("response = 0.0", 'response = "low"', "[levels.self_service]: 'response' needs a number of zero or more"),
        ("{ call = 8,", "{ call = -8,", "[levels.self_service]: 'call' needs a number of zero or more"),
        ("version =", "version", "policy.toml"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(DashboardError) as error:
        policy(changed(tmp_path, old, new))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match=r"policy .*none.toml"):
        policy(tmp_path / "none.toml")
