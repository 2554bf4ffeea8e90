"""The meeting's page: who gets which level of service, what it costs and brings; decided, approved, handed over."""

from dashboard.filters import WHAT_IFS
from dashboard.language import message
from dashboard.ui import fold, needs, open_page, section
from dashboard.ui.decide import approvals, hand_over, plan

reader, look = open_page(message("Service levels"), without=tuple(WHAT_IFS))
if needs(reader, "assignment", "costs", "cost_of_goods"):
    plan(reader, look)
    section(reader, message("Approval by a second person"))
    approvals(reader)
    section(reader, message("Hand over the plan"))
    hand_over(reader)
    fold(reader, look, "levels.today")
