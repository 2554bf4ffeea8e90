"""A mail server and a chat's server of the test's own: real ones, on this machine, that keep what they are given."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Sink(socketserver.ThreadingTCPServer):
    """What SMTP needs of a server: `answers` are said to RCPT, one a try (then 250); `kept` are the mails."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self, answers: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.answers, self.kept, self.tries = list(answers), [], 0  # type: list[str], list[EmailMessage], int

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Talk(socketserver.StreamRequestHandler):
    server: Sink

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline():
            word = line.split()[0].upper().decode() if line.split() else ""
            if word == "QUIT":
                self.say("221 bye")
                return
            if word == "RCPT":
                self.server.tries += 1
                self.say(self.server.answers.pop(0) if self.server.answers else "250 ok")
            elif word == "DATA":
                self.say("354 go on")
                self.keep()
            else:
                self.say("250 ok")

    def keep(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        letter = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.server.kept.append(letter)
        self.say("250 kept")


class Chat(ThreadingHTTPServer):
    """A webhook: `answers` are (status, body), one a post (then 200 and `good`); `kept` are paths and bodies."""

    daemon_threads = True

    def __init__(self, answers: list[tuple[int, str]], good: str = '{"errcode": 0, "code": 0}') -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.answers, self.good = list(answers), good
        self.kept: list[tuple[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?key=s3cret"


class _Hook(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.kept.append((self.path, body))
        status, said = self.server.answers.pop(0) if self.server.answers else (200, self.server.good)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_: Any) -> None:
        """Nothing on the console."""


@contextmanager
def running(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
