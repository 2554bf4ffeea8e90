"""A font of this machine that has Chinese, for files that carry their font with them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.filterPen import DecomposingFilterPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont

from dashboard.errors import DashboardError

FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Hiragino Sans GB",
    "SimHei",
    "Noto Serif CJK SC",
)
"""Fonts that are looked for, the best first."""
PLACES = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/simhei.ttf",
)
"""Where they usually lie, when fontconfig isn't there to be asked."""
PROBE = "中文利润−¥–"
"""Letters that the font must have."""
MEND = "install one, such as 'apt-get install fonts-noto-cjk'"


@dataclass(frozen=True)
class Font:
    """A font file, which font of the file, and the letters it has."""

    path: Path
    number: int
    letters: frozenset[int]

    def has(self, text: str) -> bool:
        return all(ord(letter) in self.letters for letter in text)

    def printable(self, text: str) -> str:
        """The text with a question mark for each letter that the font lacks."""
        return "".join(letter if ord(letter) in self.letters else "?" for letter in text)


@cache
def chinese() -> Font:
    """The best font with Chinese on this machine. Raises DashboardError that names what to install."""
    for path, family in _candidates():
        if found := _opened(path, family):
            return found
    raise DashboardError(f"no font with Chinese letters is on this machine, so no PDF can be written: {MEND}")


def _candidates() -> Iterator[tuple[Path, str]]:
    """Files and the family wanted of each: what fontconfig knows, then the usual places."""
    if program := shutil.which("fc-list"):
        for family in FAMILIES:
            asked = [program, f":family={family}:style=Regular", "file"]
            listed = subprocess.run(asked, capture_output=True, text=True, timeout=30).stdout  # noqa: S603
            yield from ((Path(line.split(": ")[0].rstrip(":")), family) for line in sorted(listed.splitlines()))
    for place in PLACES:
        yield Path(place), ""


def _opened(path: Path, family: str) -> Font | None:
    """The font of a family in a file, or the first one that has the probe's letters; None where there is none."""
    if not path.is_file():
        return None
    with open(path, "rb") as file:
        is_collection = file.read(4) == b"ttcf"
    fonts = TTCollection(str(path), lazy=True).fonts if is_collection else [TTFont(str(path), lazy=True)]
    # What letters a font has takes long to read, its name does not.
    numbered = sorted(enumerate(fonts), key=lambda each: each[1]["name"].getDebugName(1) != family)
    for number, font in numbered:
        letters = frozenset(font.getBestCmap() or ())
        if all(ord(letter) in letters for letter in PROBE):
            return Font(path, number, letters)
    return None


def cut(font: Font, letters: set[str], target: Path) -> None:
    """Write the font with these letters alone, its outlines as TrueType: what every reader of PDF understands.

    Outlines of cubic curves become quadratic within a thousandth of the letter's height (fontTools' cu2qu).
    """
    opened = TTFont(str(font.path), fontNumber=font.number, lazy=True)
    drawn, names, scale = opened.getGlyphSet(), opened.getBestCmap(), opened["head"].unitsPerEm
    kept = {ord(letter): names[ord(letter)] for letter in sorted(letters)}
    order = list(dict.fromkeys([".notdef", *kept.values()]))
    glyphs = {}
    for name in order:
        pen = TTGlyphPen(None)
        # Outlines of the table CFF run the other way round.
        quadratic = Cu2QuPen(pen, scale / 1000, reverse_direction="CFF " in opened)
        drawn[name].draw(DecomposingFilterPen(quadratic, drawn))
        glyphs[name] = pen.glyph()
    built = FontBuilder(scale, isTTF=True)
    built.setupGlyphOrder(order)
    built.setupCharacterMap(kept)
    built.setupGlyf(glyphs)
    widths = opened["hmtx"].metrics
    built.setupHorizontalMetrics({name: (widths[name][0], getattr(glyphs[name], "xMin", 0)) for name in order})
    built.setupHorizontalHeader(ascent=opened["hhea"].ascent, descent=opened["hhea"].descent)
    called = {"familyName": opened["name"].getDebugName(1), "psName": opened["name"].getDebugName(6)}
    built.setupNameTable({"styleName": "Regular", **called})
    built.setupOS2()
    built.setupPost(keepGlyphNames=False)
    built.save(str(target))
