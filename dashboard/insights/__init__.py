"""One module a subject: the query, the analysis, the headline and the figure of each question.

Importing this package registers them all.
"""

from dashboard.insights import (
    alerts,
    cost,
    customers,
    data,
    decided,
    grading,
    levels,
    lifetime,
    movers,
    moves,
    outcomes,
    quality,
    review,
    satisfaction,
    tiers,
    value,
)

__all__ = [
    "alerts",
    "cost",
    "customers",
    "data",
    "decided",
    "grading",
    "levels",
    "lifetime",
    "movers",
    "moves",
    "outcomes",
    "quality",
    "review",
    "satisfaction",
    "tiers",
    "value",
]
