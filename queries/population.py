"""The customers in view with their totals: what every other query selects from.

One row a customer in the filters and the scope, with dimensions, grade, tier and the window's measures.
The usual windows are kept ready in the marts; any other is summed from the weeks. Same columns, same
numbers, only slower.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import FromClause, Select, Subquery, and_, cast, func, select
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import Double

from dashboard.filters import Filters
from dashboard.periods import Calendar, Window
from dashboard.scope import Scope
from queries import marts

BREAK_EVEN_BAND = 0.1
"""Break-even: a profit or loss within this share of the average customer's profit or loss."""
LONG_WINDOW_WEEKS = 26


@dataclass(frozen=True)
class View:
    """What is looked at, by whom, over which weeks. Every query takes one; there is no default."""

    filters: Filters
    scope: Scope
    window: Window
    calendar: Calendar

    def over(self, window: Window) -> View:
        """The same customers' view over other weeks."""
        return replace(self, window=window)


def population(view: View) -> Subquery:
    """The customers in view over its window: see the module's text."""
    filters, scope, window, calendar = view.filters, view.scope, view.window, view.calendar
    key = calendar.ready.get(window)
    totals: FromClause
    if key is None:
        totals = marts.customer_totals(window.first_week, window.last_week, window.last_day).subquery("totals")
        chosen = select(totals)
    else:
        totals = marts.customer_window
        chosen = select(*[c for c in totals.c if c.name != "window_key"]).where(totals.c.window_key == key)
    chosen = chosen.where(scope.allows(totals.c.region_position), *filters.conditions(totals.c))
    if filters.activity:
        served = costs(view)
        chosen = chosen.where(
            totals.c.customer_key.in_(select(served.c.customer_key).where(served.c.item.in_(filters.activity)))
        )
    customers = chosen.subquery("customers")
    if filters.group:
        return select(customers).where(in_group(filters.group, customers, window)).subquery("group_")
    return customers


def counted(view: View) -> Select:
    """How many customers are in view: one number."""
    return select(func.count().label("customers")).select_from(population(view))


def places(level: int) -> Subquery:
    """Every place of the region tree with the region at a level that it lies in: position, code, name, name_en.

    Equal positions join faster than a range does.
    """
    place, above = marts.region.alias("place"), marts.region.alias("above")
    inside = (above.c.level == level) & place.c.position.between(above.c.position, above.c.last_position)
    names = above.c["code", "name", "name_en"]
    return select(place.c.position, *names).join_from(place, above, inside).subquery("places")


def measured_on(day: date) -> Select:
    """The grade that the grading policy gives on a day."""
    h = marts.measured_history.c
    in_force = (h.valid_from <= day) & (h.valid_to.is_(None) | (h.valid_to > day))
    return select(h.customer_key, h.grade).where(in_force)


def in_group(group: str, customers: Subquery, window: Window) -> ColumnElement[bool]:
    """The condition that a customer is one of those behind a number of the window (`Filters.group`)."""
    c = customers.c
    if group.startswith("decile-"):
        others = customers.alias("others")
        value = func.coalesce(others.c.profit, others.c.revenue)  # as `value.deciles` ranks them
        ranked = (
            select(
                others.c.customer_key,
                func.ntile(10).over(order_by=(value.desc(), others.c.customer_key)).label("d"),
            )
            .where(moved(others))
            .subquery("ranked")
        )
        return c.customer_key.in_(select(ranked.c.customer_key).where(ranked.c.d == int(group[7:])))
    if group.startswith("score-"):
        low, high = (float(v) for v in group[6:].split("-"))
        score = c.satisfaction_sum / func.nullif(c.satisfaction_n, 0)
        return and_(score >= low, score < high if high < 5 else score <= high)
    if group == "regraded" or group.startswith("graded-"):
        h = marts.measured_history.c
        other = h.grade != c.grade if group == "regraded" else and_(c.grade == group[-2], h.grade == group[-1])
        return measured_on(window.last_day).where(h.customer_key == c.customer_key, other).exists()
    return {
        "active": lambda: c.purchase_days > 0,
        "moved": lambda: moved(customers),
        "loss_makers": lambda: c.profit < 0,
        "creators": lambda: c.profit > band(customers),
        "break_even": lambda: and_(moved(customers), func.abs(c.profit) <= band(customers)),
        "destroyers": lambda: c.profit < -band(customers),
        "surveyed": lambda: c.satisfaction_n > 0,
    }[group]()


def moved(customers: FromClause) -> ColumnElement[bool]:
    """Customers with sales or costs in the window: those a profit can be said of."""
    return (customers.c.revenue != 0) | (customers.c.cost_to_serve != 0)


def band(customers: Subquery) -> ColumnElement[float]:
    """Half the width of break-even, in money: see `BREAK_EVEN_BAND`."""
    others = customers.alias("everyone")
    average = select(func.avg(func.abs(cast(others.c.profit, Double)))).where(moved(others))
    return BREAK_EVEN_BAND * average.scalar_subquery()


def costs(view: View) -> Subquery:
    """Cost to serve of the window by customer and item (columns source, item, quantity, amount), unscoped."""
    window, calendar = view.window, view.calendar
    key = calendar.ready.get(window)
    if key is not None and keeps_costs(window, calendar):
        ready = marts.cost_window
        return (
            select(*[c for c in ready.c if c.name != "window_key"]).where(ready.c.window_key == key).subquery("costs")
        )
    return marts.cost_totals(window.first_week, window.last_week).subquery("costs")


def keeps_costs(window: Window, calendar: Calendar) -> bool:
    """Whether costs by item are kept ready: for long windows up to now. Short ones are quick from the weeks."""
    return window.weeks > LONG_WINDOW_WEEKS and window.last_week >= calendar.finished_week


def weeks(view: View, shown: Window, level: int | None = None) -> Select:
    """Weekly totals over `shown` of the customers in view over its window: the parts of the same totals.

    Columns week and every measure; with a level of the region tree also `code`, for each region there. Filters that
    only touch the slices' dimensions read those.
    """
    filters, scope = view.filters, view.scope
    names = (*marts.MEASURES, *marts.COUNTS, "satisfaction_sum")
    newest = view.calendar.last_week
    # The slices know the newest grades and tiers alone.
    regraded = (filters.as_of or newest) != newest and (filters.grade or filters.tier)
    beyond = filters.channel or filters.manager or filters.activity or filters.group or filters.customer
    source = marts.customer_week if regraded or beyond else marts.slice_week
    joined: FromClause = source
    position: ColumnElement
    if source is marts.slice_week:
        position = source.c.region_position
        chosen = [scope.allows(position), *filters.conditions(source.c)]
    else:
        keys = population(view)
        joined = source.join(keys, keys.c.customer_key == source.c.customer_key)
        position, chosen = keys.c.region_position, []
    keys_shown: list[ColumnElement] = [source.c.week]
    if level is not None:
        place = places(level)
        joined = joined.join(place, place.c.position == position)
        keys_shown.append(place.c.code)
    return (
        select(*keys_shown, *[func.sum(source.c[n]).label(n) for n in names])
        .select_from(joined)
        .where(source.c.week.between(shown.first_week, shown.last_week), *chosen)
        .group_by(*keys_shown)
        .order_by(*keys_shown)
    )
