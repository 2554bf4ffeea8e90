"""What a load did, in figures: what was read, loaded, merged and set aside, table by table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from decimal import Decimal


@dataclass(frozen=True)
class SetAside:
    """The rows of a table that weren't loaded for one reason, and the amounts they hold."""

    reason: str
    rows: int
    amounts: dict[str, Decimal]
    declared: bool = False  # a rule of the mapping says so, as for lines without a customer


@dataclass(frozen=True)
class TableReport:
    """What became of the rows that were read for one table. Amounts by column, each at four stages."""

    table: str
    read: int
    loaded: int
    merged: int
    added: int
    set_aside: tuple[SetAside, ...]
    amounts: dict[str, dict[str, Decimal]]
    notes: tuple[str, ...]

    @property
    def rows_set_aside(self) -> int:
        return sum(part.rows for part in self.set_aside)


@dataclass(frozen=True)
class LoadReport:
    """What a load did, for the person who ran it; kept in the warehouse as `load_report`."""

    mapping: str
    warehouse: str
    set_aside_file: str
    tables: tuple[TableReport, ...]
    notes: tuple[str, ...]
    seconds: float

    def table(self, name: str) -> TableReport:
        """The part about one table."""
        return next(part for part in self.tables if part.table == name)

    def lines(self) -> list[str]:
        """The report as plain text."""
        if not self.tables:
            return [f"{self.warehouse}: nothing new in the files of {self.mapping}; nothing was changed"]
        text = [f"{self.warehouse}: loaded from {self.mapping} in {self.seconds:.1f} s"]
        for part in self.tables:
            text.append(
                f"{part.table}: {part.read:,} rows read = {part.loaded - part.added:,} loaded"
                f" + {part.merged:,} merged + {part.rows_set_aside:,} set aside"
            )
            for column, stages in part.amounts.items():
                read, loaded, merged, aside = (stages[s] for s in ("read", "loaded", "merged", "set_aside"))
                text.append(f"  {column}: {read:,} = {loaded:,} loaded + {merged:,} merged + {aside:,} set aside")
            for reason in part.set_aside:
                held = ", ".join(f"{column} {amount:,}" for column, amount in reason.amounts.items())
                text.append(f"  set aside: {reason.rows:,} {reason.reason}{f' ({held})' if held else ''}")
            text.extend(f"  {note}" for note in part.notes)
        text.extend(self.notes)
        if any(part.rows_set_aside for part in self.tables):
            text.append(
                f"rows set aside are in {self.set_aside_file}; mend their values there, save it as"
                f" {self.set_aside_file.replace('.set-aside.', '.mended.')} and load again"
            )
        return text

    def as_json(self) -> str:
        """The report as JSON; amounts as text, to the last digit."""
        return json.dumps(asdict(self), default=str, ensure_ascii=False)
