"""The grading policy's file: readable, versioned, and refused with the key and the mend when something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.errors import DashboardError
from dashboard.grading import FILE, INPUTS, grading
from queries import marts
from queries.schema import GRADES, customer_profile

WRITTEN = """
version = "1"
source = "test"
[weights]
contribution = 0.5
growth = 0.2
risk = 0.3
[cuts]
A = 0.8
B = 0.6
C = 0.3
[stability]
smoothing = 0.4
band = 0.02
dwell = 2
largest_fall = 1
[review]
every_weeks = 4
reaches_back_weeks = 104
[contract]
lifts_at_once = true
smallest_value = 1000
"""


def written(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in WRITTEN
    path = folder / "grading.toml"
    path.write_text(WRITTEN.replace(old, new, 1) if old else WRITTEN, "utf-8")
    return path


def test_the_policy_as_shipped_is_whole() -> None:
    rules = grading()
    assert rules.version and rules.source
    assert sum(rules.weights.values()) == pytest.approx(1)
    assert rules.rules().grades == GRADES
    assert FILE.read_text("utf-8").count("#   ") == len(INPUTS), "every input is explained in the file"


def test_a_policy_says_what_its_file_says(tmp_path: Path) -> None:
    rules = grading(written(tmp_path))
    assert rules.weights == {"contribution": 0.5, "growth": 0.2, "risk": 0.3}
    assert rules.rules().cuts == (0.8, 0.6, 0.3)
    assert (rules.smallest_contract, rules.every_weeks, rules.dwell) == (1000, 4, 2)


def test_a_contract_may_lift_nobody(tmp_path: Path) -> None:
    assert grading(written(tmp_path, "= true", "= false")).smallest_contract is None


def test_nothing_personal_is_on_the_list_of_inputs() -> None:
    assert not set(INPUTS) & set(customer_profile.c.keys())
    assert set(INPUTS) <= set(marts.measured_grade.c.keys()), "each input has a column for where a customer stands"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version =", "verson =", "unknown key 'verson'; did you mean 'version'?"),
        ("growth = 0.2", "groth = 0.2", "[weights]: unknown input 'groth'; did you mean 'growth'?; a grade may"),
        ("growth = 0.2", "religion = 0.2", "[weights]: 'religion' is a personal detail, which never enters a grade"),
        ("growth = 0.2", "industry = 0.2", "[weights]: unknown input 'industry'"),
        ("growth = 0.2", "growth = 0.1", "[weights]: the weights sum to 0.9: make them sum to 1"),
        ("growth = 0.2", "growth = -0.2", "[weights]: 'growth' needs a number of 0 or more"),
        ("B = 0.6", "B = 0.9", "[cuts]: 'A' needs a cut above that of 'B', 0.9"),
        ("B = 0.6", "b = 0.6", "[cuts]: unknown key 'b'; one of A, B, C"),
        ("A = 0.8", "A = 80", "[cuts]: 'A' needs a number from 0 to 1; got 80"),
        ("smoothing = 0.4", "smoothing = 0", "'smoothing' needs a number above 0"),
        ("dwell = 2", "dwell = 0", "[stability]: 'dwell' needs a whole number from 1 to 120; got 0"),
        ("dwell = 2", "dwel = 2", "[stability]: unknown key 'dwel'; did you mean 'dwell'?"),
        ("every_weeks = 4", "every_weeks = 52", "[review]: 'every_weeks' needs a whole number from 1 to 26; got 52"),
        ("= true", '= "yes"', "[contract]: 'lifts_at_once' is true or false"),
        ("smallest_value = 1000", "", "[contract]: key 'smallest_value' is missing"),
        ("[cuts]", "[cuts", "grading.toml"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(DashboardError) as error:
        grading(written(tmp_path, old, new))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
