"""What people write: decisions, approvals, plans, pilots, notes, views. A small transactional, append-only database.

One module a subject, plain functions of a `Reader` that check his rights and return frozen records:

    decisions   record, approve, of_review, history, reviews, in_force
    plans       hand_over, handed_over, lines_of, before, changes
    pilots      declare, declared
    policies    save, versions, find
    views       save_view, saved_views, save_scenario, saved_scenarios, retire_…
    notes       write_note, change_note, notes, annotate, annotated, retire_annotation
    alerts      set_state, states, written
    audit       audited, trail, delivered, deliveries

A refresh, a load or a new demo never touches it.
"""

from dashboard.ledger.entries import Conflict, RefusedError, Taken
from dashboard.ledger.store import Ledger, LedgerError, open_ledger

__all__ = ["Conflict", "Ledger", "LedgerError", "RefusedError", "Taken", "open_ledger"]
