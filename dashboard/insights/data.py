"""What the dashboard stands on: freshness, the contract with its row counts, and every metric's definition."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd

from dashboard.insight import QUESTIONS, Answer, Reader, question
from dashboard.language import message
from dashboard.metrics import METRICS
from queries import schema


@question("data.freshness", message("How fresh the data is"), behind=None)
def freshness(reader: Reader) -> Answer:
    info = reader.marts.info
    built = datetime.fromisoformat(info["built_at"])
    calendar = reader.calendar
    numbers = {
        "version": info["version"],
        "built_at": info["built_at"],
        "age_hours": round((datetime.now(UTC) - built).total_seconds() / 3600, 2),
        "first_week": calendar.first_week,
        "last_week": calendar.last_week,
        "last_day": calendar.last_day,
        "unfinished_week": calendar.unfinished,
        "warehouse": info["warehouse"],
        "currency": reader.marts.currency or None,
    }
    if calendar.unfinished:
        headline = reader.t(
            "Data to {day}; the newest week is unfinished.", day=reader.language.date(calendar.last_day)
        )
    else:
        headline = reader.t("Data to {day}; the newest week is complete.", day=reader.language.date(calendar.last_day))
    return Answer(headline, pd.DataFrame(), numbers)


@question("data.contract", message("Tables of the contract"), behind=None)
def contract(reader: Reader) -> Answer:
    rows: dict[str, int] = json.loads(reader.marts.info["rows"])
    needed = {
        name: [reader.t(q.title) for q in QUESTIONS.values() if name in q.needs] for name in schema.metadata.tables
    }
    table = pd.DataFrame(
        [
            {
                "table": name,
                "rows": rows.get(name, 0),
                "state": reader.t("required") if name in schema.REQUIRED else reader.t("optional"),
                "needed_for": reader.language.list(needed[name]) if needed[name] else "",
            }
            for name in schema.metadata.tables
        ]
    )
    filled = int((table["rows"] > 0).sum())
    headline = reader.t("{filled} of {all} tables of the contract are filled.", filled=filled, all=len(table))
    numbers = {"filled": filled, "costed": "cost_of_goods" in reader.marts.filled}
    return Answer(headline, table, numbers, int(table["rows"].sum()))


@question("data.definitions", message("What every metric means"), behind=None)
def definitions(reader: Reader) -> Answer:
    units = {
        "money": reader.marts.currency or reader.t("money"),
        "count": reader.t("number"),
        "number": reader.t("ratio"),
        "share": "%",
        "score": reader.t("1 to 5"),
        "rate": reader.t("a customer-month"),
    }
    defined = [m for m in METRICS.values() if m.definition]
    table = pd.DataFrame(
        [
            {
                "metric": reader.t(m.label),
                "definition": reader.t(m.definition),
                "unit": units.get(m.format, ""),
                "owner": reader.t(m.owner),
                "code": m.name,
            }
            for m in defined
        ]
    )
    return Answer(reader.t("{n} metrics, each defined once.", n=len(table)), table, {}, len(table))
