"""The page of one customer: finding him, what is known of him, and his single lines from the warehouse."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Select

from dashboard.errors import DashboardError
from dashboard.insight import Reader
from dashboard.language import KIND_NAMES, NEEDS_NAMES, TIER_NAMES, UNDEFINED, message
from dashboard.metrics import say
from dashboard.settings import Settings
from dashboard.ui import session
from dashboard.ui.answers import answer
from dashboard.ui.data import grid
from dashboard.ui.table import plain_markdown
from dashboard.warehouse.connect import Warehouse
from dashboard.wording import forms, unbroken
from queries import customers as queries

FOUND, LINES = 20, 50


def choose_customer(reader: Reader) -> bool:
    """A search field; True when a customer is chosen who may be shown."""
    text = st.text_input(
        reader.t("Find a customer by name or code"), key="customer-search", placeholder=reader.t("Name or code")
    )
    if text and text != st.session_state.get("customer-searched"):
        everyone = replace(reader, filters=replace(reader.filters.reset(), customer=""))
        hits = reader.rows(queries.found(everyone.view, text.strip()[:100], FOUND))
        if hits.empty:
            st.info(reader.t("No customer is called that."))
        elif len(hits) == 1:
            _open(reader, str(hits.iloc[0]["code"]), text)
            st.rerun()
        else:
            for row in reader.named(hits).itertuples():
                st.button(
                    plain_markdown(f"{row.name} ({row.code})"), key=f"hit-{row.code}", type="tertiary",
                    on_click=_open, args=(reader, row.code, text),
                )  # fmt: skip
            return False
    if not reader.filters.customer:
        st.html(
            f"<div class='notice'>{html.escape(reader.t('Search for a customer, or click one in any table.'))}</div>"
        )
        return False
    insight = answer("customer.summary", reader)
    st.html(f"<h2 class='page-headline'>{unbroken(insight.headline)}</h2>")
    return insight.n == 1


def _open(reader: Reader, code: str, text: str) -> None:
    st.session_state["customer-searched"] = text
    session.choose(replace(reader.filters.reset(), customer=code))


def details(reader: Reader) -> None:
    """What the marts know: who he is, what he is worth, what he costs."""
    known, t = answer("customer.summary", reader).numbers, reader.t
    currency, language = reader.marts.currency, reader.language
    regions = reader.marts.dimensions["region"]
    path, code = [], known["region_code"]
    while code:
        path.append(language.name(regions[code].name, regions[code].name_en))
        code = regions[code].parent
    industry, size = known["industry"], known["size"]
    needs = known["needs_level"]
    grid(
        {
            t("Code"): known["code"],
            t("Measured grade") if reader.marts.measured else t("Grade"): known["grade"] or UNDEFINED,
            t("Tier"): t(TIER_NAMES[known["tier"]]) if known["tier"] in TIER_NAMES else UNDEFINED,
            t("Region"): " › ".join(reversed(path)) or UNDEFINED,
            t("Kind"): t(KIND_NAMES[known["kind"]]) if known["kind"] in KIND_NAMES else known["kind"] or UNDEFINED,
            t("Industry"): reader.label("industry", industry) if industry else UNDEFINED,
            t("Size"): reader.label("size", size) if size else UNDEFINED,
            t("Account manager"): known["manager"] or UNDEFINED,
            t("Customer since"): language.date(known["acquired_on"]),
            t("Last purchase"): language.date(known["last_purchase"]),
            t("Acquisition channel"): known["channel"] or UNDEFINED,
            t("Needs level"): f"{needs} · {t(NEEDS_NAMES[needs])}" if needs in NEEDS_NAMES else UNDEFINED,
            **{
                t(label): say(name, known[name], language, currency)
                for name, label in (
                    ("revenue", "Revenue"),
                    ("gross_margin", "Gross margin"),
                    ("cost_to_serve", "Cost to serve"),
                    ("profit", "Profit"),
                    ("satisfaction", "Satisfaction"),
                )
            },
        }
    )


SHEETS = (
    (message("Newest order lines"), queries.lines, "sales_line"),
    (message("Newest contacts"), queries.contacts, "contact"),
    (message("Newest complaints"), queries.complaints, "complaint"),
)
HEADINGS = {
    "sold_on": message("Date"),
    "order_code": message("Order"),
    "code": message("Code"),
    "name": message("Name"),
    "quantity": message("Quantity"),
    "revenue": message("Revenue"),
    "discount": message("Discounts"),
    "cost_of_goods": message("Cost of goods"),
    "contacted_on": message("Date"),
    "channel": message("Channel"),
    "purpose": message("Purpose"),
    "outcome": message("Outcome"),
    "opened_at": message("Opened"),
    "first_response_at": message("First response"),
    "resolved_at": message("Resolved"),
    "category": message("Category"),
    "root_cause": message("Root cause"),
    "satisfaction_after": message("Satisfaction after"),
}
LABELLED = {
    "channel": "contact_channel",
    "purpose": "contact_purpose",
    "outcome": "contact_outcome",
    "category": "complaint_category",
    "root_cause": "root_cause",
}
PROFILE_LABELS = {
    "sex": "sex",
    "education": "education",
    "religion": "religion",
    "zodiac": "zodiac",
    "smokes": "yes_no",
    "drinks": "yes_no",
    "operating_history": "operating_history",
}


def events(reader: Reader) -> None:
    """Single lines, asked of the warehouse for this one customer, only when opened."""
    key = int(answer("customer.summary", reader).numbers["customer_key"])
    for title, query, table in SHEETS:
        if table not in reader.marts.filled:
            continue
        opened = st.expander(reader.t(title), key=f"sheet-{table}", on_change="rerun")
        if opened.open:
            with opened:
                _lines(reader, query(key, LINES), table)


def _lines(reader: Reader, statement: Select, table: str) -> None:
    try:
        with Warehouse(Settings.read().warehouse).connect() as connection:
            rows = pd.DataFrame(connection.execute(statement).mappings().all())
    except DashboardError as error:
        st.warning(str(error))
        return
    if rows.empty:
        st.caption(reader.t("Nothing recorded."))
        return
    if "name_en" in rows:
        rows = reader.named(rows)
    for column, domain in LABELLED.items():
        if column in rows:
            rows[column] = [None if pd.isna(v) else reader.label(domain, v) for v in rows[column].astype(object)]
    for column in ("quantity", "revenue", "discount", "cost_of_goods"):
        if column in rows:
            rows[column] = rows[column].astype(float)
    config = {column: reader.t(HEADINGS[column]) for column in rows.columns if column in HEADINGS}
    st.dataframe(
        rows.style.format(forms(rows, reader, cents=True)),
        hide_index=True,
        column_config=config,
        key=f"lines-{table}",
        placeholder=UNDEFINED,
    )


def personal(reader: Reader) -> None:
    """Personal details, for those with the permission; they never enter a score."""
    if not reader.scope.may("profile") or "customer_profile" not in reader.marts.filled:
        return
    key = int(answer("customer.summary", reader).numbers["customer_key"])
    opened = st.expander(reader.t("Personal details"), key="sheet-profile", on_change="rerun")
    if not opened.open:
        return
    with opened:
        try:
            with Warehouse(Settings.read().warehouse).connect() as connection:
                row = connection.execute(queries.personal(key)).mappings().first()
        except DashboardError as error:
            st.warning(str(error))
            return
        if row is None:
            st.caption(reader.t("Nothing recorded."))
            return
        known = {name: row[name] for name in PROFILE if row[name] is not None}
        grid({reader.t(PROFILE[name]): _detail(reader, name, value) for name, value in known.items()})


def _detail(reader: Reader, name: str, value: Any) -> str:
    if name == "birthday":
        return reader.language.date(value)
    if name == "hobbies":
        return reader.language.list(reader.label("hobby", code) for code in str(value).split(","))
    return reader.label(PROFILE_LABELS[name], value) if name in PROFILE_LABELS else str(value)


PROFILE = {
    "contact_name": message("Contact"),
    "phone": message("Phone"),
    "email": message("E-mail"),
    "birthday": message("Birthday"),
    "sex": message("Sex"),
    "education": message("Education"),
    "birthplace": message("Birthplace"),
    "religion": message("Religion"),
    "zodiac": message("Zodiac"),
    "hobbies": message("Hobbies"),
    "smokes": message("Smokes"),
    "drinks": message("Drinks"),
    "operating_history": message("Operating history"),
}
