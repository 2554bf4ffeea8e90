"""A line of a few weeks as inline SVG for a card: no Plotly, no script, a few hundred bytes."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.charts.theme import Look
from dashboard.language import undefined

WIDTH, HEIGHT, EDGE = 120, 28, 3


def sparkline(values: Sequence[float | None], look: Look) -> str:
    """The values as a thin line that breaks where one is missing, the latest marked by a dot.

    The card's own text says the number, so the drawing is hidden from screen readers.
    """
    known = [float(v) for v in values if not undefined(v)]
    color = look.palette.accent
    marks = []
    if known:
        low, height = min(known), max(known) - min(known)
        step = (WIDTH - 2 * EDGE) / max(len(values) - 1, 1)
        places = [
            None
            if undefined(v)
            else (
                EDGE + i * step,
                HEIGHT / 2 if not height else HEIGHT - EDGE - (float(v) - low) / height * (HEIGHT - 2 * EDGE),
            )
            for i, v in enumerate(values)
        ]
        path, pen_up = "", True
        for place in places:
            if place:
                path += f"{'M' if pen_up else 'L'}{place[0]:.1f} {place[1]:.1f}"
            pen_up = place is None
        x, y = next(place for place in reversed(places) if place)
        marks = [
            f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1.5" stroke-linejoin="round"'
            ' stroke-linecap="round" vector-effect="non-scaling-stroke"/>',
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>',
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}" aria-hidden="true" focusable="false">{"".join(marks)}</svg>'
    )
