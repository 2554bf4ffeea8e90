"""Answers and figures, each computed once for everybody who may see the same.

The key is (question, canonical filters, scope fingerprint, data version, language), the state of the ledger for
questions about what people wrote, and for figures the theme: never a frame, whose hash is only a sample of it.
Everybody gets the same object (a copy of a figure costs more than the figure); only the table is each reader's own
to change.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard.charts.marks import stretched
from dashboard.charts.theme import Look
from dashboard.insight import Insight, Reader, ask, find

KEPT = 2_000


def answer(key: str, reader: Reader) -> Insight:
    """The insight of a question for this reader, from the cache when somebody asked before."""
    found = _answer(
        key,
        reader.filters.canonical,
        reader.scope.fingerprint,
        _version(key, reader),
        reader.language.code,
        _reader=reader,
    )
    return replace(found, table=found.table.copy(deep=False))


def height_of(insight: Insight, reader: Reader, look: Look) -> int:
    """How high the insight's figure wants to be, in pixels; 0 without one."""
    if insight.missing or find(insight.key).draw is None or insight.table.empty:
        return 0
    return int(figure(insight, reader, look).layout.height)


def figure(insight: Insight, reader: Reader, look: Look, height: int = 0) -> Any:
    """The insight's figure; with `height`, as high as that if it is not much less by itself."""
    return _figure(
        insight.key,
        reader.filters.canonical,
        reader.scope.fingerprint,
        _version(insight.key, reader),
        reader.language.code,
        look.mode,
        height,
        _insight=insight,
        _look=look,
    )


def _version(key: str, reader: Reader) -> str:
    """What the answer was computed from: the data, and for some questions what people wrote."""
    if reader.ledger is None or not find(key).written:
        return reader.marts.version
    # And the day: data grow old without a new version.
    return f"{reader.marts.version}/{reader.ledger.name}/{reader.ledger.state()}/{datetime.now(UTC):%F}"


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _answer(key: str, filters: str, scope: str, version: str, language: str, *, _reader: Reader) -> Insight:
    return ask(key, _reader)


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _figure(
    key: str,
    filters: str,
    scope: str,
    version: str,
    language: str,
    mode: str,
    height: int,
    *,
    _insight: Insight,
    _look: Look,
) -> Any:
    draw = find(key).draw
    assert draw is not None, key
    return stretched(draw(_insight.table, _insight.numbers, _look), height)
