"""Errors that speak to the person who can mend them: one line, the place and the mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DashboardError(Exception):
    """What was wrong, where, and the mend, in one line."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion to append to an error about an unknown name, or nothing."""
    known = [str(k) for k in known]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; one of {', '.join(known)}" if 0 < len(known) <= 12 else ""
