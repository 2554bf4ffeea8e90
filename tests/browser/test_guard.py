"""Who has not signed in gets no data over the WebSocket, whatever he asks for, and no source over HTTP.

A client chooses which script runs by its name or by a hash; Streamlit serves files beside the entry's
`pages/` folder before the entry has said anything about signing in. So this asks as such a client would.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from dashboard.settings import ACCESS_VARIABLE, ROOT, SECRETS, SIGN_IN
from dashboard.warehouse.read import Marts
from tests.bench import servers
from tests.browser.shots import PAGES
from tests.small import asked

PATIENCE = 60.0
FORMS = ("{}", "{}.py", "pages/{}", "../pages/{}.py")
NAMES = tuple(form.format(page) for page, form in itertools.product(PAGES, FORMS))
HASHES = tuple(
    hashlib.md5(text.encode()).hexdigest() for page in PAGES for text in (page, str(ROOT / "pages" / f"{page}.py"))
)


@dataclass(frozen=True)
class Ask:
    """How a client asks for a page: by name, by hash, or by the page's address."""

    name: str = ""
    hash: str = ""
    path: str = ""


EVERY_WAY = (Ask(), *(Ask(name=name) for name in NAMES), *(Ask(hash=each) for each in HASHES),
             *(Ask(path=page) for page in PAGES))  # fmt: skip


@pytest.fixture(scope="module")
def guarded(demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo behind an access file."""
    access = tmp_path_factory.mktemp("access") / "access.toml"
    access.write_text('[people."boss@example.com"]\npermissions = ["profile", "export"]\n', "utf-8")
    (access.parent / ".streamlit").mkdir()
    keys = "\n".join(f'{name} = "https://example.com/{name}"' for name in SIGN_IN)
    (access.parent / SECRETS).write_text(f"[auth]\n{keys}\n", "utf-8")
    with contextlib.ExitStack() as running:
        with pytest.MonkeyPatch.context() as patch:  # for this server only
            patch.setenv(ACCESS_VARIABLE, str(access))
            patch.setenv("HOME", str(access.parent))
            base = running.enter_context(servers.dashboard(demo_file))
        yield base


@pytest.fixture(scope="module")
def secrets(demo: Marts) -> tuple[bytes, ...]:
    """What must not get out: names and codes of customers, the headlines, the marks of every element with data."""
    best = asked(demo, "value.top").table
    sentences = [asked(demo, key, lang).headline for key in ("value.summary", "value.whale") for lang in ("en", "zh")]
    texts = [*best["name"], *best["code"], *sentences, "class='kpi", "class='page-headline", "¥"]
    return tuple(text.encode() for text in texts)


def stream(base: str) -> str:
    return base.replace("http://", "ws://") + "/_stcore/stream"


def answer(socket: ClientConnection, base: str, ask: Ask) -> list[ForwardMsg]:
    """Everything the server sends until the run that was asked for has ended."""
    state = ClientState(query_string="lang=en&customer=C000001", page_name=ask.name, page_script_hash=ask.hash)
    state.context_info.url = f"{base}/{ask.path}"
    socket.send(BackMsg(rerun_script=state).SerializeToString())
    messages = []
    while True:
        last = ForwardMsg.FromString(cast(Any, socket.recv(PATIENCE)))
        messages.append(last)
        ended = last.WhichOneof("type") == "script_finished"
        if ended and last.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return messages


def kinds(messages: list[ForwardMsg]) -> set[str]:
    """The kinds of elements in the answer."""
    deltas = [message.delta for message in messages if message.WhichOneof("type") == "delta"]
    return {str(delta.new_element.WhichOneof("type")) for delta in deltas if delta.WhichOneof("type") == "new_element"}


def test_no_way_of_asking_for_a_page_gets_data_out_before_signing_in(guarded: str, secrets: tuple[bytes, ...]) -> None:
    signs = 0
    with connect(stream(guarded), subprotocols=cast(Any, ["streamlit"]), max_size=None) as socket:
        for ask in EVERY_WAY:
            messages = answer(socket, guarded, ask)
            sent = b"".join(message.SerializeToString() for message in messages)
            assert not [secret for secret in secrets if secret in sent], ask
            assert kinds(messages) <= {"html", "heading", "button", "button_group", "empty", "alert"}, ask
            signs += b"Sign in" in sent
    assert signs == len(EVERY_WAY)


@pytest.mark.parametrize("page", PAGES)
def test_a_first_message_that_asks_for_a_page_gets_no_data_either(
    guarded: str, secrets: tuple[bytes, ...], page: str
) -> None:
    """A new session each time: before the entry ran, Streamlit knows the pages only from the files it finds."""
    page_hash = hashlib.md5(str(ROOT / "pages" / f"{page}.py").encode()).hexdigest()
    for ask in (Ask(name=page, path=page), Ask(hash=page_hash)):
        with connect(stream(guarded), subprotocols=cast(Any, ["streamlit"]), max_size=None) as socket:
            sent = b"".join(message.SerializeToString() for message in answer(socket, guarded, ask))
            assert not [secret for secret in secrets if secret in sent], ask
            assert b"Sign in" in sent


def test_the_same_question_gets_the_data_where_nobody_must_sign_in(server: str, secrets: tuple[bytes, ...]) -> None:
    """The probe asks rightly: without an access file it is answered."""
    with connect(stream(server), subprotocols=cast(Any, ["streamlit"]), max_size=None) as socket:
        messages = answer(socket, server, Ask(name="value", path="value"))
    sent = b"".join(message.SerializeToString() for message in messages)
    assert [secret for secret in secrets if secret in sent]
    assert "plotly_chart" in kinds(messages)


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_another_site_can_not_open_the_stream(server: str, origin: str) -> None:
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(stream(server), subprotocols=cast(Any, ["streamlit"]), origin=cast(Any, origin)) as socket,
    ):
        answer(socket, server, Ask())


@pytest.mark.parametrize(
    "path",
    [
        *(f"pages/{page}.py" for page in PAGES),
        "dashboard/app.py",
        "app/static/pages/value.py",
        "static/../pages/value.py",
        "..%2fpages%2fvalue.py",
        "app/static/..%2f..%2fdata%2fpolicy.toml",
        "component/pages/value.py",
        "media/demo.duckdb",
        "var/demo.duckdb",
        ".streamlit/config.toml",
    ],
)
def test_no_file_of_the_program_or_the_data_is_served(guarded: str, path: str) -> None:
    """The answer is an error or the empty shell of the app, which holds no word of ours."""
    try:
        with urllib.request.urlopen(f"{guarded}/{path}", timeout=PATIENCE) as got:
            body = got.read()
            assert got.headers.get_content_type() == "text/html"
    except urllib.error.HTTPError as error:
        assert error.code in (400, 403, 404)
        body = error.read()
    for ours in (b"open_page", b"streamlit as st", b"DUCK", b"[server]", b"[levels"):
        assert ours not in body
