"""What each customer costs to serve, what a unit of service brings back, and why some lose money."""

from dashboard.language import message
from dashboard.ui import card, cards, fold, gaps, kpis, needs, open_page

reader, look = open_page(message("Cost to serve"))
KPIS = ("active_customers", "revenue", "gross_margin", "cost_to_serve", "profit", "loss_makers")
if needs(reader, "cost"):
    kpis(reader, look, KPIS, headline="cost.summary")
    card(reader, look, "cost.waterfall")
    cards(reader, look, ["cost.activities", "cost.losses"])
    card(reader, look, "cost.quadrant")
    fold(reader, look, "cost.loss_makers", opens_customer=True)
    fold(reader, look, "cost.customers", opens_customer=True)
    fold(reader, look, "cost.identity")
    gaps(reader)
