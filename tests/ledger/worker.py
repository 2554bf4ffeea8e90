"""A process of its own that writes to a ledger, so that it can be killed, starved and raced.

    python -m tests.ledger.worker WHAT MARTS ARGUMENT …

It says "ready", waits for a line, and then tells what became of its work, a line each.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path

from dashboard.filters import Filters
from dashboard.insight import Reader
from dashboard.language import language
from dashboard.ledger import Ledger, LedgerError, decisions, notes, views
from dashboard.ledger.decisions import Choice
from dashboard.scope import Scope
from dashboard.warehouse.read import open_marts

REVIEW = date(2026, 11, 9)
CODES = tuple(f"C{number:02}" for number in range(1, 11))


def decide_for_ever(nobody: Reader, location: str) -> None:
    """All ten customers again and again; tells each number of decisions that was acknowledged."""
    writer = replace(nobody, ledger=Ledger(location))
    for number in count():
        choices = [Choice(c, "accept", "key", "standard", "standard", seen=number) for c in CODES]
        decisions.record(writer, REVIEW, choices, policy_version="p1")
        print(number + 1, flush=True)


def open_each(nobody: Reader, name: str, *locations: str) -> None:
    for location in locations:
        views.save_view(replace(nobody, ledger=Ledger(location)), name, "value", {}, everyone=True)
        print("saved", flush=True)


def fill_the_disk(nobody: Reader, location: str, limit: str) -> None:
    """A note that doesn't fit, then one that does. A limit of 0 is left to the disk."""
    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    for text in ("x" * 4_000_000, "fits"):
        tried(replace(nobody, ledger=Ledger(location)), text)


def write_as_nobody(nobody: Reader, location: str) -> None:
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    tried(replace(nobody, ledger=Ledger(location)), "note")


def tried(writer: Reader, text: str) -> None:
    try:
        notes.write_note(writer, REVIEW, text)
        print("saved", flush=True)
    except LedgerError as error:
        print(error, flush=True)


WORK: dict[str, Callable[..., None]] = {
    work.__name__: work for work in (decide_for_ever, open_each, fill_the_disk, write_as_nobody)
}

if __name__ == "__main__":
    what, marts, *arguments = sys.argv[1:]
    nobody = Reader(Filters(), Scope.unrestricted("worker"), open_marts(Path(marts)), language("en"))
    nobody.t("")  # read before rights are given up

    print("ready", flush=True)
    sys.stdin.readline()
    WORK[what](nobody, *arguments)
