"""What people made of the plan: the decisions of this review, and the plan that was handed over.

The entries themselves are in the ledger (`dashboard.ledger.decisions`, `plans`); here they get the names, and what the
policy says about a second person.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from dashboard.insight import Answer, Reader, question
from dashboard.language import UNDEFINED, message
from dashboard.ledger import decisions, plans, policies
from dashboard.ledger.decisions import Decision
from dashboard.ledger.entries import regions_of, today
from dashboard.ledger.plans import Line
from dashboard.periods import monday
from queries import levels as queries

STATES = {
    "waiting": message("waits for a second person"),
    "rejected": message("rejected"),
    "ready": message("ready"),
    "postponed": message("postponed"),
}
ACTION_NAMES = {
    "accept": message("accepted"),
    "override": message("overridden"),
    "postpone": message("postponed"),
}
COLUMNS = [
    *("code", "name", "region", "grade", "action", "current", "recommended", "level", "gain", "cost_change"),
    *("reason", "breaks", "expires_on", "decided_by", "decided_at", "state", "approved_by", "approval_reason"),
]
HANDED = [
    *("code", "name", "region", "from_tier", "to_tier", "reason", "decided_by", "approved_by", "expires_on"),
    *("plan", "review", "policy"),
]


def waits(reader: Reader, made: Decision) -> bool:
    """Whether the policy asks a second person for this decision and nobody has answered yet. One that breaks a rule of
    the policy always needs one."""
    if made.action == "postpone" or made.level is None or made.verdict is not None or made.level == made.current:
        return False
    if made.expected.get("breaks"):
        return True
    asks = policies.in_force(reader).approval.asks
    return asks(made.level, _amount(made, "cost"), _amount(made, "gain"))


def state_of(reader: Reader, made: Decision) -> str:
    """One of STATES."""
    if made.verdict == "rejected":
        return "rejected"
    if made.action == "postpone":
        return "postponed"
    return "waiting" if waits(reader, made) else "ready"


@question("levels.decided", message("What was decided in this review"), needs=("assignment",), written=True)
def decided(reader: Reader) -> Answer:
    """Numbers: review, counts of states, `seen` (every customer's newest sequence, taken back or not), `ids`."""
    day = today(reader)
    newest = decisions.of_review(reader, day)
    standing = {code: made for code, made in newest.items() if made.level is not None}
    table = _with_names(reader, standing)
    states = {code: state_of(reader, standing[code]) for code in table["code"]}
    counts = {state: list(states.values()).count(state) for state in STATES}
    numbers = {
        "review": monday(day),
        **counts,
        "seen": {code: made.sequence for code, made in newest.items()},
        "ids": {code: standing[code].id for code in table["code"]},
        "states": states,
    }
    if table.empty:
        return Answer(reader.t("Nothing has been decided in this review yet."), table, numbers)
    said = {name: reader.language.number(count, exact=True) for name, count in counts.items()}
    headline = reader.t(
        "{all} decided: {ready} ready, {waiting} wait for a second person, {postponed} postponed, {rejected} rejected.",
        all=reader.language.number(len(table), exact=True),
        **said,
    )
    return Answer(headline, table, numbers, len(table))


def _with_names(reader: Reader, made: dict[str, Decision]) -> pd.DataFrame:
    """The decisions about customers in view, the newest first, a line each."""
    if not made:
        return pd.DataFrame(columns=COLUMNS)
    table = reader.named(reader.rows(queries.named(reader.view, sorted(made))))
    found = [made[code] for code in table["code"]]
    table = table.assign(
        action=[reader.t(ACTION_NAMES[one.action]) for one in found],
        current=[one.current for one in found],
        recommended=[one.recommended for one in found],
        level=[one.level for one in found],
        gain=[_amount(one, "gain") for one in found],
        cost_change=[_amount(one, "cost") for one in found],
        reason=[_reason(one) for one in found],
        breaks=[reader.t("; ").join(one.expected.get("breaks") or []) for one in found],
        expires_on=[one.expires_on for one in found],
        decided_by=[one.author for one in found],
        decided_at=[one.at for one in found],
        state=[reader.t(STATES[state_of(reader, one)]) for one in found],
        approved_by=[one.verdict_by for one in found],
        approval_reason=[one.verdict_reason for one in found],
    )
    return table.sort_values(["decided_at", "code"], ascending=[False, True]).reset_index(drop=True)[COLUMNS]


def lines(reader: Reader) -> list[Line]:
    """What a plan handed over now would hold: who was given a level, without those that wait or were rejected."""
    found = decided(reader)
    states, ids = found.numbers["states"], found.numbers["ids"]
    return [
        Line(code, level, ids[code])
        for code, level in zip(found.table["code"], found.table["level"], strict=True)
        if states[code] == "ready"
    ]


def hand_over(reader: Reader, wanted: list[Line]) -> plans.Plan:
    """Write these lines as the next plan; the ledger refuses the right, and a line that no longer stands."""
    made = decisions.numbered(reader, [line.decision for line in wanted if line.decision])
    totals: dict[str, Any] = {"customers": len(wanted)}
    for name in ("gain", "cost", "hours"):
        totals[name] = sum(_amount(one, name) for one in made.values())
    # Lines that wait for a second person are left out before (`lines`); one rejected since is refused here.
    version = policies.in_force(reader).version
    return plans.hand_over(reader, today(reader), wanted, totals, policy_version=version, approval_needed=False)


@question("levels.handed_over", message("The plan handed over last"), behind=None, written=True)
def handed_over(reader: Reader) -> Answer:
    """For the CRM: a line a customer with the level he gets, why, who decided and who approved, and how long it holds.

    Numbers: number, review, at, by, totals, and `changed` since the plan before of the same regions.
    """
    last = newest(reader)
    if last is None:
        return Answer(reader.t("No plan has been handed over for this selection yet."))
    held = {line.customer: line for line in plans.lines_of(reader, last)}
    made = decisions.numbered(reader, [line.decision for line in held.values() if line.decision])
    everybody = replace(reader, filters=reader.filters.reset())
    table = everybody.named(everybody.rows(queries.named(everybody.view, sorted(held))))
    by = [made.get(held[code].decision or 0) for code in table["code"]]
    levels = [held[code].level for code in table["code"]]
    table = table.assign(
        from_tier=[one.current if one and one.current else level for one, level in zip(by, levels, strict=True)],
        to_tier=levels,
        reason=[_reason(one) if one else None for one in by],
        decided_by=[one.author if one else None for one in by],
        approved_by=[one.verdict_by if one else None for one in by],
        expires_on=[one.expires_on if one else None for one in by],
        # A line that was copied out of the file still says where it comes from.
        **{"plan": last.number, "review": last.review, "policy": last.policy_version},
    )
    before = plans.before(reader, last)
    changed = plans.changes(reader, before, last)
    numbers = {
        "number": last.number,
        "review": last.review,
        "at": last.at,
        "by": last.author,
        "totals": last.totals,
        "policy": last.policy_version,
        "data": last.data_version,
        "changed": [vars(change) for change in changed],
        "before": before.number if before else None,
    }
    headline = reader.t(
        "Plan {number} of {day}, handed over by {who}: {count} {count:customer|customers}, {changed} "
        "changed since the plan before.",
        number=last.number,
        day=reader.language.date(last.review),
        who=last.author,
        count=reader.language.number(len(table), exact=True),
        changed=reader.language.number(len(changed), exact=True),
    )
    return Answer(headline, table[HANDED], numbers, len(table))


def newest(reader: Reader) -> plans.Plan | None:
    """The newest plan of the regions looked at."""
    regions = regions_of(reader)
    wanted = tuple(regions) if regions else None
    return next((plan for plan in plans.handed_over(reader) if plan.regions == wanted), None)


def _amount(made: Decision, name: str) -> float:
    value = made.expected.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _reason(made: Decision) -> str:
    """What the decider said, else the plan's own reasons at that moment."""
    return made.reason or str(made.expected.get("reasons") or UNDEFINED)
