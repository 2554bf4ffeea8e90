"""How much text goes where: widths of texts, lines of a paragraph, columns of a table.

A text is measured in ems by a cautious estimate that holds for the usual sans-serif fonts, because the font that
will show it is the reader's own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Measure = Callable[[str], float]
"""The width of a text in ems."""
NARROW, BROAD = set("ijlI.,:;'!|()[] ·–"), set("mwMWQOGD%@&")


def ems(text: str) -> float:
    """The width of a text in ems, rather too wide than too narrow."""
    return sum(_em(letter) for letter in text)


def _em(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WFA" and letter not in "–·−“”‘’×":
        return 1.0
    if letter in NARROW:
        return 0.36
    if letter in BROAD:
        return 0.92
    return 0.68 if letter.isupper() else 0.6


def wrapped(text: str, width: float, measure: Measure = ems) -> list[str]:
    """The text in lines of at most `width` ems, broken between words and between Chinese characters."""
    lines, row = [], ""
    for piece in _pieces(text):
        if piece == "\n" or (row and measure((row + piece).rstrip()) > width):
            lines.append(row.rstrip())
            row = ""
        row += "" if piece == "\n" else piece if row else piece.lstrip()
        while measure(row.rstrip()) > width:
            cut = next((n for n in range(len(row) - 1, 0, -1) if measure(row[:n]) <= width), 1)
            lines.append(row[:cut])
            row = row[cut:]
    return [*lines, row.rstrip()] if row.strip() or not lines else lines


def _pieces(text: str) -> list[str]:
    """What is not broken: a word with the blank after it, a Chinese character with the punctuation after it."""
    return re.findall(r"\n|[\u2e80-\u9fff\uff00-\uffef][,.;:!?，。；：！？、）”’%]*|[^\s\u2e80-\u9fff]+\s*|\s+", text)


def shortened(text: str, width: float, measure: Measure = ems) -> str:
    """The text in one line of at most `width` ems, with an ellipsis where something is missing: after a whole part
    of a sentence when that keeps the better half."""
    line = " ".join(text.split("\n"))
    if measure(line) <= width:
        return line
    kept = len(line)
    while kept and measure(line[:kept].rstrip() + "…") > width:
        kept -= 1
    whole = max(line.rfind("; ", 0, kept - 1), line.rfind("；", 0, kept))
    if whole > kept / 2:
        return line[:whole] + " …"
    return line[:kept].rstrip() + "…"


def size_for(text: str, width: float, height: float, largest: int, smallest: int, spacing: float = 1.25) -> int:
    """The largest size in points at which the text fits a box of width × height points; the smallest if none does."""
    for size in range(largest, smallest, -1):
        if len(wrapped(text, width / size)) * size * spacing <= height:
            return size
    return smallest


@dataclass(frozen=True)
class Fitted:
    """A table that fits: which columns (by place), how wide each is in points, the texts, the size in points."""

    places: tuple[int, ...]
    widths: tuple[float, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    size: float


def fitted(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    places: Sequence[int],
    width: float,
    sizes: Sequence[float],
    measure: Measure = ems,
    gap: float = 12.0,
    least: float = 7.0,
) -> Fitted:
    """The columns of a table in a width of points: smaller first, then long texts shortened, then the last columns
    left out. `least` is the fewest ems a shortened text keeps."""
    for size in sizes:
        wide = [_wide(heads, rows, place, measure) * size + gap for place in places]
        if sum(wide) <= width:
            return _filled(heads, rows, places, wide, width, size, measure, gap)
    size = sizes[-1]
    kept = list(places)
    while True:
        wide = [_wide(heads, rows, place, measure) * size + gap for place in kept]
        small = [
            min(w, max(least, measure(heads[p]) * 1.1) * size + gap) if _is_text(rows, p) else w
            for w, p in zip(wide, kept, strict=True)
        ]
        if sum(small) <= width or len(kept) == 1:
            break
        kept.pop()
    spare, lack = width - sum(small), sum(wide) - sum(small)
    share = min(1.0, max(spare, 0.0) / lack) if lack > 0 else 0.0
    given = [min(s + (w - s) * share, width) for s, w in zip(small, wide, strict=True)]
    return _filled(heads, rows, kept, given, width, size, measure, gap)


def _wide(heads: Sequence[str], rows: Sequence[Sequence[str]], place: int, measure: Measure) -> float:
    """The widest text of a column in ems; headings are bold."""
    return max([measure(heads[place]) * 1.1, *(measure(row[place]) for row in rows)])


def _is_text(rows: Sequence[Sequence[str]], place: int) -> bool:
    """Whether a column may lose its end: a number may not."""
    return any(re.search(r"[^\W\d_]{3}|[\u4e00-\u9fff]{2}", row[place]) for row in rows) or not rows


def _filled(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    places: Sequence[int],
    wide: Sequence[float],
    width: float,
    size: float,
    measure: Measure,
    gap: float,
) -> Fitted:
    """The texts cut to their columns; what room is left is shared out, up to a half more."""
    stretch = min(width / sum(wide), 1.5)
    widths = [w * max(stretch, 1.0) for w in wide]

    def cut(texts: Sequence[str]) -> tuple[str, ...]:
        rooms = ((w - gap) / size + 0.01 for w in widths)
        return tuple(shortened(texts[place], room, measure) for place, room in zip(places, rooms, strict=True))

    return Fitted(tuple(places), tuple(widths), cut(heads), tuple(map(cut, rows)), size)
