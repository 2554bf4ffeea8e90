"""The service policy on a page: its text, a form for its numbers, what a change would do, and its versions."""

from __future__ import annotations

import html
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import streamlit as st

from dashboard import policy_book
from dashboard.errors import DashboardError
from dashboard.insight import Insight, Reader, ask, find, has
from dashboard.insights.cost import code_name, item_name
from dashboard.language import TIER_NAMES, message
from dashboard.ledger import policies
from dashboard.policy import FILE, Policy, line_of, numbered, parsed, policy, versioned
from dashboard.policy_book import EFFECTS, ENDS, FIELDS, HOUR_PARTS, KINDS, PARTS, RESPONSE_NAMES
from dashboard.ui.answers import answer
from dashboard.ui.table import plain_markdown
from dashboard.wording import unbroken
from queries.schema import TIERS

TEXT, BASE, SAID, TRIED = "policy-text", "policy-base", "policy-said", "policy-tried"
UPLOAD, TAKEN = "policy-upload", "policy-taken"
MOST_MEGABYTES, MOST_SHOWN = 5, 100
"""Of a spreadsheet, and of what it changes."""
A_ROW = 4
"""Numbers beside each other."""
GROUPS = {
    "includes": message("What levels include a year"),
    "response": message("What service is assumed to bring"),
    "limits": message("Limits and capacity"),
    "approval": message("When a second person is asked"),
}
PLACES: dict[str, dict[tuple[str, ...], str]] = {
    "limits": {
        ("limits", "largest_share_lowered"): FIELDS["limits", "largest_share_lowered"].label,
        ("capacity", "share"): FIELDS["capacity", "share"].label,
        ("capacity", "hours_per_unit", "visit"): message("Hours a visit takes"),
        ("capacity", "budget"): FIELDS["capacity", "budget"].label,
    },
    "approval": {
        ("approval", "cost_above"): FIELDS["approval", "cost_above"].label,
        ("approval", "gain_above"): FIELDS["approval", "gain_above"].label,
    },
}
SHOWN = (
    ("gain", message("Gain in all")),
    ("profit", message("Profit a year")),
    ("cost", message("Service cost a year")),
    ("raised", message("Customers raised")),
    ("lowered", message("Customers lowered")),
)


def editor(reader: Reader) -> None:
    """The policy in force, and for those with the permission the means to change it."""
    t, rules = reader.t, policies.in_force(reader)
    saved = policies.find(reader, rules.version)
    by = t("from the file")
    if saved:
        by = t("saved by {who} on {day}", who=saved.author, day=reader.language.date(saved.at))
    headline = t("Service policy {version} is in force, {by}.", version=rules.version, by=by)
    st.html(f"<h2 class='page-headline'>{unbroken(headline)}</h2>")
    if told := st.session_state.pop(SAID, None):
        kind, text = told
        getattr(st, kind)(plain_markdown(text))
    if not reader.scope.may("policy"):
        text = t("You can look here, not change it: ask the owner of the access file for “policy”.")
        st.html(f"<div class='notice'>{html.escape(text)}</div>")
        st.code(policies.text_in_force(reader), language="toml")
        return
    if TEXT not in st.session_state:
        _take_up(policies.text_in_force(reader), rules.version)
    _spreadsheet(reader)
    with st.container(key="policy-form"):
        _form(reader)
    st.text_area(t("The whole policy as text"), key=TEXT, height=420, persist_state="session")
    changed = _checked(reader)
    if changed is None:
        return
    _preview(reader, changed)
    _save(reader)


def _take_up(text: str, version: str) -> None:
    """Begin to change a text, of the version in force."""
    st.session_state[TEXT], st.session_state[BASE] = text, version
    st.session_state.pop(TRIED, None)


def _spreadsheet(reader: Reader) -> None:
    """The policy in force as a workbook to take away, and one to take values from; they are only proposed."""
    t = reader.t
    st.html(f"<style>:root{{--choose-file:'{t('Choose a file')}'}}</style>")
    with st.container(key="policy-book", horizontal=True, vertical_alignment="bottom"):
        text, version = policies.text_in_force(reader), policies.in_force(reader).version
        written = partial(policy_book.write, text, reader.language, partial(code_name, reader))
        st.download_button(
            t("Download as a spreadsheet"), written,
            t("service policy {version}", version=version) + ".xlsx", key="policy-download",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.file_uploader(
            t("Take values from a spreadsheet"), type="xlsx", key=UPLOAD, on_change=_propose, args=(reader,),
            max_upload_size=MOST_MEGABYTES,
        )  # fmt: skip
    if (taken := st.session_state.get(TAKEN)) and st.session_state[TEXT] == taken[1].text:
        _proposed(reader, *taken)


def _propose(reader: Reader) -> None:
    """Bring what an uploaded workbook says into the text, on top of the policy in force."""
    t, state, file = reader.t, st.session_state, st.session_state[UPLOAD]
    if file is None:
        return
    try:
        check = partial(parsed, where=t("the policy"))
        found = policy_book.read(file.getvalue(), policies.text_in_force(reader), check)
    except DashboardError as error:
        state[SAID] = ("error", f"{file.name}: {error}")
        return
    _take_up(found.text, policies.in_force(reader).version)
    state[TAKEN] = (file.name, found)


def _proposed(reader: Reader, file: str, found: policy_book.Proposal) -> None:
    """What the workbook changes, value by value."""
    t = reader.t
    if not found.changes:
        st.info(plain_markdown(t("{file} says what the policy in force says: no value differs.", file=file)))
        return
    said = t(
        "Values taken from {file}: {count}. Nothing is in force until you put it there.",
        count=len(found.changes), file=file,
    )  # fmt: skip
    if found.left_out:
        said += " " + t("Sheets left out: {names}.", names=", ".join(found.left_out))
    st.info(plain_markdown(said))
    with st.expander(t("What it changes"), key="policy-changes"):
        head = "".join(f"<th>{html.escape(t(name))}</th>" for name in policy_book.CHANGE)
        cells = ([_place(reader, place), *map(policy_book.told, values)] for place, *values in found.changes)
        rows = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in islice(cells, MOST_SHOWN)
        )
        st.html(f"<table class='compared'><tr>{head}</tr>{rows}</table>")


def _place(reader: Reader, place: str) -> str:
    """A place in the policy in the reader's words."""
    t, path = reader.t, tuple(place.split("."))
    if path in FIELDS:
        return t(FIELDS[path].label)
    if path[0] == "levels":
        return f"{t(TIER_NAMES[path[1]])} · {t(PARTS[path[2]])} · {code_name(reader, path[-1])}"
    if path[0] == "response":
        return f"{t(RESPONSE_NAMES[path[1]])} · {t(EFFECTS[path[-1]])}"
    if path[0] == "capacity":
        return " · ".join([t(HOUR_PARTS[path[1]]), *(code_name(reader, code) for code in path[2:])])
    return f"{t(KINDS[path[1]])} · {' · '.join(path[2:])}" if path[1:2] and path[1] in KINDS else place


def _checked(reader: Reader) -> Policy | None:
    """The policy that the text says; else the fault with its line, in place."""
    text = st.session_state[TEXT]
    try:
        return parsed(text, reader.t("the policy"))
    except DashboardError as error:
        line = line_of(text, str(error))
        said = reader.t("Line {line}: {fault}", line=line, fault=str(error)) if line else str(error)
        st.error(plain_markdown(said))
        return None


def _form(reader: Reader) -> None:
    """The common numbers, a group at a time; a change is a change of the text."""
    t = reader.t
    try:
        toml = tomllib.loads(st.session_state[TEXT])
    except tomllib.TOMLDecodeError:
        return
    group = st.segmented_control(
        t("Numbers"), list(GROUPS), default="includes", required=True, key="policy-group",
        format_func=lambda name: t(GROUPS[name]),
    )  # fmt: skip
    found = [(path, label, _at(toml, path)) for path, label in _places(reader, toml, str(group))]
    places = [(path, label, value) for path, label, value in found if value is not None]
    for start in range(0, len(places), A_ROW):
        for column, (path, label, value) in zip(st.columns(A_ROW), places[start : start + A_ROW], strict=False):
            key = f"policy-number-{'.'.join(path)}"
            st.session_state[key] = float(value)
            column.number_input(label, key=key, format="%g", on_change=_put, args=(path, key))


def _places(reader: Reader, toml: dict[str, Any], group: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The numbers of a group: their place in the text and their name."""
    t = reader.t
    if group == "includes":
        for tier in TIERS:
            for part in ("includes", "money"):
                for code in toml.get("levels", {}).get(tier, {}).get(part, {}):
                    yield ("levels", tier, part, code), f"{t(TIER_NAMES[tier])} · {item_name(reader, code)}"
    elif group == "response":
        for name, label in RESPONSE_NAMES.items():
            for end, said in ENDS.items():
                yield ("response", name, end), f"{t(label)} · {t(said)}"
    else:
        for path, label in PLACES[group].items():
            yield path, t(label)


def _at(toml: dict[str, Any], path: tuple[str, ...]) -> float | None:
    found: Any = toml
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, int | float) else None


def _put(path: tuple[str, ...], key: str) -> None:
    try:
        st.session_state[TEXT] = numbered(st.session_state[TEXT], path, st.session_state[key])
    except DashboardError as error:
        st.session_state[SAID] = ("error", str(error))


def _preview(reader: Reader, changed: Policy) -> None:
    """What the plan would be under the changed policy, beside what it is."""
    t = reader.t
    if not all(has(need, reader.marts) for need in find("levels.recommendation").needs):
        return
    text = st.session_state[TEXT]

    def try_it() -> None:
        st.session_state[TRIED] = text

    st.button(t("Show what this does to the plan"), key="policy-try", on_click=try_it)
    if st.session_state.get(TRIED) != text:
        return
    now, then = answer("levels.recommendation", reader), ask("levels.recommendation", replace(reader, trial=changed))
    columns = ((t("In force"), now), (t("With this text"), then))
    head = "".join(f"<th>{html.escape(name)}</th>" for name, _ in columns)
    rows = ""
    for name, label in SHOWN:
        cells = "".join(f"<td>{html.escape(_figure(reader, each, name))}</td>" for _, each in columns)
        rows += f"<tr><td>{html.escape(t(label))}</td>{cells}</tr>"
    st.html(
        f"<h3 class='card-headline'>{unbroken(then.headline)}</h3>"
        f"<table class='compared'><tr><th></th>{head}</tr>{rows}</table>"
    )


def _figure(reader: Reader, insight: Insight, name: str) -> str:
    numbers = insight.numbers
    if "effects" not in numbers:
        return "–"
    if name in ("raised", "lowered"):
        return reader.language.number(numbers[name], exact=True)
    profit = numbers["effects"]["profit"]["change"]
    return reader.money({"gain": numbers["gain"], "cost": numbers["budget_used"], "profit": profit}[name])


def _save(reader: Reader) -> None:
    """Put the text in force under the next version, with its reason."""
    t = reader.t
    st.text_input(t("Why is it changed?"), key="policy-why", width=560)
    version = policies.next_version(policies.in_force(reader).version)
    st.button(
        t("Put in force as version {version}", version=version), key="policy-save", type="primary", on_click=_write,
        args=(reader, version),
    )  # fmt: skip


def _write(reader: Reader, version: str) -> None:
    state = st.session_state
    text = versioned(state[TEXT], version)
    try:
        saved = policies.put_in_force(reader, text, state["policy-why"], seen=state[BASE])
    except DashboardError as error:
        state[SAID] = ("error", str(error))
        return
    _take_up(text, saved.version)
    state["policy-why"] = ""
    state[SAID] = ("success", reader.t("Version {version} is in force for everybody.", version=saved.version))


def history(reader: Reader) -> None:
    """Who changed the policy when and why, and the way back to any of them."""
    t, saved = reader.t, policies.versions(reader)
    may, now = reader.scope.may("policy"), policies.in_force(reader).version
    say = reader.language.date
    entries = [(each.version, f"{each.author} · {say(each.at)} · {each.why}", each.text) for each in saved]
    entries.append((policy().version, t("the file kept beside the program"), FILE.read_text("utf-8")))
    for place, (version, said, text) in enumerate(entries):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            mark = f" · {t('in force')}" if version == now else ""
            st.html(f"<p class='filter-sentence'><b>{html.escape(version)}</b>{mark} · {html.escape(said)}</p>")
            if may:
                st.button(
                    t("Take up this text"), key=f"policy-back-{place}", type="tertiary", on_click=_take_up,
                    args=(text, now),
                )  # fmt: skip
