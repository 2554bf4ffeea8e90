"""One customer in full: profile, purchases, cost, satisfaction, complaints, contacts, history."""

from dashboard.language import message
from dashboard.ui import card, gaps, open_page
from dashboard.ui.customer import choose_customer, details, events, personal

reader, look = open_page(message("Customer"))
if choose_customer(reader):
    details(reader)
    card(reader, look, "value.trend")
    card(reader, look, "customer.costs")
    card(reader, look, "customer.answers")
    card(reader, look, "customer.grade")
    card(reader, look, "customer.assignments")
    events(reader)
    personal(reader)
    gaps(reader)
elif not reader.filters.customer:
    card(reader, look, "value.top", opens_customer=True)
