"""A pack: the answers to a list of questions for one reader, with the words that stand around them.

Its answers come from `ask`, as those of the pages do, and its cells are said by `dashboard.wording`, as those of
their tables are: a pack can't say another number than the page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

import dashboard.insights  # noqa: F401 - registers the questions
from dashboard.errors import DashboardError, nearest
from dashboard.insight import QUESTIONS, Insight, Reader, ask, find, whole
from dashboard.language import UNDEFINED, Language, currency_name, message, undefined
from dashboard.ledger import policies
from dashboard.metrics import METRICS, Format, say_as
from dashboard.reports.pictures import PICTURES, Grid, Picture
from dashboard.wording import CODED, forms, heading, kind_of, readable


@dataclass(frozen=True)
class Section:
    """A question of a pack; `columns` are those of a slide's table: as many as fit when there are none, and none at
    all beside a curve (CHART_ALONE), whose points are for the workbook."""

    key: str
    columns: tuple[str, ...] = ()


CHART_ALONE = ("",)
OURSELVES = {"command line": message("the command line"), "local": message("this computer")}
"""Who asks where nobody signs in."""


WEEKLY = (
    Section("review.summary"),
    Section("review.contributions", ("by", "name", "amount")),
    Section("review.regions", ("name", "amount")),
    Section("review.lines", ("name", "amount")),
    Section("review.grades", ("name", "amount")),
    Section("review.customers", ("name", "amount")),
    Section("review.movers"),
    Section("review.loss_makers"),
    Section("review.thresholds"),
    Section("review.alerts", ("code", "name", "grade", "alert", "happened", "playbook", "money_at_risk")),
    Section("alerts.open", ("severity", "alert", "state", "author")),
    Section("review.targets", ("name", "metric", "target", "gap", "state")),
    Section(
        "review.decisions", ("code", "name", "decision", "from_tier", "to_tier", "expected_gain", "came", "came_beyond")
    ),
    Section("value.summary"),
    Section("value.whale", CHART_ALONE),
    Section("value.deciles", ("decile", "customers", "revenue", "profit")),
    Section("value.by_region", ("name", "customers", "revenue", "profit")),
    Section("tiers.matrix", ("grade", "tier", "fit", "customers", "profit")),
    Section("tiers.migration", ("from_grade", "to_grade", "customers", "value_to_come")),
    Section("satisfaction.curve", ("satisfaction", "n", "praise_rate", "complaint_rate")),
    Section("satisfaction.standing", ("zone", "customers", "customers_share", "revenue", "profit")),
    Section("cost.waterfall", ("name", "amount")),
    Section("cost.losses", ("name", "customers", "loss")),
    Section("levels.matrix", ("current", "recommended", "customers", "gain", "cost_change")),
    Section("levels.queue", ("code", "name", "grade", "current", "recommended", "gain", "reasons")),
)
PACKS = {"weekly": (message("Weekly pack"), WEEKLY)}


@dataclass(frozen=True)
class Column:
    """A column of an answer's table: its name in the data, its heading for the reader, its kind of number."""

    name: str
    heading: str
    kind: Format

    @property
    def is_number(self) -> bool:
        return self.kind not in ("text", "date", "week")


@dataclass(frozen=True)
class Part:
    """An answer in a pack. `values` are the table's cells with codes as words (numbers stay numbers, undefined is
    None), `said` the same cells as the reader reads them; both row by row in the order of `columns`. `brief` are the
    places of the columns beside a chart; `alone` says that a curve's points are for the workbook."""

    title: str
    insight: Insight
    columns: tuple[Column, ...]
    values: tuple[tuple[Any, ...], ...]
    said: tuple[tuple[str, ...], ...]
    kinds: tuple[tuple[Format, ...], ...]
    picture: Picture | Grid | None
    brief: tuple[int, ...]
    alone: bool
    definitions: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        return self.insight.key

    @property
    def shown(self) -> tuple[int, ...]:
        """The columns of a table on a slide or a page: those chosen, less those in which nothing is defined."""
        chosen = self.brief or tuple(range(len(self.columns)))
        known = tuple(place for place in chosen if any(row[place] is not None for row in self.values))
        return known or chosen


@dataclass(frozen=True)
class Pack:
    """Answers, and what stands around them: for whom, of what, from which data."""

    name: str
    title: str
    who: str
    words: str
    as_of: date
    language: Language
    currency: str
    data_version: str
    policy_version: str
    parts: tuple[Part, ...]

    def t(self, text: str, **values: object) -> str:
        return self.language.t(text, **values)

    @property
    def definitions(self) -> list[tuple[str, str]]:
        """Metric and definition of everything the pack shows, each once."""
        return list(dict.fromkeys(each for part in self.parts for each in part.definitions))

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What the pack rests on, as label and value."""
        return [
            (self.t("Selection"), self.words),
            (self.t("Data to"), self.language.date(self.as_of)),
            (self.t("Made for"), self.t(OURSELVES.get(self.who, "{who}"), who=self.who)),
            (self.t("Data version"), self.data_version),
            (self.t("Policy version"), self.policy_version),
        ]

    def foot(self, part: Part | None = None) -> str:
        """What an answer is of: how many, to which day, the selection where that is not the pack's, the currency.

        Without one, what the pack is of.
        """
        if part is None:
            told = [self.title, self.words, self.t("data {version}", version=self.data_version)]
            return " · ".join(told)
        insight = part.insight
        told = [self.t("n = {n} · to {day}", n=f"{insight.n:,}", day=self.language.date(insight.as_of))]
        if insight.words != self.words:
            told.append(insight.words)
        told.append(amounts_in(part, self.currency, self.language))
        return " · ".join(filter(None, told))


def amounts_in(part: Part, currency: str, language: Language) -> str:
    """The currency of a table's amounts; nothing where there are none."""
    if not currency or not any(column.kind == "money" for column in part.columns):
        return ""
    return language.t("amounts in {currency}", currency=currency_name(currency, language.code))


def file_name(name: str, reader: Reader, form: str) -> str:
    """What the file of a pack is called: its name and the last day that it is of."""
    return f"{name}-{last_day(reader)}.{form}"


def last_day(reader: Reader) -> date:
    """The last day with data that the reader looks at."""
    return min(reader.view.window.last_day, reader.calendar.last_day)


def sections(name: str) -> tuple[Section, ...]:
    """The questions of a pack that exist. Raises DashboardError with the nearest name."""
    if name not in PACKS:
        raise DashboardError(f"no pack {name!r}{nearest(name, PACKS)}")
    found = [section for section in PACKS[name][1] if section.key in QUESTIONS]
    # The review's own summary says all that the other one says, and more.
    double = "value.summary" if any(section.key == "review.summary" for section in found) else ""
    return tuple(section for section in found if section.key != double)


def columns(key: str, name: str = "weekly") -> tuple[str, ...]:
    """The columns that a pack shows of a question's table; none when it shows as many as there is room for."""
    return next((section.columns for section in PACKS[name][1] if section.key == key), ())


def build(name: str, reader: Reader, progress: Callable[[str, float], None] | None = None) -> Pack:
    """The answers of a pack for a reader."""
    wanted = sections(name)
    parts = []
    for place, section in enumerate(wanted):
        if progress:
            progress(section.key, place / len(wanted))
        parts.append(part_of(ask(section.key, reader), reader, section.columns))
    return _around(name, reader.t(PACKS[name][0]), reader, parts)


ROWS_OF_A_SHEET = 1_048_000


def single(insight: Insight, reader: Reader) -> Pack:
    """One answer as a pack, for `ask`: with its whole table. Raises DashboardError for more rows than a sheet holds."""
    table = pd.concat(list(whole(insight, reader)), ignore_index=True)
    if len(table) > ROWS_OF_A_SHEET:
        rows = reader.language.number(len(table), exact=True)
        raise DashboardError(reader.t("A sheet holds no {rows} rows: take the CSV file.", rows=rows))
    part = part_of(replace(insight, table=table), reader)
    return _around(insight.key, reader.t(find(insight.key).title), reader, [part])


def _around(name: str, title: str, reader: Reader, parts: Sequence[Part]) -> Pack:
    words = reader.filters.sentence(reader.language, reader.marts)
    held = reader.marts
    return Pack(
        name=name,
        title=title,
        who=reader.scope.user,
        words=words,
        as_of=last_day(reader),
        language=reader.language,
        currency=held.currency,
        data_version=held.version,
        policy_version=policies.in_force(reader).version,
        parts=tuple(parts),
    )


def part_of(insight: Insight, reader: Reader, brief: tuple[str, ...] = ()) -> Part:
    """An answer with its table said and its chart drawn."""
    shown = readable(insight.table, reader)
    # Beside a name the codes of programs say the same again; those of customers and regions are worth keeping.
    told = [name for name in CODED if name != "code" and ("code" not in shown or name != "cause")]
    if "name" in shown:
        shown = shown.drop(columns=[name for name in told if name in shown])
    columns = tuple(Column(name, heading(name, reader), kind_of(name)) for name in shown.columns)
    values = [[_value(value) for value in shown[column.name]] for column in columns]
    metrics = list(insight.table["metric"]) if "metric" in insight.table else [""] * len(shown)
    kinds = [[_kind(column, metric) for metric in metrics] for column in columns]
    written = forms(shown, reader)
    said = [
        [_said(reader, written.get(c.name), *cell) for cell in zip(column, of, metrics, strict=True)]
        for c, column, of in zip(columns, values, kinds, strict=True)
    ]
    names = [column.name for column in columns]
    draw = PICTURES.get(insight.key)
    drawn = None if draw is None or insight.missing or insight.table.empty else draw(insight, reader)
    if isinstance(drawn, Picture) and not drawn.known:
        drawn = None
    by_row = [tuple(zip(*cells, strict=True)) for cells in (values, said, kinds)]
    return Part(
        title=reader.t(find(insight.key).title),
        insight=insight,
        columns=columns,
        values=by_row[0],
        said=by_row[1],
        kinds=by_row[2],
        picture=drawn,
        brief=tuple(names.index(name) for name in brief if name in names),
        alone=brief == CHART_ALONE,
        definitions=tuple(
            (reader.t(METRICS[name].label), reader.t(METRICS[name].definition))
            for name in dict.fromkeys([*names, *metrics])
            if name in METRICS and METRICS[name].definition
        ),
    )


def _kind(column: Column, metric: str) -> Format:
    """The kind of a cell: where each row is about a metric, numbers are of its kind."""
    return METRICS[metric].format if column.kind == "number" and metric in METRICS else column.kind


def _value(value: Any) -> Any:
    """A cell as files keep it: undefined is None, dates are dates, numbers are Python's."""
    if undefined(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.date()
    return value.item() if hasattr(value, "item") else value


def _said(reader: Reader, form: Callable[[float], str] | None, value: Any, kind: Format, metric: str) -> str:
    """A cell as the reader reads it."""
    if value is None:
        return UNDEFINED
    if metric in METRICS and kind == METRICS[metric].format and not isinstance(value, str):
        return say_as(kind, value, reader.language, reader.marts.currency)
    if form is not None:
        return form(value)
    return value.isoformat() if isinstance(value, date) else str(value)
