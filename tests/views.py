"""Views to try at random: filters whose codes exist in the marts, and texts that try to be something else."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from dashboard.filters import CHOICES, Filters
from dashboard.periods import COMPARISONS, PERIODS
from dashboard.warehouse.read import Marts
from queries.schema import GRADES, TIERS

GROUPS = (
    *("active", "moved", "surveyed", "loss_makers", "creators", "break_even", "destroyers"),
    *(f"decile-{n}" for n in (1, 5, 10)),
    *("score-1-2.5", "score-2.5-4", "score-4-5"),
)


def some(codes: tuple[str, ...], at_most: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    """Mostly nothing chosen, else a few codes."""
    if not codes:
        return st.just(())
    few = st.lists(st.sampled_from(codes), min_size=1, max_size=at_most, unique=True).map(tuple)
    return st.one_of(st.just(()), st.just(()), few)


def weeks(marts: Marts) -> st.SearchStrategy[date | None]:
    return st.one_of(st.none(), st.sampled_from(marts.calendar.weeks()))


def filters(marts: Marts, *, group: bool = True) -> st.SearchStrategy[Filters]:
    """Any filters a reader could reach by clicking."""
    codes = {name: tuple(marts.dimensions.get(name, ())) for name in CHOICES} | {"grade": GRADES, "tier": TIERS}
    return st.builds(
        Filters,
        period=st.sampled_from(PERIODS),
        compare=st.sampled_from(COMPARISONS),
        as_of=weeks(marts),
        **{name: some(known) for name, known in codes.items()},
        group=st.sampled_from(("", "", *GROUPS)) if group else st.just(""),
    )
