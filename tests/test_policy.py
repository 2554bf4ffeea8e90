"""The policy file: readable, versioned, and refused with the key and the mend when something is wrong in it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from dashboard.errors import DashboardError
from dashboard.policy import FILE, INPUTS, PERSONAL, Approval, policy
from queries import schema
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


def test_each_level_includes_no_less_than_the_one_below() -> None:
    for higher, lower in pairwise(policy().levels.values()):
        assert all(higher.includes.get(code, 0) >= units for code, units in lower.includes.items())
        assert all(higher.money.get(kind, 0) >= amount for kind, amount in lower.money.items())


def test_every_response_states_its_source_and_an_interval() -> None:
    for response in policy().response.values():
        assert response.source
        assert response.low < response.most < response.high


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version =", "verson =", "unknown key 'verson'; did you mean 'version'?"),
        ("largest_fall = 1", "", "[limits]: key 'largest_fall' is missing"),
        ("largest_fall = 1", "largest_fall = -1", "'largest_fall' needs a whole number from 0 to 4"),
        ("largest_fall = 1", "largest_fall = 1.5", "'largest_fall' needs a whole number from 0 to 4"),
        ("[levels.key]", "[levels.kex]", "[levels]: unknown key 'kex'; did you mean 'key'?"),
        ("most = 0.40", "mots = 0.40", "[response.satisfaction]: unknown key 'mots'; did you mean 'most'?"),
        ("most = 0.40", "most = 0.70", "'most' must lie from 'low' to 'high'; got 0.15, 0.7, 0.65"),
        ('form = "adbudg"', 'form = "linear"', "[response.spending]: 'form' is one of exponential, adbudg"),
        ("power = 0.5", "power = 1.5", "[response.spending]: 'scale' needs a number above zero, 'power' one"),
        ("{ call = 8,", "{ call = -8,", "[levels.self_service]: includes: 'call' needs a number of 0 or more"),
        ("{ gift = 150 }", '{ gift = "some" }', "[levels.key]: money: 'gift' needs a number of 0 or more"),
        ('least = "self_service"', 'least = "selfservice"', "got 'selfservice'; did you mean 'self_service'?"),
        ("lowered = 0.08", "lowered = 5", "'largest_share_lowered' needs a number from 0 to 1; got 5"),
        ('"strategic_fit"', '"strategic fit"', "got 'strategic fit'; did you mean 'strategic_fit'?"),
        ("at_least = 5", "atleast = 5", "[limits]: floors, number 1: needs one of at_least, at_most, one_of"),
        ("at_least = 20000", 'at_least = "much"', "[limits]: ceilings, number 1: 'at_least' needs a number"),
        ("share = 0.8", "share = 80", "[capacity]: 'share' needs a number from 0 to 1; got 80"),
        ('levels = ["strategic"]', 'levels = ["strategy"]', "got 'strategy'; did you mean 'strategic'?"),
        ("version =", "version", "policy.toml"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(DashboardError) as error:
        policy(changed(tmp_path, old, new))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", PERSONAL)
def test_no_personal_detail_gets_into_the_policy(tmp_path: Path, name: str) -> None:
    """Neither as an input of a rule nor anywhere else, and no way round through an unknown key."""
    for old, new in (('"strategic_fit"', f'"{name}"'), ("largest_fall = 1", f"largest_fall = 1\n{name} = 1")):
        with pytest.raises(DashboardError, match=f"'{name}'"):
            policy(changed(tmp_path, old, new))


def test_inputs_are_named_one_by_one_and_none_is_personal() -> None:
    assert not set(INPUTS) & set(PERSONAL)
    assert not set(INPUTS) & {c.name for c in schema.customer_profile.c}


def test_a_second_person_is_asked_for_where_the_policy_says_so() -> None:
    approval = Approval(("strategic",), cost_above=100, gain_above=1000)
    assert approval.asks("strategic", 0, 0)
    assert approval.asks("key", -101, 0)
    assert approval.asks("key", 0, 1001)
    assert not approval.asks("key", 100, 1000)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match=r"policy .*none.toml"):
        policy(tmp_path / "none.toml")
