"""What can be measured of a page's looks: contrast, labels that are cut or lie on each other, width, headings."""

from __future__ import annotations

import contextlib
from typing import Any

from playwright.sync_api import Page, TimeoutError

LABELS = """
() => {
  const found = [];
  for (const chart of document.querySelectorAll('[data-testid="stPlotlyChart"]')) {
    const sheet = chart.querySelector('.main-svg').getBoundingClientRect();
    const texts = [...chart.querySelectorAll('svg text')]
      .filter(t => t.textContent.trim() && !t.closest('.hoverlayer') && getComputedStyle(t).visibility !== 'hidden')
      .map(t => [t.textContent, t.getBoundingClientRect()]).filter(([_, box]) => box.width > 0);
    texts.forEach(([text, box], place) => {
      if (box.left < sheet.left - 1 || box.right > sheet.right + 1
          || box.top < sheet.top - 1 || box.bottom > sheet.bottom + 1)
        found.push(`${chart.ariaLabel}: ${text} is cut`);
      for (const [other, there] of texts.slice(place + 1)) {
        const wide = Math.min(box.right, there.right) - Math.max(box.left, there.left);
        const high = Math.min(box.bottom, there.bottom) - Math.max(box.top, there.top);
        if (wide > 2 && high > 3 && text !== other) found.push(`${chart.ariaLabel}: ${text} lies on ${other}`);
      }
    });
  }
  return found;
}
"""

PALE = """
() => {
  const light = colour => {
    const [r, g, b] = colour.map(x => x / 255).map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parts = text => {
    const found = text.match(/[\\d.]+/g).map(Number);
    return [found.slice(0, 3), found[3] ?? 1];
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const [colour, opacity] = parts(getComputedStyle(e).backgroundColor);
      if (opacity > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const said = [...document.querySelectorAll('[data-testid="stHtml"] *')].filter(
    e => e.tagName !== 'STYLE' && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  return said.flatMap(e => {
    const [a, b] = [light(parts(getComputedStyle(e).color)[0]), light(behind(e))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    return contrast < 4.5 ? [`${e.className} ${contrast.toFixed(2)}: ${e.textContent.slice(0, 40)}`] : [];
  });
}
"""

WIDER = """
() => {
  const main = document.querySelector('[data-testid="stMain"]');
  return Math.max(document.documentElement.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth);
}
"""

NAMELESS = """
() => [...document.querySelectorAll('button, a, input, [role="figure"], [role="img"]')]
  .filter(e => e.checkVisibility() && !e.closest('[data-testid="stDataFrame"]'))
  .filter(e => !(e.innerText?.trim() || e.ariaLabel || e.title || e.labels?.length || e.ariaLabelledByElements?.length))
  .map(e => e.outerHTML.slice(0, 160))
"""


def bad_labels(page: Page) -> list[str]:
    """Labels of charts that reach out of their picture or lie on another label, once nothing moves any more."""
    with contextlib.suppress(TimeoutError):
        page.wait_for_function(f"({LABELS})().length === 0", timeout=5_000)
    return page.evaluate(LABELS)


def pale_texts(page: Page) -> list[str]:
    """Texts of our own with less contrast than 4.5 : 1."""
    return page.evaluate(PALE)


def too_wide(page: Page) -> int:
    """By how many pixels the page scrolls sideways, once nothing moves any more."""
    with contextlib.suppress(TimeoutError):
        page.wait_for_function(f"({WIDER})() <= 0", timeout=5_000)
    return page.evaluate(WIDER)


def nameless(page: Page) -> list[str]:
    """What can be used or looked at and has no name for a screen reader."""
    return page.evaluate(NAMELESS)


def headings(page: Page) -> list[int]:
    """The levels of the headings in their order."""
    levels: Any = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(h => +h.tagName[1])")
    return levels
