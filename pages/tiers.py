"""Grades and tiers: where they stand, where they disagree, and how customers move between them."""

from dashboard.language import message
from dashboard.ui import card, cards, kpis, needs, open_page

reader, look = open_page(message("Tiers and grades"))
kpis(reader, look, ("customers", "active_customers", "revenue", "profit", "loss_makers"), headline="tiers.matrix")
if needs(reader, "assignment"):
    card(reader, look, "tiers.matrix", headline=False)
    cards(reader, look, ["tiers.by_region", "tiers.migration"])
    cards(reader, look, ["tiers.reasons", "tiers.stability"])
    cards(reader, look, ["tiers.trend", "tiers.needs"])
