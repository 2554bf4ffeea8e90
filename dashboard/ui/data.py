"""Facts as a grid of small labelled values."""

from __future__ import annotations

import html
from collections.abc import Mapping

import streamlit as st

from dashboard.insight import Reader
from dashboard.ui.answers import answer


def grid(facts: Mapping[str, str]) -> None:
    """Label and value pairs, as many beside each other as fit."""
    cells = "".join(
        f"<div><span>{html.escape(label)}</span>{html.escape(value)}</div>" for label, value in facts.items()
    )
    st.html(f"<div class='facts'>{cells}</div>")


def facts(reader: Reader) -> None:
    """The freshness of the data in force."""
    insight = answer("data.freshness", reader)
    t, numbers, say = reader.t, insight.numbers, reader.language
    st.html(f"<h2 class='page-headline'>{html.escape(insight.headline)}</h2>")
    grid(
        {
            t("Data version"): numbers["version"],
            t("Published"): f"{numbers['built_at'].replace('T', ' ')[:16]} UTC",
            t("First week"): say.date(numbers["first_week"]),
            t("Last day"): say.date(numbers["last_day"]),
            t("Currency"): numbers["currency"] or "–",
            t("Warehouse"): numbers["warehouse"].split("/")[-1],
        }
    )
