"""What the weekly meeting opens: what changed and why, what needs a decision, and what came of the last ones."""

from dashboard.language import message
from dashboard.ui import alerts, card_alongside, cards, gaps, mark, notes, open_page, section, take_away
from dashboard.ui.review import presented, queue, week

reader, look = open_page(message("Weekly review"), weekly=True)
PICTURES = ("review.contributions", "review.regions", "review.lines", "review.grades", "review.customers")
LISTS = ("review.movers", "review.loss_makers", "review.thresholds", "review.alerts")
if not presented(reader, look, ("review.summary", *PICTURES, "review.targets", *LISTS, "review.decisions")):
    week(reader, look)
    card_alongside(reader, look, "review.contributions")
    section(reader, message("What needs a decision"))
    alerts(reader)
    queue(reader)
    section(reader, message("Where profit changed"))
    cards(reader, look, ["review.regions", "review.lines"], alongside=True)
    cards(reader, look, ["review.grades", "review.customers"], alongside=True)
    section(reader, message("Customers to look at"))
    for key in LISTS:
        card_alongside(reader, look, key, opens_customer=True)
    section(reader, message("Targets, and what came of decisions"))
    card_alongside(reader, look, "review.targets")
    card_alongside(reader, look, "review.decisions", opens_customer=True)
    gaps(reader)
    section(reader, message("Notes of the meeting"))
    notes(reader)
    mark(reader)
    take_away(reader)
