"""What a warehouse was loaded from, by content: so that the same file is not loaded twice, nor an old one again.

A load compares the mapping and the files with those of the load before. Nothing changed: nothing is done. Only
files behind the old ones: these alone are read and added. Anything else: everything is loaded anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from dashboard.errors import DashboardError
from dashboard.warehouse.connect import open_file
from dashboard.warehouse.mapping import Feed, LoadError, Mapping
from dashboard.warehouse.sources import files_of
from queries.schema import metadata

STATE = "load_state"
_CONTRACT = repr([(table.name, table.c.keys()) for table in metadata.sorted_tables])


@dataclass(frozen=True)
class State:
    """The mapping's fingerprint, and for each source of files their titles and fingerprints, in order."""

    mapping: str
    files: dict[str, list[tuple[str, str]]]

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class Plan:
    """What a load has to read: everything, nothing, or the new files of some sources (`added`, by their names)."""

    everything: bool
    added: dict[str, list[Path]]

    @property
    def nothing(self) -> bool:
        return not self.everything and not self.added


def state_of(mapping: Mapping, mended: Path) -> State:
    """The state of the files as they are now."""
    digest = hashlib.sha256(mapping.path.read_bytes() + _CONTRACT.encode())
    digest.update(mended.read_bytes() if mended.exists() else b"")
    files: dict[str, list[tuple[str, str]]] = {}
    for source in mapping.sources.values():
        if source.url is None:
            found = files_of(source, mapping.folder)
            files[source.name] = [(path.relative_to(mapping.folder).as_posix(), _digest(path)) for path in found]
    return State(digest.hexdigest(), files)


def written(mapping: Mapping) -> dict[Path, tuple[int, int, int]]:
    """When each file was last written, its size and its place on the disk: what tells that it was changed."""
    files = [path for source in mapping.sources.values() if not source.url for path in files_of(source, mapping.folder)]
    return {path: (path.stat().st_mtime_ns, path.stat().st_size, path.stat().st_ino) for path in files}


def refuse_changed(mapping: Mapping, before: dict[Path, tuple[int, int, int]]) -> None:
    """Raise LoadError if a file was changed, or came or went, since it was `written` so."""
    now = written(mapping)
    changed = sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))
    if changed:
        name = changed[0].relative_to(mapping.folder).as_posix()
        raise LoadError(f"{name} was changed while it was loaded, so nothing was published; load again")


def state_in(warehouse: Path) -> State | None:
    """The state that a warehouse was loaded in; None for one that no load made."""
    if not warehouse.exists():
        return None
    try:
        connection = open_file(warehouse)
    except DashboardError:
        return None
    with connection:
        tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if "warehouse_info" not in tables:
            return None
        query = f"SELECT value FROM warehouse_info WHERE name = '{STATE}'"  # noqa: S608
        row = connection.execute(query).fetchone()
    if row is None:
        return None
    held = json.loads(row[0])
    return State(held["mapping"], {name: [(t, d) for t, d in files] for name, files in held["files"].items()})


def planned(mapping: Mapping, before: State, now: State, add: bool) -> Plan:
    """What is to be read after a load before. `add` says that files which are gone keep what they brought. Raises
    LoadError if they would be lost without it, or can't be kept."""
    if before.mapping != now.mapping:
        if add:
            raise LoadError("--add: the mapping or what was mended has changed since the last load; load without --add")
        return Plan(True, {})
    added: dict[str, list[Path]] = {}
    reasons: list[str] = []
    gone: list[str] = []
    for source in mapping.sources.values():
        if source.url:
            reasons.append(f"{source.place} is a database, which is always read whole")
            continue
        old, new = before.files.get(source.name, []), now.files[source.name]
        lost = [title for title, _ in old if title not in dict(new)]
        kept = [entry for entry in old if entry[0] not in lost]
        gone += lost
        fresh = [entry for entry in new if entry[0] not in dict(old)]
        if new[: len(kept)] != kept or len(kept) + len(fresh) != len(new):
            reasons.append(f"a file of {source.place} has changed, or a new one comes before an old one")
        elif fresh:
            added[source.name] = [mapping.folder / title for title, _ in fresh]
    reasons += [reason for feed in mapping.feeds if (reason := _needs_all(feed, set(added)))]
    if gone and not add:
        raise LoadError(
            f"{gone[0]}{f' and {len(gone) - 1} more' if gone[1:] else ''} was loaded before and is gone: put it back,"
            " or keep what it brought with --add, or remove the warehouse to start afresh"
        )
    if not reasons:
        return Plan(False, added)
    if gone:
        raise LoadError(f"--add: {reasons[0]}, so everything has to be read again; put {gone[0]} back")
    return Plan(True, {})


def merged_state(before: State | None, now: State) -> State:
    """The state after files were added: those that are gone count as loaded."""
    files = {
        name: [entry for entry in (before.files.get(name, []) if before else []) if entry[0] not in dict(new)] + new
        for name, new in now.files.items()
    }
    return State(now.mapping, files)


def _needs_all(feed: Feed, added: set[str]) -> str:
    """Why a feed can't do with the new files alone; empty if it can."""
    if any(join.source in added for join in feed.joins):
        return f"{feed.place} joins a source that has new files"
    if feed.source not in added:
        return ""
    if feed.repeats or feed.replaces:
        return f"{feed.place} compares its rows with those of all other files"
    fields = [*feed.fields.values(), *(field for entry in feed.spread for field in entry.values())]
    if any("_row" in (field.expression or "") for field in fields):
        return f"{feed.place} numbers its rows"
    return ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
