"""Who is asking, and which rows and columns they may see.

Every query takes a `Scope`; there is no default. The scope's own condition is a clause of its own, so
that the reader can see in the statement itself whether it is there (`carries`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Select, or_, select, true
from sqlalchemy.ext.compiler import compiles

from queries import marts

PERMISSIONS = ("profile", "export", "decide", "approve", "policy", "share")
"""Beyond seeing figures: personal details, files, decisions and what belongs to them, approving those of others, the
service policy and its pilots, and what everybody finds (views, what-ifs, events on charts)."""


@dataclass(frozen=True)
class Scope:
    """A reader's rights: `regions` by code with everything below them (None: all), and permissions."""

    user: str
    regions: tuple[str, ...] | None
    permissions: frozenset[str]

    @classmethod
    def unrestricted(cls, user: str) -> Scope:
        return cls(user, None, frozenset(PERMISSIONS))

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    @property
    def fingerprint(self) -> str:
        """The same for two readers who may see the same."""
        rights = [self.regions if self.regions is None else sorted(self.regions), sorted(self.permissions)]
        return hashlib.sha256(json.dumps(rights).encode()).hexdigest()[:16]

    def allows(self, region_position: ColumnElement[int]) -> ColumnElement[bool]:
        """The condition that a row lies in the reader's regions."""
        return _ScopeClause(self, within(region_position, self.regions))


def within(region_position: ColumnElement[int], codes: tuple[str, ...] | None) -> ColumnElement[bool]:
    """A place in the region tree at or below one of the codes; None is anywhere."""
    if codes is None:
        return true()
    place = marts.region.c
    ranges = [
        region_position.between(
            select(place.position).where(place.code == code).scalar_subquery(),
            select(place.last_position).where(place.code == code).scalar_subquery(),
        )
        for code in codes
    ]
    return or_(*ranges) if ranges else ~true()


class _ScopeClause(ColumnElement[bool]):
    """A scope's condition, recognisable in a statement."""

    __visit_name__ = "scope_clause"
    inherit_cache = False
    type = Boolean()

    def __init__(self, scope: Scope, condition: ColumnElement[bool]) -> None:
        self.scope = scope
        self.condition = condition.self_group()

    def get_children(self, **_: Any) -> list[ColumnElement[bool]]:
        return [self.condition]


@compiles(_ScopeClause)
def _compile(element: _ScopeClause, compiler: Any, **options: Any) -> str:
    return compiler.process(element.condition, **options)


def carries(statement: Select, scope: Scope) -> bool:
    """Whether the statement holds this scope's condition and no other's."""
    found: list[Scope] = []
    # Each part is looked at once, however often the statement uses it: walking every path takes seconds.
    seen: dict[int, Any] = {}
    waiting: list[Any] = [statement]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part
        if isinstance(part, _ScopeClause):
            found.append(part.scope)
        waiting.extend(part.get_children())
    return bool(found) and all(s.fingerprint == scope.fingerprint for s in found)
