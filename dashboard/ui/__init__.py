"""What pages are made of: the guard, the filter bar, cards, tables and dialogs. The only room with Streamlit."""

from dashboard.ui.alerts import alerts
from dashboard.ui.card import card, card_alongside, cards, fold, note_on_grades
from dashboard.ui.gaps import gaps, needs
from dashboard.ui.kpi import kpis
from dashboard.ui.lead import lead
from dashboard.ui.notes import mark, notes
from dashboard.ui.pack import take_away
from dashboard.ui.page import open_page, section
from dashboard.ui.table import table

__all__ = [
    "alerts",
    "card",
    "card_alongside",
    "cards",
    "fold",
    "gaps",
    "kpis",
    "lead",
    "mark",
    "needs",
    "note_on_grades",
    "notes",
    "open_page",
    "section",
    "table",
    "take_away",
]
