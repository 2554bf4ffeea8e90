"""Grades and tiers: where they stand, where they disagree, and how customers move between them."""

from dashboard.language import message
from dashboard.ui import card, cards, fold, gaps, kpis, needs, note_on_grades, open_page

reader, look = open_page(message("Tiers and grades"))
by = "tiers.by_region" if reader.marts.measured else "tiers.matrix"
kpis(reader, look, ("customers", "active_customers", "revenue", "profit", "loss_makers"), headline=by)
if needs(reader, "tiers"):
    note_on_grades(reader)
    card(reader, look, "tiers.matrix", headline=reader.marts.measured)
    cards(reader, look, ["tiers.by_region", "tiers.migration"])
    cards(reader, look, ["tiers.reasons", "tiers.stability"])
    cards(reader, look, ["tiers.trend", "tiers.needs"])
    if not reader.marts.measured:
        card(reader, look, "tiers.measured")
    fold(reader, look, "tiers.policy")
    gaps(reader)
