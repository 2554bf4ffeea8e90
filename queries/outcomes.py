"""What came of decisions: profit since of customers decided on, and of customers alike on whom nothing was decided.

Alike are customers with the same grade before and after and the same tier before, whose tier stayed. The weeks since a
decision are set against as many before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, Subquery, func, select

from queries import marts
from queries.population import View, population
from queries.schema import GRADES, TIERS
from queries.value import as_float

ALIKE = ("grade_before", "grade_after", "tier_before")


def _members(since: View, before: View) -> Subquery:
    """Customers in view with their profit of both times, and their grades and tiers before the decision and now."""
    now, then, who = population(since), population(before).alias("earlier"), marts.customer.c
    old, new = (marts.graded_on(view.window.last_day).subquery() for view in (before, since))
    return (
        select(
            *(who.code, who.name, who.name_en),
            as_float(func.coalesce(then.c.profit, 0)).label("profit_before"),
            as_float(now.c.profit).label("profit"),
            *(old.c.grade.label("grade_before"), new.c.grade.label("grade_after")),
            *(old.c.tier.label("tier_before"), new.c.tier.label("tier_after")),
        )
        .join_from(now, marts.customer, who.customer_key == now.c.customer_key)
        .outerjoin(then, then.c.customer_key == now.c.customer_key)
        .outerjoin(old, old.c.customer_key == now.c.customer_key)
        .outerjoin(new, new.c.customer_key == now.c.customer_key)
        .subquery("members")
    )


def outcomes(since: View, before: View, codes: Sequence[str]) -> Select:
    """The customers of a decision, by code: profit before and since, and whom they are alike."""
    members = _members(since, before)
    return select(members).where(members.c.code.in_(codes)).order_by(members.c.code)


def alike(since: View, before: View, codes: Sequence[str]) -> Select:
    """Customers on whom nothing was decided and whose tier stayed, by cell of those alike: how many (n), and mean and
    variance of the change of their profit."""
    m = _members(since, before).c
    keys = [m[name] for name in ALIKE]
    change = m.profit - m.profit_before
    numbers = (func.count().label("n"), func.avg(change).label("mean"), func.var_samp(change).label("variance"))
    stayed = m.tier_before == m.tier_after
    known = (m.grade_before.in_(GRADES), m.grade_after.in_(GRADES), m.tier_before.in_(TIERS))
    return select(*keys, *numbers).where(stayed, *known, m.code.not_in(codes)).group_by(*keys).order_by(*keys)
