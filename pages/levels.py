"""The meeting's page: who gets which level of service, what it costs and brings; decided, approved, handed over."""

from dashboard.language import message
from dashboard.ui import needs, open_page, section
from dashboard.ui.levels import SLIDERS, approvals, hand_over, learned, plan

reader, look = open_page(message("Service levels"), without=SLIDERS)
if needs(reader, "levels"):
    plan(reader, look)
    section(reader, message("Approval by a second person"))
    approvals(reader)
    section(reader, message("Hand over the plan"))
    hand_over(reader)
    section(reader, message("What came of it"))
    learned(reader, look)
