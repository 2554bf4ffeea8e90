"""Who gets which level of service: today's levels and a first recommendation under one budget."""

from dashboard.language import message
from dashboard.ui import card, cards, kpis, needs, open_page

reader, look = open_page(message("Service levels"))
kpis(
    reader,
    look,
    ("customers", "gross_margin", "cost_to_serve", "profit", "loss_makers"),
    headline="levels.recommendation",
)
if needs(reader, "assignment", "costs", "cost_of_goods"):
    card(reader, look, "levels.recommendation", headline=False)
    cards(reader, look, ["levels.frontier", "levels.today"])
