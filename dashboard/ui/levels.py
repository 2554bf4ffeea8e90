"""The page of the meeting: what the plan brings, the moves to decide, the second person's word, and the hand-over.

What a reader sees is what he decides on: every button writes with the figures and the numbers of decisions that were
on his screen, so that somebody else's entry meanwhile is a conflict and never overwritten.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import streamlit as st

from dashboard import deciding
from dashboard.charts.theme import Look
from dashboard.errors import DashboardError
from dashboard.export import to_csv
from dashboard.filters import WHAT_IFS
from dashboard.insight import Insight, Reader
from dashboard.insights import choosing
from dashboard.insights import decided as insights
from dashboard.insights.choosing import Offer
from dashboard.language import MINUS, TIER_NAMES, message
from dashboard.ledger import Conflict, audit, decisions
from dashboard.ledger.decisions import Choice
from dashboard.reports import workbook
from dashboard.reports.pack import single
from dashboard.ui import session
from dashboard.ui.answers import answer
from dashboard.ui.card import card, card_alongside, cards, fold
from dashboard.ui.page import section
from dashboard.ui.pilots import pilots
from dashboard.ui.scenarios import scenarios
from dashboard.ui.table import download, plain_markdown
from dashboard.wording import forms, heading, kind_of, readable, unbroken
from queries.schema import TIERS

SAID = "decide-said"
CHOSEN = "decide-chosen"
NAMED = 5
"""Of a conflict's customers, how many are named."""
HEIGHT, ROW = 470, 84
WIDTHS = {
    "code": 76, "name": 168, "region": 84, "grade": 54, "current": 76, "recommended": 104, "level": 104, "gain": 84,
    "cost_change": 78, "hours_change": 62, "reasons": 316, "reason": 240, "breaks": 200, "approval": 84, "state": 150,
    "action": 86,
}  # fmt: skip
HEADINGS = {
    "current": message("Today"),
    "recommended": message("Recommended"),
    "gain": message("Gain a year"),
    "cost_change": message("Cost ±"),
    "hours_change": message("Hours ±"),
}
"""Short names of columns, so that a move is seen whole on a desk's screen."""
SLIDERS = {
    "budget": message("Service budget"),
    "hours": message("Account managers' hours"),
    "effect": message("Effect of service"),
}
UNTIL = {
    4: message("4 weeks"),
    13: message("A quarter"),
    26: message("Half a year"),
    52: message("A year"),
}
EFFECTS = (
    ("gain", message("Gain in all"), "money", "up"),
    ("profit", message("Profit a year"), "money", "up"),
    ("value_to_come", message("Value to come"), "money", "up"),
    ("cost", message("Service cost a year"), "money", ""),
    ("hours", message("Account-manager hours"), "number", ""),
    ("satisfaction", message("Satisfaction (of 5)"), "points", "up"),
    ("complaint", message("Complaints a year"), "number", "down"),
    ("praise", message("Praise a year"), "number", "up"),
)


# --- what the plan brings ------------------------------------------------------------------------------------------


@st.fragment
def plan(reader: Reader, look: Look) -> None:
    """The what-ifs and all that follows from them: a slider runs this part of the page and no other."""
    session.refresh()
    reader = session.current(reader)
    session.write_url()
    found = answer("levels.recommendation", reader)
    st.html(f"<h2 class='page-headline'>{unbroken(found.headline)}</h2>")
    if "effects" in found.numbers:
        _standing(reader)
        _effects(reader, found)
    left, right = st.columns([2, 5], gap="large")
    with left:
        _sliders(reader, found)
    if "effects" not in found.numbers:
        return
    with right:
        card_alongside(reader, look, "levels.frontier")
    cards(reader, look, ["levels.matrix", "levels.capacity"])
    section(reader, message("Moves to decide"))
    queue(reader)
    section(reader, message("What-ifs with a name"))
    scenarios(reader)


def _standing(reader: Reader) -> None:
    """For whom, when, and how far the review has come."""
    decided, waiting = answer("levels.decided", reader), answer("levels.queue", reader)
    t, number = reader.t, reader.language.number
    parts = [
        t("Review of {week}", week=reader.language.week(decided.numbers["review"])),
        t("{n} {n:customer|customers} in view", n=number(waiting.n, exact=True)),
        t("{n} {n:move|moves} open", n=number(waiting.numbers["moves"], exact=True)),
        t("{n} decided", n=number(len(decided.table), exact=True)),
        t("{n} wait for a second person", n=number(decided.numbers["waiting"], exact=True)),
    ]
    st.html(f"<p class='filter-sentence'>{html.escape(' · '.join(parts))}</p>")


def _effects(reader: Reader, found: Insight) -> None:
    """What the change to the plan does in a year, each figure with its interval."""
    cells = "".join(_effect(reader, found, *each) for each in EFFECTS)
    st.html(f"<div class='effects'>{cells}</div>")


def _effect(reader: Reader, found: Insight, name: str, label: str, kind: str, good: str) -> str:
    t, numbers = reader.t, found.numbers
    if name == "hours":
        today = sum(area["today"] for area in numbers["hours"].values())
        used = sum(area["used"] for area in numbers["hours"].values())
        note = t("{used} instead of {today}", used=_whole(reader, used), today=_whole(reader, today))
        change = used - today
    elif name == "cost":
        used, today = numbers["budget_used"], numbers["budget_today"]
        change = used - today if abs(used - today) >= today / 1000 else 0.0
        note = t("{used} instead of {today}", used=reader.money(used), today=reader.money(today))
    else:
        effect = numbers["effects"][name]
        change, low, high = effect["change"], effect["low"], effect["high"]
        note = t("95%: {low} to {high}", low=_signed(reader, low, kind), high=_signed(reader, high, kind))
    tone = "" if not good or not change else "good" if (change > 0) == (good == "up") else "bad"
    return (
        f"<div><div class='kpi-label'>{html.escape(t(label))}</div>"
        f"<div class='kpi-value'>{html.escape(_signed(reader, change, kind))}</div>"
        f"<div class='kpi-delta {tone}'><span>{html.escape(note)}</span></div></div>"
    )


def _whole(reader: Reader, amount: float) -> str:
    return reader.language.number(float(round(amount)))


def _signed(reader: Reader, amount: float, kind: str) -> str:
    """A change with its sign, in its own unit."""
    size = abs(amount)
    if kind == "money":
        said = reader.money(size)
    elif kind == "points":
        said, size = f"{size:.3f}", round(size, 3)
    else:
        said, size = _whole(reader, size), float(round(size))
    return said if not size else f"{'+' if amount > 0 else MINUS}{said}"


def _sliders(reader: Reader, found: Insight) -> None:
    """What if: shares of today's budget and hours, and of the effect that the policy assumes."""
    t, filters = reader.t, reader.filters
    for name, label in SLIDERS.items():
        least, most = (round(100 * end) for end in WHAT_IFS[name])
        key = f"what-if-{name}"
        st.session_state[key] = round(100 * getattr(filters, name))

        def changed(name: str = name, key: str = key) -> None:
            session.choose(session.filters().put(name, st.session_state[key] / 100))

        st.slider(t(label), least, most, key=key, on_change=changed, format="%d%%", help=_meant(reader, name, found))
        if said := _meant(reader, name, found):
            st.html(f"<p class='filter-sentence slider-note'>{html.escape(said)}</p>")
    st.page_link(
        st.session_state[session.PAGES]["policy"], label=t("What the policy assumes"),
        icon=":material/rule_settings:",
    )  # fmt: skip
    if filters != filters.without_what_ifs():
        st.button(
            t("Back to today's"), key="what-if-reset", type="tertiary", icon=":material/undo:",
            on_click=lambda: session.choose(session.filters().without_what_ifs()),
        )  # fmt: skip


def _meant(reader: Reader, name: str, found: Insight) -> str:
    """What a slider's per cents are: money, hours, or whose assumption."""
    t, numbers = reader.t, found.numbers
    if "effects" not in numbers:
        return ""
    if name == "budget":
        budget, today = reader.money(numbers["budget"]), reader.money(numbers["budget_today"])
        return t("{budget} a year at most; today's levels cost {today}", budget=budget, today=today)
    if name == "hours":
        hours = sum(area["capacity"] for area in numbers["hours"].values())
        return t("{hours} a year for customers", hours=_whole(reader, hours))
    text = message("As service policy {version} assumes; what history says of it stands further down")
    return t(text, version=numbers["policy"])


# --- the moves -----------------------------------------------------------------------------------------------------


@st.fragment
def queue(reader: Reader) -> None:
    """The moves to decide, and what was decided: choose rows, then say what becomes of them."""
    session.refresh()
    said()
    t = reader.t
    waiting, decided = answer("levels.queue", reader), answer("levels.decided", reader)
    counts = {
        "open": waiting.numbers["moves"],
        "decided": len(decided.table),
        "waiting": decided.numbers["waiting"],
    }
    names = {"open": t("Open"), "decided": t("Decided"), "waiting": t("Waiting for a second person")}
    names = {name: f"{said} · {reader.language.number(counts[name], exact=True)}" for name, said in names.items()}
    names["any"] = t("Any customer")
    status = st.segmented_control(
        t("State"), list(names), default="open", required=True, key="decide-status", label_visibility="collapsed",
        format_func=names.__getitem__, on_change=_unchoose,
    )  # fmt: skip
    if status == "open":
        _open(reader, waiting, decided)
    elif status == "any":
        _any(reader, decided)
    else:
        _decided(reader, decided, status == "waiting")


def _open(reader: Reader, waiting: Insight, decided: Insight) -> None:
    t, table = reader.t, waiting.table
    move = st.session_state.get(session.MOVE)
    if move:
        st.button(
            " → ".join(t(TIER_NAMES[level]) for level in move), key="chip-move", icon=":material/close:",
            icon_position="right", on_click=_forget_move, help=t("Remove this filter"),
        )  # fmt: skip
        table = table[(table["current"] == move[0]) & (table["recommended"] == move[1])]
    st.html(f"<h3 class='card-headline'>{unbroken(waiting.headline)}</h3>")
    if table.empty:
        st.html(f"<div class='notice'>{html.escape(t('No open move here.'))}</div>")
        return
    listed, moves = len(waiting.table), waiting.numbers["moves"]
    if listed < moves:
        st.html(
            "<p class='filter-sentence'>"
            + html.escape(t("The {n} most valuable are listed; the next follow as these are decided.", n=listed))
            + "</p>"
        )
    columns = [
        *("name", "current", "recommended", "gain", "cost_change", "hours_change", "reasons", "approval"),
        *("region", "grade", "code"),
    ]
    chosen = choose_rows(reader, table[columns], "queue")
    if _may(reader, "decide"):
        _controls(reader, waiting, decided, chosen, list(table["code"]))
    if reader.scope.may("export"):
        label = message("Download the recommendation for every customer")
        download(answer("levels.recommendation", reader), reader, "levels.recommendation", label)


def _any(reader: Reader, decided: Insight) -> None:
    """Whoever is in view, proposed or not, decided or not: find him and give him a level."""
    t = reader.t
    text = st.text_input(
        t("Find a customer by name or code"), key="decide-search", width=420, persist_state="page",
        placeholder=t("Name or code"), on_change=_unchoose,
    )  # fmt: skip
    offer = choosing.found(reader, text)
    if offer.table.empty:
        st.html(f"<div class='notice'>{html.escape(t('Nobody in view who has a level is called that.'))}</div>")
        return
    if not text.strip():
        st.html(f"<p class='filter-sentence'>{html.escape(t('The largest customers in view; or look for one.'))}</p>")
    columns = ["name", "current", "recommended", "level", "state", "gain", "reasons", "region", "grade", "code"]
    chosen = choose_rows(reader, offer.table[columns], "any")
    if _may(reader, "decide"):
        _controls(reader, offer, decided, chosen, [])


def _controls(reader: Reader, offer: Offer, decided: Insight, chosen: list[str], shown: list[str]) -> None:
    """Accept, override or postpone what is chosen, or accept all that is shown."""
    t, n = reader.t, len(chosen)
    ways = {"accept": t("Accept"), "override": t("Give another level"), "postpone": t("Postpone")}
    way = st.segmented_control(
        t("Decision"), list(ways), default="accept", required=True, key="decide-way", format_func=ways.__getitem__
    )
    if way != "accept":
        _asked(reader, offer, chosen, level=way == "override")
    labels = {
        "accept": t("Accept {n} chosen", n=n),
        "override": t("Give {n} chosen another level", n=n),
        "postpone": t("Postpone {n} chosen", n=n),
    }
    seen = decided.numbers["seen"]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button(
            labels[str(way)] if n else t("Choose rows in the table first"), key=f"do-{way}", type="primary",
            disabled=not n, on_click=_decide, args=(reader, offer, seen, chosen, way),
        )  # fmt: skip
        if way == "accept" and shown:
            with st.popover(t("Accept all {n} shown", n=len(shown)), key="accept-all"):
                st.markdown(t("Each of them gets the level recommended. You can take it back."))
                st.button(
                    t("Accept {n} {n:move|moves}", n=len(shown)), key="do-accept-all", on_click=_decide,
                    args=(reader, offer, seen, shown, way),
                )  # fmt: skip
    if deciding.what_ifs(reader):
        st.caption(t("You are looking at a what-if; that is kept with the decisions."))


def _asked(reader: Reader, offer: Offer, chosen: list[str], level: bool) -> None:
    """What an override or a postponement needs: the level and what it means, until when, and why."""
    t = reader.t
    if level:
        given = st.selectbox(
            t("Level"), TIERS, key="decide-level", format_func=lambda tier: t(TIER_NAMES[tier]), width=220,
            persist_state="page",
        )  # fmt: skip
        if found := choosing.consequences(reader, offer, chosen, given):
            said = "".join(f"<li>{html.escape(line)}</li>" for line in choosing.told(reader, found, given))
            st.html(f"<div class='notice consequences'><ul>{said}</ul></div>")
    st.selectbox(
        t("Until"), deciding.UNTIL_WEEKS, key="decide-until", index=1, width=320, persist_state="page",
        format_func=lambda weeks: f"{t(UNTIL[weeks])} · {reader.language.date(deciding.until(reader, weeks))}",
    )  # fmt: skip
    st.text_input(
        t("Reason"), key="decide-reason", width=560, persist_state="page",
        placeholder=t("Why, so that others can follow it"),
    )  # fmt: skip


def _decide(reader: Reader, offer: Offer, seen: dict[str, int], codes: list[str], way: str) -> None:
    """Write what was chosen, with what was on the screen."""
    state, tried = st.session_state, deciding.what_ifs(reader)

    def choices() -> list[Choice]:
        reason = state.get("decide-reason", "")
        last = deciding.until(reader, state.get("decide-until", deciding.UNTIL_WEEKS[1]))
        if way == "override":
            return deciding.overridden(offer, seen, codes, tried, state["decide-level"], reason, last)
        if way == "postpone":
            return deciding.postponed(offer, seen, codes, tried, reason, last)
        return deciding.accepted(offer, seen, codes, tried)

    done = {
        "accept": message("{n} accepted"),
        "override": message("{n} given another level"),
        "postpone": message("{n} postponed"),
    }
    _save(reader, lambda: deciding.write(reader, choices(), offer.numbers["policy"]), done[way], keeps="decide-reason")


def _decided(reader: Reader, decided: Insight, only_waiting: bool) -> None:
    """What was decided, to take back; with `only_waiting` what a second person has to look at."""
    t, table, states = reader.t, decided.table, decided.numbers["states"]
    if only_waiting:
        table = table[[states[code] == "waiting" for code in table["code"]]]
    if table.empty:
        st.html(f"<div class='notice'>{html.escape(t('Nothing here yet.'))}</div>")
        return
    columns = [
        *("name", "action", "current", "level", "state", "reason", "expires_on", "decided_by", "approved_by"),
        *("approval_reason", "gain", "cost_change", "region", "grade", "code"),
    ]
    chosen = choose_rows(reader, table[columns], f"decided-{only_waiting}")
    if not _may(reader, "decide"):
        return
    ways = {"back": t("Take back"), "override": t("Give another level")}
    way = st.segmented_control(
        t("Decision"), list(ways), default="back", required=True, key="decided-way", format_func=ways.__getitem__
    )
    nobody, n = t("Choose rows in the table first"), len(chosen)
    if way == "override":
        offer = choosing.picked(reader, chosen)
        _asked(reader, offer, chosen, level=True)
        st.button(
            t("Give {n} chosen another level", n=n) if chosen else nobody, key="do-change", type="primary",
            disabled=not chosen, on_click=_decide, args=(reader, offer, decided.numbers["seen"], chosen, way),
        )  # fmt: skip
        return

    def take_back() -> None:
        choices = deciding.taken_back(decided, chosen, st.session_state.get("back-reason", ""))
        policy = answer("levels.queue", reader).numbers["policy"]
        _save(reader, lambda: deciding.write(reader, choices, policy), message("{n} taken back"), keeps="back-reason")

    st.text_input(t("Reason (optional)"), key="back-reason", width=560)
    st.button(
        t("Take back {n} chosen", n=n) if chosen else nobody, key="do-back", disabled=not chosen, on_click=take_back,
    )  # fmt: skip


# --- the second person ---------------------------------------------------------------------------------------------


@st.fragment
def approvals(reader: Reader) -> None:
    """What the policy asks a second person for."""
    session.refresh()
    t, decided = reader.t, answer("levels.decided", reader)
    said("approve-said")
    states, ids = decided.numbers["states"], decided.numbers["ids"]
    table = decided.table[[states[code] == "waiting" for code in decided.table["code"]]]
    if table.empty:
        st.html(f"<p class='filter-sentence'>{html.escape(t('Nothing waits for a second person.'))}</p>")
        return
    own = table["decided_by"] == reader.scope.user
    st.html(f"<p class='filter-sentence'>{html.escape(_who_approves(reader, int(own.sum())))}</p>")
    columns = ["name", "current", "level", "gain", "cost_change", "reason", "breaks", "decided_by", "region", "grade"]
    columns = [column for column in (*columns, "code") if column != "breaks" or table["breaks"].any()]
    chosen = choose_rows(reader, table[columns], "approve")
    if not _may(reader, "approve"):
        return
    wanted = [code for code in chosen if code in set(table.loc[~own, "code"])]
    if mine := len(chosen) - len(wanted):
        st.caption(t("{n} of the rows chosen are your own decisions: a second person approves them.", n=mine))

    def judge(verdict: str) -> None:
        reason = st.session_state.get("approve-reason", "")
        numbers = [ids[code] for code in wanted]

        def write() -> list[int]:
            decisions.approve(reader, decided.numbers["review"], numbers, verdict, reason)
            return numbers

        done = message("{n} approved") if verdict == "approved" else message("{n} rejected")
        _save(reader, write, done, keeps="approve-reason", place="approve-said")

    st.text_input(
        t("Reason (needed to reject)"), key="approve-reason", width=560,
        placeholder=t("Why, so that others can follow it"),
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        n = len(wanted)
        st.button(
            t("Approve {n} chosen", n=n), key="do-approve", type="primary", disabled=not n, on_click=judge,
            args=("approved",),
        )  # fmt: skip
        st.button(t("Reject {n} chosen", n=n), key="do-reject", disabled=not n, on_click=judge, args=("rejected",))


def _who_approves(reader: Reader, own: int) -> str:
    t = reader.t
    text = t("The policy asks a second person for these: another one than who decided.")
    return f"{text} {t('{n} of them are your own.', n=own)}" if own else text


# --- the hand-over -------------------------------------------------------------------------------------------------


@st.fragment
def hand_over(reader: Reader) -> None:
    """The approved plan, frozen under a number, and its files for the CRM."""
    session.refresh()
    said("plan-said")
    t, number = reader.t, reader.language.number
    filters = reader.filters
    # A plan is of regions: whatever else is filtered on the page doesn't make it smaller.
    whole = replace(reader, filters=filters.reset().put("region", filters.region))
    decided, last = answer("levels.decided", whole), answer("levels.handed_over", whole)
    wanted = insights.lines(whole) if decided.numbers["ready"] else []
    waiting = decided.numbers["waiting"]
    text = t("Nothing new is ready to hand over.")
    if wanted:
        text = t("{n} {n:customer is|customers are} ready to hand over.", n=number(len(wanted), exact=True))
    if waiting:
        text += " " + t("{n} wait for a second person and stay out of this plan.", n=number(waiting, exact=True))
    st.html(f"<p class='filter-sentence'>{html.escape(text)}</p>")
    held = {} if last.table.empty else dict(zip(last.table["code"], last.table["to_tier"], strict=True))
    same = last.numbers.get("review") == decided.numbers["review"] and held == {x.customer: x.level for x in wanted}

    def freeze() -> None:
        def write() -> list[Any]:
            made = insights.hand_over(whole, wanted)
            st.session_state["plan-number"] = made.number
            return [made] * len(wanted)

        _save(reader, write, message("Plan with {n} {n:customer|customers} handed over"), place="plan-said")

    if wanted and _may(reader, "decide"):
        if same:
            st.caption(t("Nothing has changed since plan {number}.", number=last.numbers["number"]))
        st.button(
            t("Hand over {n} {n:customer|customers} as a plan", n=len(wanted)), key="do-hand-over", type="primary",
            disabled=same,
            icon=":material/assignment_turned_in:", on_click=freeze,
        )  # fmt: skip
    st.html(f"<h3 class='card-headline'>{unbroken(last.headline)}</h3>")
    if last.table.empty:
        return
    opened = st.expander(t("The plan's lines"), key="plan-lines", on_change="rerun")
    if opened.open:
        with opened:
            _listed(whole, last.table, "plan-table")
            _changes(whole, last)
    if whole.scope.may("export"):
        _files(whole, last)
    else:
        _may(reader, "export")


def _changes(reader: Reader, last: Insight) -> None:
    """What changed since the plan before."""
    t, changed = reader.t, last.numbers["changed"]
    before = last.numbers["before"]
    if before is None or not changed:
        return
    names = dict(zip(last.table["code"], last.table["name"], strict=True))
    st.markdown(f"**{t('What changed since plan {number}', number=before)}**")
    rows = [(names.get(c["customer"], c["customer"]), c["before"], c["after"], c["customer"]) for c in changed]
    frame = pd.DataFrame(rows, columns=["name", "from_tier", "to_tier", "code"])
    frame = frame.fillna({"from_tier": t("not in that plan"), "to_tier": t("no longer in it")})
    _listed(reader, frame, "plan-changes")


def _files(reader: Reader, last: Insight) -> None:
    t, name = reader.t, f"plan-{last.numbers['number']}"

    def kept(body: bytes, form: str) -> bytes:
        audit.audited(reader, "export", f"{name}.{form}", len(last.table))
        return body

    with st.container(horizontal=True, gap="small"):
        st.download_button(
            t("Excel file for the CRM"), lambda: kept(workbook.write(single(last, reader)), "xlsx"),
            file_name=f"{name}.xlsx",
            mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", key="plan-xlsx",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            t("CSV file for the CRM"), lambda: kept(("\ufeff" + to_csv(last.table)).encode(), "csv"),
            file_name=f"{name}.csv", mime="text/csv", key="plan-csv", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


# --- what is learned from it ---------------------------------------------------------------------------------------


def learned(reader: Reader, look: Look) -> None:
    """What came of past moves, what that says of the assumptions, and pilots that will say more."""
    card(reader, look, "levels.follow_up")
    card(reader, look, "levels.response")
    pilots(reader)
    fold(reader, look, "levels.today")


# --- parts ---------------------------------------------------------------------------------------------------------


def choose_rows(reader: Reader, frame: pd.DataFrame, name: str) -> list[str]:
    """A table of fixed height with rows to choose; the codes chosen, which stay chosen when the table changes."""
    codes = list(frame["code"])
    held = [code for code in st.session_state.get(f"{CHOSEN}-{name}", ()) if code in set(codes)]
    digest = hashlib.sha256("\n".join(codes).encode()).hexdigest()[:12]
    key = f"rows-{name}-{digest}"

    def chosen() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        st.session_state[f"{CHOSEN}-{name}"] = [codes[row] for row in rows]

    _listed(reader, frame, key, on_select=chosen, default=[codes.index(code) for code in held])
    return held


def _listed(
    reader: Reader,
    frame: pd.DataFrame,
    key: str,
    on_select: Callable[[], None] | None = None,
    default: Sequence[int] = (),
) -> None:
    shown = readable(frame, reader)
    config: dict[str, Any] = {}
    for column in shown.columns:
        label = reader.t(HEADINGS[column]) if column in HEADINGS else heading(column, reader)
        told: dict[str, Any] = {"label": label, "width": WIDTHS.get(column)}
        if kind_of(column) == "date":
            config[column] = st.column_config.DateColumn(**told, format="YYYY-MM-DD")
        elif pd.api.types.is_numeric_dtype(shown[column]):
            config[column] = st.column_config.NumberColumn(**told)
        else:
            config[column] = st.column_config.TextColumn(**told, pinned=column == "name" or None)
    choosing: dict[str, Any] = {}
    if on_select:
        choosing = {"on_select": on_select, "selection_mode": "multi-row"}
        choosing["selection_default"] = {"selection": {"rows": list(default)}} if default else None
    st.dataframe(
        shown.style.format(forms(shown, reader)),
        hide_index=True,
        column_config=config,
        height=min(HEIGHT, 40 + ROW * len(shown)),
        row_height=ROW,
        key=key,
        placeholder="–",
        **choosing,
    )


def _unchoose() -> None:
    for name in [name for name in st.session_state if str(name).startswith(CHOSEN)]:
        del st.session_state[name]


def _forget_move() -> None:
    st.session_state[session.MOVE] = None
    st.session_state[session.STALE] = True


def _may(reader: Reader, permission: str) -> bool:
    """Whether the reader may; says so when he may not."""
    if reader.scope.may(permission):
        return True
    texts = {
        "decide": message("You can look here, not decide: ask the owner of the access file for “decide”."),
        "approve": message("You can look here, not approve: ask the owner of the access file for “approve”."),
        "export": message("To take the plan away as a file, ask the owner of the access file for “export”."),
        "policy": message("You can look here, not change it: ask the owner of the access file for “policy”."),
    }
    st.html(f"<div class='notice'>{html.escape(reader.t(texts[permission]))}</div>")
    return False


def _save(reader: Reader, write: Callable[[], Sequence[Any]], done: str, *, keeps: str = "", place: str = SAID) -> None:
    """Write, and keep what to say about it: what was saved, or who was first. A reason is kept unless it was saved."""
    state, t = st.session_state, reader.t
    state[session.STALE] = True
    try:
        written = write()
    except Conflict as conflict:
        state[place] = ("warning", _conflict(reader, conflict))
    except DashboardError as error:
        state[place] = ("error", str(error))
    else:
        _unchoose()
        if keeps:
            state[keeps] = ""
        at = local(datetime.now(ZoneInfo("UTC")))
        saved = t("saved at {time} by {who}", time=f"{at:%H:%M}", who=reader.scope.user)
        parts = [t(done, n=reader.language.number(len(written), exact=True)), saved]
        state[place] = ("success", t("; ").join(parts))


def _conflict(reader: Reader, conflict: Conflict) -> str:
    """Who decided what when, and that nothing of this was written."""
    t = reader.t
    text = message("{what} {did} by {who} at {time}")
    lines = [
        t(text, what=one.about, did=one.what, who=one.author, time=f"{local(one.at):%H:%M}")
        for one in conflict.taken[:NAMED]
    ]
    if (more := len(conflict.taken) - NAMED) > 0:
        lines.append(t("{count} more", count=more))
    head = t("Somebody else was first; nothing of yours was saved, and your choice and reason are kept.")
    return f"{head} {reader.language.list(lines)}"


def said(place: str = SAID) -> None:
    """What came of the last click, in words."""
    if told := st.session_state.pop(place, None):
        kind, text = told
        getattr(st, kind)(plain_markdown(text))


def local(moment: datetime) -> datetime:
    """A moment on the reader's clock; UTC where his browser names none."""
    try:
        return moment.astimezone(ZoneInfo(st.context.timezone or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return moment
