"""The app without a browser: a page opened through the real entry, and every word a reader would see on it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streamlit.testing.v1 import AppTest

from dashboard.settings import ROOT

ENTRY = ROOT / "dashboard" / "app.py"
PAGES = tuple(sorted(path.stem for path in (ROOT / "pages").glob("*.py")))
FIRST = "overview"
PATIENCE = 120

HIDDEN = {
    "component_name",
    "js_content",
    "json",
    "id",
    "icon",
    "key",
    "url",
    "page",
    "page_script_hash",
    "config",
    "type",
    "tag",
    "deferred_file_id",
}
"""Text of a message that no reader sees."""
DRAWN = {"text", "hovertext", "ticktext", "label", "labels"}
"""Where a Plotly figure keeps its words."""
CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
ENGLISH = re.compile(r"[A-Za-z][A-Za-z'’-]{2,}")


def opened(page: str = FIRST, lang: str = "en", *, user: Mapping[str, Any] | None = None, **link: str) -> AppTest:
    """A page as a reader sees it who opened the app by a link and went to the page."""
    app = AppTest.from_file(str(ENTRY), default_timeout=PATIENCE)
    app.query_params.update({"lang": lang, **link})
    if user is not None:
        app.user = dict(user)
    app.run()
    return app if page == FIRST else turned(app, page)


def turned(app: AppTest, page: str) -> AppTest:
    """The same reader on another page."""
    return app.switch_page(str(ROOT / "pages" / f"{page}.py")).run()


def widened(app: AppTest) -> AppTest:
    """With the filter popover and the customer's sheets open."""
    app.session_state["filter-popover"] = True
    for block in app.get("expander"):
        app.session_state[key_of(block)] = True
    return app.run()


def key_of(block: Any) -> str:
    """The key a widget was given: its id ends with it."""
    return block.proto.id.split("-", 2)[2]


def bodies(app: AppTest) -> str:
    """All of the page's own HTML."""
    return "\n".join(element.proto.body for element in nodes(app) if element.type == "html")


def headlines(app: AppTest) -> list[str]:
    """The sentences of the page and of its cards, the page's first."""
    found = re.findall(r"<h([23])[^>]*headline[^>]*>(.*?)</h\1>", bodies(app), flags=re.DOTALL)
    return [html.unescape(re.sub("<[^>]+>", "", text)) for _, text in sorted(found, key=lambda each: each[0])]


def figures(app: AppTest) -> dict[str, dict[str, Any]]:
    """The charts' specifications by question."""
    charts = [element.proto for element in nodes(app) if element.type == "plotly_chart"]
    return {chart.id.split("-chart-")[1].split("-")[0]: json.loads(chart.spec) for chart in charts}


def nodes(app: AppTest) -> Iterator[Any]:
    """Every element and block: main part, sidebar and dialogs."""

    def below(block: Any) -> Iterator[Any]:
        for child in getattr(block, "children", {}).values():
            yield child
            yield from below(child)

    for root in (app.main, app.sidebar, *app.get("dialog")):
        yield from below(root)


def words(app: AppTest) -> Iterator[tuple[str, str]]:
    """Every text a reader may see, with where it stands: labels, hints, options, tables, charts, pictures."""
    for element in nodes(app):
        if element.type == "code" or getattr(element.proto, "id", "").endswith("policy-text"):
            continue  # a file as it is, in whatever language
        where = f"{element.type} {getattr(element.proto, 'id', '')[36:]}"
        if element.type == "html":
            yield from ((where, text) for text in html_words(element.proto.body))
            continue
        if element.type == "dataframe":
            yield from ((where, text) for text in table_words(element))
            continue
        for name, text in strings(element.proto):
            if name == "spec":
                yield from ((f"{where} spec", each) for each in chart_words(json.loads(text)))
            elif name not in HIDDEN:
                yield f"{where} {name}", text


def html_words(body: str) -> Iterator[str]:
    """Text between tags, hints and alternatives."""
    if body.startswith("<style"):
        return
    yield from map(html.unescape, re.findall(r"(?:title|alt)=['\"]([^'\"]*)['\"]", body))
    yield html.unescape(re.sub(r"<[^>]*>", " ", body))


def table_words(element: Any) -> Iterator[str]:
    """Headings and cells."""
    settings = json.loads(element.proto.columns or "{}")
    frame = element.value
    for column in frame.columns:
        yield from filter(None, (settings.get(column, {}).get(part) for part in ("label", "help")))
        if column not in settings:
            yield column
        yield from (value for value in frame[column] if isinstance(value, str))


def chart_words(spec: Any, name: str = "") -> Iterator[str]:
    if isinstance(spec, dict):
        for key, value in spec.items():
            yield from chart_words(value, key)
    elif isinstance(spec, list):
        for value in spec:
            yield from chart_words(value, name)
    elif isinstance(spec, str) and name in DRAWN:
        yield html.unescape(re.sub(r"<[^>]*>", " ", spec))


def strings(message: Any) -> Iterator[tuple[str, str]]:
    """The text fields of a protobuf message and of the messages in it."""
    for field, value in message.ListFields():
        values: Iterable[Any] = value if field.is_repeated else [value]
        if field.type == field.TYPE_STRING:
            yield from ((field.name, text) for text in values)
        elif field.type == field.TYPE_MESSAGE:
            for each in values:
                if hasattr(each, "ListFields"):
                    yield from strings(each)
