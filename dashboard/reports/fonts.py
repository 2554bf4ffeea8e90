"""A font of this machine that has Chinese, for files that carry their font with them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont, newTable

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
    able = []
    for number, font in enumerate(fonts):
        letters = frozenset(font.getBestCmap() or ())
        if all(ord(letter) in letters for letter in PROBE):
            able.append((font["name"].getDebugName(1) != family, number, letters))
    if not able:
        return None
    _, number, letters = min(able, key=lambda each: each[:2])
    return Font(path, number, letters)


def cut(font: Font, letters: set[str], target: Path) -> None:
    """Write the font with these letters alone, its outlines as TrueType: what every reader of PDF understands.

    Outlines of cubic curves become quadratic within a thousandth of the letter's height (fontTools' cu2qu).
    """
    options = Options(layout_features=[], hinting=False, desubroutinize=True, notdef_outline=True, name_IDs=["*"])
    opened = TTFont(str(font.path), fontNumber=font.number, lazy=True)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[ord(letter) for letter in letters])
    subsetter.subset(opened)
    if "CFF " in opened:
        _to_quadratic(opened)
    opened.save(str(target))


def _to_quadratic(font: TTFont) -> None:
    """Outlines of the table CFF as the table glyf, after otf2ttf in fontTools' snippets."""
    order, drawn = font.getGlyphOrder(), font.getGlyphSet()
    table = newTable("glyf")
    table.glyphOrder, table.glyphs = order, {}
    error = font["head"].unitsPerEm / 1000
    for name in order:
        pen = TTGlyphPen(drawn)
        drawn[name].draw(Cu2QuPen(pen, error, reverse_direction=True))
        table.glyphs[name] = pen.glyph()
    font["loca"], font["glyf"] = newTable("loca"), table
    for name in ("CFF ", "VORG"):
        if name in font:
            del font[name]
    table.compile(font)
    for name in order:
        width, _ = font["hmtx"][name]
        font["hmtx"][name] = (width, getattr(table.glyphs[name], "xMin", 0))
    maxp = font["maxp"]
    maxp.tableVersion = 0x00010000
    for field in ("maxZones", "maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs"):
        setattr(maxp, field, 1 if field == "maxZones" else 0)
    for field in ("maxStackElements", "maxSizeOfInstructions", "maxComponentElements"):
        setattr(maxp, field, 0)
    maxp.compile(font)
    font["post"].formatType = 3.0
    font.sfntVersion = "\000\001\000\000"
