"""The pack as a document: A4 across, a headline and its evidence a page, in a font that the file carries with it.

Charts are the pages' own figures, drawn by Chromium; without Chromium the tables stand alone and the document says
so. A table goes on over as many pages as it takes, its headings repeated, up to `MOST_ROWS`.
"""

from __future__ import annotations

import io
import string
from collections.abc import Callable, Iterator, Sequence
from functools import partial
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
EDGE, TOP, BOTTOM = 14.0, 12.0, 16.0
WIDTH = PAGE[0] - 2 * EDGE
FAMILY = "chinese"
MM = 72 / 25.4
"""Points of a millimetre."""
TITLE_SIZES = (19, 17, 15, 13, 11)
TITLE_LINES = 2
ROW = 6.2
TABLE_SIZES = (9.5, 9.0, 8.5, 8.0, 7.5, 7.0)
BESIDE_ROWS = 30
"""A longer table stands below its chart and goes on over pages."""
BESIDE, GUTTER, NARROW = 162.0, 7.0, 720
"""Millimetres of a chart beside its table and of the gap between them; pixels of that chart."""
PICTURE_HIGH = 92.0
"""Millimetres that a chart above its table may be high; one without a table has the page."""
WITHOUT = message("Without Chromium on this machine the charts are left out.")
ROWS = message("The first {shown} of {n} rows.")
ANSWERS, MEANINGS = message("Questions and answers"), message("What the figures mean")
MOST_ROWS = 40
"""Rows of a table that are printed; the workbook has all."""


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
        return bytes(document.output())


def _texts(pack: Pack) -> Iterator[str]:
    """Every text that the document may say."""
    yield string.printable + "…–−·↓→¥"
    yield from (pack.title, pack.t(WITHOUT), pack.t(ROWS), pack.t(ANSWERS), pack.t(MEANINGS))
    for pair in (*pack.facts, *pack.definitions):
        yield from pair
    for part in pack.parts:
        yield from (part.title, part.insight.headline, pack.foot(part))
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
        self.pack, self.letters, self.foot = pack, font, ""
        self.set_auto_page_break(False)
        self.set_margin(0)
        self.c_margin = 0
        self.set_title(pack.title)
        self.set_author(pack.who)
        self.set_subject(pack.words)
        self.set_lang("zh-CN" if pack.language.code == "zh" else "en")
        self.add_font(FAMILY, fname=file)

    def footer(self) -> None:
        """What the page is of, and its number."""
        self.say(self.foot, EDGE, PAGE[1] - 10, 8, LIGHT.secondary, WIDTH - 20)
        self.say(str(self.page_no()), PAGE[0] - EDGE - 20, PAGE[1] - 10, 8, LIGHT.secondary, 20, align="R")

    # --- text -----------------------------------------------------------------------------------------------------

    def say(
        self, text: str, x: float, y: float, size: float, color: str, width: float, *, align: str = "L", high: float = 0
    ) -> None:
        """One line of text, cut at its width; every letter is one that the font has."""
        self.set_font(FAMILY, size=size)
        self.set_text_color(*_channels(color))
        self.set_xy(x, y)
        line = shortened(self.letters.printable(text), width * MM / size, partial(self.ems, size))
        self.cell(width, high or size / MM * 1.3, line, align=align)

    def ems(self, size: float, text: str) -> float:
        """The width of a text in ems, measured in the font itself."""
        self.set_font(FAMILY, size=size)
        return self.get_string_width(self.letters.printable(text)) * MM / size

    def lines(self, text: str, y: float, size: float, color: str, width: float = WIDTH, x: float = EDGE) -> float:
        """A paragraph; returns where it ends."""
        for line in wrapped(self.letters.printable(text), width * MM / size, partial(self.ems, size)):
            self.say(line, x, y, size, color, width + 1)
            y += size / MM * 1.35
        return y

    # --- pages ----------------------------------------------------------------------------------------------------

    def cover(self, *, drawn: bool) -> None:
        """What the document is, of what, for whom; the answers in one line each; what the figures mean."""
        pack = self.pack
        self.add_page()
        self.foot = pack.words
        y = self.lines(pack.title, TOP, 26, LIGHT.text) + 3
        self.set_fill_color(*_channels(LIGHT.accent))
        self.rect(EDGE, y, 24, 0.9, style="F")
        y += 5
        for label, value in pack.facts:
            y = self.pair(label, value, y, 10)
        if not drawn:
            y = self.lines(pack.t(WITHOUT), y, 10, LIGHT.loss)
        for title, pairs in (
            (pack.t(ANSWERS), [(part.title, part.insight.headline) for part in pack.parts]),
            (pack.t(MEANINGS), pack.definitions),
        ):
            y = self.room(y + 4, 14)
            y = self.lines(title, y, 12, LIGHT.accent) + 1
            for label, value in pairs:
                y = self.pair(label, value, self.room(y, 10), 9)

    def pair(self, label: str, value: str, y: float, size: float) -> float:
        """A label and what it is; returns where it ends."""
        self.say(label, EDGE, y, size, LIGHT.secondary, 70)
        return self.lines(value, y, size, LIGHT.text, WIDTH - 74, EDGE + 74) + 0.6

    def room(self, y: float, need: float) -> float:
        """Where to go on: here, or at the top of a new page when too little room is left."""
        if y + need <= PAGE[1] - BOTTOM:
            return y
        self.add_page()
        return TOP

    def answer(self, part: Part, picture: Picture | None) -> None:
        """A page that begins with the headline; the table may take more of them."""
        self.add_page()
        self.foot = self.pack.foot(part)  # the foot of a page is set when the page ends
        y = self.lines(part.title, TOP, 9, LIGHT.accent) + 0.5
        headline = self.letters.printable(part.insight.headline)
        size = next(
            (s for s in TITLE_SIZES if len(wrapped(headline, WIDTH * MM / s, partial(self.ems, s))) <= TITLE_LINES),
            TITLE_SIZES[-1],
        )
        y = self.lines(headline, y, size, LIGHT.text) + 3
        self.evidence(part, picture, y)

    def evidence(self, part: Part, picture: Picture | None, y: float) -> None:
        """The chart and beside it the table, as on a slide; a table alone goes on over pages."""
        if isinstance(part.picture, Grid):
            self.grid(part.picture, y)
        elif picture is None:
            if part.said:
                self.listed(part, y)
        elif part.alone or not part.brief or len(part.said) > BESIDE_ROWS:
            end = self.picture(picture, y, WIDTH, PAGE[1] - BOTTOM - y if part.alone else PICTURE_HIGH)
            if not part.alone:
                self.listed(part, end + 4)
        else:
            self.picture(picture, y, BESIDE, PAGE[1] - BOTTOM - y)
            self.beside(part, y)

    def picture(self, drawn: Picture, y: float, wide: float, high: float) -> float:
        """An image as large as its room allows; returns where it ends."""
        png = drawn()
        with Image.open(io.BytesIO(png)) as opened:
            across, down = opened.size
        scale = min(wide / across, high / down)
        self.image(io.BytesIO(png), EDGE, y, across * scale, down * scale)
        return y + down * scale

    # --- tables ---------------------------------------------------------------------------------------------------

    def listed(self, part: Part, y: float) -> None:
        """The answer's table, its headings on every page."""
        fits, rights = self.fitted(part, MOST_ROWS, WIDTH)
        y = self.row(fits, fits.heads, rights, EDGE, self.room(y, ROW * 3), head=True)
        for texts in fits.rows:
            following = self.room(y, ROW)
            if following != y:
                following = self.row(fits, fits.heads, rights, EDGE, following, head=True)
            y = self.row(fits, texts, rights, EDGE, following)
        self.left_out(part, len(fits.rows), EDGE, y + 0.5)

    def beside(self, part: Part, y: float) -> None:
        """As many rows of the answer's table as there is room for to the right of its chart."""
        x = EDGE + BESIDE + GUTTER
        most = int((PAGE[1] - BOTTOM - y - ROW) / ROW) - 1
        fits, rights = self.fitted(part, most, WIDTH - BESIDE - GUTTER)
        y = self.row(fits, fits.heads, rights, x, y, head=True)
        for texts in fits.rows:
            y = self.row(fits, texts, rights, x, y)
        self.left_out(part, len(fits.rows), x, y + 1)

    def fitted(self, part: Part, most: int, wide: float) -> tuple[Fitted, list[bool]]:
        """The table in a width of millimetres, and which of its columns are numbers."""
        rows = [tuple(map(self.letters.printable, row)) for row in part.said[:most]]
        heads = [self.letters.printable(column.heading) for column in part.columns]
        fits = fitted(heads, rows, part.shown, wide * MM, TABLE_SIZES, partial(self.ems, TABLE_SIZES[0]))
        return fits, [part.columns[place].is_number for place in fits.places]

    def left_out(self, part: Part, shown: int, x: float, y: float) -> None:
        """Says how many rows there are when not all of them are printed."""
        if shown < len(part.said):
            told = self.pack.t(ROWS, shown=shown, n=f"{len(part.said):,}")
            self.say(told, x, y, 8, LIGHT.secondary, WIDTH - (x - EDGE))

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
            self.cell(wide / MM - 2, ROW, text, align="R" if right else "L")
            x += wide / MM
        return y + ROW

    def grid(self, grid: Grid, y: float) -> float:
        """A matrix of tinted cells; returns where it ends."""
        first = 34.0
        wide = (WIDTH - first) / len(grid.columns)
        lines = max(cell.text.count("\n") + 1 for cells in grid.cells for cell in cells)
        high = 3.0 + 4.6 * lines
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
                    top = y + (high - 1 - 4.6 * len(texts)) / 2 + 4.6 * number
                    self.say(text, x + 1, top, 10, cell.ink, wide - 3, align="C", high=4.6)
            y += high
        return y


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
