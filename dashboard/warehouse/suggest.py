"""A first mapping for files nobody has described yet: tables, keys, meaning and spelling, guessed and explained.

Files are joined by columns that name a row there. What is written is a mapping like any other, with a reason beside
every field; what couldn't be told from the files (`dashboard.warehouse.look`) is listed as unsure, for a person to
settle before the load.
"""
# Names are quoted by `ident`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from dashboard.warehouse.databases import tables_of
from dashboard.warehouse.look import (
    DATES,
    FOUND,
    LEAST_SCORE,
    MONEY_SIGNS,
    NUMBERS,
    SOME,
    Column,
    Sheet,
    looked_at,
    plain,
    understood,
    words,
)
from dashboard.warehouse.mapping import TOLERANCE, LoadError, format_of
from dashboard.warehouse.sources import connect
from dashboard.warehouse.writing import as_text, ident, literal, run

SURE, LIKELY, GUESSED = "sure", "likely", "guessed"
UNNAMED = 0.0
"""The score of a column whose name says nothing."""
LEAST_CUSTOMERS = 5
"""Parts of regions with fewer customers than this, on average, are addresses."""


@dataclass(frozen=True)
class Suggestion:
    """A mapping as text, and what it is unsure of."""

    text: str
    unsure: tuple[str, ...]


def suggest(files: Sequence[Path], beside: Path) -> Suggestion:
    """A mapping for these files, to lie in the folder `beside`. Raises LoadError when a file can't be read or none
    has order lines."""
    if not files:
        raise LoadError("--suggest: name the files to look at")
    for path in files:
        if not path.is_file():
            raise LoadError(f"--suggest: no file {path}")
        if format_of(path.name) is None and not tables_of(path):
            known = "csv, tsv, txt, parquet, xlsx, xls, jsonl, packed as gz, bz2, zip or not, and SQLite"
            raise LoadError(f"--suggest: {path.name}: its ending tells no format; read are {known}")
    folder = Path(os.path.commonpath([path.resolve().parent for path in files]))
    with tempfile.TemporaryDirectory() as scratch:
        connection = connect(Path(scratch))
        try:
            return _Writer(connection, looked_at(connection, files, folder, Path(scratch)), folder, beside).written()
        finally:
            connection.close()


@dataclass(frozen=True)
class _Told:
    """What a field is filled from, as TOML, and how sure that is and why."""

    toml: str
    how: str
    why: str


def quoted(text: str) -> str:
    """A text as TOML has it; JSON's spelling is TOML's too."""
    return json.dumps(text, ensure_ascii=False)


class _Writer:
    """The mapping, written table by table; what can't be told from the files is gathered in `unsure`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, sheets: list[Sheet], folder: Path, beside: Path) -> None:
        self.connection = connection
        self.sheets = sheets
        self.folder = os.path.relpath(folder, beside.resolve())
        self.unsure: list[str] = []
        self.used: dict[str, set[str]] = {sheet.name: set() for sheet in sheets}
        self.numbers: dict[str, list[str]] = {sheet.name: [] for sheet in sheets}
        self.tables: list[str] = []
        for sheet in sheets:
            understood(sheet)

    def written(self) -> Suggestion:
        """The whole mapping."""
        lines = self._order_lines()
        if lines is not None:
            self._lines(lines)
        else:
            self._spread()
        self._survey(lines)
        sources = [self._source(sheet) for sheet in self.sheets if self.used[sheet.name]]
        unused = [sheet.title for sheet in self.sheets if not self.used[sheet.name]]
        if unused:
            self.unsure.append(f"what to do with {', '.join(unused)}: left out")
        currency = self._currency()
        unsure = "".join(f"# unsure: {text}\n" for text in self.unsure)
        head = (
            "# Suggested from names and contents: read every line, settle what is unsure, then\n"
            "#   dashboard load --mapping THIS_FILE --warehouse NEW_FILE.duckdb\n"
            "# sure: named so and fits; likely: the name has the word in it; guessed: from the contents alone.\n"
        )
        most = f"tolerance = {TOLERANCE:g}  # a load with a larger share of bad rows is not published"
        start = f"[warehouse]\ncurrency = {currency}\nfolder = {quoted(self.folder)}\n{most}\n"
        return Suggestion("\n".join([head + unsure, start, *sources, *self.tables]), tuple(self.unsure))

    # Which file is what

    def _order_lines(self) -> Sheet | None:
        """The file of order lines: with amounts, and not a price list."""

        def weight(sheet: Sheet) -> tuple[float, int]:
            told = ("quantity", "revenue", "price", "customer", "order_code", "sold_on")
            return sum(map(sheet.has, told)) + 0.5 * sheet.has("product"), sheet.rows

        found = [
            sheet
            for sheet in self.sheets
            if (sheet.has("revenue") or sheet.has("price") or self._priced(sheet))
            and (sheet.has("order_code") or sheet.has("sold_on"))
            and not sheet.has("satisfaction")
        ]
        return max(found, key=weight, default=None)

    def _priced(self, sheet: Sheet) -> bool:
        """Whether the lines of a file count products whose prices stand in another file."""
        priced = self._keyed("product", sheet) if sheet.has("quantity", "product") else None
        return priced is not None and priced.has("price") and self._link(sheet, priced) is not None

    def _things(self, lines: Sheet) -> Sheet | None:
        """The file whose rows a column of the lines names, and which is of no customers or orders: products."""
        for other in self.sheets:
            if other is lines or any(map(other.has, ("customer", "order_code", "first_name", "manager", "region"))):
                continue
            link = self._link(lines, other)
            if link and link[0] == link[1] and link[0] not in lines.meaning.values():
                for sheet in (lines, other):
                    sheet.meaning["product"] = link[0]
                    sheet.columns[link[0]].scores["product"] = UNNAMED
                for name in other.columns:
                    if name.lower() == "name" and "product_name" not in other.meaning:
                        other.meaning["product_name"] = name
                        other.columns[name].scores["product_name"] = UNNAMED
                return other
        return None

    def _keyed(self, meaning: str, but: Sheet | None) -> Sheet | None:
        """The file with one row for each customer, product …: the fullest one."""
        found = [sheet for sheet in self.sheets if sheet is not but and sheet.key(meaning)]
        return max(found, key=lambda sheet: len(sheet.meaning), default=None)

    def _link(self, one: Sheet, other: Sheet) -> tuple[str, str, float] | None:
        """(our column, their column, share of our values found): theirs names a row, ours mostly finds one."""
        best = None
        for name, column in one.columns.items():
            for theirs, their in other.columns.items():
                same = plain(name) == plain(theirs) or any(
                    one.meaning.get(m) == name and other.meaning.get(m) == theirs
                    for m in ("order_code", "customer", "product")
                )
                if not same or not column.filled or their.distinct < their.filled or their.filled < other.rows:
                    continue
                share = self._found(one, column, other, their)
                if share >= FOUND and (best is None or share > best[2]):
                    best = (name, theirs, share)
        return best

    def _found(self, one: Sheet, column: Column, other: Sheet, their: Column) -> float:
        ours, theirs = (as_text(ident(c.name), c.kind) for c in (column, their))
        values = f"SELECT DISTINCT trim({ours}) AS v FROM raw.{ident(one.name)} WHERE {ours} IS NOT NULL"
        known = f"SELECT trim({theirs}) FROM raw.{ident(other.name)}"
        return run(self.connection, f"SELECT avg((v IN ({known}))::INT) FROM ({values})")[0][0] or 0.0

    # Fields

    def _take(self, sheet: Sheet, meaning: str, base: Sheet | None = None, why: str = "") -> _Told:
        """A column of a sheet as a field; of a joined sheet under the sheet's name where the names are the same."""
        name = sheet.meaning[meaning]
        column = sheet.columns[name]
        self.used[sheet.name].add(name)
        score = column.scores[meaning]
        how, reason = (SURE, "named so") if score == 1 else (LIKELY, "the name has the word in it")
        if score == UNNAMED:
            how, reason = GUESSED, "it names the rows of a file, or stands beside what does"
        told = f"{sheet.name}.{name}" if base and base is not sheet and name in base.columns else name
        if meaning in DATES:
            toml, reason = self._day(sheet, column, told, reason)
        elif meaning in NUMBERS and column.signs:
            toml = f"{{ expression = {quoted(self._number(sheet, name, base))} }}"
        else:
            toml = quoted(told)
        return _Told(toml, how, f"{reason}{f', {why}' if why else ''}")

    def _day(self, sheet: Sheet, column: Column, told: str, reason: str) -> tuple[str, str]:
        if column.either:
            self.unsure.append(f"whether {column.name} puts the day or the month first: no value tells")
        if column.formats is None:
            self.unsure.append(f"that {column.name} counts days as a spreadsheet does")
            return f'{{ column = {quoted(told)}, formats = ["excel"] }}', f"{reason}, days counted from 1900"
        if not column.formats:
            return quoted(told), f"{reason}, all values are days"
        formats = ", ".join(map(quoted, column.formats))
        return f"{{ column = {quoted(told)}, formats = [{formats}] }}", f"{reason}, days in this spelling"

    def _number(self, sheet: Sheet, name: str, base: Sheet | None = None) -> str:
        """SQL of a column as a number: declared as one, or freed of its money signs."""
        column = sheet.columns[name]
        self.used[sheet.name].add(name)
        joined = base is not None and base is not sheet and name in base.columns
        sql = f"{ident(sheet.name)}.{ident(name)}" if joined else ident(name)
        if not column.signs:
            if name not in self.numbers[sheet.name]:
                self.numbers[sheet.name].append(name)
            return sql
        bare = f"regexp_replace({sql}, '[{MONEY_SIGNS}\\s]', '', 'g')"
        if sheet.source.thousands:
            bare = f"replace({bare}, '{sheet.source.thousands}', '')"
        if sheet.source.decimal != ".":
            bare = f"replace({bare}, '{sheet.source.decimal}', '.')"
        return f"TRY_CAST({bare} AS DECIMAL(18,6))"

    def _table(self, name: str, head: Iterable[str], fields: dict[str, _Told], many: bool = False) -> None:
        """One table of the mapping, every field with its reason beside it."""
        rows = [f"{field} = {told.toml}" for field, told in fields.items()]
        width = min(max(map(len, rows)), 60)
        body = [f"{row:<{width}}  # {told.how}: {told.why}" for row, told in zip(rows, fields.values(), strict=True)]
        start, columns = f"[table.{name}]", f"[table.{name}.columns]"
        if many:
            start = f"[{start}]"
        self.tables.append("\n".join([start, *head, columns, *body]) + "\n")

    def _source(self, sheet: Sheet) -> str:
        one = sheet.source
        head, where = f"[source.{_bare(one.name)}]", [f"file = {quoted(one.file)}"]
        if one.url:
            where = [f"url = {quoted(one.url)}", f"table = {quoted(one.table or '')}"]
        rows = [head, *where]
        if one.header_row:
            rows.append(f"header_row = {one.header_row}    # titles stand above the names of the columns")
        if one.sheet:
            rows.append(f"sheet = {quoted(one.sheet)}")
        if one.decimal != ".":
            rows.append(f"decimal = {quoted(one.decimal)}    # numbers such as 1234,50")
        if one.thousands:
            rows.append(f"thousands = {quoted(one.thousands)}")
        if self.numbers[one.name]:
            counted = ", ".join(map(quoted, self.numbers[one.name]))
            rows.append(f"numbers = [{counted}]    # expressions count with them")
        left = [name for name in sheet.columns if name not in self.used[one.name]]
        if left:
            rows.append(f"# left out: {', '.join(' '.join(name.split()) for name in left)}")
        return "\n".join(rows) + "\n"

    def _currency(self) -> str:
        """The currency, by signs in amounts, a column of currencies, or names of columns."""
        signs = {sign for sheet in self.sheets for c in sheet.columns.values() for sign in c.signs}
        stated = {
            text
            for sheet in self.sheets
            if "currency" in sheet.meaning
            for text in sheet.columns[sheet.meaning["currency"]].texts
        }
        codes = {
            code
            for code, names in words().currencies.items()
            if signs & set(names) or {text.lower() for text in stated} & set(names)
        }
        if len(codes) > 1:
            self.unsure.append(f"the currency: amounts are in {', '.join(sorted(codes))}, which can't be added up")
        if len(codes) == 1:
            return f"{quoted(codes.pop())}    # sure: the files say so"
        chinese = any(not name.isascii() for sheet in self.sheets for name in sheet.columns)
        guess = min(codes, default="CNY" if chinese else "USD")
        if not codes:
            self.unsure.append(f"the currency: the files state none, {guess} is a guess by their language")
        return f"{quoted(guess)}    # guessed"

    # Tables

    def _lines(self, lines: Sheet) -> None:
        """Order lines, and the customers, products … that they or files of their own name."""
        joins: list[str] = []
        homes = dict.fromkeys(lines.meaning, lines)
        for other in self.sheets:
            lacking = [name for name in _needed(homes) if name not in homes and name in other.meaning]
            link = self._link(lines, other) if lacking and other is not lines else None
            if link:
                ours, theirs, share = link
                for sheet, name in ((lines, ours), (other, theirs)):
                    self.used[sheet.name].add(name)
                on = quoted(ours) if ours == theirs else f"{{ {quoted(ours)} = {quoted(theirs)} }}"
                joins.append(f"{{ source = {quoted(other.name)}, on = {on} }}")
                homes |= {name: other for name in other.meaning if name not in homes}
                if share < 1:
                    self.unsure.append(f"{1 - share:.1%} of {ours} find no row in {other.title}: set aside")
        if "product" not in homes and (things := self._things(lines)):
            homes["product"] = lines
            self.unsure.append(f"that a row of {things.title} is a product: {lines.meaning['product']} names it")
        fields = self._line_fields(lines, homes)
        head = [f"from = {quoted(lines.name)}"]
        if joins:
            head.append(f"join = [{', '.join(joins)}]    # {SURE}: their key names a row, and ours are found there")
        head += self._set_aside(lines, homes)
        if lines.repeats:
            head.append('repeats = "keep"')
            alike = f"whether {lines.repeats:,} rows that repeat another one were entered twice"
            self.unsure.append(f'{alike}: kept; repeats = "merge" makes them one')
        head += self._returns(lines, homes)
        self._table("sales_line", head, fields)
        self._customers(lines, homes)
        self._products(lines, homes)
        if "channel" in homes:
            taken = {"code": self._take(homes["channel"], "channel", lines)}
            self._table("channel", ['rows_of = "sales_line"'], taken)
        self._freight(lines, homes)

    def _line_fields(self, lines: Sheet, homes: dict[str, Sheet]) -> dict[str, _Told]:
        fields = {}
        for field_, meaning in (("order_code", "order_code"), ("customer", "customer"), ("product", "product"),
                                ("channel", "channel"), ("sold_on", "sold_on"), ("quantity", "quantity")):  # fmt: skip
            if meaning in homes:
                fields[field_] = self._take(homes[meaning], meaning, lines)
        if "customer" not in fields and "customer_name" in homes:
            fields["customer"] = replace(self._take(homes["customer_name"], "customer_name", lines), how=GUESSED)
            self.unsure.append("that a name is one customer: the lines have no code of the customer")
            homes["customer"] = homes["customer_name"]
            homes["customer"].meaning["customer"] = homes["customer_name"].meaning["customer_name"]
            homes["customer"].columns[homes["customer"].meaning["customer"]].scores.setdefault("customer", LEAST_SCORE)
        if "customer" not in fields:
            fields["customer"] = _Told('{ constant = "all" }', GUESSED, "nothing names a customer")
            self.unsure.append("whose the lines are: no column names a customer, all are booked on one")
        if "sold_on" not in fields:
            fields["sold_on"] = self._one_day()
        for meaning in ("order_code", "quantity"):
            if meaning not in fields:
                self.unsure.append(f"the {meaning.replace('_', ' ')}: no column looks like one")
        fields |= self._amounts(lines, homes)
        if "payment_method" in homes:
            fields["payment_method"] = self._take(homes["payment_method"], "payment_method", lines)
        customer = homes.get("customer")
        if customer is lines and (lost := lines.rows - lines.columns[lines.meaning["customer"]].filled) > 0:
            self.unsure.append(
                f"what to do with {lost:,} of {lines.rows:,} lines that name no customer: set aside;"
                ' [customer] missing = {code = "…", name = "…"} books them on one'
            )
        return fields

    def _amounts(self, lines: Sheet, homes: dict[str, Sheet]) -> dict[str, _Told]:
        """Revenue as written or as price times quantity less the discount; discount and cost in money."""
        fields: dict[str, _Told] = {}

        def sql(meaning: str) -> str:
            return self._number(homes[meaning], homes[meaning].meaning[meaning], lines)

        fraction = "discount" in homes and homes["discount"].columns[homes["discount"].meaning["discount"]].largest <= 1
        if "revenue" in homes:
            fields["revenue"] = self._take(homes["revenue"], "revenue", lines)
            if "price" in homes and "quantity" in homes:
                self.unsure.append(
                    f"whether {homes['revenue'].meaning['revenue']} is net of discount and tax: taken as it is"
                )
        elif "quantity" in homes:
            gross = f"{sql('price')} * {sql('quantity')}"
            if "discount" in homes:
                net = f"{gross} * (1 - {sql('discount')})" if fraction else f"{gross} - {sql('discount')}"
                fields["revenue"] = _expressed(net, "price times quantity, less the discount")
            else:
                fields["revenue"] = _expressed(gross, "price times quantity")
        else:
            fields["revenue"] = replace(self._take(homes["price"], "price", lines), how=GUESSED)
            self.unsure.append("that the price is the amount of the line: there is no quantity")
        if "discount" in homes and fraction and "price" in homes and "quantity" in homes:
            cut = f"{sql('price')} * {sql('quantity')} * {sql('discount')}"
            fields["discount"] = _expressed(cut, "no value above 1, so a fraction")
        elif "discount" in homes and not fraction:
            fields["discount"] = self._take(homes["discount"], "discount", lines)
            name = homes["discount"].meaning["discount"]
            self.unsure.append(f"that {name} is an amount of the line and no percentage")
        elif "discount" in homes and fraction and "revenue" in homes:
            name, revenue = (homes[meaning].meaning[meaning] for meaning in ("discount", "revenue"))
            self.unsure.append(f"that {name} is granted already in {revenue}: a share without a price, left out")
        if "cost_of_goods" in homes:
            fields["cost_of_goods"] = self._take(homes["cost_of_goods"], "cost_of_goods", lines)
        elif "profit" in homes and "revenue" in homes:
            fields["cost_of_goods"] = _expressed(f"{sql('revenue')} - {sql('profit')}", "revenue less the profit")
            self.unsure.append(
                f"that {homes['profit'].meaning['profit']} is what is left after the cost of goods and nothing else"
            )
        elif "unit_cost" in homes and "quantity" in homes:
            cost = f"{sql('unit_cost')} * {sql('quantity')}"
            fields["cost_of_goods"] = _expressed(cost, "cost of a unit times quantity")
        else:
            self.unsure.append("the cost of goods: no column looks like one; margins stay undefined without it")
        return fields

    def _one_day(self) -> _Told:
        newest = date.today().replace(month=1, day=1)
        self.unsure.append(f"the date: the files name no day; everything is booked on {newest}, set the right one")
        return _Told(f"{{ constant = {newest} }}", GUESSED, "no column holds days")

    def _values(self, sheet: Sheet, meaning: str, said: str) -> list[str]:
        """Values of a column that mean a return, a cancellation or a total."""
        column = sheet.columns[sheet.meaning[meaning]]
        return [text for text in column.texts if plain(text) in words().values[said]]

    def _condition(self, sheet: Sheet, meaning: str, values: list[str]) -> str:
        name = sheet.meaning[meaning]
        self.used[sheet.name].add(name)
        return f"{ident(name)} IN ({', '.join(map(literal, values))})"

    def _set_aside(self, lines: Sheet, homes: dict[str, Sheet]) -> list[str]:
        found = []
        if "status" in homes and (values := self._values(homes["status"], "status", "cancelled")):
            where = self._condition(homes["status"], "status", values)
            found.append(f'{{ where = {quoted(where)}, reason = "cancelled" }}')
            name = homes["status"].meaning["status"]
            self.unsure.append(f"that lines whose {name} is {', '.join(values)} don't count")
        for meaning in ("customer", "order_code", "product"):
            if homes.get(meaning) is lines and (values := self._values(lines, meaning, "total")):
                where = self._condition(lines, meaning, values)
                found.append(f'{{ where = {quoted(where)}, reason = "a total, no line" }}')
        return [f"set_aside = [{', '.join(found)}]"] if found else []

    def _returns(self, lines: Sheet, homes: dict[str, Sheet]) -> list[str]:
        """The rule for returns: a kind of line that says so, or amounts that are negative already."""
        for meaning in ("line_kind", "status"):
            if meaning in homes and (values := self._values(homes[meaning], meaning, "return")):
                where = self._condition(homes[meaning], meaning, values)
                return [f"returns = {quoted(where)}    # {LIKELY}: these lines take back, so their amounts count minus"]
        signed = [n for n in ("quantity", "revenue") if n in homes and homes[n].columns[homes[n].meaning[n]].negative]
        return [f"# returns: {' and '.join(signed)} below zero; no rule is needed"] if signed else []

    def _customers(self, lines: Sheet, homes: dict[str, Sheet]) -> None:
        own = self._keyed("customer", lines)
        if own is None or "customer" not in homes:
            self._customers_of_lines(lines, homes)
            return
        link = self._link(homes["customer"], own)
        if link is None:
            self.unsure.append(f"whether {own.title} has all customers: many codes of the lines are not there")
        elif link[2] < 1:
            lost = f"{1 - link[2]:.1%} of the customers of the lines"
            self.unsure.append(f"{lost} are not in {own.title}: set aside")
        self._customer_tables(own, None, [f"from = {quoted(own.name)}"], '"customer"')

    def _customers_of_lines(self, lines: Sheet, homes: dict[str, Sheet]) -> None:
        if "customer" not in homes:
            code = _Told('{ constant = "all" }', GUESSED, "nothing names a customer")
            self._table("customer", ['rows_of = "sales_line"'], {"code": code})
            return
        home = homes["customer"]
        base = lines if home is not lines else None
        self._customer_tables(home, base, ['rows_of = "sales_line"', 'keep = "last"'], '"sales_line"')

    def _customer_tables(self, home: Sheet, base: Sheet | None, head: list[str], rows_of: str) -> None:
        """Table customer and what hangs on it: regions, account managers, personal details."""
        fields = {"code": self._take(home, "customer", base)}
        named = (("name", "customer_name"), ("industry", "industry"), ("acquired_on", "acquired_on"),
                 ("region", "region"), ("manager", "manager"))  # fmt: skip
        fields |= {name: self._take(home, meaning, base) for name, meaning in named if meaning in home.meaning}
        if "customer_name" not in home.meaning and home.has("first_name", "last_name"):
            first, last = (self._text(home, meaning, base) for meaning in ("first_name", "last_name"))
            fields["name"] = _expressed(f"concat_ws(' ', {first}, {last})", "first and last name")
        upper = fields.get("region")
        if upper:
            self._one_region(home)
        if upper and (finer := self._finer(home)):
            home.meaning["subregion"] = finer
            home.columns[finer].scores["subregion"] = home.columns[finer].scores["region"]
            fields["region"] = self._take(home, "subregion", base)
        self._table("customer", head, fields)
        shared = [f"rows_of = {rows_of}"]
        if upper and upper is not fields["region"]:
            self._table("region", shared, {"code": fields["region"], "parent": upper}, many=True)
            self._table("region", shared, {"code": upper}, many=True)
        elif upper:
            self._table("region", shared, {"code": upper})
        if "manager" in fields:
            self._table("employee", shared, {"code": fields["manager"]})
        personal = [name for name in ("contact_name", "phone", "email") if name in home.meaning]
        if personal and rows_of == '"customer"':
            profile = {"customer": fields["code"]} | {name: self._take(home, name, base) for name in personal}
            self._table("customer_profile", head, profile)

    def _text(self, sheet: Sheet, meaning: str, base: Sheet | None) -> str:
        """SQL of a column as it stands."""
        name = sheet.meaning[meaning]
        self.used[sheet.name].add(name)
        joined = base is not None and base is not sheet and name in base.columns
        return f"{ident(sheet.name)}.{ident(name)}" if joined else ident(name)

    def _one_region(self, sheet: Sheet) -> None:
        """Say so when customers are found in several regions: the last one is theirs then."""
        customer, region = (ident(sheet.meaning[meaning]) for meaning in ("customer", "region"))
        each = f"SELECT count(DISTINCT {region}) AS n FROM raw.{ident(sheet.name)} GROUP BY {customer}"
        several = run(self.connection, f"SELECT count(*) FILTER (n > 1) / count(*) FROM ({each})")[0][0]
        if several > SOME:
            said = f"that {sheet.meaning['region']} is the customer's: {several:.0%} of customers have several"
            self.unsure.append(f"{said}, the last one counts")

    def _finer(self, sheet: Sheet) -> str | None:
        """A column of regions each of which lies in one region of the column chosen; their names are others."""
        upper, most = sheet.columns[sheet.meaning["region"]], sheet.columns[sheet.meaning["customer"]].distinct
        found = [
            column
            for name, column in sheet.columns.items()
            if column.scores.get("region", 0) >= LEAST_SCORE
            and name not in sheet.meaning.values()
            and upper.distinct < column.distinct <= most / LEAST_CUSTOMERS
            and column.filled >= FOUND * sheet.rows
            and not set(column.texts) & set(upper.texts)
        ]
        for column in sorted(found, key=lambda column: column.distinct):
            above, below = (as_text(ident(c.name), c.kind) for c in (upper, column))
            inside = f"SELECT count(DISTINCT {above}) AS n, count({below}) - count({above}) AS lost"
            rows = f"{inside} FROM raw.{ident(sheet.name)} WHERE {below} IS NOT NULL GROUP BY {below}"
            if run(self.connection, f"SELECT max(n), max(lost) FROM ({rows})") == [(1, 0)]:
                return column.name
        return None

    def _products(self, lines: Sheet, homes: dict[str, Sheet]) -> None:
        if "product" not in homes:
            return
        own = self._keyed("product", lines)
        if own is None or self._link(homes["product"], own) is None:
            home, base, head = homes["product"], lines, ['rows_of = "sales_line"']
        else:
            home, base, head = own, None, [f"from = {quoted(own.name)}"]
        fields = {"code": self._take(home, "product", base)}
        if "product_name" in home.meaning:
            fields["name"] = self._take(home, "product_name", base)
        if "category" in home.meaning:
            fields["category"] = self._take(home, "category", base)
        if base is None:
            head += self._category(home, fields)
            for field_, meaning in (("list_price", "price"), ("unit_cost", "unit_cost")):
                if meaning in home.meaning:
                    fields[field_] = self._take(home, meaning, base)
        self._table("product", head, fields)

    def _category(self, home: Sheet, fields: dict[str, _Told]) -> list[str]:
        """The join to a file of categories, where the products only have its code."""
        for other in self.sheets:
            if other is home or "category" not in other.meaning or other.has("product"):
                continue
            link = self._link(home, other)
            if link and link[1] != other.meaning["category"]:
                self.used[home.name].add(link[0])
                self.used[other.name].add(link[1])
                fields["category"] = self._take(other, "category", home)
                on = quoted(link[0]) if link[0] == link[1] else f"{{ {quoted(link[0])} = {quoted(link[1])} }}"
                return [f"join = [{{ source = {quoted(other.name)}, on = {on} }}]"]
        return []

    def _freight(self, lines: Sheet, homes: dict[str, Sheet]) -> None:
        """Freight of an order is a direct cost of its customer; on order lines it may stand there several times."""
        if "freight" not in homes:
            return
        home = homes["freight"]
        if home is lines or not home.has("customer", "sold_on"):
            self.unsure.append(f"whether {home.meaning['freight']} is of the line or of the whole order: left out")
            return
        fields = {
            "customer": self._take(home, "customer"),
            "incurred_on": self._take(home, "sold_on"),
            "kind": _Told('{ constant = "freight" }', SURE, "a cost of sending"),
            "amount": self._take(home, "freight"),
        }
        self._table("direct_cost", [f"from = {quoted(home.name)}"], fields)

    def _survey(self, lines: Sheet | None) -> None:
        for sheet in self.sheets:
            day = next((name for name in ("answered_on", "sold_on") if name in sheet.meaning), None)
            if sheet is lines or not sheet.has("satisfaction", "customer") or day is None:
                continue
            fields = {
                "customer": self._take(sheet, "customer"),
                "answered_on": self._take(sheet, day),
                "satisfaction": self._scaled(sheet),
            }
            if "recommend" in sheet.meaning:
                fields["recommend"] = self._take(sheet, "recommend")
            self._table("survey", [f"from = {quoted(sheet.name)}"], fields)

    def _scaled(self, sheet: Sheet) -> _Told:
        """Satisfaction on the contract's scale of 1 to 5, from 5, 10 or 100 points."""
        name = sheet.meaning["satisfaction"]
        largest = sheet.columns[name].largest
        if largest <= 5:
            return self._take(sheet, "satisfaction", why="no value above 5")
        step = 2 if largest <= 10 else 20
        self.unsure.append(f"the scale of {name}: its largest value is {largest:g}, taken as 1 to {5 * step}")
        scaled = f"greatest(1, ceil({self._number(sheet, name)} / {step}.0))"
        return _expressed(scaled, f"a scale to {5 * step}, in fifths")

    # One row a customer

    def _spread(self) -> None:
        """Files without order lines: a row is a customer, and each of its amounts becomes one line."""
        found = [(sheet, amounts) for sheet in self.sheets if (amounts := self._charges(sheet))]
        if not found:
            names = ", ".join(sheet.title for sheet in self.sheets)
            raise LoadError(
                f"--suggest: {names}: no column looks like an amount or a price, so there are no order lines;"
                " write the mapping by hand, or add the column's name to data/mappings/words.toml"
            )
        sheet, charges = max(found, key=lambda each: len(each[1]))
        self.unsure.append(f"that a row of {sheet.title} is one customer: it has no order lines")
        if sheet.key("customer"):
            code = self._take(sheet, "customer")
        else:
            code = _Told("{ expression = \"format('{:05d}', _row)\" }", GUESSED, "no column names the rows: numbered")
            self.unsure.append("who the customers are: no column names the rows, they are numbered")
        labels = _labels(charges)
        entries, products = [], []
        for charge, label in zip(charges, labels, strict=True):
            self.used[sheet.name].add(charge)
            entry = f"product = {{ constant = {quoted(label)} }}"
            if partner := self._partner(sheet, charge):
                self.used[sheet.name].add(partner)
                entry += f", quantity = {quoted(partner)}"
            entries.append(f"    {{ {entry}, revenue = {quoted(charge)} }},")
            products.append(f"    {{ code = {quoted(label)}, name = {quoted(label)} }},")
        self.tables.append("\n".join(["[table.product]", "rows = [", *products, "]"]) + "\n")
        day = self._take(sheet, "sold_on") if "sold_on" in sheet.meaning else self._one_day()
        head = [
            f"from = {quoted(sheet.name)}",
            f"spread = [    # {LIKELY}: each amount with the count it follows most closely",
            *entries,
            "]",
        ]
        self._table("sales_line", head, {"customer": code, "sold_on": day})
        fields = {"code": code}
        if "region" in sheet.meaning:
            fields["region"] = self._take(sheet, "region")
        if "customer_name" in sheet.meaning:
            fields["name"] = self._take(sheet, "customer_name")
        self._table("customer", [f"from = {quoted(sheet.name)}"], fields)
        if "region" in fields:
            self._table("region", ['rows_of = "customer"'], {"code": fields["region"]})

    def _charges(self, sheet: Sheet) -> list[str]:
        """Columns of amounts, by name and content."""
        names = [word for word in words().columns["revenue"] if " " not in word]
        return [
            name
            for name, column in sheet.columns.items()
            if column.number and any(w in (plain(name).split() if w.isascii() else plain(name)) for w in names)
        ]

    def _partner(self, sheet: Sheet, charge: str) -> str | None:
        """The count that an amount is for: named alike, and moving with it."""
        words_ = plain(charge).split()
        best: tuple[float, str] | None = None
        for name, column in sheet.columns.items():
            shared = len([word for word in words_ if word in plain(name).split()])
            if name == charge or not column.number or shared < max(1, len(words_) - 1):
                continue
            sql = f"SELECT corr(TRY_CAST({ident(name)} AS DOUBLE), TRY_CAST({ident(charge)} AS DOUBLE))"
            moved = abs(run(self.connection, f"{sql} FROM raw.{ident(sheet.name)}")[0][0] or 0.0)
            if moved > 0.5 and (best is None or moved > best[0]):
                best = (moved, name)
        return best[1] if best else None


def _needed(homes: Collection[str]) -> Iterator[str]:
    """What order lines take from other files where they don't have it themselves."""
    yield from ("customer", "sold_on", "order_code")
    if not {"revenue", "price"} & set(homes):
        yield "price"
    if not {"cost_of_goods", "profit"} & set(homes):
        yield "unit_cost"


def _expressed(sql: str, why: str) -> _Told:
    return _Told(f"{{ expression = {quoted(sql)} }}", LIKELY, why)


def _bare(name: str) -> str:
    """A name as a TOML key."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


def _labels(names: list[str]) -> list[str]:
    """What tells names apart: `total day charge` and `total eve charge` are `day` and `eve`."""
    parted = [plain(name).split() for name in names]
    common = set.intersection(*map(set, parted)) if len(parted) > 1 else set()
    return [" ".join(word for word in part if word not in common) or " ".join(part) for part in parted]
