"""How satisfaction turns into word of mouth, and where the two thresholds lie."""

from dashboard.language import message
from dashboard.ui import card, cards, fold, gaps, kpis, needs, open_page

reader, look = open_page(message("Satisfaction and word of mouth"))
KPIS = ("active_customers", "satisfaction", "praise", "complaint", "referral")
if needs(reader, "satisfaction"):
    kpis(reader, look, KPIS, headline="satisfaction.curve")
    card(reader, look, "satisfaction.curve", headline=False)
    cards(reader, look, ["satisfaction.standing", "satisfaction.drivers"])
    card(reader, look, "satisfaction.worth")
    cards(reader, look, ["satisfaction.by_grade", "satisfaction.by_region"])
    card(reader, look, "satisfaction.loyalty")
    fold(reader, look, "satisfaction.models")
    gaps(reader)
