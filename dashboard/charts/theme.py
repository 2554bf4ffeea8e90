"""How every picture looks: colours for light and dark, type, the base layout, and the empty state.

A mark has a contrast of 3 : 1 against the page and a text 4.5 : 1; grades and tiers run from dark to pale
(light mode) or pale to dark (dark mode) with their worth. Figures are plain dictionaries until `figure`
wraps them once, which validates them; that is what keeps a builder at a few milliseconds.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from dashboard.language import UNDEFINED, Language, undefined
from queries.schema import GRADES, TIERS

Mode = Literal["light", "dark"]
FONT = 'Inter, "Noto Sans SC", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif'
SMALL, SIZE = 11, 12


@dataclass(frozen=True)
class Palette:
    """The colours of one mode by the part they play; one part, one colour, everywhere."""

    page: str
    card: str
    line: str
    text: str
    secondary: str
    accent: str
    gain: str
    loss: str
    neutral: str
    over: str
    under: str
    grades: Mapping[str, str]
    tiers: Mapping[str, str]


LIGHT = Palette(
    page="#FFFFFF",
    card="#F7F8FA",
    line="#E3E7EC",
    text="#1B2631",
    secondary="#5B6875",
    accent="#0B6E99",
    gain="#1B7F5C",
    loss="#C8452B",
    neutral="#7C8A97",
    over="#B7791F",
    under="#0B6E99",
    grades=MappingProxyType(dict(zip(GRADES, ("#0A3D62", "#1F5F8E", "#367AA8", "#7592A8"), strict=True))),
    tiers=MappingProxyType(dict(zip(TIERS, ("#3F2478", "#6441A0", "#8059B8", "#9D84BE"), strict=True))),
)
DARK = Palette(
    page="#0E1318",
    card="#161D24",
    line="#2A333D",
    text="#E8EDF2",
    secondary="#9AA7B4",
    accent="#4DB3DC",
    gain="#4CC59A",
    loss="#F0806A",
    neutral="#6E7C89",
    over="#E3A63F",
    under="#4DB3DC",
    grades=MappingProxyType(dict(zip(GRADES, ("#CFE8F7", "#86C1E4", "#4F93C2", "#52738C"), strict=True))),
    tiers=MappingProxyType(dict(zip(TIERS, ("#DCD0F5", "#AD97DE", "#8A72C4", "#7460A5"), strict=True))),
)


@dataclass(frozen=True)
class Look:
    """For whom a figure is drawn: the mode, the reader's language, the currency of the money."""

    mode: Mode
    language: Language
    currency: str

    @property
    def palette(self) -> Palette:
        return DARK if self.mode == "dark" else LIGHT

    def money(self, x: float | None, plus: bool = False) -> str:
        """A compact amount; with `plus`, a gain carries its sign."""
        text = self.language.money(x, self.currency)
        return f"+{text}" if plus and not undefined(x) and x > 0 else text


def customers(look: Look, count: float | None) -> str:
    """How many customers, in words: 1 customer, 1,234 customers, 1,234个客户."""
    return look.language.t("{count} {count:customer|customers}", count=look.language.number(count))


def layout(look: Look, height: int, **parts: Any) -> dict[str, Any]:
    """The base layout every figure starts from; `parts` adds to it or replaces."""
    palette = look.palette
    return {
        "template": {},
        "height": height,
        "font": {"family": FONT, "size": SIZE, "color": palette.text},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 20, "t": 34, "b": 8, "pad": 0},
        "separators": ".,",
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": palette.card,
            "bordercolor": palette.line,
            "font": {"family": FONT, "size": SIZE, "color": palette.text},
            "align": "left",
            "namelength": -1,
        },
        "dragmode": False,
        "clickmode": "event+select",
        "bargap": 0.3,
        **parts,
    }


def figure(data: Sequence[dict[str, Any]], layout: dict[str, Any]) -> go.Figure:
    """The figure of plain traces and a layout: the one place where Plotly checks them."""
    return go.Figure({"data": list(data), "layout": layout})


def empty(look: Look, height: int = 160) -> go.Figure:
    """The designed state of a table without rows: one sentence in the middle, no axes."""
    note = annotation(
        look.language.t("No customers here"),
        0.5,
        0.5,
        color=look.palette.secondary,
        size=SIZE,
        xref="paper",
        yref="paper",
    )
    hidden = {"visible": False, "fixedrange": True}
    return figure([], layout(look, height, xaxis=hidden, yaxis=hidden, annotations=[note]))


def annotation(
    text: str, x: object, y: object, color: str, size: int = SMALL, anchor: str = "center", **parts: Any
) -> dict[str, Any]:
    """A label without an arrow at a place in the picture; `anchor` is the side that sits on x."""
    return {
        "text": text,
        "x": x,
        "y": y,
        "xanchor": anchor,
        "yanchor": "middle",
        "align": anchor,
        "showarrow": False,
        "font": {"size": size, "color": color},
        **parts,
    }


def caption(text: str, look: Look, x: float = 0, y: float = 1, **parts: Any) -> dict[str, Any]:
    """The small title of the vertical axis, written level above the plot's left edge."""
    return annotation(
        text,
        x,
        y,
        color=look.palette.secondary,
        anchor="left",
        xref="paper",
        yref="paper",
        **{"yanchor": "bottom", "yshift": 8, **parts},
    )


def line(look: Look, x0: object, x1: object, y0: object, y1: object, color: str = "", **parts: Any) -> dict[str, Any]:
    """A thin straight line behind the marks."""
    style = {"color": color or look.palette.secondary, "width": 1, **parts.pop("line", {})}
    place = {"x0": x0, "x1": x1, "y0": y0, "y1": y1}
    return {"type": "line", "layer": "below", **place, "line": style, **parts}


def band(x0: object, x1: object, y0: object, y1: object, color: str, **parts: Any) -> dict[str, Any]:
    """A tinted rectangle behind the marks."""
    place = {"x0": x0, "x1": x1, "y0": y0, "y1": y1}
    return {"type": "rect", "layer": "below", **place, "fillcolor": color, "line": {"width": 0}, **parts}


@cache
def mix(color: str, base: str, share: float) -> str:
    """`share` of one colour in the other, opaque, so that tints never add up."""
    pairs = zip(_channels(color), _channels(base), strict=True)
    return "#" + "".join(f"{round(c * share + b * (1 - share)):02X}" for c, b in pairs)


@cache
def see_through(color: str, alpha: float) -> str:
    """A colour that lets what is behind it shine through."""
    red, green, blue = _channels(color)
    return f"rgba({red},{green},{blue},{alpha})"


@cache
def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2), 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@cache
def ink(fill: str) -> str:
    """The colour of text on a filled mark: near-black or white, whichever reads better."""
    return max((LIGHT.text, "#FFFFFF"), key=lambda text: contrast(text, fill))


def clean(values: Iterable[Any], digits: int = 5) -> list[Any]:
    """Values as JSON carries them: undefined is null, floats keep five significant digits."""
    return [_clean(value, digits) for value in values]


def labels_of(values: Iterable[Any]) -> list[str]:
    """Names as they are shown; an undefined one is a dash."""
    return [UNDEFINED if undefined(v) or v == "" else str(v) for v in values]


def escape(text: str) -> str:
    """Data inside Plotly's small HTML: only text, never markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def width_of(text: str) -> int:
    """How wide a text is in Latin letters; a Chinese one counts two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def short(text: str, width: int = 18) -> str:
    """A name cut to a width in Latin letters, with an ellipsis where something is missing."""
    if width_of(text) <= width:
        return escape(text)
    kept, used = "", 0
    for letter in text:
        used += width_of(letter)
        if used > width - 1:
            break
        kept += letter
    return escape(kept.rstrip()) + "…"


def wrapped(text: str, width: int = 16, lines: int = 2) -> str:
    """A name on at most `lines` lines of like length: broken between words, or anywhere in Chinese."""
    broken = _broken(text, width, lines)
    if len(broken) > 1 and width_of(broken[-1]) <= width:
        tries = [broken, *(_broken(text, narrow, lines) for narrow in range(width // 2, width))]
        broken = min(tries, key=lambda each: max(map(width_of, each)))
    return "<br>".join([*map(escape, broken[:-1]), short(broken[-1], width)])


def _broken(text: str, width: int, lines: int) -> list[str]:
    """Lines filled one after the other; what is too much for them is on the last."""
    done: list[str] = []
    row = ""
    # A Chinese line does not begin with a comma.
    for word in text.split(" ") if text.isascii() or " " in text else re.findall(r".[，。；：、）]*", text):
        gap = " " if row and " " in text else ""
        if row and width_of(row + gap + word) > width and len(done) < lines - 1:
            done.append(row)
            row, gap = "", ""
        row += gap + word
    return [*done, row]


def rows(table: pd.DataFrame, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """The named columns, row by row, with null for what is undefined."""
    return list(zip(*(clean(table[column], 15) for column in columns), strict=True))


def _clean(value: Any, digits: int) -> Any:
    if undefined(value):
        return None
    if isinstance(value, str | bool):
        return value
    number = float(value)
    if number.is_integer() and abs(number) < 1e15:
        return int(number)
    return float(f"{number:.{digits}g}") if math.isfinite(number) else None


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    red, green, blue = (c / 255 for c in _channels(color))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
