"""The service policy and the grading policy as a workbook: written with the values in force, and read back.

Sheets, headings and choices are read in either language or by the keys of the policy's file. What is read is only a
proposal: its text goes through the policy's own checks, and nothing is in force until somebody puts it there.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from xml.etree.ElementTree import ParseError

import openpyxl
import tomlkit
import xlsxwriter
from openpyxl.utils.cell import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from tomlkit.items import AbstractTable

from dashboard.analysis.response import FORMS
from dashboard.errors import DashboardError, nearest
from dashboard.language import TIER_NAMES, Language, language, message
from dashboard.policy import INPUTS, LANGUAGES, PURCHASE_MODELS, RESPONSES, TESTS
from queries.schema import TIERS

Place = tuple[str, ...]
Names = Mapping[str, str]
"""Messages by the keys they stand for."""


class Field(NamedTuple):
    """A single value of a policy: its label, and what it is."""

    label: str
    kind: str


MOST_UNPACKED = 50 << 20
MOST_ROWS, MOST_COLUMNS = 2_000, 40
ITEM = {"item": message("Item"), "value": message("Value"), "key": message("Key in the file")}
SHEETS = {
    "levels": message("Levels"),
    "effects": message("Effects"),
    "rules": message("Floors and ceilings"),
    "hours": message("Hours and activities"),
    "policy": message("Limits and money"),
}
GRADING = {"grading": message("Grading policy")}
PARTS = {
    "includes": message("Included a year"),
    "money": message("Money a year"),
    "promises": message("Promised in words"),
}
LEVELS = {"part": message("Part"), "code": message("Code"), "name": message("Name"), **TIER_NAMES}
RESPONSE_NAMES = {
    "spending": message("Margin"),
    "retention": message("Customers kept"),
    "satisfaction": message("Points of satisfaction"),
    "cost_to_serve": message("Other cost to serve"),
}
ENDS = {
    "most": message("most"),
    "low": message("at least (95%)"),
    "high": message("at most (95%)"),
    "scale": message("yearly cost for half of it"),
}
EFFECTS = {
    "effect": message("Effect"),
    "form": message("Form of the curve"),
    **ENDS,
    "power": message("power"),
    "source": message("Where the numbers come from"),
}
KINDS = {"floors": message("At least this level"), "ceilings": message("At most this level")}
TEST_NAMES = {"at_least": message("at least"), "at_most": message("at most"), "one_of": message("one of")}
RULES = {
    "kind": message("Rule"),
    "level": message("Level"),
    "input": message("Asks for"),
    "test": message("Test"),
    "value": message("Value"),
    "en": message("Reason in English"),
    "zh": message("Reason in Chinese"),
}
HOUR_PARTS = {
    "hours": message("Hours a year of a region"),
    "hours_per_unit": message("Hours for one unit"),
    "activities": message("Limited by its capacity"),
}
HOURS = {"part": message("Part"), "code": message("Code"), "name": message("Name"), "value": message("Value")}
NUMBER, TEXT, LEVEL, LEVELS_, MODEL, YES = "number", "text", "level", "levels", "model", "yes"
YES_NO = {"yes": message("yes"), "no": message("no")}
FIELDS: dict[Place, Field] = {
    ("source",): Field(message("Where these values come from"), TEXT),
    ("limits", "largest_fall"): Field(message("Levels a customer may fall in a review"), NUMBER),
    ("limits", "least"): Field(message("Lowest level a review may give"), LEVEL),
    ("limits", "largest_share_lowered"): Field(message("Largest share of a region lowered in a review"), NUMBER),
    ("capacity", "role"): Field(message("Role of account managers"), TEXT),
    ("capacity", "share"): Field(message("Share of account managers' hours for customers"), NUMBER),
    ("capacity", "budget"): Field(message("Service budget a year"), NUMBER),
    ("approval", "levels"): Field(message("Levels that need a second person"), LEVELS_),
    ("approval", "cost_above"): Field(message("Service cost changes by more than"), NUMBER),
    ("approval", "gain_above"): Field(message("Expected gain is more than"), NUMBER),
    ("lifetime", "annual_discount_rate"): Field(message("Discount rate a year"), NUMBER),
    ("lifetime", "horizon_years"): Field(message("Years looked ahead"), NUMBER),
    ("lifetime", "model"): Field(message("Model of purchases"), MODEL),
    ("word_of_mouth", "source"): Field(message("Where the worth of word of mouth comes from"), TEXT),
    ("word_of_mouth", "value_of_praise"): Field(message("What one praise is worth"), NUMBER),
    ("word_of_mouth", "cost_of_complaint"): Field(message("What one complaint costs"), NUMBER),
    ("word_of_mouth", "cost_of_a_point"): Field(
        message("What a point of satisfaction costs, customer and month"), NUMBER
    ),
}
"""Single values of the service policy: their place in its file, their label and what they are."""
OPTIONAL = (("capacity", "budget"),)
GRADING_FIELDS: dict[Place, Field] = {
    ("source",): Field(message("Where these values come from"), TEXT),
    ("weights", "residual_value"): Field(message("Weight of value to come"), NUMBER),
    ("weights", "contribution"): Field(message("Weight of profit"), NUMBER),
    ("weights", "revenue"): Field(message("Weight of revenue"), NUMBER),
    ("weights", "growth"): Field(message("Weight of growth"), NUMBER),
    ("weights", "strategic_fit"): Field(message("Weight of strategic fit"), NUMBER),
    ("weights", "risk"): Field(message("Weight of risk"), NUMBER),
    ("cuts", "A"): Field(message("Lowest score of grade A"), NUMBER),
    ("cuts", "B"): Field(message("Lowest score of grade B"), NUMBER),
    ("cuts", "C"): Field(message("Lowest score of grade C"), NUMBER),
    ("stability", "smoothing"): Field(message("Weight of the newest review"), NUMBER),
    ("stability", "band"): Field(message("Dead band around a cut"), NUMBER),
    ("stability", "dwell"): Field(message("Reviews in a row before a grade changes"), NUMBER),
    ("stability", "largest_fall"): Field(message("Grades a customer may fall at once"), NUMBER),
    ("review", "every_weeks"): Field(message("Weeks between reviews"), NUMBER),
    ("review", "reaches_back_weeks"): Field(message("Weeks that reviews reach back"), NUMBER),
    ("contract", "lifts_at_once"): Field(message("A signed contract lifts a grade at once"), YES),
    ("contract", "smallest_value"): Field(message("Smallest value of such a contract"), NUMBER),
}
OPTIONAL_GRADING = tuple(path for path in GRADING_FIELDS if path[0] == "weights")
CHOICES: dict[str, Names] = {
    LEVEL: TIER_NAMES,
    MODEL: {name: name for name in PURCHASE_MODELS},
    YES: YES_NO,
}
BOTH = (language("en"), language("zh"))
CHANGE = (message("Value"), message("In force"), message("In the spreadsheet"))


@dataclass(frozen=True)
class Proposal:
    """What a workbook says: the policy's text with its values, what differs from the text it started from (place, old
    and new value), and the sheets that were left out, for they aren't the policy's."""

    text: str
    changes: tuple[tuple[str, Any, Any], ...]
    left_out: tuple[str, ...]


def told(value: Any) -> str:
    """A value of a policy as an executive reads it; none is a dash."""
    if value is None:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.10g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


# Written ----------------------------------------------------------------------------------------------------------


def write(toml: str, speech: Language, name: Callable[[str], str]) -> bytes:
    """The service policy of a text as a workbook; `name` says what an activity's or region's code stands for."""
    text, t = tomlkit.parse(toml).unwrap(), speech.t
    levels = [
        [t(PARTS[part]), code, name(code), *(text["levels"][tier][part].get(code) for tier in TIERS)]
        for part in ("includes", "money")
        for code in dict.fromkeys(code for tier in TIERS for code in text["levels"][tier][part])
    ]
    levels += [
        [t(PARTS["promises"]), code, "", *(text["levels"][tier]["promises"][code] for tier in TIERS)]
        for code in LANGUAGES
    ]
    effects = [
        [t(RESPONSE_NAMES[key]), *(text["response"][key].get(column) for column in list(EFFECTS)[1:])]
        for key in RESPONSES
    ]
    rules = [_rule_cells(kind, rule, t) for kind in KINDS for rule in text["limits"][kind]]
    capacity = text["capacity"]
    hours = [
        [t(HOUR_PARTS[part]), code, name(code), units]
        for part in ("hours", "hours_per_unit")
        for code, units in capacity[part].items()
    ]
    hours += [[t(HOUR_PARTS["activities"]), code, name(code), None] for code in capacity["activities"]]
    part_choices, levels_of = [t(each) for each in PARTS.values()], [t(each) for each in TIER_NAMES.values()]
    book = _Writer(speech)
    book.sheet(SHEETS["levels"], LEVELS, levels, {"part": part_choices})
    book.sheet(SHEETS["effects"], EFFECTS, effects, {"form": list(FORMS)})
    choices = {
        "kind": [t(each) for each in KINDS.values()],
        "level": levels_of,
        "input": list(INPUTS),
        "test": [t(each) for each in TEST_NAMES.values()],
    }
    book.sheet(SHEETS["rules"], RULES, rules, choices)
    book.sheet(SHEETS["hours"], HOURS, hours, {"part": [t(each) for each in HOUR_PARTS.values()]})
    book.fields(SHEETS["policy"], FIELDS, text)
    return book.file()


def write_grading(toml: str, speech: Language) -> bytes:
    """The grading policy of a text as a workbook."""
    book = _Writer(speech)
    book.fields(GRADING["grading"], GRADING_FIELDS, tomlkit.parse(toml).unwrap())
    return book.file()


def _rule_cells(kind: str, rule: dict[str, Any], t: Callable[[str], str]) -> list[Any]:
    test = next(name for name in TESTS if name in rule)
    value = ", ".join(map(str, rule[test])) if test == "one_of" else rule[test]
    level = t(TIER_NAMES[rule["level"]])
    return [t(KINDS[kind]), level, rule["input"], t(TEST_NAMES[test]), value, rule["why"]["en"], rule["why"]["zh"]]


class _Writer:
    """A workbook of plain tables: a heading, a row a thing, lists to choose from."""

    SPARE = 50
    """Empty rows below a table in which the lists can be chosen too."""

    def __init__(self, speech: Language) -> None:
        self.t = speech.t
        self.held = io.BytesIO()
        options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self.book = xlsxwriter.Workbook(self.held, options)
        self.head = self.book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.grey = self.book.add_format({"font_color": "#6b7280"})

    def sheet(self, title: str, headings: Names, rows: list[list[Any]], choices: Mapping[str, list[str]]) -> None:
        sheet = self.book.add_worksheet(self.t(title))
        sheet.freeze_panes(1, 0)
        for column, (key, heading) in enumerate(headings.items()):
            sheet.write_string(0, column, self.t(heading), self.head)
            texts = [str(row[column]) for row in rows if row[column] is not None]
            widest = max((sum(2 if ord(c) > 255 else 1 for c in text) for text in texts), default=0)
            sheet.set_column(
                column, column, min(max(widest + 2, 12), 48), self.grey if key in ("name", "key") else None
            )
            if key in choices:
                listed = {"validate": "list", "source": choices[key], "error_type": "warning"}
                sheet.data_validation(1, column, len(rows) + self.SPARE, column, listed)
            for row, cells in enumerate(rows, 1):
                value = cells[column]
                if isinstance(value, int | float) and not isinstance(value, bool):
                    sheet.write_number(row, column, value)
                elif value is not None:
                    sheet.write_string(row, column, str(value))

    def fields(self, title: str, fields: Mapping[Place, Field], text: dict[str, Any]) -> None:
        rows = [
            [self.t(label), self.cell(_at(text, path), kind), ".".join(path)] for path, (label, kind) in fields.items()
        ]
        self.sheet(title, ITEM, rows, {})

    def cell(self, value: Any, kind: str) -> Any:
        if value is None:
            return None
        if kind == LEVELS_:
            return ", ".join(self.t(TIER_NAMES[each]) for each in value)
        if kind == YES:
            return self.t(YES_NO["yes" if value else "no"])
        return self.t(CHOICES[kind][value]) if kind in CHOICES else value

    def file(self) -> bytes:
        self.book.close()
        return self.held.getvalue()


def _at(text: Mapping[str, Any], path: Place) -> Any:
    found: Any = text
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


# Read -------------------------------------------------------------------------------------------------------------


def read(file: bytes, toml: str, check: Callable[[str], object]) -> Proposal:
    """A workbook's service policy, on top of the text it started from. What sheets the workbook lacks stays as it is.

    `check` parses the proposal's text. Raises DashboardError naming sheet, cell and mend.
    """
    readers = {"levels": _levels, "effects": _effects, "rules": _rules, "hours": _hours, "policy": _fields_of(FIELDS)}
    return _read(file, toml, check, SHEETS, readers)


def read_grading(file: bytes, toml: str, check: Callable[[str], object]) -> Proposal:
    """A workbook's grading policy, as `read` does."""
    return _read(file, toml, check, GRADING, {"grading": _fields_of(GRADING_FIELDS)})


@dataclass(frozen=True)
class _Cell:
    """A cell, and how an error names it."""

    value: Any
    place: str

    @property
    def empty(self) -> bool:
        return self.value is None or not str(self.value).strip()

    def fault(self, said: str) -> DashboardError:
        return DashboardError(f"{self.place}: {said}")

    def text(self, what: str) -> str:
        if self.empty:
            raise self.fault(f"{what} is missing")
        value = self.value
        return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()

    def number(self, what: str) -> int | float:
        """A number, typed as one or as text such as 5 %."""
        if self.empty:
            raise self.fault(f"a number is missing for {what}; a formula has one once a spreadsheet has worked it out")
        value = self.value
        if isinstance(value, str):
            try:
                value = float(value.strip().rstrip("%")) / (100 if value.strip().endswith("%") else 1)
            except ValueError:
                raise self.fault(f"{value!r} is not a number, which {what} has to be") from None
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
            raise self.fault(f"{value!r} is not a number, which {what} has to be")
        return int(value) if float(value).is_integer() else float(value)

    def one_of(self, names: Names, what: str) -> str:
        said = self.text(what)
        found = _key_of(said, names)
        if found is None:
            near = nearest(said, [label for key, text in names.items() for label in _labels(key, text)])
            near = near if near.startswith("; did") else nearest(said, names)
            raise self.fault(f"{what}: {said!r} is not known{near}")
        return found

    def listed(self) -> list[str]:
        return [part.strip() for part in re.split("[,，、;；]", str(self.value)) if part.strip()]


def _labels(key: str, text: str) -> tuple[str, ...]:
    return (key, *(speech.t(text) for speech in BOTH))


def _key_of(said: str, names: Names) -> str | None:
    """The key that a label of either language stands for."""
    plain = " ".join(said.split()).casefold()
    return next((key for key, text in names.items() if plain in (each.casefold() for each in _labels(key, text))), None)


@dataclass
class _Places:
    """Where each value of the proposal was read, for the errors of the policy's own checks."""

    cells: dict[Place, _Cell] = field(default_factory=dict)

    def blamed(self, said: str) -> str:
        """The cell that an error is about, as far as it says so."""
        section = re.search(r"\[([\w.]+)\]", said)
        head = tuple(section[1].split(".")) if section else ()
        number = re.search(r"(floors|ceilings), number (\d+)", said)
        words = [*([number[1], number[2]] if number else []), *re.findall(r"'(\w+)'", said)]
        inside = {path: cell for path, cell in self.cells.items() if path[: len(head)] == head}
        scored = ((sum(word in path[len(head) :] for word in words), path) for path in inside)
        best = max(scored, default=(0, ()), key=lambda each: each[0])
        return f"{inside[best[1]].place}: " if best[0] else ""


Rows = list[dict[str, _Cell]]


def _read(
    file: bytes, toml: str, check: Callable[[str], object], sheets: Names, readers: Mapping[str, Any]
) -> Proposal:
    before = tomlkit.parse(toml).unwrap()
    wanted, places, left_out, seen = tomlkit.parse(toml).unwrap(), _Places(), [], set()
    for title, rows in _sheets(file):
        key = _key_of(title, sheets)
        if key is None:
            left_out.append(title)
            continue
        seen.add(key)
        readers[key](title, rows, wanted, places)
    if not seen:
        titles = ", ".join(f"“{BOTH[0].t(text)}” ({BOTH[1].t(text)})" for text in sheets.values())
        raise DashboardError(f"the workbook has none of the sheets {titles}; begin with a downloaded one")
    text = _filled_in(toml, wanted)
    try:
        check(text)
    except DashboardError as error:
        raise DashboardError(f"{places.blamed(str(error))}{error}") from error
    old, new = (dict(_leaves(each)) for each in (before, wanted))
    changed = [path for path in {**old, **new} if old.get(path) != new.get(path)]
    changes = tuple((".".join(path), old.get(path), new.get(path)) for path in changed)
    return Proposal(text, changes, tuple(left_out))


def _sheets(file: bytes) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """The visible sheets of a workbook, with their values. Refuses a bomb and what is no workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_UNPACKED:
                raise DashboardError(f"the workbook unpacks to more than {MOST_UNPACKED >> 20} MB; a policy is small")
        book = openpyxl.load_workbook(io.BytesIO(file), read_only=True, data_only=True)
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            rows = sheet.iter_rows(max_row=MOST_ROWS, max_col=MOST_COLUMNS, values_only=True)
            yield sheet.title, list(rows)
    except (OSError, KeyError, ValueError, IndexError, TypeError, ParseError, zipfile.BadZipFile, InvalidFileException):
        raise DashboardError("the file is no Excel workbook (.xlsx), or a damaged one") from None


def _table(title: str, rows: list[tuple[Any, ...]], headings: Names, optional: Iterable[str] = ()) -> Rows:
    """The rows of a sheet that aren't empty, by the keys of their headings; columns beside them are left alone."""
    start = next((at for at, row in enumerate(rows) if any(cell is not None for cell in row)), 0)
    said = rows[start] if rows else ()
    found: dict[str, int] = {}
    for at, heading in enumerate(said):
        key = _key_of(str(heading), headings) if heading is not None else None
        if key in found:
            place = f"sheet “{title}”, cell {get_column_letter(at + 1)}{start + 1}"
            raise DashboardError(f"{place}: the heading {heading!r} stands there twice")
        if key:
            found[key] = at
    for key, text in headings.items():
        if key not in found and key not in optional:
            label = BOTH[0].t(text)
            near = nearest(label, [str(each) for each in said if each is not None])
            raise DashboardError(f"sheet “{title}”, row {start + 1}: no heading {label!r} ({BOTH[1].t(text)}){near}")
    return [
        {
            key: _Cell(row[at] if at < len(row) else None, f"sheet “{title}”, cell {get_column_letter(at + 1)}{number}")
            for key, at in found.items()
        }
        for number, row in enumerate(rows[start + 1 :], start + 2)
        if any(at < len(row) and row[at] is not None for at in found.values())
    ]


def _levels(title: str, rows: list[tuple[Any, ...]], wanted: dict[str, Any], places: _Places) -> None:
    levels: dict[str, dict[str, Any]] = {tier: {part: {} for part in PARTS} for tier in TIERS}
    taken: set[tuple[str, str]] = set()
    for row in _table(title, rows, LEVELS, ["name"]):
        part, code = row["part"].one_of(PARTS, "the part"), row["code"].text("the code")
        if (part, code) in taken:
            raise row["code"].fault(f"{code!r} stands there twice")
        taken.add((part, code))
        for tier in TIERS:
            cell, path = row[tier], ("levels", tier, part, code)
            places.cells[path] = cell
            if part == "promises":
                levels[tier][part][code] = cell.text(f"what {tier} promises")
            elif not cell.empty:
                levels[tier][part][code] = cell.number(code)
    wanted["levels"] = levels


def _effects(title: str, rows: list[tuple[Any, ...]], wanted: dict[str, Any], places: _Places) -> None:
    found: dict[str, dict[str, Any]] = {}
    for row in _table(title, rows, EFFECTS):
        key = row["effect"].one_of(RESPONSE_NAMES, "the effect")
        for column in list(EFFECTS)[1:]:
            places.cells["response", key, column] = row[column]
        words = {"form": row["form"].text("the form"), "source": row["source"].text("the source")}
        numbers = {end: row[end].number(end) for end in ENDS}
        power = {} if row["power"].empty else {"power": row["power"].number("power")}
        found[key] = {**words, **numbers, **power}
    wanted["response"] = found


def _rules(title: str, rows: list[tuple[Any, ...]], wanted: dict[str, Any], places: _Places) -> None:
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for row in _table(title, rows, RULES):
        kind, test = row["kind"].one_of(KINDS, "the rule"), row["test"].one_of(TEST_NAMES, "the test")
        asked = row["input"].text("what is asked for")
        value: Any = row["value"].number("the value") if test != "one_of" else row["value"].listed()
        if test == "one_of" and asked in ("strategic_fit", "needs_level"):
            value = [_Cell(each, row["value"].place).number("the value") for each in value]
        why = {code: row[code].text("the reason") for code in LANGUAGES}
        found[kind].append(
            {"input": asked, test: value, "level": row["level"].one_of(TIER_NAMES, "the level"), "why": why}
        )
        for key, cell in {**row, test: row["value"]}.items():
            places.cells["limits", kind, str(len(found[kind])), key] = cell
    wanted["limits"] |= found


def _hours(title: str, rows: list[tuple[Any, ...]], wanted: dict[str, Any], places: _Places) -> None:
    found: dict[str, Any] = {"hours": {}, "hours_per_unit": {}, "activities": []}
    for row in _table(title, rows, HOURS, ["name"]):
        part, code = row["part"].one_of(HOUR_PARTS, "the part"), row["code"].text("the code")
        if code in found[part]:
            raise row["code"].fault(f"{code!r} stands there twice")
        places.cells["capacity", part, code] = row["value"]
        if part == "activities":
            found[part].append(code)
        else:
            found[part][code] = row["value"].number(code)
    wanted["capacity"] |= found


def _fields_of(fields: Mapping[Place, Field]) -> Callable[..., None]:
    """A reader of a sheet of single values; a value that isn't listed stays as it is, one without a value goes."""
    names = {".".join(path): label for path, (label, _) in fields.items()}

    def read_fields(title: str, rows: list[tuple[Any, ...]], wanted: dict[str, Any], places: _Places) -> None:
        for row in _table(title, rows, ITEM, ["key"]):
            key = row["key"].text("the key") if "key" in row and not row["key"].empty else None
            place = key if key in names else row["item"].one_of(names, "the item")
            path = tuple(place.split("."))
            label, kind = fields[path]
            places.cells[path] = row["value"]
            part = wanted
            for step in path[:-1]:
                part = part.setdefault(step, {})
            if row["value"].empty and path in (*OPTIONAL, *OPTIONAL_GRADING):
                part.pop(path[-1], None)
            else:
                part[path[-1]] = _value(row["value"], kind, label)

    return read_fields


def _value(cell: _Cell, kind: str, label: str) -> Any:
    if kind == NUMBER:
        return cell.number(f"“{label}”")
    if kind == LEVELS_:
        parts = [] if cell.empty else cell.listed()
        return [_Cell(part, cell.place).one_of(TIER_NAMES, "the level") for part in parts]
    if kind == YES:
        return cell.value if isinstance(cell.value, bool) else cell.one_of(YES_NO, f"“{label}”") == "yes"
    return cell.one_of(CHOICES[kind], f"“{label}”") if kind in CHOICES else cell.text(f"“{label}”")


# The text ---------------------------------------------------------------------------------------------------------


def _filled_in(toml: str, wanted: dict[str, Any]) -> str:
    """The text with these values, its comments and its order kept as far as that goes."""
    if "limits" in wanted:
        before = tomlkit.parse(toml).unwrap()["limits"]
        if any(before[kind] != wanted["limits"][kind] for kind in KINDS):
            toml = _with_rules(toml, wanted["limits"])
    document = tomlkit.parse(toml)
    _fill(document, wanted)
    text = re.sub(r"(?m)(= \{ .*\S)\}$", r"\1 }", tomlkit.dumps(document))
    return text if tomlkit.parse(text).unwrap() == wanted else tomlkit.dumps(wanted)


def _fill(part: Any, wanted: Mapping[str, Any]) -> None:
    for key in [key for key in part if key not in wanted]:
        del part[key]
    for key, value in wanted.items():
        old = part.get(key)
        if isinstance(old, AbstractTable) and isinstance(value, dict):
            _fill(old, value)
        elif old != value:
            part[key] = value


LIMITS = re.compile(r"^\[limits\]\n(?:(?!\[|#|\n).*\n)*", re.MULTILINE)
RULE = re.compile(r"^\[\[limits\.\w+\]\]\n(?:(?!\[|#|\n).*\n)*\n?", re.MULTILINE)
NO_RULE = re.compile(r"^(?:floors|ceilings)\s*=.*\n", re.MULTILINE)


def _with_rules(toml: str, limits: Mapping[str, Any]) -> str:
    """The text with these floors and ceilings, written as by hand, where its own stood."""
    bare = NO_RULE.sub("", RULE.sub("", toml))
    none = "".join(f"{kind} = []\n" for kind in KINDS if not limits[kind])
    rules = [f"[[limits.{kind}]]\n{_lines(rule)}" for kind in KINDS for rule in limits[kind]]
    return LIMITS.sub(lambda found: "\n".join([found[0] + none, *rules]), bare, count=1)


def _lines(rule: Mapping[str, Any]) -> str:
    return "".join(f"{'.'.join(path)} = {tomlkit.item(value).as_string()}\n" for path, value in _leaves(rule))


def _leaves(part: Any, path: Place = ()) -> Iterator[tuple[Place, Any]]:
    if isinstance(part, dict) and part:
        for key, value in part.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(part, list) and part and isinstance(part[0], dict):
        for number, value in enumerate(part, 1):
            yield from _leaves(value, (*path, str(number)))
    else:
        yield path, part
