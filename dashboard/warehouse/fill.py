"""From candidates to a filled warehouse: codes numbered, repeats merged, tables filled, totals proven."""
# Names are quoted by `ident` and values by `literal`; the statements can't be bound parameters throughout.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb

from dashboard.warehouse.candidates import Candidates, Check, Entry, View, exact_name, of_aside
from dashboard.warehouse.mapping import (
    BLANK_IS_A_VALUE,
    DIMENSIONS,
    RETURN_OF,
    Feed,
    LoadError,
    Mapping,
    Target,
    generated_key,
    natural_key,
    targets,
)
from dashboard.warehouse.progress import FILLING, READING, STAGING, Progress, told
from dashboard.warehouse.report import LoadReport, SetAside, TableReport
from dashboard.warehouse.returns import match_returns
from dashboard.warehouse.sources import stage_rows
from dashboard.warehouse.staging import Staged
from dashboard.warehouse.state import STATE
from dashboard.warehouse.writing import first_line, ident, literal, run
from queries.schema import REQUIRED, metadata


@dataclass(frozen=True)
class Held:
    """Rows, and the amounts in them."""

    rows: int
    amounts: tuple[Decimal, ...]

    def __add__(self, other: Held) -> Held:
        amounts = zip(self.amounts, other.amounts, strict=True)
        return Held(self.rows + other.rows, tuple(one + another for one, another in amounts))


@dataclass(frozen=True)
class Read:
    """What was read for a feed, whatever became of it; `exact` are the amounts before each row was rounded."""

    held: Held
    exact: tuple[Decimal, ...]


class Filling:
    """One load: the sources in the staging database, and the steps from there to a filled warehouse.

    With `added`, the warehouse is filled already, and these sources hold rows to add to it.
    """

    def __init__(
        self, mapping: Mapping, connection: duckdb.DuckDBPyConnection, added: frozenset[str] | None = None
    ) -> None:
        self.mapping = mapping
        self.connection = connection
        self.adding = added is not None
        self.feeds = [feed for feed in mapping.feeds if added is None or self._origin(feed) in added]
        self.before: dict[str, tuple[int, int]] = {}
        self.sources: dict[str, Staged] = {}
        self.candidates: list[Candidates] = []
        self.read: dict[str, Read] = {}
        self.added: dict[str, int] = {}
        self.notes: dict[str, list[str]] = {}

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return run(self.connection, sql)

    def _of(self, table: str) -> list[Candidates]:
        return [candidates for candidates in self.candidates if candidates.feed.table == table]

    def _origin(self, feed: Feed) -> str | None:
        """The source whose rows a feed sees."""
        if feed.rows_of:
            return next(other.source for other in self.mapping.feeds if other.table == feed.rows_of)
        return feed.source

    def wanted(self) -> frozenset[str]:
        """The sources to be read: those that fill a table or serve a join."""
        if not self.adding:
            return frozenset(self.mapping.sources)
        read = {name for feed in self.feeds if (name := self._origin(feed))}
        return frozenset(read | {join.source for feed in self.feeds for join in feed.joins})

    def fill(self, progress: Progress) -> tuple[TableReport, ...]:
        """Stage every feed, fill every table, and prove that nothing was lost."""
        feeds = sorted(self.feeds, key=lambda feed: feed.rows_of is not None)
        for number, feed in enumerate(feeds):
            rows = self.sources[origin].rows if (origin := self._origin(feed)) else len(feed.rows)
            done, span = READING + STAGING * number / len(feeds), STAGING / len(feeds)
            with told(self.connection, f"checking {feed.table}", rows, progress, done, span):
                self.candidates.append(self._stage(feed, number))
        names = [name for name in metadata.tables if self._of(name)]
        if self.adding:
            self._remember(names)
        for name in (name for name in names if name in DIMENSIONS):
            self._merge(name)
        for name in (name for name in names if name not in DIMENSIONS):
            self._refuse_unknown(name)
            if natural_key(metadata.tables[name]):
                self._merge(name)
        reports = []
        sizes = {name: self._candidates_for(name) for name in names}
        done = READING + STAGING
        for name in names:
            span = FILLING * sizes[name] / max(1, sum(sizes.values()))
            with told(self.connection, f"writing {name}", sizes[name], progress, done, span):
                self._insert(name)
            reports.append(self._reconcile(name))
            done += span
        for report in (r for r in reports if r.table in REQUIRED and not r.loaded and not (self.adding and r.merged)):
            most = max((part for r in reports for part in r.set_aside), key=lambda part: part.rows, default=None)
            why = f"{most.rows:,} set aside: {most.reason}" if most else "the source is empty"
            raise LoadError(f"[table.{report.table}]: not one row could be loaded ({why})")
        return (*reports, *self._broken_lookups())

    def _candidates_for(self, name: str) -> int:
        """How many rows a table is filled from."""
        if natural_key(metadata.tables[name]):
            return self._rows(f"SELECT count(*) FROM stage.merged_{name}")[0][0]
        return sum(self.read[part.table].held.rows for part in self._of(name))

    def _stage(self, feed: Feed, number: int) -> Candidates:
        """The feed's rows with every field converted, and for each the first reason not to load it."""
        parent = next(iter(self._of(feed.rows_of)), None) if feed.rows_of else None
        if parent:
            base = parent.base
        elif feed.source:
            base = self.sources[feed.source]
        else:
            base = stage_rows(self.connection, f"rows {number}", feed.rows)
        view = View(self.connection, parent.feed if parent else feed, base, self.sources)
        anonymous = self.mapping.anonymous[0] if self.mapping.anonymous else None
        known, specs = targets(metadata.tables[feed.table]), [feed.fields | e for e in feed.spread or ({},)]
        given = self._fields(feed.table)
        fields = tuple(name for name in known if name in given)
        entries: list[Entry] = []
        selects = []
        for at, spec in enumerate(specs):
            entry = Entry(view, feed, spec, fields, anonymous)
            selects.append(entry.select(at, sum(len(other.checks) for other in entries)))
            entries.append(entry)
        table = f"stage.feed_{number}"
        wanted = [f"{ident(key)} IS NOT NULL" for key in self._key_to_find(feed)]
        if parent and parent.entries > 1:
            wanted.append(f"_row IN (SELECT _row FROM {parent.good})")
        elif parent and parent.losses:
            wanted.append(f"_row NOT IN (SELECT _row FROM {parent.lost})")
        rows = f"({' UNION ALL '.join(selects)}) WHERE {' AND '.join(wanted) or 'true'}"
        if feed.table in DIMENSIONS:
            # Rows that say the same are one candidate; one that is to be set aside stays alone.
            said = ", ".join(ident(name) for name in fields if name in feed.fields)
            others = "".join(f", any_value({n}) AS {n}" for n in map(ident, fields) if n not in said)
            rows = (
                f"(SELECT min(_row) AS _row, max(_row) AS _last, count(*) AS _rows, 0 AS _entry, min(_why) AS _why,"
                f" {said}{others} FROM {rows} GROUP BY {said}, CASE WHEN _why IS NOT NULL THEN _row END)"
            )
        checks = [check for entry in entries for check in entry.checks]
        part = Candidates(feed, table, base, view.source, fields, checks)
        with _working_out(feed):
            self._rows(f"CREATE {'TABLE' if feed.table in DIMENSIONS else 'VIEW'} {table} AS SELECT * FROM {rows}")
            self._read(part)
        if feed.repeats:
            self._find_repeats(part)
        if feed.replaces:
            self._replace(part)
        return part

    def _read(self, part: Candidates) -> None:
        """Add up what was read for a feed, and note the rows with a reason not to load them as lost."""
        wanted = [ident(name) for one in part.amounts for name in (one, exact_name(one))]
        sums = "".join(f", coalesce(sum({name}), 0)" for name in wanted)
        rows, bad, *totals = self._rows(
            f"SELECT coalesce(sum({part.rows}), 0)::BIGINT, count(_why){sums} FROM {part.table}"
        )[0]
        self.read[part.table] = Read(Held(rows, tuple(totals[::2])), tuple(totals[1::2]))
        lost = _lost(part, part.table, "_why")
        self._rows(f"CREATE TABLE {part.lost} AS {lost} WHERE {'_why IS NOT NULL' if bad else 'false'}")
        part.losses = bad

    def _lose(self, part: Candidates, rows: str, why: str = "NULL", code: str = "NULL") -> int:
        """Note candidates (a FROM clause) as lost: merged, or for a reason. Returns how many."""
        lost = self._rows(f"INSERT INTO {part.lost} {_lost(part, rows, why, code)}")[0][0]
        part.losses += lost
        return lost

    def _fields(self, table: str) -> set[str]:
        """The fields that some feed of a table fills, and those that are filled without it."""
        own = {"name"} if table in DIMENSIONS else {name for of, name in BLANK_IS_A_VALUE if of == table}
        feeds = [feed for feed in self.mapping.feeds if feed.table == table]
        return own.union(*(part for feed in feeds for part in (feed.fields, *feed.spread)))

    def _key_to_find(self, feed: Feed) -> tuple[str, ...]:
        """The fields without which a row of another table simply names nothing here."""
        return natural_key(metadata.tables[feed.table]) if feed.rows_of else ()

    def _find_repeats(self, part: Candidates) -> None:
        """Find the rows that repeat an earlier one in every column, and merge or only count them."""
        base, repeats = part.base, f"{part.table}_repeats"
        columns = ", ".join(ident(column) for column in base.columns)
        hashed = f"hash({columns})"
        self._rows(
            f"CREATE TABLE {repeats} AS SELECT {base.row} AS _row FROM {base.table}"
            f" WHERE {hashed} IN (SELECT {hashed} FROM {base.table} GROUP BY 1 HAVING count(*) > 1)"
            f" QUALIFY row_number() OVER (PARTITION BY {columns} ORDER BY {base.row}) > 1"
        )
        repeated = f"{part.good} SEMI JOIN {repeats} USING (_row)"
        if part.feed.repeats == "merge":
            self._lose(part, repeated)
        else:
            kept = self._rows(f"SELECT count(*) FROM {repeated}")[0][0]
            self._note(part.feed.table, f"{kept:,} exact repeats of other rows are among those loaded")

    def _note(self, table: str, note: str) -> None:
        self.notes.setdefault(table, []).append(note)

    def _merge(self, name: str) -> None:
        """One row a code (or mapped key), numbered by first appearance: `stage.merged_NAME`.

        Of rows that share the key, each field takes the first (or last) value that isn't empty.
        """
        key = natural_key(metadata.tables[name])
        parts = self._of(name)
        pick = "arg_min" if parts[0].feed.keep == "first" else "arg_max"
        others = [field for field in parts[0].fields if field not in key]
        place = "_row" if parts[0].feed.keep == "first" or name not in DIMENSIONS else "_last"
        rows = " UNION ALL ".join(
            f"SELECT {', '.join(map(ident, (*key, *others)))}, {part.rows} AS _rows,"
            f" _row + {at << 44} AS _order, {place} + {at << 44} AS _choice, NULL::BIGINT AS _old FROM {part.good}"
            for at, part in enumerate(parts)
        )
        if self.adding:
            rows += f" UNION ALL {self._held(name, (*key, *others))}"
        last = self.before.get(name, (0, 0))[1]
        keys = ", ".join(map(ident, key))
        picked = "".join(f", {pick}({ident(n)}, _choice) AS {ident(n)}" for n in others)
        differ = "".join(f", min({ident(n)}) <> max({ident(n)}) AS {ident(f'{n} differs')}" for n in others)
        with _working_out(parts[0].feed):
            self._rows(
                f"CREATE TABLE stage.merged_{name} AS SELECT *,"
                f" coalesce(_old, {last} + row_number() OVER (PARTITION BY _old IS NULL ORDER BY _first)) AS _key FROM"
                f" (SELECT {keys}{picked}{differ}, min(_order) AS _first, sum(_rows)::BIGINT AS _rows,"
                f" max(_old) AS _old FROM ({rows}) GROUP BY {keys})"
            )
        for other in others:
            differing = f"SELECT count(*) FROM stage.merged_{name} WHERE {ident(f'{other} differs')}"
            if codes := self._rows(differing)[0][0]:
                self._note(name, f"{codes:,} had several values of {other}; the {parts[0].feed.keep} one was kept")
        if name == "customer" and self.mapping.anonymous:
            code, title = map(literal, self.mapping.anonymous)
            self._rows(
                f"INSERT INTO stage.merged_customer BY NAME SELECT {code} AS code, {title} AS name,"
                " 0 AS _rows, (SELECT coalesce(max(_key), 0) + 1 FROM stage.merged_customer) AS _key"
                f" WHERE {code} NOT IN (SELECT code FROM stage.merged_customer)"
            )
            new = "SELECT count(*) FROM stage.merged_customer WHERE _rows = 0 AND _old IS NULL"
            self.added[name] = self._rows(new)[0][0]

    def _remember(self, names: list[str]) -> None:
        """What the warehouse holds before rows are added; the keys of codes that no new row names serve as they are."""
        for name in names:
            own = generated_key(metadata.tables[name])
            last = f"coalesce(max({own}), 0)" if own else "0"
            self.before[name] = self._rows(f"SELECT count(*), {last} FROM warehouse.{ident(name)}")[0]
        for name in DIMENSIONS:
            if name not in names:
                keys = f"SELECT code, {name}_key AS _key FROM warehouse.{name}"
                self._rows(f"CREATE TABLE stage.merged_{name} AS {keys}")

    def _held(self, name: str, fields: tuple[str, ...]) -> str:
        """The rows of a table in the warehouse as fields of the mapping: keys turned back into codes."""
        known = targets(metadata.tables[name])
        own = generated_key(metadata.tables[name])
        columns, joins = [], ""
        for field in fields:
            value, reference = f"w.{ident(known[field].column.name)}", known[field].reference
            if reference:
                alias = ident(f"code of {field}")
                joins += f" LEFT JOIN warehouse.{reference} AS {alias} ON {alias}.{reference}_key = {value}"
                value = f"{alias}.code"
            elif field == "name" and name in DIMENSIONS:
                value = "nullif(w.name, w.code)"  # the code only stood in
            columns.append(f"{value} AS {ident(field)}")
        old = f"w.{own}" if own else "0"
        return (
            f"SELECT {', '.join(columns)}, 0 AS _rows, {old} - {1 << 44} AS _order, -1 AS _choice,"
            f" {old}::BIGINT AS _old FROM warehouse.{ident(name)} AS w{joins}"
        )

    def _replace(self, part: Candidates) -> None:
        """Of rows that share the declared fields, those of the last file stand; those of earlier ones are merged."""
        files = "CASE" + "".join(f" WHEN _row <= {f.last} THEN {at}" for at, f in enumerate(part.base.files)) + " END"
        keys = ", ".join(map(ident, part.feed.replaces))
        same = " AND ".join(f"d.{ident(key)} = c.{ident(key)}" for key in part.feed.replaces)
        later = f"SELECT {keys}, max({files}) AS last FROM {part.good} GROUP BY {keys} HAVING min({files}) < last"
        replaced = self._lose(part, f"(FROM {part.good}) AS c SEMI JOIN ({later}) AS d ON {same} AND {files} < d.last")
        if replaced:
            what = ", ".join(part.feed.replaces)
            self._note(part.feed.table, f"{replaced:,} rows gave way to rows of a later file with the same {what}")

    def _match_returns(self, part: Candidates, first: int, last: int) -> None:
        """Point each return of a feed at the sale that it takes back."""
        known = targets(metadata.tables["sales_line"])
        named = None
        if RETURN_OF in part.feed.fields:
            line = f"{first} + (_row - 1) * {part.entries} + _entry + 1"
            named = f"SELECT {line} AS line_key, {RETURN_OF} AS named FROM {part.good} WHERE {RETURN_OF} IS NOT NULL"
        by = part.feed.return_of or tuple(name for name in ("customer", "product") if name in part.feed.fields)
        done = match_returns(self._rows, tuple(known[name].column.name for name in by), first, last, named)
        self._note("sales_line", f"{done.found:,} of {done.returns:,} returns were matched with what they return")
        if done.unknown:
            self._note("sales_line", f"{done.unknown:,} returns name an order of which no such line is left to return")

    def _refuse_unknown(self, name: str) -> None:
        """Set aside the rows whose required reference names a code that isn't there."""
        for target in targets(metadata.tables[name]).values():
            for part in self._of(name) if target.reference and target.required else ():
                if self._names_its_own(part, target) or not self._count_unknown(part.table, target)[0]:
                    continue
                column = getattr(part.feed.fields.get(target.field), "column", None) or target.field
                reason = f"this {target.field} is not in table {target.reference}"
                why = len(part.checks)
                part.checks.append(Check(reason, column, "", of_aside("_code")))
                code, unknown = ident(target.field), _unknown(target)
                self._lose(part, f"{part.good} WHERE {unknown}", str(why), code)
                if part.feed.repeats == "merge" or part.feed.replaces:
                    # What was merged is not to be loaded either.
                    self._rows(
                        f"UPDATE {part.lost} AS l SET _why = {why}, _code = {code} FROM {part.table} AS s"
                        f" WHERE l._why IS NULL AND l._row = s._row AND l._entry = s._entry AND {unknown}"
                    )

    def _insert(self, name: str) -> None:
        """Fill one table of the warehouse from what was merged, or from the good candidates."""
        table = metadata.tables[name]
        own = generated_key(table)
        if natural_key(table):
            if self.adding:
                self._rows(f"DELETE FROM warehouse.{ident(name)}")
            self._insert_from(name, f"stage.merged_{name}", f"{own}, " if own else "", "s._key, " if own else "")
            return
        first = self.before.get(name, (0, 0))[1]
        spans: list[tuple[Candidates, int, int]] = []
        for part in self._of(name):
            number = f"{first} + (s._row - 1) * {part.entries} + s._entry + 1, "
            with _working_out(part.feed):
                self._insert_from(name, part.good, f"{own}, ", number)
            spans.append((part, first, first := first + part.base.rows * part.entries))
        for part, start, end in spans:
            if part.feed.return_of or RETURN_OF in part.feed.fields:
                self._match_returns(part, start, end)

    def _insert_from(self, name: str, rows: str, own: str, number: str) -> None:
        mapped = self._fields(name)
        columns, values, joins = [], [], ""
        for target in targets(metadata.tables[name]).values():
            value = f"s.{ident(target.field)}"
            if target.field not in mapped or target.field == RETURN_OF:
                continue
            if target.field == "name" and name in DIMENSIONS:
                value = f"coalesce({value}, s.code)"
            elif target.reference:
                alias = ident(f"key of {target.field}")
                joins += f" LEFT JOIN stage.merged_{target.reference} AS {alias} ON {alias}.code = {value}"
                self._note_unknown(name, target, rows)
                value = f"{alias}._key"
            columns.append(ident(target.column.name))
            values.append(value)
        self._rows(
            f"INSERT INTO warehouse.{ident(name)} ({own}{', '.join(columns)})"
            f" SELECT {number}{', '.join(values)} FROM {rows} AS s{joins}"
        )

    def _note_unknown(self, name: str, target: Target, rows: str) -> None:
        if target.required or any(part.good == rows and self._names_its_own(part, target) for part in self._of(name)):
            return
        count, example = self._count_unknown(rows, target)
        if count:
            what = f'{target.field} that is not in table {target.reference}, such as "{example}"'
            self._note(name, f"{count:,} name a {what}; loaded without it")

    def _names_its_own(self, part: Candidates, target: Target) -> bool:
        """Whether the codes of a field were taken from these very rows, so that none of them can be unknown."""
        others = [other for other in self._of(target.reference or "") if not other.losses]
        own = part.feed.fields.get(target.field)
        if any(target.field in entry for entry in part.feed.spread):
            return False
        return any(other.feed.rows_of == part.feed.table and other.feed.fields["code"] == own for other in others)

    def _count_unknown(self, rows: str, target: Target) -> tuple[int, str]:
        """How many rows name a code that isn't there, and one of these codes."""
        count, example = self._rows(
            f"SELECT count(*), min({ident(target.field)}) FROM {rows} WHERE {_unknown(target)}"
        )[0]
        return count, example

    # Reconciliation

    def _reconcile(self, name: str) -> TableReport:
        """What became of all that was read for a table. Raises LoadError if a row or a cent is missing."""
        parts = self._of(name)
        amounts = parts[0].amounts
        none = Held(0, (Decimal(),) * len(amounts))
        merged, aside = none, dict[str, Held]()
        for reason, held in (outcome for part in parts for outcome in self._losses(part)):
            if reason is None:
                merged += held
            else:
                aside[reason] = aside.get(reason, none) + held
        set_aside = sum(aside.values(), none)
        if natural_key(metadata.tables[name]):
            rest = "SELECT coalesce(sum(_rows - (_old IS NULL)::INTEGER), 0)::BIGINT"
            shared = f"{rest} FROM stage.merged_{name} WHERE _rows > 0"
            merged += replace(none, rows=self._rows(shared)[0][0])
        sums = "".join(f", coalesce(sum({ident(column)}), 0)" for column in amounts)
        there, last = self.before.get(name, (0, 0))
        own = generated_key(metadata.tables[name])
        entries = own if own and name not in DIMENSIONS else None
        new = f" WHERE {entries} > {last}" if entries else ""
        rows, *totals = self._rows(f"SELECT count(*){sums} FROM warehouse.{ident(name)}{new}")[0]
        rows -= 0 if entries else there
        loaded, added = Held(rows, tuple(totals)), self.added.get(name, 0)
        held = sum((self.read[part.table].held for part in parts), none)
        read = replace(held, rows=sum(self._rows_read(part) for part in parts))
        if replace(read, rows=read.rows + added) != loaded + merged + set_aside:
            raise LoadError(f"[table.{name}]: the totals don't reconcile, so nothing was published; report this")
        self._note_rounding(name, parts, dict(zip(amounts, read.amounts, strict=True)))
        if name == "sales_line":
            query = f"SELECT count(*), coalesce(sum(revenue), 0) FROM warehouse.{name}"
            lines, revenue = self._rows(f"{query} WHERE revenue < 0 AND line_key > {last}")[0]
            self._note(name, f"{lines:,} of the lines loaded are returns or reductions (revenue {revenue:,})")
        declared = {check.reason for part in parts for check in part.checks if check.declared}
        stages = {"read": read, "loaded": loaded, "merged": merged, "set_aside": set_aside}
        return TableReport(
            name,
            read.rows,
            loaded.rows,
            merged.rows,
            added,
            tuple(
                SetAside(reason, lost.rows, dict(zip(amounts, lost.amounts, strict=True)), reason in declared)
                for reason, lost in aside.items()
            ),
            {a: {stage: held.amounts[at] for stage, held in stages.items()} for at, a in enumerate(amounts)},
            tuple(self.notes.get(name, ())),
        )

    def _rows_read(self, part: Candidates) -> int:
        """How many rows a feed had to account for, counted where they came from."""
        if part.feed.rows_of:
            return self.read[part.table].held.rows
        rejected = sum(rows for _, rows in self._rejected(part.base.name)) if part.feed.source else 0
        return self._rows(f"SELECT count(*) FROM {part.base.table}")[0][0] * part.entries + rejected

    def _losses(self, part: Candidates) -> list[tuple[str | None, Held]]:
        """The rows that weren't loaded, by the reason to set them aside; None for those that were merged."""
        sums = "".join(f", coalesce(sum({ident(column)}), 0)" for column in part.amounts)
        grouped = self._rows(f"SELECT _why, sum(_rows)::BIGINT{sums} FROM {part.lost} GROUP BY 1 ORDER BY 1")
        found = [
            (None if why is None else part.checks[why].reason, Held(rows, tuple(held))) for why, rows, *held in grouped
        ]
        nothing = (Decimal(),) * len(part.amounts)
        broken = self._rejected(part.base.name) if part.feed.source else []
        return found + [(reason, Held(rows, nothing)) for reason, rows in broken]

    def _note_rounding(self, name: str, parts: list[Candidates], rounded: dict[str, Decimal]) -> None:
        for at, (column, total) in enumerate(rounded.items()):
            exact = sum((self.read[part.table].exact[at] for part in parts), Decimal())
            if exact != total:
                written = f"{exact.normalize():,f} as written, {total:,} with each row rounded"
                self._note(name, f"{column} adds up to {written}")

    def _rejected(self, source: str) -> list[tuple[str, int]]:
        """The lines of a source that are no rows at all, by reason."""
        rejected = f"FROM stage.rejected WHERE source = {literal(source)}"
        return self._rows(f"SELECT reason, count(*) {rejected} GROUP BY 1 ORDER BY 1")

    def _broken_lookups(self) -> list[TableReport]:
        """The broken lines of files that only serve joins: no table's rows, and yet not to be lost."""
        own = {feed.source for feed in self.mapping.feeds}
        reports = []
        for name in (name for name in self.sources if name not in own):
            aside = tuple(SetAside(reason, rows, {}) for reason, rows in self._rejected(name))
            rows = self.sources[name].rows
            if aside:
                broken = sum(part.rows for part in aside)
                reports.append(TableReport(f"source {name}", rows + broken, rows, 0, 0, aside, {}, ()))
        return reports

    # What is written beside the tables

    def notes_of_sources(self) -> tuple[str, ...]:
        """What was taken for granted when the sources were read."""
        return tuple(note for staged in self.sources.values() for note in staged.notes)

    def describe(self, report: LoadReport, state: str) -> None:
        """The mapping's facts about the warehouse, and the report itself, as `warehouse_info`."""
        info = self.mapping.info | {
            "mapping": self.mapping.path.name,
            "loaded_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "load_report": report.as_json(),
            STATE: state,
        }
        rows = list(info.items())
        self._rows("DELETE FROM warehouse.warehouse_info")
        self._rows(f"INSERT INTO warehouse.warehouse_info FROM {values(rows)}")


def _lost(part: Candidates, rows: str, why: str, code: str = "NULL") -> str:
    """Candidates as rows of the table `lost`."""
    amounts = "".join(f", {ident(name)}" for name in part.amounts)
    return (
        f"SELECT _row, _entry, CAST({why} AS SMALLINT) AS _why, CAST({code} AS VARCHAR) AS _code,"
        f" {part.rows} AS _rows{amounts} FROM {rows}"
    )


def _unknown(target: Target) -> str:
    """SQL of whether a field names a code that isn't there."""
    return f"{ident(target.field)} NOT IN (SELECT code FROM stage.merged_{target.reference})"


@contextmanager
def _working_out(feed: Feed) -> Iterator[None]:
    """Tell what stops the work on the rows of a feed, such as an expression that fails, with its place."""
    try:
        yield
    except duckdb.Error as error:
        raise LoadError(f"{feed.place}: a row can't be worked out: {first_line(error)}") from None


def values(rows: list[tuple[Any, ...]]) -> str:
    return f"(VALUES {', '.join('(' + ', '.join(map(literal, row)) + ')' for row in rows)})"
