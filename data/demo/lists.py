"""The demo's word lists: tab-separated files beside this module, in Chinese and English."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """All rows of `<name>.tsv` as dictionaries of text."""
    with (HERE / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file, delimiter="\t"))


@cache
def words(kind: str, group: str) -> tuple[tuple[str, str], ...]:
    """(Chinese, English) pairs of one kind and group of `words.tsv`."""
    return tuple((row["name"], row["name_en"]) for row in rows("words") if (row["kind"], row["group"]) == (kind, group))


@cache
def codes(domain: str) -> tuple[str, ...]:
    """The codes of one label domain, in their order."""
    return tuple(row["code"] for row in rows("labels") if row["domain"] == domain)
