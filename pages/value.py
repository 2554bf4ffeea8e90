"""How customer value is distributed: who makes the profit, who breaks even, who eats it."""

from dashboard.language import message
from dashboard.ui import card, cards, kpis, open_page, section

reader, look = open_page(message("Customer value"))
kpis(reader, look, ("customers", "active_customers", "revenue", "gross_margin", "cost_to_serve", "profit"))
card(reader, look, "value.whale")
cards(reader, look, ["value.distribution", "value.concentration"])
cards(reader, look, ["value.trend", "value.by_region"])
card(reader, look, "value.deciles")
card(reader, look, "value.top", opens_customer=True)
card(reader, look, "value.bottom", opens_customer=True)
section(reader, message("Value to come"))
card(reader, look, "value.lifetime")
cards(reader, look, ["value.lifetime_by_grade", "value.lifetime_by_region"])
cards(reader, look, ["value.alive", "value.lifetime_against_past"])
card(reader, look, "value.forecast_quality")
