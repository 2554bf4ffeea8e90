"""Errors that speak to the person who can mend them: one line, the place and the mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DashboardError(Exception):
    """What was wrong, where, and the mend, in one line."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion to append to an error about an unknown name, or nothing."""
    known = [str(k) for k in known]
    if meant := likely(name, known):
        return meant
    return f"; one of {', '.join(known)}" if 0 < len(known) <= 12 else ""


def likely(name: str, known: Iterable[str]) -> str:
    """The same for an error that lists the known names itself."""
    close = difflib.get_close_matches(name, [str(k) for k in known], n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
