"""The document read back: its words, its font, its pages; and figures as images."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from dashboard.errors import DashboardError
from dashboard.insight import ask
from dashboard.language import CODES
from dashboard.reports import document, fonts, image
from dashboard.reports.fonts import chinese
from dashboard.reports.pack import Pack, build, single
from dashboard.settings import ROOT
from dashboard.warehouse.read import Marts
from tests.small import Books, reader


def words(text: str) -> str:
    """The text without blanks: a reader of PDF guesses them from the gaps between letters."""
    return "".join(text.split())


@pytest.mark.parametrize("lang", CODES)
def test_a_document_says_every_headline_and_every_cell_it_lists(small: Marts, lang: str) -> None:
    pack = build("weekly", reader(small, lang))
    pages = [words(page.extract_text()) for page in read_pages(pack, small, lang)]
    everything = "".join(pages)
    for part in pack.parts:
        page = next(page for page in pages[1:] if words(part.title) in page and words(part.insight.headline) in page)
        assert words(pack.language.date(part.insight.as_of)) in page
    decile = next(part for part in pack.parts if part.key == "value.deciles")
    assert all(words(row[place]) in everything for row in decile.said for place in decile.brief)
    assert words(pack.words) in pages[0]


def read_pages(pack: Pack, held: Marts, lang: str) -> list:
    return list(PdfReader(io.BytesIO(document.write(pack, reader(held, lang)))).pages)


def test_the_font_is_in_the_file_and_has_every_letter(demo: Marts) -> None:
    asking = reader(demo, "zh")
    pack = single(ask("customers.list", asking), asking)
    font, pages = chinese(), read_pages(pack, demo, "zh")
    for page in pages:
        assert font.has(page.extract_text().replace("\n", "")), "no box is printed"
        for held in page["/Resources"]["/Font"].values():
            inner = held.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
            assert {"/FontFile2", "/FontFile3"} & set(inner), "the file carries its font"


def test_a_letter_that_the_font_lacks_is_a_question_mark(tmp_path: Path) -> None:
    books = Books()
    books.customer("C1", name="Ø\U0001f9ffcme\U00012000")
    books.sale("C1", "2026-11-12", 100, 60)
    held = books.marts(tmp_path)
    asking = reader(held)
    text = "".join(page.extract_text() for page in read_pages(single(ask("value.top", asking), asking), held, "en"))
    assert "Ø?cme?" in words(text)


def test_a_long_table_goes_on_over_pages_with_its_headings_and_page_numbers(demo: Marts) -> None:
    asking = reader(demo)
    pack = single(ask("cost.loss_makers", asking), asking)
    pages = [page.extract_text() for page in read_pages(pack, demo, "en")][1:]
    assert len(pages) > 1
    heading = words(pack.parts[0].columns[0].heading)
    first = next(number for number, page in enumerate(pages) if words(pack.parts[0].insight.headline) in words(page))
    assert all(heading in words(page) for page in pages[first:])
    assert all(words(page).endswith(str(number)) for number, page in enumerate(pages, 2))


@pytest.mark.skipif(image.browser() is None, reason="no Chromium here")
@pytest.mark.parametrize("lang", CODES)
def test_charts_are_in_the_document_where_there_is_chromium(small: Marts, lang: str) -> None:
    asking = reader(small, lang)
    pack = single(ask("value.whale", asking), asking)
    with image.Camera() as camera:
        drawn = PdfReader(io.BytesIO(document.write(pack, asking, camera)))
    assert sum(len(page.images) for page in drawn.pages) == 1
    assert "Chromium" not in drawn.pages[0].extract_text()
    without = PdfReader(io.BytesIO(document.write(pack, asking)))
    assert "Chromium" in without.pages[0].extract_text()


@pytest.mark.skipif(image.browser() is None, reason="no Chromium here")
def test_a_picture_is_the_answers_figure_under_its_headline(small: Marts) -> None:
    asking = reader(small, "zh")
    with Image.open(io.BytesIO(image.of(ask("value.whale", asking), asking))) as drawn:
        assert drawn.format == "PNG"
        assert drawn.width == image.WIDTH * image.SCALE
        assert len(set(drawn.convert("RGB").resize((100, 50)).getcolors(5000) or ())) > 20
    with pytest.raises(DashboardError, match="has no picture"):
        image.of(ask("data.contract", asking), asking)


def test_without_chromium_or_font_the_line_says_what_to_install(small_file: Path, tmp_path: Path) -> None:
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DASHBOARD_")}
        return subprocess.run(
            [sys.executable, "-m", "dashboard.cli", *arguments, "--warehouse", str(small_file)],
            cwd=ROOT,
            env=kept | environment,
            capture_output=True,
            text=True,
        )

    done = run("ask", "value.whale", "--format", "png", "--out", str(tmp_path / "w.png"), BROWSER_PATH="/nowhere")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "apt-get install chromium" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_machine_without_a_chinese_font_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(fonts, "PLACES", ())
    with pytest.raises(DashboardError, match="fonts-noto-cjk"):
        fonts.chinese.__wrapped__()
