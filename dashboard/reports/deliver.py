"""Bringing the pack to its recipients: each gets what he may see, and the ledger keeps every attempt.

Rights are those of the access file by the recipient's address; who has none gets nothing. The file goes only to those
who may export; the others get the headlines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlencode

from dashboard.errors import DashboardError
from dashboard.filters import Filters
from dashboard.insight import Reader
from dashboard.language import language
from dashboard.ledger.audit import delivered
from dashboard.reports import channels, image
from dashboard.reports.channels import Message, Temporary
from dashboard.reports.files import MIME, made
from dashboard.reports.pack import Pack, build, file_name
from dashboard.reports.recipients import Delivery, Recipient, secret
from dashboard.scope import Scope
from dashboard.settings import Settings

NO_ACCESS = "the access file gives this address no access"


@dataclass(frozen=True)
class Outcome:
    """What came of one recipient: 'sent', 'failed' or 'refused', after how many attempts, and why not."""

    recipient: Recipient
    status: str
    attempts: int
    error: str = ""

    def __str__(self) -> str:
        who = f"{self.recipient.email} by {self.recipient.channel}"
        tries = f" after {self.attempts} attempts" if self.attempts > 1 else ""
        return f"{self.status}: {who}{tries}{f': {self.error}' if self.error else ''}"


def deliver(
    name: str,
    operator: Reader,
    settings: Settings,
    delivery: Delivery,
    wanted: Iterable[str],
    pause: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """Send a pack to the recipients of the channels `wanted`; one who can't be reached doesn't keep it from others.

    `operator` sends: his filters hold unless the recipient has others, and the log is in his name.
    """
    chosen = [each for each in delivery.recipients if each.channel in set(wanted)]
    held: dict[tuple[str, ...], Pack] = {}
    with ExitStack() as stack:
        camera = None
        if any(each.channel == "mail" and each.format == "pdf" for each in chosen) and image.browser():
            camera = stack.enter_context(image.Camera())
        return [_one(name, operator, settings, delivery, each, held, camera, pause) for each in chosen]


def _one(
    name: str,
    operator: Reader,
    settings: Settings,
    delivery: Delivery,
    recipient: Recipient,
    held: dict[tuple[str, ...], Pack],
    camera: image.Camera | None,
    pause: Callable[[float], None],
) -> Outcome:
    """One recipient: what he may see, as a message, sent as often as it takes."""
    scope = settings.scope_of(recipient.email)
    log = partial(_log, operator, name, recipient, scope)
    if scope is None:
        return log(operator.filters, "refused", 1, NO_ACCESS)
    filters = operator.filters
    try:
        filters = Filters.parse(operator.filters.url() | dict(recipient.filters)).checked(operator.marts)
        reader = replace(operator, filters=filters, scope=scope, language=language(recipient.language))
        message = _message(name, reader, delivery, recipient, held, camera)
        send = _sender(delivery, recipient, message)
    except DashboardError as error:
        return log(filters, "failed", 1, str(error))
    for attempt in range(1, delivery.attempts + 1):
        try:
            send()
        except Temporary as error:
            outcome = log(filters, "failed", attempt, str(error))
            if attempt == delivery.attempts:
                return outcome
            pause(delivery.wait * 2 ** (attempt - 1))
        except DashboardError as error:
            return log(filters, "failed", attempt, str(error))
        else:
            return log(filters, "sent", attempt)
    raise AssertionError("there is at least one attempt")


def _log(
    operator: Reader,
    name: str,
    recipient: Recipient,
    scope: Scope | None,
    filters: Filters,
    status: str,
    attempt: int,
    error: str = "",
) -> Outcome:
    """Write the attempt into the ledger, about the regions that the recipient may see; the outcome so far."""
    delivered(
        replace(operator, filters=filters),
        name,
        recipient.email,
        channel=recipient.channel,
        format=recipient.format if recipient.channel == "mail" else "text",
        language=recipient.language,
        status=status,
        attempt=attempt,
        error=error,
        regions=(scope.regions or filters.region) if scope else None,
    )
    return Outcome(recipient, status, attempt, error)


def _sender(delivery: Delivery, recipient: Recipient, message: Message) -> Callable[[], None]:
    if recipient.channel == "mail":
        assert delivery.smtp is not None  # the file was refused otherwise
        return partial(channels.mail, delivery.smtp, recipient.email, message)
    signing = secret(recipient.secret_variable) if recipient.secret_variable else ""
    return partial(channels.chat, recipient.channel, delivery.url_of(recipient), message, signing)


def _message(
    name: str,
    reader: Reader,
    delivery: Delivery,
    recipient: Recipient,
    held: dict[tuple[str, ...], Pack],
    camera: image.Camera | None,
) -> Message:
    """The headlines, and the file for those who may take files; asked once for those who may see the same."""
    key = (reader.scope.fingerprint, reader.filters.canonical, reader.language.code)
    if key not in held:
        held[key] = build(name, reader)
    pack = replace(held[key], who=reader.scope.user)
    lines = [pack.words, *(f"{part.title}: {part.insight.headline}" for part in pack.parts)]
    link = ""
    if delivery.link:
        link = f"{delivery.link}/?{urlencode(reader.filters.url() | {'lang': reader.language.code})}"
    message = Message(f"{pack.title} · {reader.language.date(pack.as_of)}", tuple(lines), link)
    if recipient.channel != "mail":
        return message
    if not reader.scope.may("export"):
        told = reader.t("The file is left out: you may look, but not export.")
        return replace(message, lines=(*message.lines, told))
    form = recipient.format
    return replace(
        message, file=made(pack, reader, form, camera), file_name=file_name(name, reader, form), mime=MIME[form]
    )
