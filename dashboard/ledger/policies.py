"""Versions of the service policy saved from the editor; the file in `data/` is the one before the first.

In force for everybody is the latest of them: versions are compared as texts, so they begin with their day, and who
raises the version of the file puts the file in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from dashboard.errors import DashboardError
from dashboard.insight import Reader
from dashboard.language import message
from dashboard.ledger.entries import Conflict, Taken, demand, rows, signed, stated, writing
from dashboard.ledger.store import Ledger
from dashboard.ledger.tables import policy_text
from dashboard.policy import FILE, Policy, parsed, policy

MOST_A_DAY = 100


@dataclass(frozen=True)
class PolicyText:
    """A version of the policy as its author saved it."""

    id: int
    at: datetime
    author: str
    version: str
    text: str
    why: str


def save(reader: Reader, version: str, text: str, why: str) -> PolicyText:
    """Keep a version; the caller has parsed it. Needs the permission "policy"; a version is never two texts."""
    demand(reader, "policy")
    entry = {
        **signed(reader),
        "version": stated(reader, version, message("The version")),
        "text": text,
        "why": stated(reader, why, message("The reason")),
    }
    try:
        with writing(reader) as connection:
            row = connection.execute(insert(policy_text).returning(*policy_text.c), entry).one()
    except IntegrityError:
        old = find(reader, entry["version"])
        if old is None:
            raise
        said = reader.t("policy version {version}", version=old.version)
        raise Conflict(reader, [Taken(said, old.author, old.at, old.why)]) from None
    return PolicyText(**row._mapping)


def put_in_force(reader: Reader, text: str, why: str, *, seen: str) -> PolicyText:
    """Keep a policy that everybody works with from now on. Needs the permission "policy".

    `seen` is the version that the writer changed. Raises DashboardError for a text that is no policy or whose version
    doesn't come after the one in force, and Conflict when another version has been put in force meanwhile.
    """
    demand(reader, "policy")
    version, now = parsed(text, reader.t("the policy")).version, in_force(reader).version
    if now != seen and (other := find(reader, now)):
        said = reader.t("policy version {version}", version=now)
        raise Conflict(reader, [Taken(said, other.author, other.at, other.why)])
    if version <= now:
        raise DashboardError(
            reader.t("The version {version} must come after {now}, the one in force.", version=version, now=now)
        )
    return save(reader, version, text, why)


def versions(reader: Reader) -> list[PolicyText]:
    """Every version saved, newest first: the policy is everybody's to read."""
    return [PolicyText(**row._mapping) for row in rows(reader, select(policy_text).order_by(policy_text.c.id.desc()))]


def find(reader: Reader, version: str) -> PolicyText | None:
    """A version's text, or None when it was never saved here."""
    found = rows(reader, select(policy_text).where(policy_text.c.version == version))
    return PolicyText(**found[0]._mapping) if found else None


def in_force(reader: Reader) -> Policy:
    """The policy that everybody works with, or the one this reader tries."""
    if reader.trial is not None:
        return reader.trial
    return _latest([row.text for row in rows(reader, _NEWEST)])


def of_ledger(ledger: Ledger) -> Policy:
    """The policy in force, for those who have no reader."""
    return _latest([row.text for row in ledger.rows(_NEWEST)])


def text_in_force(reader: Reader) -> str:
    """The policy in force as it was written, with its comments."""
    saved = versions(reader)
    return saved[0].text if saved and in_force(reader).version == saved[0].version else FILE.read_text("utf-8")


_NEWEST = select(policy_text).order_by(policy_text.c.id.desc()).limit(1)


def _latest(saved: list[str]) -> Policy:
    found = policy()
    for text in saved:
        kept = parsed(text, "the service policy saved from the editor")
        found = kept if kept.version >= found.version else found
    return found


def next_version(now: str) -> str:
    """Today's day, or a number after it: what comes after the version in force."""
    day = datetime.now(UTC).date().isoformat()
    names = [day, *(f"{day}.{number:02d}" for number in range(2, MOST_A_DAY))]
    return next((name for name in names if name > now), f"{now}.1")
