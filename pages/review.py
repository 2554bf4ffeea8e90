"""What the weekly meeting opens: what changed and why, who needs a decision, and what was decided."""

from dashboard.language import message
from dashboard.ui import alerts, card_alongside, cards, gaps, mark, notes, open_page, section, take_away
from dashboard.ui.review import presented, queue, week

reader, look = open_page(message("Weekly review"), weekly=True)
PICTURES = ("review.contributions", "review.regions", "review.lines", "review.grades", "review.customers")
LISTS = ("review.movers", "review.loss_makers", "review.thresholds", "review.alerts")
if not presented(reader, look, ("review.summary", *PICTURES, "review.targets", *LISTS, "review.decisions")):
    week(reader, look)
    card_alongside(reader, look, "review.contributions")
    cards(reader, look, ["review.regions", "review.lines"], alongside=True)
    cards(reader, look, ["review.grades", "review.customers"], alongside=True)
    section(reader, message("Who needs a decision"))
    alerts(reader)
    for key in LISTS:
        card_alongside(reader, look, key, opens_customer=True)
    section(reader, message("Targets and decisions"))
    card_alongside(reader, look, "review.targets")
    queue(reader)
    card_alongside(reader, look, "review.decisions", opens_customer=True)
    gaps(reader)
    section(reader, message("Notes of the meeting"))
    notes(reader)
    mark(reader)
    take_away(reader)
