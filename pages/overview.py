"""The five answers in five headlines, each leading to its page."""

from dashboard.language import message
from dashboard.ui import gaps, kpis, lead, open_page, take_away

reader, look = open_page(message("Overview"))
kpis(reader, look, ("active_customers", "revenue", "gross_margin", "cost_to_serve", "profit", "loss_makers"))
lead(reader, "value", "value.whale", "value.deciles", otherwise="value.concentration")
lead(reader, "tiers", "tiers.trend" if reader.marts.measured else "tiers.matrix", "tiers.migration")
lead(reader, "satisfaction", "satisfaction.curve", "satisfaction.standing")
lead(reader, "cost", "cost.losses", "cost.summary")
lead(reader, "levels", "levels.recommendation", "levels.frontier")
gaps(reader)
take_away(reader)
