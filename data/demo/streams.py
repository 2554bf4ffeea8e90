"""Random numbers: one independent stream for each (seed, chunk of customers, subject).

So a chunk can be drawn again, out of turn or on another thread, and is the same to the last bit; and
a change to one subject leaves the others as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

CHUNK = 10_000
"""Customers generated at a time: about half a million order lines, some 200 MB at work."""


class Subject(IntEnum):
    CUSTOMER = 1
    PURCHASE = 2
    COURSE = 3
    SALES = 4
    SERVICE = 5
    DIRECT = 6
    SURVEY = 7
    WORD_OF_MOUTH = 8
    COMPLAINT = 9
    CONTACT = 10
    PIPELINE = 11
    STOCK = 12
    LOYALTY = 13
    PROFILE = 14
    NAME = 15
    EMPLOYEE = 16
    TARGET = 17


def stream(seed: int, chunk: int, subject: Subject) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, chunk, subject])))


def pick(rng: np.random.Generator, shares: Sequence[float] | np.ndarray, size: int) -> np.ndarray:
    """Indices drawn with the given shares (need not sum to one)."""
    edges = np.cumsum(shares) / np.sum(shares)
    return np.minimum(np.searchsorted(edges, rng.random(size), side="right"), len(edges) - 1)


def ragged(counts: np.ndarray) -> np.ndarray:
    """Owner of each of `counts` items: [2, 0, 1] gives [0, 0, 2]."""
    return np.repeat(np.arange(len(counts)), counts)


def rank_within(counts: np.ndarray) -> np.ndarray:
    """Position of each item within its owner: [2, 0, 1] gives [0, 1, 0]."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
