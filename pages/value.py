"""How customer value is distributed: who makes the profit, who breaks even, who eats it."""

from dashboard.language import message
from dashboard.ui import card, cards, fold, gaps, kpis, open_page, section

reader, look = open_page(message("Customer value"))
kpis(reader, look, ("customers", "active_customers", "revenue", "gross_margin", "cost_to_serve", "profit"))
card(reader, look, "value.whale")
cards(reader, look, ["value.deciles", "value.concentration"])
cards(reader, look, ["value.trend", "value.by_region"])
fold(reader, look, "value.distribution")
fold(reader, look, "value.top", opens_customer=True)
fold(reader, look, "value.bottom", opens_customer=True)
section(reader, message("Value to come"))
card(reader, look, "value.lifetime")
cards(reader, look, ["value.lifetime_by_grade", "value.alive"])
fold(reader, look, "value.lifetime_by_region")
fold(reader, look, "value.lifetime_against_past")
fold(reader, look, "value.forecast_quality")
gaps(reader)
