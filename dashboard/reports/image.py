"""An answer's figure as an image: the page's own figure, light, drawn by Chromium.

Opening Chromium takes longer than any figure: it is opened once, in the background, while the answers are computed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as TookTooLong
from pathlib import Path
from typing import Any, Self

from choreographer.browsers.chromium import Chromium
from kaleido import Kaleido

from dashboard.charts.theme import FONT, LIGHT, Look, escape
from dashboard.errors import DashboardError
from dashboard.insight import Insight, Reader, find
from dashboard.reports.fitting import wrapped

WIDTH, SCALE = 1000, 2
"""Pixels of a figure, and how many of the image make one of them."""
PATIENCE = 60
"""Seconds for one figure."""
TITLE, LINE = 22, 30
"""Pixels of a headline's letters and lines."""
NO_CHROMIUM = (
    "a picture is drawn by Chromium or Chrome, and neither is on this machine: install one "
    "(such as 'apt-get install chromium') or name it in BROWSER_PATH"
)


def browser() -> Path | None:
    """The browser of this machine, or None."""
    found = Chromium.find_browser(skip_local=False)
    return Path(found) if found and Path(found).is_file() else None


# On its way out Chromium leaves half a message behind, which is told of and then ignored.
logging.getLogger("choreographer").setLevel(logging.CRITICAL)


class Camera:
    """Chromium for as long as the `with` lasts; it opens in the background."""

    def __enter__(self) -> Self:
        path = browser()
        if path is None:
            raise DashboardError(NO_CHROMIUM)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        # Without MathJax, which would be fetched from elsewhere.
        self._kaleido = Kaleido(timeout=PATIENCE, mathjax=False, path=str(path))
        self._opened = asyncio.run_coroutine_threadsafe(self._kaleido.__aenter__(), self._loop)
        return self

    def __exit__(self, *_: object) -> None:
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        closing.result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _close(self) -> None:
        await asyncio.wrap_future(self._opened)
        await self._kaleido.__aexit__(None, None, None)

    def begin(self, figure: Any, width: int = WIDTH) -> Callable[[], bytes]:
        """Begin to draw a figure, a width in pixels, at its own height; what is returned waits for the PNG image."""
        waiting = asyncio.run_coroutine_threadsafe(self._one(figure, width), self._loop)

        def done() -> bytes:
            try:
                return waiting.result(PATIENCE * 2)
            except (TookTooLong, OSError, RuntimeError, ValueError) as error:
                raise DashboardError(f"Chromium could not draw a figure ({type(error).__name__}: {error})") from error

        return done

    async def _one(self, figure: Any, width: int) -> bytes:
        await asyncio.wrap_future(self._opened)
        size = {"format": "png", "width": width, "height": figure.layout.height, "scale": SCALE}
        return await self._kaleido.calc_fig(figure, opts=size)


def figure(insight: Insight, reader: Reader) -> Any:
    """The answer's figure on white paper; None where there is none."""
    draw = find(insight.key).draw
    if draw is None or insight.missing or insight.table.empty:
        return None
    drawn = draw(insight.table, insight.numbers, Look("light", reader.language, reader.marts.currency))
    drawn.update_layout(paper_bgcolor=LIGHT.page, plot_bgcolor=LIGHT.page)
    return drawn


def of(insight: Insight, reader: Reader) -> bytes:
    """The answer's figure under its headline as a PNG image."""
    drawn = figure(insight, reader)
    if drawn is None:
        raise DashboardError(f"{insight.key} has no picture: take --format xlsx, csv or json")
    lines = wrapped(insight.headline, (WIDTH - 40) / TITLE)
    room = LINE * len(lines) + 16
    drawn.update_layout(
        height=drawn.layout.height + room,
        margin={"t": (drawn.layout.margin.t or 0) + room, "l": (drawn.layout.margin.l or 0) + 8},
        title={
            "text": "<br>".join(map(escape, lines)),
            "font": {"family": FONT, "size": TITLE, "color": LIGHT.text},
            "x": 0,
            "xref": "container",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 12, "t": 14},
        },
    )
    with Camera() as camera:
        return camera.begin(drawn)()
