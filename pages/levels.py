"""Who gets which level of service: the plan, what it takes and brings, and the moves to decide."""

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
    cards(reader, look, ["levels.matrix", "levels.frontier"])
    card(reader, look, "levels.queue", opens_customer=True)
    cards(reader, look, ["levels.capacity", "levels.today"])
    card(reader, look, "levels.follow_up")
    card(reader, look, "levels.response")
