"""What the data can't tell yet: said once at the foot of a page, and in the navigation, instead of at every gap.

A card, figure or answer whose data nobody supplied is not drawn, but named here beside the data it waits for.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

import streamlit as st

from dashboard.insight import MEASURED, NEEDS, Reader, find, has
from dashboard.language import message
from dashboard.warehouse.read import Marts

SUPPLY = message(
    "Add the columns to your mapping file and run 'dashboard load'; the page then fills itself. "
    "The other pages work without it."
)
PAGES = {
    "tiers": ("grades",),
    "satisfaction": ("survey", "word_of_mouth"),
    "cost": ("costs",),
    "levels": ("assignment", "costs", "cost_of_goods"),
}
"""What a page as a whole is about, where it is nothing without it."""
NOTED = "lacking"


def begin() -> None:
    """Nothing is lacking yet on the page that begins."""
    st.session_state[NOTED] = {}


def waits(page: str, held: Marts) -> bool:
    """Whether a page has to wait for data."""
    return any(not has(need, held) for need in PAGES.get(page, ()))


def unrecorded(held: Marts) -> set[str]:
    """The columns of tables of customers that are empty for everybody."""
    found = {name for name, need in MEASURED.items() if not has(need, held)}
    found |= {name for name in ("region", "manager") if not held.dimensions[name]}
    return found | ({"tier"} if held.measured else set())


def lacks(reader: Reader, key: str) -> bool:
    """Whether a question lacks its data; it is then noted for the page's end."""
    asked = find(key)
    return noted(reader, asked.title, asked.needs)


def noted(reader: Reader, title: str, wanted: Iterable[str]) -> bool:
    """Whether something called `title` (a message) lacks data that it needs; then it is noted."""
    missing = [need for need in wanted if not has(need, reader.marts)]
    for need in missing:
        st.session_state[NOTED].setdefault(need, {})[title] = None
    return bool(missing)


def gaps(reader: Reader) -> None:
    """Everything that the page lacked, by the data it waits for."""
    found: dict[str, dict[str, None]] = st.session_state[NOTED]
    if not found:
        return
    t, waiting = reader.t, []
    for need, titles in found.items():
        shown = " · ".join(t(title) for title in titles)
        waiting.append(f"<li>{html.escape(t(NEEDS[need]))}<br><span>{html.escape(shown)}</span></li>")
    title = html.escape(t("What these data can't tell yet"))
    st.html(
        f"<div class='notice gaps'><h3>{title}</h3><ul>{''.join(waiting)}</ul><p>{html.escape(t(SUPPLY))}</p></div>"
    )


def needs(reader: Reader, page: str) -> bool:
    """Whether the page has the data it is about; says in plain words what is missing when it doesn't."""
    missing = [need for need in PAGES[page] if not has(need, reader.marts)]
    if not missing:
        return True
    what = "".join(f"<li>{html.escape(reader.t(NEEDS[need]))}</li>" for need in missing)
    title = html.escape(reader.t("This page needs data the warehouse does not have yet"))
    st.html(f"<div class='notice'><h3>{title}</h3><ul>{what}</ul><p>{html.escape(reader.t(SUPPLY))}</p></div>")
    return False
