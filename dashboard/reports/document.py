"""The pack as a document: A4 across, headlines and their evidence, in a font that the file carries with it.

Charts are the pages' own figures, drawn by Chromium; without Chromium the tables stand alone and the document says
so. An answer begins where the last one ended when there is room for it, else on a new page. A table goes on over as
many pages as it takes, its headings repeated, up to `MOST_ROWS`.
"""

from __future__ import annotations

import io
import string
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from fpdf import FPDF
from PIL import Image

from dashboard.charts.theme import LIGHT
from dashboard.insight import Reader
from dashboard.language import message
from dashboard.reports import image
from dashboard.reports.fitting import Fitted, fitted, shortened, wrapped
from dashboard.reports.fonts import Font, chinese, cut
from dashboard.reports.pack import Pack, Part
from dashboard.reports.pictures import Grid

Picture = Callable[[], bytes]
"""Waits for a chart that is being drawn."""
PAGE = (297.0, 210.0)
EDGE, TOP, BOTTOM = 14.0, 12.0, 14.0
WIDTH = PAGE[0] - 2 * EDGE
FAMILY = "chinese"
MM = 72 / 25.4
"""Points of a millimetre."""
TITLE_SIZES = (17, 15, 13, 11)
TITLE_LINES = 2
ROW, LINE = 6.2, 4.2
"""Millimetres of a table's row, and of a line of text in a matrix."""
TABLE_SIZES = (9.5, 9.0, 8.5, 8.0, 7.5, 7.0)
BESIDE, GUTTER, NARROW = 150.0, 7.0, 720
"""Millimetres of a chart beside its table and of the gap between them; pixels of that chart."""
PICTURE_HIGH = 92.0
"""Millimetres that a chart above its table may be high; one without a table has the page."""
WITHOUT = message("Without Chromium on this machine the charts are left out.")
ROWS = message("The first {shown} of {n} rows.")
GOES_ON = message("{title}, continued")
ANSWERS, MEANINGS = message("Questions and answers"), message("What the figures mean")
MOST_ROWS = 40
"""Rows of a table that are printed; the workbook has all."""
FEW_ROWS, BESIDE_ROWS = 8, 20
"""Rows of a longer table for which there must be room where it begins: alone, and beside a chart."""
BETWEEN = 9.0
"""Millimetres from one answer to the next."""


def write(pack: Pack, reader: Reader, camera: image.Camera | None = None) -> bytes:
    """The document as a file, with the charts that the camera takes; without one, without charts."""
    pictures = _pictures(pack, reader, camera) if camera else {}
    font = chinese()  # letters are cut out while Chromium draws
    with TemporaryDirectory() as folder:
        file = Path(folder) / "letters.ttf"
        cut(font, {letter for text in _texts(pack) for letter in font.printable(text)}, file)
        document = _Document(pack, font, file)
        document.cover(drawn=camera is not None)
        for part in pack.parts:
            document.answer(part, pictures.get(part.key))
        document.glossary()
        return bytes(document.output())


def _texts(pack: Pack) -> Iterator[str]:
    """Every text that the document may say."""
    yield string.printable + "…–−·↓→¥"
    yield from (pack.title, pack.foot(), pack.t(WITHOUT), pack.t(ROWS), pack.t(ANSWERS), pack.t(MEANINGS))
    for pair in (*pack.facts, *pack.definitions):
        yield from pair
    for part in pack.parts:
        yield from (part.title, pack.t(GOES_ON, title=part.title), part.insight.headline, pack.foot(part))
        yield from (column.heading for column in part.columns)
        for row in part.said[:MOST_ROWS]:
            yield from row
        if isinstance(part.picture, Grid):
            yield from (part.picture.corner, *part.picture.columns, *part.picture.rows)
            yield from (cell.text for cells in part.picture.cells for cell in cells)


def _pictures(pack: Pack, reader: Reader, camera: image.Camera) -> dict[str, Picture]:
    """The charts of the answers by key, begun; a matrix is set as a table of its own."""
    figures = {
        part.key: (drawn, NARROW if part.brief and not part.alone else image.WIDTH)
        for part in pack.parts
        if not isinstance(part.picture, Grid) and (drawn := image.figure(part.insight, reader)) is not None
    }
    return {key: camera.begin(*each) for key, each in figures.items()}


class _Document(FPDF):
    """Pages with a foot, and the parts of the pack on them."""

    def __init__(self, pack: Pack, font: Font, file: Path) -> None:
        super().__init__("L", "mm", "A4")
        self.pack, self.letters = pack, font
        self.measured: dict[str, float] = {}
        self.reached = TOP
        self.set_auto_page_break(False)
        self.set_margin(0)
        self.c_margin = 0
        self.set_title(pack.title)
        self.set_author(pack.who)
        self.set_subject(pack.words)
        self.set_lang("zh-CN" if pack.language.code == "zh" else "en")
        self.add_font(FAMILY, fname=file)

    def footer(self) -> None:
        """What the document is of, and the page's number."""
        self.say(self.pack.foot(), EDGE, PAGE[1] - 10, 8, LIGHT.secondary, WIDTH - 20)
        self.say(str(self.page_no()), PAGE[0] - EDGE - 20, PAGE[1] - 10, 8, LIGHT.secondary, 20, align="R")

    # --- text -----------------------------------------------------------------------------------------------------

    def say(
        self, text: str, x: float, y: float, size: float, color: str, width: float, *, align: str = "L", high: float = 0
    ) -> None:
        """One line of text, cut at its width; every letter is one that the font has."""
        line = shortened(self.letters.printable(text), width * MM / size, self.ems)
        self.set_font(FAMILY, size=size)
        self.set_text_color(*_channels(color))
        self.set_xy(x, y)
        self.cell(width, high or size / MM * 1.3, line, align=align)

    def ems(self, text: str) -> float:
        """The width of a text in ems, measured in the font itself."""
        return sum(map(self.em, self.letters.printable(text)))

    def em(self, letter: str) -> float:
        """The width of a letter in ems; each is measured once."""
        if letter not in self.measured:
            self.set_font(FAMILY, size=10)
            self.measured[letter] = self.get_string_width(letter) * MM / 10
        return self.measured[letter]

    def lines(self, text: str, y: float, size: float, color: str, width: float = WIDTH, x: float = EDGE) -> float:
        """A paragraph; returns where it ends."""
        for line in wrapped(self.letters.printable(text), width * MM / size, self.ems):
            self.say(line, x, y, size, color, width + 1)
            y += size / MM * 1.35
        return y

    # --- pages ----------------------------------------------------------------------------------------------------

    def cover(self, *, drawn: bool) -> None:
        """What the document is, of what, for whom; the answers in one line each."""
        pack = self.pack
        self.add_page()
        y = self.lines(pack.title, TOP, 26, LIGHT.text) + 3
        self.set_fill_color(*_channels(LIGHT.accent))
        self.rect(EDGE, y, 24, 0.9, style="F")
        y += 5
        for label, value in pack.facts:
            y = self.pair(label, value, y, 10)
        if not drawn:
            y = self.lines(pack.t(WITHOUT), y, 10, LIGHT.loss)
        self.pairs(pack.t(ANSWERS), [(part.title, part.insight.headline) for part in pack.parts], y + 4)
        self.reached = PAGE[1]

    def glossary(self) -> None:
        """What the figures mean, after the last answer."""
        if self.pack.definitions:
            self.pairs(self.pack.t(MEANINGS), self.pack.definitions, self.reached + BETWEEN)

    def pairs(self, title: str, pairs: Sequence[tuple[str, str]], y: float) -> None:
        """Labels and what they are, under a title."""
        y = self.lines(title, self.room(y, 26), 12, LIGHT.accent) + 1
        for label, value in pairs:
            y = self.pair(label, value, self.room(y, 10), 9)

    def pair(self, label: str, value: str, y: float, size: float) -> float:
        """A label and what it is; returns where it ends."""
        self.say(label, EDGE, y, size, LIGHT.secondary, 70)
        return self.lines(value, y, size, LIGHT.text, WIDTH - 74, EDGE + 74) + 0.25

    def room(self, y: float, need: float) -> float:
        """Where to go on: here, or at the top of a new page when too little room is left."""
        if y + need <= PAGE[1] - BOTTOM:
            return y
        self.add_page()
        return TOP

    def answer(self, part: Part, picture: Picture | None) -> None:
        """The headline, its evidence under it, and what both are of."""
        drawn = _opened(picture) if picture else None
        headline = self.letters.printable(part.insight.headline)
        size = next(
            (s for s in TITLE_SIZES if len(wrapped(headline, WIDTH * MM / s, self.ems)) <= TITLE_LINES),
            TITLE_SIZES[-1],
        )
        high = len(wrapped(headline, WIDTH * MM / size, self.ems)) * size / MM * 1.35
        y = self.room(self.reached + BETWEEN, high + 11 + self.need(part, drawn))
        if y != TOP:
            self.set_draw_color(*_channels(LIGHT.line))
            self.set_line_width(0.2)
            self.line(EDGE, y - BETWEEN / 2, EDGE + WIDTH, y - BETWEEN / 2)
        y = self.lines(part.title, y, 9, LIGHT.accent) + 0.5
        y = self.lines(headline, y, size, LIGHT.text) + 0.5
        self.say(self.pack.foot(part), EDGE, y, 8, LIGHT.secondary, WIDTH)
        self.reached = self.evidence(part, drawn, y + 5.5)

    def need(self, part: Part, drawn: Image.Image | None) -> float:
        """Millimetres that the evidence takes, or the beginning of a table that may go on over pages."""
        if isinstance(part.picture, Grid):
            return 6 + _cell_height(part.picture) * len(part.picture.rows)
        if drawn is None:
            return ROW * (min(len(part.said), FEW_ROWS) + 2) if part.said else 0
        if part.alone or not part.brief:
            return min(_height(drawn, WIDTH), PICTURE_HIGH)
        return max(_height(drawn, BESIDE), ROW * (min(len(part.said), BESIDE_ROWS) + 2))

    def evidence(self, part: Part, drawn: Image.Image | None, y: float) -> float:
        """The chart and beside it the table, as on a slide; a table alone goes on over pages. Returns its end."""
        if isinstance(part.picture, Grid):
            return self.grid(part.picture, y)
        if drawn is None:
            return self.listed(part, y) if part.said else y
        if part.brief and not part.alone:
            return max(self.picture(drawn, y, BESIDE, PAGE[1] - BOTTOM - y), self.beside(part, y))
        end = self.picture(drawn, y, WIDTH, PAGE[1] - BOTTOM - y if part.alone else PICTURE_HIGH)
        return end if part.alone else self.listed(part, end + 4)

    def picture(self, drawn: Image.Image, y: float, wide: float, high: float) -> float:
        """An image as large as its room allows; returns where it ends."""
        across, down = drawn.size
        scale = min(wide / across, high / down)
        self.image(drawn, EDGE, y, across * scale, down * scale)
        return y + down * scale

    # --- tables ---------------------------------------------------------------------------------------------------

    def listed(self, part: Part, y: float) -> float:
        """The answer's table, its headings on every page; returns where it ends."""
        fits, rights = self.fitted(part, MOST_ROWS, WIDTH)
        y = self.row(fits, fits.heads, rights, EDGE, self.room(y, ROW * 3), head=True)
        for texts in fits.rows:
            following = self.room(y, ROW)
            if following != y:
                told = self.pack.t(GOES_ON, title=part.title)
                following = self.lines(told, following, 9, LIGHT.accent) + 1
                following = self.row(fits, fits.heads, rights, EDGE, following, head=True)
            y = self.row(fits, texts, rights, EDGE, following)
        return self.left_out(part, len(fits.rows), EDGE, y + 0.5)

    def beside(self, part: Part, y: float) -> float:
        """As many rows of the answer's table as there is room for to the right of its chart; returns its end."""
        x = EDGE + BESIDE + GUTTER
        most = int((PAGE[1] - BOTTOM - y - ROW) / ROW) - 1
        fits, rights = self.fitted(part, most, WIDTH - BESIDE - GUTTER)
        y = self.row(fits, fits.heads, rights, x, y, head=True)
        for texts in fits.rows:
            y = self.row(fits, texts, rights, x, y)
        return self.left_out(part, len(fits.rows), x, y + 1)

    def fitted(self, part: Part, most: int, wide: float) -> tuple[Fitted, list[bool]]:
        """The table in a width of millimetres, and which of its columns are numbers."""
        rows = [tuple(map(self.letters.printable, row)) for row in part.said[:most]]
        heads = [self.letters.printable(column.heading) for column in part.columns]
        fits = fitted(heads, rows, part.shown, wide * MM, TABLE_SIZES, self.ems, gap=4.5 * MM)
        return fits, [part.columns[place].is_number for place in fits.places]

    def left_out(self, part: Part, shown: int, x: float, y: float) -> float:
        """Says how many rows there are when not all of them are printed; returns where it ends."""
        if shown == len(part.said):
            return y
        told = self.pack.t(ROWS, shown=shown, n=f"{len(part.said):,}")
        return self.lines(told, y, 8, LIGHT.secondary, WIDTH - (x - EDGE), x)

    def row(
        self, fits: Fitted, texts: Sequence[str], rights: Sequence[bool], x: float, y: float, *, head: bool = False
    ) -> float:
        """A row with a thin line under it; returns where it ends."""
        self.set_draw_color(*_channels(LIGHT.neutral if head else LIGHT.line))
        self.set_line_width(0.2)
        self.line(x, y + ROW, x + sum(fits.widths) / MM, y + ROW)
        self.set_font(FAMILY, size=fits.size)
        for text, wide, right in zip(texts, fits.widths, rights, strict=True):
            color = LIGHT.secondary if head else LIGHT.loss if right and text.startswith("−") else LIGHT.text
            self.set_text_color(*_channels(color))
            self.set_xy(x + 1, y)
            # A number stands off from the text that may follow it.
            self.cell(wide / MM - (4 if right else 2), ROW, text, align="R" if right else "L")
            x += wide / MM
        return y + ROW

    def grid(self, grid: Grid, y: float) -> float:
        """A matrix of tinted cells; returns where it ends."""
        first = 34.0
        wide = (WIDTH - first) / len(grid.columns)
        high = _cell_height(grid)
        for place, name in enumerate((grid.corner, *grid.columns)):
            x = EDGE if place == 0 else EDGE + first + wide * (place - 1)
            self.say(name, x, y, 9, LIGHT.secondary, wide - 2 if place else first, align="C" if place else "L")
        y += 6
        for name, cells in zip(grid.rows, grid.cells, strict=True):
            self.say(name, EDGE, y + high / 2 - 2.4, 9, LIGHT.secondary, first - 2)
            for place, cell in enumerate(cells):
                x = EDGE + first + wide * place
                self.set_fill_color(*_channels(cell.fill))
                self.rect(x, y, wide - 1, high - 1, style="F")
                texts = cell.text.split("\n")
                for number, text in enumerate(texts):
                    top = y + (high - 1 - LINE * len(texts)) / 2 + LINE * number
                    self.say(text, x + 1, top, 10, cell.ink, wide - 3, align="C", high=LINE)
            y += high
        return y


def _opened(picture: Picture) -> Image.Image:
    """The chart once it is drawn; what lies on white paper needs no mask."""
    with Image.open(io.BytesIO(picture())) as opened:
        return opened.convert("RGB")


def _height(drawn: Image.Image, wide: float) -> float:
    """How high an image is at a width, both in millimetres."""
    return drawn.height * wide / drawn.width


def _cell_height(grid: Grid) -> float:
    """Millimetres of a row of a matrix."""
    return 3.0 + LINE * max(cell.text.count("\n") + 1 for cells in grid.cells for cell in cells)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
