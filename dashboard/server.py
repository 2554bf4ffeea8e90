"""The web server: Streamlit's own, whose first answer tells the browser at once what it would find out step by step.

Streamlit's shell page asks around for its server before it connects (first below the page's own name, where there is
none), and fetches the program of each kind of element when the first of its kind has arrived. Both are known before.
"""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.settings import ROOT

PROGRAMS = Path(st.__file__).parent / "static" / "static" / "js"
EVERYWHERE = ("Html", "BidiComponent", "ButtonGroup", "Selectbox", "Button")
"""The kinds of elements that stand on every page."""
WITH_CHARTS = (*EVERYWHERE, "PlotlyChart")
IMPORTED = re.compile(r"""(?:from|import)\s*["']\./([\w.-]+\.js)["']""")
SERVER = """<script>
window.__streamlit = {
  BACKEND_BASE_URL: new URL(".", location.href).href,
  HOST_CONFIG: { allowedOrigins: [location.origin], useExternalAuthToken: false },
};
</script>"""
"""Where the server is (all pages lie at one level), and that only the page's own site may send it messages."""
IN_PART = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
"""What the page is not asked for by: it is put together from the whole, as it is."""


def programs(kinds: tuple[str, ...]) -> list[str]:
    """The files of these kinds of elements and of all that they import, by name."""
    wanted = [path.name for kind in kinds for path in PROGRAMS.glob(f"{kind}.*.js")]
    for name in wanted:
        wanted += [each for each in IMPORTED.findall((PROGRAMS / name).read_text("utf-8")) if each not in wanted]
    return wanted


def ahead(kinds: tuple[str, ...]) -> bytes:
    """What is put at the end of the shell page's head, behind the programs that Streamlit names there itself."""
    shell = (PROGRAMS.parent.parent / "index.html").read_text("utf-8")
    more = [name for name in programs(kinds) if name not in shell]
    links = [f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in more]
    return "".join([SERVER, *links, "</head>"]).encode()


class Ahead:
    """Puts it there: in the answer to a browser that asks for a page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.first, self.others = ahead(EVERYWHERE), ahead(WITH_CHARTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = scope["type"] == "http" and scope["method"] == "GET"
        if not page or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self.app(scope, receive, send)
            return
        head = self.others if scope["path"].strip("/") else self.first
        start: Message = {}
        body = b""

        async def complete(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            headers = MutableHeaders(raw=start["headers"])
            if headers.get("content-type", "").startswith("text/html"):
                body = body.replace(b"</head>", head, 1)
                headers["content-length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        whole = [(name, value) for name, value in scope["headers"] if name not in IN_PART]
        await self.app({**scope, "headers": whole}, receive, complete)


app = st.App(ROOT / "dashboard" / "app.py", middleware=[Middleware(Ahead)])
