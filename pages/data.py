"""What the dashboard stands on: freshness, quality, the contract, and what every metric means."""

from dashboard.language import message
from dashboard.ui import card, open_page
from dashboard.ui.data import facts, findings

reader, look = open_page(message("Data"), filtered=False)
facts(reader)
findings(reader, look)
card(reader, look, "data.completeness")
card(reader, look, "data.contract")
card(reader, look, "alerts.history")
card(reader, look, "data.deliveries")
card(reader, look, "data.definitions")
