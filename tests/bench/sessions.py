"""Many people at once: sessions that speak the browser's own protocol, click, and read what comes back.

A session is a WebSocket like a browser's, without the browser, so that twenty fit beside the server on two
cores. It presses the real widgets (the filter popover, a region, a period) and takes down every sentence and
every customer it is shown, to be compared with the right answer to its own filters.
"""

from __future__ import annotations

import asyncio
import html
import random
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import connect

import dashboard.insights  # noqa: F401 - registers the questions
from dashboard.filters import Filters
from dashboard.insight import Reader, ask, find
from dashboard.language import language
from dashboard.periods import PERIODS
from dashboard.scope import Scope
from dashboard.warehouse.read import Marts, open_marts

PAGE = "value"
CHECKED = ("value.summary", "value.whale", "value.by_region", "value.top", "value.bottom")
"""The page's questions whose sentences and customers are compared with the right answer."""
THINK_SECONDS = (2.0, 6.0)
PATIENCE = 300.0
HEADLINE = re.compile(r"<h2 class='page-headline'>(.*?)</h2>", re.DOTALL)
CARD = re.compile(r"class='card-title'>(.*?)</div>\s*<h3 class='card-headline'>(.*?)</h3>", re.DOTALL)
ID = re.compile(r"\$\$ID-[0-9a-f]+-(.*)")


@dataclass
class Shown:
    """What one run of the page showed: its sentences by the question's title and the customers in its tables."""

    seconds: float = 0.0
    first: float = 0.0
    sentences: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Click:
    """One click: the filters it leads to, and what was then shown."""

    filters: Filters
    shown: Shown


@dataclass(frozen=True)
class Crowd:
    """The clicks of everybody, what was wrong with the answers and which errors there were."""

    clicks: list[Click]
    wrong: list[str]

    @property
    def errors(self) -> list[str]:
        return [error for click in self.clicks for error in click.shown.errors]

    def median(self) -> float:
        """Seconds from the click to the last of its answers."""
        return statistics.median(click.shown.seconds for click in self.clicks)

    def median_first(self) -> float:
        """Seconds from the click to the page's headline."""
        return statistics.median(click.shown.first for click in self.clicks)

    def slowest_tenth(self) -> float:
        return statistics.quantiles((click.shown.seconds for click in self.clicks), n=10)[-1]


def crowd(address: str, marts: Path, *, people: int, clicks: int, together: bool) -> Crowd:
    """Everybody clicks at the same instant, or (not `together`) each once he has looked at the last answer."""
    held = open_marts(marts)
    walks = list(_walks(held, people, clicks, seed=1 if together else 2))
    made = asyncio.run(_everybody(address, held, walks, together))
    return Crowd(made, list(_wrong(made, held)))


def _walks(held: Marts, people: int, clicks: int, seed: int) -> Iterator[list[Filters]]:
    """For each person the filters after each of his clicks: another region or another period, hardly any twice."""
    chance = random.Random(seed)
    regions = [code for code, label in _labels(held).items() if list(_labels(held).values()).count(label) == 1]
    for _ in range(people):
        walk, now = [], Filters()
        for _ in range(clicks):
            if chance.random() < 0.6 and len(regions) > 1:
                now = replace(now, region=(chance.choice([code for code in regions if (code,) != now.region]),))
            else:
                now = replace(now, period=chance.choice([period for period in PERIODS if period != now.period]))
            walk.append(now)
        yield walk


def _labels(held: Marts) -> dict[str, str]:
    speech = language("en")
    return {code: speech.name(entry.name, entry.name_en) for code, entry in held.dimensions["region"].items()}


async def _everybody(address: str, held: Marts, walks: Sequence[list[Filters]], together: bool) -> list[Click]:
    gate = asyncio.Barrier(len(walks))
    people = [_person(address, held, number, walk, gate, together) for number, walk in enumerate(walks)]
    return [click for made in await asyncio.gather(*people) for click in made]


async def _person(
    address: str, held: Marts, number: int, walk: list[Filters], gate: asyncio.Barrier, together: bool
) -> list[Click]:
    chance, made, now = random.Random(number), [], Filters()
    places = {"region": list(held.dimensions["region"]), "period": list(PERIODS)}
    where = address.replace("http://", "ws://") + "/_stcore/stream"
    async with connect(where, subprotocols=cast(Any, ["streamlit"]), max_size=None) as socket:
        session = Session(socket, address)
        await session.open(PAGE)
        await session.press(session.opened("filter-popover"))
        await gate.wait()
        for wanted in walk:
            if together:
                await gate.wait()
            else:
                await asyncio.sleep(chance.uniform(*THINK_SECONDS))
            if wanted.region != now.region:
                state = session.ticked("filter-region", places["region"].index(wanted.region[0]))
            else:
                state = session.selected("filter-period", places["period"].index(wanted.period))
            made.append(Click(wanted, await session.press(state)))
            now = wanted
    return made


class Session:
    """A browser's side of the conversation: it knows the widgets on the page and sends their states with a click."""

    def __init__(self, socket: Any, address: str) -> None:
        self._socket, self._address = socket, address
        self._states: dict[str, WidgetState] = {}
        self._ids: dict[str, str] = {}
        self._options: dict[str, list[str]] = {}
        self._page, self._query = "", "lang=en"

    async def open(self, page: str) -> Shown:
        return await self._run(ClientState(query_string=self._query, page_name=page))

    async def press(self, state: WidgetState) -> Shown:
        self._states[state.id] = state
        client = ClientState(query_string=self._query, page_script_hash=self._page)
        client.widget_states.widgets.extend(self._states.values())
        return await self._run(client)

    def opened(self, key: str) -> WidgetState:
        return WidgetState(id=self._ids[key], bool_value=True)

    def selected(self, key: str, place: int) -> WidgetState:
        return WidgetState(id=self._ids[key], string_value=self._options[key][place])

    def ticked(self, key: str, place: int) -> WidgetState:
        return _list_state(self._ids[key], [self._options[key][place]])

    async def _run(self, client: ClientState) -> Shown:
        client.context_info.url = f"{self._address}/{PAGE}"
        client.context_info.locale = "en-GB"
        client.context_info.timezone = "Asia/Shanghai"
        shown, started = Shown(), time.perf_counter()
        await self._socket.send(BackMsg(rerun_script=client).SerializeToString())
        async with asyncio.timeout(PATIENCE):
            while True:
                message = ForwardMsg.FromString(await self._socket.recv())
                kind = message.WhichOneof("type")
                if kind == "delta":
                    self._take(message.delta, shown)
                    if not shown.first and "value.summary" in shown.sentences:
                        shown.first = time.perf_counter() - started
                elif kind == "navigation":
                    self._page = message.navigation.page_script_hash
                elif kind == "page_info_changed":
                    self._query = message.page_info_changed.query_string
                elif kind == "script_finished":
                    if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                        continue
                    if message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
                        shown.errors.append(f"the run ended with status {message.script_finished}")
                    break
        shown.seconds = time.perf_counter() - started
        return shown

    def _take(self, delta: Any, shown: Shown) -> None:
        if delta.WhichOneof("type") == "add_block":
            if delta.add_block.WhichOneof("type") == "popover":
                self._know(delta.add_block.popover.id)
            return
        kind = delta.new_element.WhichOneof("type")
        element = getattr(delta.new_element, kind)
        if kind == "html":
            for sentence in HEADLINE.findall(element.body):
                shown.sentences["value.summary"] = html.unescape(sentence)
            for title, sentence in CARD.findall(element.body):
                shown.sentences[html.unescape(title)] = html.unescape(sentence)
        elif kind == "exception":
            shown.errors.append(element.message)
        elif kind == "dataframe":
            shown.tables[_key(element.id)] = _codes(element.arrow_data.data)
        elif kind in ("selectbox", "multiselect"):
            self._know(element.id)
            self._options[_key(element.id)] = list(element.options)
            if element.set_value and kind == "selectbox":
                self._states[element.id] = WidgetState(id=element.id, string_value=element.raw_value)
            elif element.set_value:
                self._states[element.id] = _list_state(element.id, element.raw_values)

    def _know(self, id_: str) -> None:
        self._ids[_key(id_)] = id_


def _list_state(id_: str, values: Sequence[str]) -> WidgetState:
    state = WidgetState(id=id_)
    state.string_array_value.data.extend(values)
    return state


def _key(id_: str) -> str:
    """The key a widget was given: its id ends with it."""
    found = ID.fullmatch(id_)
    return found[1] if found else id_


def _codes(data: bytes) -> list[str]:
    table = pa.ipc.open_stream(data).read_all()
    return [str(code) for code in table["code"].to_pylist()] if "code" in table.column_names else []


def _wrong(clicks: Sequence[Click], held: Marts) -> Iterator[str]:
    """What was shown and is not the answer to the filters of its click, each in a line."""
    speech = language("en")
    scope = Scope.unrestricted("bench")
    for filters in dict.fromkeys(click.filters for click in clicks):
        reader = Reader(filters, scope, held, speech)
        right = {key: ask(key, reader) for key in CHECKED}
        for shown in (click.shown for click in clicks if click.filters == filters):
            for key, insight in right.items():
                said = shown.sentences.get(key if key == "value.summary" else speech.t(find(key).title))
                if said != insight.headline:
                    yield f"{filters.canonical}: {key} said {said!r}, not {insight.headline!r}"
                if key in ("value.top", "value.bottom") and not insight.table.empty:
                    codes = shown.tables.get(f"table-{key}")
                    if codes != list(insight.table["code"]):
                        yield f"{filters.canonical}: {key} listed {codes}, not {list(insight.table['code'])}"
