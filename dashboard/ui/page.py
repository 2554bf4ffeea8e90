"""The frame of every page: guard, title, filter bar, sentence and chips."""

from __future__ import annotations

import html
from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Any

import streamlit as st

from dashboard.charts.theme import Look
from dashboard.errors import DashboardError
from dashboard.filters import CHOICES, Filters
from dashboard.insight import Reader
from dashboard.language import COMPARISON_NAMES, KIND_NAMES, PERIOD_NAMES, TIER_NAMES, message
from dashboard.periods import COMPARISONS, PERIODS, REVIEWED
from dashboard.ui import session
from dashboard.ui.answers import answer
from dashboard.ui.gaps import begin
from dashboard.ui.table import go_on, plain_markdown
from dashboard.ui.views import saved
from queries.schema import GRADES, TIERS

FRESH_DAYS = 14
"""Days after which data are old for a review that is held every week."""
OLD_DAYS = 730
"""Days after which data are of another time: a sample, or a system that was given up."""
CHOICE_NAMES = {
    "region": message("Region"),
    "grade": message("Grade"),
    "tier": message("Tier"),
    "industry": message("Industry"),
    "channel": message("Acquisition channel"),
    "manager": message("Account manager"),
    "kind": message("Kind of customer"),
    "activity": message("Served by activity"),
}


def open_page(
    title: str, *, filtered: bool = True, weekly: bool = False, without: Collection[str] = ()
) -> tuple[Reader, Look]:
    """Begin a page: who asks (or the run ends here), what for, and how it looks.

    `title` is a message. Every page calls this first; it is the page's guard. A `weekly` page is about the weeks of
    a review (`Reader.reviewing`). Filters that the page shows by itself are left `without` a chip.
    """
    try:
        reader = session.reader()
    except DashboardError as error:
        st.error(str(error))
        st.stop()
    begin()
    look = session.look(reader.marts)
    reader = reader.reviewing if weekly else reader
    st.html(f"<h1 class='page-title'>{html.escape(reader.t(title))}</h1>")
    if lost := st.session_state.pop(session.LOST, None):
        what = reader.language.list(_unknown(reader, name, values) for name, values in lost.items())
        st.warning(
            plain_markdown(reader.t("Not in these data and left out: {what}. Everything else is kept.", what=what))
        )
    _findings_line(reader)
    _age(reader)
    if filtered:
        _filter_bar(reader, weekly, without)
    go_on(reader)
    return reader, look


def _age(reader: Reader) -> None:
    """Say so when the newest weeks are missing; the demo's course ends where it ends."""
    last = reader.calendar.last_day
    days = (date.today() - last).days
    if days > FRESH_DAYS and reader.marts.info.get("source.origin") != "demo":
        ago, day = f"{days:,}", reader.language.date(last)
        said = reader.t(
            "The data end on {day}, {n} {n:day|days} ago: what happened since is not in these numbers.", day=day, n=ago
        )
        if days > OLD_DAYS:
            ago = f"{days / 365.25:.0f}"
            said = reader.t("The data end on {day}, {n} years ago: these are the figures of that time.", day=day, n=ago)
        st.html(f"<p class='notice stale' role='status'>{html.escape(said)}</p>")


def _unknown(reader: Reader, name: str, values: Sequence[str]) -> str:
    names = CHOICE_NAMES | {"period": message("Period"), "as_of": message("As of"), "compare": message("Compare with")}
    names |= {"group": message("Group of customers"), "customer": message("Customer")}
    return f"{reader.t(names[name])} {reader.language.list(value[:60] for value in values)}"


def _findings_line(reader: Reader) -> None:
    """A quiet line where faults of the data make the page's own figures wrong, with the way to them."""
    if n := answer("data.findings", reader).numbers["touched"].get(st.session_state.get(session.PAGE), 0):
        st.page_link(
            st.session_state[session.PAGES]["data"],
            label=reader.t("Data faults that change these figures: {n}", n=n),
            icon=":material/error:",
        )


def section(reader: Reader, title: str) -> None:
    """The heading of a part of a page; `title` is a message."""
    st.html(f"<h2 class='page-section'>{html.escape(reader.t(title))}</h2>")


def _filter_bar(reader: Reader, weekly: bool, without: Collection[str]) -> None:
    t, filters = reader.t, reader.filters
    weeks, periods = reader.calendar.weeks(), REVIEWED if weekly else PERIODS
    usual = reader.calendar.finished_week if weekly else weeks[0]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filter-bar"):
        _choice("period", t("Period"), periods, lambda p: t(PERIOD_NAMES[p]), filters.period, 170)
        _choice("as_of", t("As of"), weeks, lambda w: _week_name(reader, w), filters.as_of or usual, 240, usual)
        _choice("compare", t("Compare with"), COMPARISONS, lambda c: t(COMPARISON_NAMES[c]), filters.compare, 200)
        # A label with a count would be another popover after each tick, and closed.
        opened = st.popover(t("Filters"), icon=":material/tune:", key="filter-popover", on_change="rerun")
        if opened.open:
            with opened:
                _choices(reader)
        saved(reader)
    _beyond_rights(reader)
    _chips(reader, without)


def _beyond_rights(reader: Reader) -> None:
    """Say so when a link asks for regions that this reader may not see."""
    allowed, known = reader.scope.regions, reader.marts.dimensions["region"]
    if allowed is None:
        return

    def seen(code: str | None) -> bool:
        return code is not None and (code in allowed or seen(known[code].parent if code in known else None))

    hidden = [code for code in reader.filters.region if not seen(code)]
    if hidden:
        names = reader.language.list([reader.language.name(known[code].name, known[code].name_en) for code in allowed])
        st.info(reader.t("The link asks for more than you may see; what is shown is of {regions} only.", regions=names))


def _week_name(reader: Reader, week: date) -> str:
    name = reader.language.week(week)
    if week == reader.calendar.last_week and reader.calendar.unfinished:
        return reader.t("{week} (unfinished)", week=name)
    return name


def _choice(
    name: str,
    label: str,
    options: Sequence[Any],
    say: Callable[[Any], str],
    value: Any,
    width: int,
    unsaid: Any = None,
) -> None:
    """A select box that shows the filters' value and changes it; the choice that is left `unsaid` is the default."""
    key = f"filter-{name}"
    st.session_state[key] = value

    def changed() -> None:
        chosen = st.session_state[key]
        session.choose(session.filters().put(name, None if chosen == unsaid else chosen))

    st.selectbox(label, options, format_func=say, key=key, on_change=changed, width=width)


def _choices(reader: Reader) -> None:
    """A multiselect for each dimension that has members."""
    t = reader.t
    for name in CHOICES:
        options, names = _members(reader, name)
        if not options:
            continue
        key = f"filter-{name}"
        st.session_state[key] = [code for code in getattr(reader.filters, name) if code in names]

        def changed(name: str = name, key: str = key, options: list[str] = options) -> None:
            chosen = st.session_state[key]
            ordered = tuple(code for code in options if code in chosen)
            session.choose(session.filters().put(name, ordered))

        st.multiselect(
            t(CHOICE_NAMES[name]),
            options,
            format_func=names.__getitem__,
            key=key,
            on_change=changed,
            placeholder=t("All"),
            width=360,
        )


def _members(reader: Reader, name: str) -> tuple[list[str], dict[str, str]]:
    """Codes of a dimension in display order and their names; regions are indented by their level."""
    if name == "grade":
        return list(GRADES), {g: g for g in GRADES}
    if name == "tier":
        if reader.marts.measured:
            return [], {}
        return list(TIERS), {code: reader.t(TIER_NAMES[code]) for code in TIERS}
    entries = reader.marts.dimensions[name]
    if name == "region" and reader.scope.regions is not None:
        allowed, inside = set(reader.scope.regions), {}
        for code, entry in entries.items():
            if code in allowed or entry.parent in inside:
                inside[code] = entry
        entries = inside
    names = {}
    for code, entry in entries.items():
        own = reader.language.name(entry.name, entry.name_en)
        if name == "kind" and code in KIND_NAMES:
            own = reader.t(KIND_NAMES[code])
        names[code] = "\u2003" * entry.level + own
    return list(entries), names


def _chips(reader: Reader, without: Collection[str]) -> None:
    """The filters in words: what can be taken away is a chip with a cross."""
    filters: Filters = reader.filters
    said = filters.words(reader.language, reader.marts)
    fixed = " · ".join(html.escape(said[name]) for name in ("period", "compare"))
    chosen = [name for name in said if name not in ("period", "compare", *without)]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="filter-chips"):
        st.html(f"<p class='filter-sentence'>{fixed}</p>", width="content")
        for name in chosen:
            st.button(
                said[name].replace("[", "(").replace("]", ")").replace(":", "："),
                key=f"chip-{name}",
                icon=":material/close:",
                icon_position="right",
                on_click=lambda name=name: session.choose(session.filters().without(name)),
                help=reader.t("Remove this filter"),
            )
        if chosen:
            st.button(
                reader.t("Reset"),
                key="reset",
                type="tertiary",
                on_click=session.reset,
            )
