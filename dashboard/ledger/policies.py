"""Versions of the service policy saved from the editor; the file in `data/` is the one before the first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from dashboard.insight import Reader
from dashboard.language import message
from dashboard.ledger.entries import Conflict, Taken, demand, rows, signed, stated, writing
from dashboard.ledger.tables import policy_text


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


def versions(reader: Reader) -> list[PolicyText]:
    """Every version saved, newest first: the policy is everybody's to read."""
    return [PolicyText(**row._mapping) for row in rows(reader, select(policy_text).order_by(policy_text.c.id.desc()))]


def find(reader: Reader, version: str) -> PolicyText | None:
    """A version's text, or None when it was never saved here."""
    found = rows(reader, select(policy_text).where(policy_text.c.version == version))
    return PolicyText(**found[0]._mapping) if found else None
