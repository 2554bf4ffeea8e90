"""One module a subject: the query, the analysis, the headline and the figure of each question.

Importing this package registers them all.
"""

from dashboard.insights import (
    cost,
    customers,
    data,
    decided,
    grading,
    levels,
    lifetime,
    moves,
    quality,
    review,
    satisfaction,
    tiers,
    value,
)

__all__ = [
    "cost",
    "customers",
    "data",
    "decided",
    "grading",
    "levels",
    "lifetime", "moves",
    "quality",
    "review",
    "satisfaction",
    "tiers",
    "value",
]
