"""How satisfaction turns into word of mouth, and where the two thresholds lie."""

from dashboard.language import message
from dashboard.ui import card, cards, fold, kpis, needs, open_page

reader, look = open_page(message("Satisfaction and word of mouth"))
kpis(
    reader, look, ("active_customers", "satisfaction", "praise", "complaint", "referral"), headline="satisfaction.curve"
)
if needs(reader, "survey", "word_of_mouth"):
    card(reader, look, "satisfaction.curve", headline=False)
    cards(reader, look, ["satisfaction.standing", "satisfaction.drivers"])
    card(reader, look, "satisfaction.worth")
    cards(reader, look, ["satisfaction.by_grade", "satisfaction.by_region"])
    card(reader, look, "satisfaction.loyalty")
    fold(reader, look, "satisfaction.models")
