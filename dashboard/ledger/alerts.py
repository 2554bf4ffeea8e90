"""What people said to alerts: open, acknowledged, closed. The alerts themselves are computed from the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, insert, select

from dashboard.errors import DashboardError, nearest
from dashboard.insight import Reader
from dashboard.ledger.entries import (
    AT_ONCE,
    RefusedError,
    covers,
    demand,
    demand_visible,
    only_visible,
    regions_of,
    rows,
    signed,
    writing,
)
from dashboard.ledger.tables import ALERT_STATES, alert_state

SHOWN = 500
"""How many of the newest entries a page shows."""


@dataclass(frozen=True)
class AlertState:
    """The newest entry about an alert; `regions` is what it is about (empty: the whole company), unless a customer."""

    id: int
    at: datetime
    author: str
    key: str
    state: str
    reason: str
    customer: str | None
    regions: tuple[str, ...] = ()


def set_state(
    reader: Reader,
    key: str,
    state: str,
    reason: str = "",
    *,
    customer: str | None = None,
    regions: Iterable[str] | None = None,
) -> None:
    """Write what an alert's state is from now on. The alert is about a customer, or about regions (by default those
    the reader looks at). Needs the permission "decide", and to see what the alert is about; closing needs a reason."""
    demand(reader, "decide")
    if state not in ALERT_STATES:
        raise DashboardError(f"state: {state!r} is not known{nearest(state, ALERT_STATES)}")
    if state == "closed" and not reason.strip():
        raise DashboardError(reader.t("To close an alert, say why."))
    about = list(regions) if regions is not None else regions_of(reader)
    if customer:
        demand_visible(reader, [customer])
    elif not covers(reader, about):
        raise RefusedError(reader.t("The alert is about regions that you may not see."))
    entry = {**signed(reader), "alert_key": key, "state": state, "reason": reason.strip()}
    with writing(reader) as connection:
        connection.execute(insert(alert_state), {**entry, "customer_code": customer, "regions": about or None})


def states(reader: Reader, keys: Iterable[str]) -> dict[str, AlertState]:
    """The newest state of these alerts, by key, as far as the reader may see what they are about."""
    wanted, newest = list(dict.fromkeys(keys)), {}
    for start in range(0, len(wanted), AT_ONCE):
        some = alert_state.c.alert_key.in_(wanted[start : start + AT_ONCE])
        for row in rows(reader, select(alert_state).where(some).order_by(alert_state.c.id)):
            newest[row.alert_key] = row
    return _seen(reader, newest)


def written(reader: Reader) -> dict[str, AlertState]:
    """The newest state of every alert there ever was, by key, as far as the reader may see what they are about."""
    newest = {row.alert_key: row for row in rows(reader, select(alert_state).order_by(alert_state.c.id))}
    return _seen(reader, newest)


def history(reader: Reader) -> list[AlertState]:
    """The newest entries about alerts that the reader may see, newest first."""
    found = rows(reader, select(alert_state).order_by(alert_state.c.id.desc()).limit(SHOWN))
    return [_state(row) for row in only_visible(reader, found)]


def _seen(reader: Reader, newest: dict[str, Row]) -> dict[str, AlertState]:
    return {row.alert_key: _state(row) for row in only_visible(reader, newest.values())}


def _state(row: Row) -> AlertState:
    about = row.customer_code, tuple(row.regions or ())
    return AlertState(row.id, row.at, row.author, row.alert_key, row.state, row.reason, *about)
