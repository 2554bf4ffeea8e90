"""The Data page's own parts: facts as a grid of small labelled values, and the findings as a list."""

from __future__ import annotations

import html
from collections.abc import Mapping

import streamlit as st

from dashboard.charts.theme import Look
from dashboard.insight import Insight, Reader, find
from dashboard.insights.quality import said_share
from dashboard.language import UNDEFINED
from dashboard.ui.answers import answer
from dashboard.ui.card import card
from dashboard.ui.table import download
from dashboard.wording import unbroken

SHOWN = 8
"""Findings in sight; the rest, none more severe, are one click away."""


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
    st.html(f"<h2 class='page-headline'>{unbroken(insight.headline)}</h2>")
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


def findings(reader: Reader, look: Look) -> None:
    """What is wrong with the data, the most severe first, and the pairs of customers to decide on."""
    t, insight = reader.t, answer("data.findings", reader)
    listed = [_finding(reader, insight, place) for place in range(len(insight.table))]
    body = "".join(listed[:SHOWN])
    if more := listed[SHOWN:]:
        rest = html.escape(t("Show {n} more", n=len(more)))
        body += f"<details class='findings-more'><summary>{rest}</summary>{''.join(more)}</details>"
    with st.container(key="card-data-findings"):
        st.html(
            f"<div class='card-head'><div class='card-title'>{html.escape(t(find(insight.key).title))}</div>"
            f"<h3 class='card-headline'>{unbroken(insight.headline)}</h3></div>{body}"
        )
        if listed and reader.scope.may("export"):
            download(insight, reader, insight.key)
    if answer("data.same_customer", reader).n:
        card(reader, look, "data.same_customer")


def _finding(reader: Reader, insight: Insight, place: int) -> str:
    """One finding: how severe, what, how many, what it does to figures, the mend, examples."""
    t, row = reader.t, {name: html.escape(str(value)) for name, value in insight.table.iloc[place].items()}
    found, share = insight.table.iloc[place][["found", "share"]]
    size = t("{n} {n:row|rows} · {share}", n=reader.language.number(found), share=said_share(share, reader.language))
    examples = f"<p class='finding-examples'>{html.escape(t('Examples'))}: {row['examples']}</p>"
    return (
        f"<div class='finding finding-{insight.numbers['severities'][place]}'>"
        f"<div class='finding-level'>{row['severity']}<span>{html.escape(size)}</span></div>"
        f"<div class='finding-what'>{row['finding']}</div><p>{row['effect']}</p>"
        f"<p><b>{html.escape(t('Mend'))}</b> {row['mend']}</p>{examples if row['examples'] != UNDEFINED else ''}</div>"
    )
