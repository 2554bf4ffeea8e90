"""Service levels: what each tier costs and brings today, and the customers a plan is made of."""

from __future__ import annotations

from sqlalchemy import Integer, Select, case, cast, func, select

from queries.population import View, population
from queries.value import as_float, totals

BINS_AN_E_FOLD = 8


def today(view: View) -> Select:
    """Totals by tier."""
    customers = population(view)
    return select(customers.c.tier, *totals(customers)).where(customers.c.tier.is_not(None)).group_by(customers.c.tier)


def groups(view: View) -> Select:
    """Customers alike to the plan: same grade and tier, gross margin within an eighth of an e-fold.

    Columns grade, tier, bin, customers, gross_margin, activity_cost, profit (sums). Customers without a
    positive margin share the bin null.
    """
    customers = population(view)
    c = customers.c
    margin = as_float(c.gross_margin)
    bin_ = case((margin > 0, cast(func.floor(func.ln(margin) * BINS_AN_E_FOLD), Integer)))
    return (
        select(
            *(c.grade, c.tier, bin_.label("bin")),
            func.count().label("customers"),
            *[as_float(func.sum(c[n])).label(n) for n in ("gross_margin", "activity_cost", "profit")],
        )
        .where(c.tier.is_not(None), c.gross_margin.is_not(None))
        .group_by(c.grade, c.tier, "bin")
        .order_by(c.tier, c.grade, "bin")
    )
