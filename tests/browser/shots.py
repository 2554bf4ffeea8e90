"""Pictures of every page in both languages, light and dark, wide and narrow; the README's are among them.

    python -m tests.browser.shots [--warehouse PATH] [--out docs/images]

The README's pictures go to `--out`; those of whole pages to a temporary folder, whose name is printed.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

import dashboard.insights  # noqa: F401 - registers the questions
from dashboard.filters import Filters
from dashboard.insight import Reader, ask
from dashboard.language import CODES, language
from dashboard.scope import Scope
from dashboard.settings import ROOT, Settings
from dashboard.warehouse.read import open_marts
from tests.bench import servers
from tests.browser.screen import NARROW, WIDE, address, chromium, visit, whole

CUSTOMERS = 20_000
PAGES = tuple(sorted(path.stem for path in (ROOT / "pages").glob("*.py")))
IN_README = ("overview", "levels", "value", "satisfaction")
AT_MOST = 300_000
"""Bytes of a picture in the README."""


def main() -> None:
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="shots-"))
    warehouse = options.warehouse
    if warehouse is None:
        warehouse = folder / "demo.duckdb"
        servers.build(warehouse, CUSTOMERS)
    customer = heaviest_loss_maker(warehouse)
    with servers.dashboard(warehouse) as base, chromium() as browser:
        with reader(browser, "light", WIDE) as page:
            for name, lang in itertools.product(IN_README, CODES):
                visit(page, address(base, name, lang=lang))
                page.screenshot(path=options.out / f"{name}-{lang}.png", animations="disabled")
                shrink(options.out / f"{name}-{lang}.png")
        for mode, size in itertools.product(("light", "dark"), (WIDE, NARROW)):
            with reader(browser, mode, size) as page:
                for name, lang in itertools.product(PAGES, CODES):
                    link = {"customer": customer} if name == "customer" else {}
                    page.set_viewport_size(size)
                    visit(page, address(base, name, lang=lang, **link))
                    whole(page)
                    page.screenshot(path=folder / f"{name}-{lang}-{mode}-{size['width']}.png", animations="disabled")
    print(f"{options.out}: the README's pictures\n{folder}: every page")


@contextmanager
def reader(browser: Browser, mode: str, size: dict[str, int]) -> Iterator[Page]:
    """A tab whose browser keeps the program's files."""
    context = browser.new_context(viewport=size, color_scheme=mode, locale="en-GB")
    yield context.new_page()
    context.close()


def heaviest_loss_maker(warehouse: Path) -> str:
    """The customer whose page has most to show."""
    held = open_marts(Settings(str(warehouse)).marts)
    reader = Reader(Filters(), Scope.unrestricted("shots"), held, language("en"))
    return str(ask("value.bottom", reader).table.iloc[0]["code"])


def shrink(path: Path) -> None:
    """A palette instead of full colour; a picture that is still too large is an error."""
    with Image.open(path) as picture:
        # The octree keeps rare colours: the few red and green figures.
        few = picture.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    if path.stat().st_size > AT_MOST:
        raise SystemExit(f"{path} has {path.stat().st_size:,} bytes, more than {AT_MOST:,}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.shots", description="Pictures of every page.")
    parser.add_argument("--warehouse", type=Path, metavar="PATH", help=f"default: a demo of {CUSTOMERS:,} customers")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    main()
