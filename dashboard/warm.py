"""Answers ready before anybody asks: at the start of the server and whenever a new version is published.

The unfiltered pages are what most people open first; their answers and figures wait in the cache.
"""

from __future__ import annotations

import logging
import threading
import time

from streamlit.runtime import Runtime

from dashboard.charts.theme import Look, Mode
from dashboard.filters import Filters
from dashboard.insight import QUESTIONS, Reader
from dashboard.language import CODES, language
from dashboard.ledger import Ledger, open_ledger
from dashboard.scope import Scope
from dashboard.settings import Settings
from dashboard.warehouse.read import Marts, open_marts

PAUSE_SECONDS = 5.0
OF_THE_WEEK = ("value.summary", "value.trend", "alerts.open", "data.findings")
"""What the review's page shows besides its own questions."""
MODES: tuple[Mode, ...] = ("light", "dark")


def start(settings: Settings) -> None:
    """Keep the unfiltered answers warm in the background as long as the server runs."""
    threading.Thread(target=_run, args=(settings,), name="warm", daemon=True).start()


def _run(settings: Settings) -> None:
    warmed = ""
    while True:
        time.sleep(PAUSE_SECONDS if warmed else 0.5)
        if not Runtime.exists():
            continue
        try:
            held = open_marts(settings.marts)
            if held.version != warmed:
                warmed = held.version
                _warm(held, open_ledger(settings))
        except Exception as error:  # the pages say what is wrong; this thread must outlive it
            warmed = "failed"
            logging.getLogger(__name__).warning("answers are not kept warm: %s", error)


def _warm(held: Marts, ledger: Ledger) -> None:
    # Only now: what is cached before the runtime exists goes to another store.
    import dashboard.insights  # noqa: F401 - registers the questions
    from dashboard.ui.answers import answer, figure

    # The review first, for it is what people come for after a refresh; the plan last, for it takes longest.
    keys = [key for key in QUESTIONS if not key.startswith("customer.")]  # those are about one customer
    keys.sort(key=lambda key: (not QUESTIONS[key].weekly, key.startswith("levels.")))
    for code in CODES:
        reader = Reader(Filters(), Scope.unrestricted("warm"), held, language(code), ledger)
        for key in OF_THE_WEEK:
            answer(key, reader.reviewing)
        for key in keys:
            asked = QUESTIONS[key]
            asking = reader.reviewing if asked.weekly else reader
            insight = answer(key, asking)
            if asked.draw and not insight.missing and not insight.table.empty:
                for mode in MODES:
                    figure(insight, asking, Look(mode, reader.language, held.currency))
