"""The five answers in five headlines, each leading to its page."""

from dashboard.language import message
from dashboard.ui import kpis, open_page
from dashboard.ui.lead import lead

reader, look = open_page(message("Overview"))
kpis(reader, look, ("active_customers", "revenue", "gross_margin", "cost_to_serve", "profit", "loss_makers"))
lead(reader, look, "value.whale", "value")
lead(reader, look, "tiers.matrix", "tiers")
lead(reader, look, "satisfaction.curve", "satisfaction")
lead(reader, look, "cost.losses", "cost")
lead(reader, look, "levels.recommendation", "levels")
