"""Who gets the pack: a TOML file, read strictly. Nothing leaves for an address or a host that it doesn't allow.

Secrets are never in the file: it names environment variables that hold them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dashboard import toml
from dashboard.errors import DashboardError
from dashboard.filters import Filters
from dashboard.language import CODES

CHANNELS = ("mail", "wecom", "dingtalk", "feishu", "slack")
WEBHOOKS = CHANNELS[1:]
FORMATS = ("pdf", "pptx", "xlsx")
SECURITY = ("starttls", "tls", "none")
HERE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Smtp:
    """The mail server; `security` is how the line to it is protected, `password_variable` names the variable."""

    host: str
    port: int
    sender: str
    security: str = "starttls"
    user: str = ""
    password_variable: str = ""


@dataclass(frozen=True)
class Recipient:
    """One who gets the pack by one channel. `email` is whose rights count; `url_variable` and `secret_variable` name
    the variables with a webhook's address and its signing secret; `filters` are URL parameters."""

    email: str
    channel: str
    language: str = "en"
    format: str = "pdf"
    url_variable: str = ""
    secret_variable: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """Recipients, where their messages may go, and how often and after how many seconds one is tried again."""

    recipients: tuple[Recipient, ...]
    domains: tuple[str, ...]
    hosts: tuple[str, ...]
    smtp: Smtp | None
    attempts: int
    wait: float
    link: str

    def url_of(self, recipient: Recipient) -> str:
        """A webhook's address. Raises DashboardError when it isn't set, isn't https or its host isn't allowed."""
        url = secret(recipient.url_variable)
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in HERE:
            raise DashboardError(f"{recipient.url_variable}: a webhook's address begins with https://")
        if parts.hostname not in self.hosts:
            raise DashboardError(
                f"{recipient.url_variable}: the host {parts.hostname!r} is not in [allow] hosts: "
                f"{', '.join(self.hosts) or 'none'}"
            )
        return url


def secret(variable: str) -> str:
    """What an environment variable holds. Raises DashboardError that names the variable and never its value."""
    value = os.environ.get(variable, "")
    if not value:
        raise DashboardError(f"the environment variable {variable} is not set")
    return value


def recipients(path: Path) -> Delivery:
    """The file. Raises DashboardError that names the place and the mend."""
    where = f"recipients {path}"
    table = toml.only(
        toml.read(path, "recipients"), ("allow", "smtp", "retry", "link", "recipient"), ("allow", "recipient"), where
    )
    allow = toml.only(table["allow"], ("domains", "hosts"), (), f"{where}: [allow]")
    retry = toml.only(table.get("retry", {}), ("attempts", "seconds"), (), f"{where}: [retry]")
    listed = table["recipient"]
    if not isinstance(listed, list) or not listed:
        raise DashboardError(f"{where}: name at least one [[recipient]]")
    found = Delivery(
        recipients=tuple(_recipient(each, f"{where}: [[recipient]] {n}") for n, each in enumerate(listed, 1)),
        domains=tuple(domain.lower().removeprefix("@") for domain in toml.texts(allow, "domains", f"{where}: [allow]")),
        hosts=toml.texts(allow, "hosts", f"{where}: [allow]"),
        smtp=_smtp(table["smtp"], f"{where}: [smtp]") if "smtp" in table else None,
        attempts=int(toml.number(retry, "attempts", f"{where}: [retry]", 3, 1)),
        wait=toml.number(retry, "seconds", f"{where}: [retry]", 5),
        link=toml.text(table, "link", where).rstrip("/"),
    )
    for number, each in enumerate(found.recipients, 1):
        if each.channel == "mail":
            if found.smtp is None:
                raise DashboardError(f"{where}: [smtp] is missing, and [[recipient]] {number} wants mail")
            if each.email.rpartition("@")[2].lower() not in found.domains:
                raise DashboardError(
                    f"{where}: [[recipient]] {number}: the domain of {each.email} is not in [allow] domains: "
                    f"{', '.join(found.domains) or 'none'}"
                )
    return found


def _recipient(table: Any, where: str) -> Recipient:
    known = ("email", "channel", "language", "format", "url_variable", "secret_variable", "filters")
    table = toml.only(table, known, ("email", "channel"), where)
    channel = toml.one_of(table, "channel", CHANNELS, where)
    email = toml.text(table, "email", where)
    if email.count("@") != 1 or any(letter.isspace() or letter in ',;<>"' for letter in email):
        raise DashboardError(f"{where}: 'email' needs one address like li.wei@example.com; got {email!r}")
    if (channel == "mail") == ("url_variable" in table):
        raise DashboardError(f"{where}: 'url_variable' names the webhook's address, and mail has none")
    if "secret_variable" in table and channel not in ("dingtalk", "feishu"):
        raise DashboardError(f"{where}: 'secret_variable' is for dingtalk and feishu, which sign their messages")
    filters = table.get("filters", {})
    if not isinstance(filters, dict) or not all(isinstance(value, str) for value in filters.values()):
        raise DashboardError(f'{where}: \'filters\' needs texts, such as {{ region = "CN-E", period = "13w" }}')
    toml.only(filters, tuple(Filters.__dataclass_fields__), (), f"{where}: filters")
    try:
        Filters.parse(filters)
    except DashboardError as error:
        raise DashboardError(f"{where}: filters: {error}") from None
    return Recipient(
        email=email.lower(),
        channel=channel,
        language=toml.one_of(table, "language", CODES, where, "en"),
        format=toml.one_of(table, "format", FORMATS, where, "pdf"),
        url_variable=toml.text(table, "url_variable", where),
        secret_variable=toml.text(table, "secret_variable", where),
        filters=filters,
    )


def _smtp(table: Any, where: str) -> Smtp:
    known = ("host", "port", "sender", "security", "user", "password_variable")
    table = toml.only(table, known, ("host", "sender"), where)
    security = toml.one_of(table, "security", SECURITY, where, "starttls")
    if ("user" in table) != ("password_variable" in table):
        raise DashboardError(f"{where}: 'user' and 'password_variable' belong together")
    host = toml.text(table, "host", where)
    if security == "none" and host not in HERE:
        raise DashboardError(f'{where}: security = "none" is for a server on this machine; take starttls or tls')
    port = toml.number(table, "port", where, {"starttls": 587, "tls": 465, "none": 25}[security], 1)
    sender, user = toml.text(table, "sender", where), toml.text(table, "user", where)
    return Smtp(host, int(port), sender, security, user, toml.text(table, "password_variable", where))
