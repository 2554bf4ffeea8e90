"""One chunk of customers drawn in full: every subject in the order in which they depend on one another."""

from __future__ import annotations

from dataclasses import dataclass

from data.demo import complaints, course, customers, direct, purchases, sales, satisfaction, service, stock
from data.demo.geography import Staff


@dataclass(frozen=True)
class Chunk:
    customers: customers.Customers
    orders: purchases.Orders
    course: course.Course
    resellers: stock.Resellers
    lines: sales.Lines
    returns: sales.Returns
    cases: complaints.Cases
    events: service.Events
    entries: direct.Entries
    responses: satisfaction.Responses
    talk: satisfaction.Talk


def draw(seed: int, index: int, first_key: int, size: int, staff: Staff) -> Chunk:
    """A pure function of its arguments: chunks can be drawn in any order and on any thread."""
    who = customers.draw(seed, index, first_key, size, staff)
    orders = purchases.draw(who, seed)
    path = course.run(who, orders, seed)
    resellers = stock.draw(who, seed)
    lines, returns = sales.draw(who, orders, path, seed, resellers.keeps)
    cases = complaints.draw(who, orders, path, seed)
    events, delivery = service.draw(who, orders, lines, returns, path, cases, seed)
    responses = satisfaction.draw(who, orders, path, seed)
    return Chunk(
        customers=who,
        orders=orders,
        course=path,
        resellers=resellers,
        lines=lines,
        returns=returns,
        cases=cases,
        events=events,
        entries=direct.draw(who, orders, lines, returns, delivery, path, seed),
        responses=responses,
        talk=satisfaction.talk(who, responses, seed),
    )
