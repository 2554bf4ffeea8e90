"""How a message goes out: by mail over SMTP, or to the webhook of a chat, each in its own form.

A trouble that may pass (no connection, a busy server) is `Temporary` and worth another try; any other is not.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx

from dashboard.errors import DashboardError
from dashboard.reports.recipients import Smtp, secret

PATIENCE = 30
"""Seconds for a server's answer."""
LONGEST = {"wecom": 4000, "dingtalk": 18_000, "feishu": 18_000, "slack": 38_000}
"""Bytes of a message that a chat takes, with something to spare."""
BUSY = {429, 45009, 130101, 11232, 9499, -1}
"""Codes by which a chat says: too much at once, or try again."""


class Temporary(DashboardError):
    """It did not go out, and another try may."""


@dataclass(frozen=True)
class Message:
    """A title, lines of text under it, a link, and a file with its name and type (chats get no file)."""

    title: str
    lines: tuple[str, ...]
    link: str = ""
    file: bytes = b""
    file_name: str = ""
    mime: str = ""


# --- mail ----------------------------------------------------------------------------------------------------------


def mail(server: Smtp, to: str, message: Message) -> None:
    """Send one mail. Raises Temporary, or DashboardError for what no other try mends."""
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = _one_line(message.title), server.sender, to
    letter.set_content("\n".join([*message.lines, *([message.link] if message.link else [])]) + "\n")
    if message.file:
        main, sub = message.mime.split("/")
        letter.add_attachment(message.file, maintype=main, subtype=sub, filename=message.file_name)
    try:
        with _connected(server) as line:
            line.send_message(letter)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _refused(code, said) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code, error.smtp_error) from None
    except smtplib.SMTPServerDisconnected as error:
        raise Temporary(f"{server.host}: {error}") from None
    except smtplib.SMTPException as error:
        raise DashboardError(f"{server.host}: {error}") from None
    except OSError as error:
        raise Temporary(f"{server.host}:{server.port}: {error}") from None


@contextmanager
def _connected(server: Smtp) -> Iterator[smtplib.SMTP]:
    safe = ssl.create_default_context()
    if server.security == "tls":
        line: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=PATIENCE, context=safe)
    else:
        line = smtplib.SMTP(server.host, server.port, timeout=PATIENCE)
    with line:
        if server.security == "starttls":
            line.starttls(context=safe)
        if server.user:
            line.login(server.user, secret(server.password_variable))
        yield line


def _refused(code: int, said: bytes | str) -> DashboardError:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    kind = Temporary if 400 <= code < 500 else DashboardError
    return kind(f"the mail server said {code} {_one_line(text)}")


# --- chats ---------------------------------------------------------------------------------------------------------


def chat(channel: str, url: str, message: Message, signing: str = "") -> None:
    """Post to a chat's webhook. Raises Temporary, or DashboardError; neither names the address, which is a secret."""
    body = BODIES[channel](message)
    if signing:
        url, body = _signed(channel, url, body, signing)
    host = urlsplit(url).hostname
    try:
        answer = httpx.post(url, json=body, timeout=PATIENCE, follow_redirects=False)
    except httpx.HTTPError as error:
        raise Temporary(f"{host}: {type(error).__name__}") from None
    if answer.status_code == 429 or answer.status_code >= 500:
        raise Temporary(f"{host} answered {answer.status_code}")
    if answer.status_code != 200:
        raise DashboardError(f"{host} answered {answer.status_code}: {_one_line(answer.text)}")
    if channel != "slack":
        _accepted(str(host), answer)


def _accepted(host: str, answer: httpx.Response) -> None:
    """These chats answer 200 in any case; what came of it is in the body."""
    try:
        said: dict[str, Any] = answer.json()
        code = said.get("errcode", said.get("code", said.get("StatusCode", 0)))
    except (ValueError, AttributeError):
        raise DashboardError(f"{host} answered what no chat answers: {_one_line(answer.text)}") from None
    if code:
        kind = Temporary if code in BUSY else DashboardError
        raise kind(f"{host} said {code} {_one_line(str(said.get('errmsg', said.get('msg', ''))))}")


def _markdown(message: Message, channel: str, bold: str = "**") -> str:
    """The message as Markdown, cut between lines where the chat takes no more."""
    link = f"\n\n{message.link}" if message.link else ""
    text, room = f"{bold}{_plain(message.title, channel)}{bold}", LONGEST[channel] - len(link.encode())
    for line in message.lines:
        longer = text + ("\n" if channel == "slack" else "\n\n") + _plain(line, channel)
        if len(longer.encode()) > room - 4:
            text += "\n…"
            break
        text = longer
    return text + link


def _wecom(message: Message) -> dict[str, Any]:
    return {"msgtype": "markdown", "markdown": {"content": _markdown(message, "wecom")}}


def _dingtalk(message: Message) -> dict[str, Any]:
    return {"msgtype": "markdown", "markdown": {"title": message.title, "text": _markdown(message, "dingtalk")}}


def _feishu(message: Message) -> dict[str, Any]:
    rows, used = [], 0
    for line in message.lines:
        used += len(line.encode()) + 40
        if used > LONGEST["feishu"]:
            rows.append([{"tag": "text", "text": "…"}])
            break
        rows.append([{"tag": "text", "text": line}])
    if message.link:
        rows.append([{"tag": "a", "text": message.link, "href": message.link}])
    return {"msg_type": "post", "content": {"post": {"zh_cn": {"title": message.title, "content": rows}}}}


def _slack(message: Message) -> dict[str, Any]:
    return {"text": _markdown(message, "slack", bold="*")}


BODIES = {"wecom": _wecom, "dingtalk": _dingtalk, "feishu": _feishu, "slack": _slack}


def _signed(channel: str, url: str, body: dict[str, Any], signing: str) -> tuple[str, dict[str, Any]]:
    """The address or the body with the chat's signature, as DingTalk and Feishu describe it."""
    if channel == "dingtalk":
        moment = str(round(time.time() * 1000))
        digest = hmac.new(signing.encode(), f"{moment}\n{signing}".encode(), hashlib.sha256).digest()
        joint = "&" if "?" in url else "?"
        return f"{url}{joint}timestamp={moment}&sign={quote_plus(base64.b64encode(digest))}", body
    moment = str(int(time.time()))
    digest = hmac.new(f"{moment}\n{signing}".encode(), b"", hashlib.sha256).digest()
    return url, {"timestamp": moment, "sign": base64.b64encode(digest).decode(), **body}


def _plain(text: str, channel: str) -> str:
    """Data in a message: nothing in it mentions people or is a link of its own."""
    if channel == "slack":
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("<", "‹").replace(">", "›").replace("](", "] (")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
