"""Delivery to real servers: each recipient gets what he may see, every attempt is kept, nothing fails in silence."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings

from dashboard.errors import DashboardError
from dashboard.insight import Reader, ask
from dashboard.ledger import Ledger, RefusedError
from dashboard.ledger.audit import deliveries, trail
from dashboard.reports.channels import LONGEST, Message, _markdown
from dashboard.reports.deliver import NO_ACCESS, Outcome, deliver
from dashboard.reports.files import report
from dashboard.reports.pack import PACKS, WEEKLY, Section, sections
from dashboard.reports.recipients import CHANNELS, WEBHOOKS, recipients
from dashboard.scope import Scope
from dashboard.settings import ACCESS_VARIABLE, ROOT, WAREHOUSE_VARIABLE, Settings
from dashboard.ui.pack import made
from dashboard.warehouse.read import Marts
from tests.pages.app import headlines, opened
from tests.reports.servers import Chat, Sink, running
from tests.reports.test_pack import FILTERS
from tests.small import reader

ACCESS = """
[people."north@example.com"]
regions = ["NORTH"]
permissions = ["export"]
[people."all@example.com"]
permissions = ["export"]
[people."looks@example.com"]
regions = ["SOUTH"]
"""
HOOKS = '[allow]\nhosts = ["127.0.0.1"]\n'


def mail_file(port: int, *people: str, extra: str = "", attempts: int = 3) -> str:
    listed = "\n".join(f'[[recipient]]\nemail = "{who}"\nchannel = "mail"\nformat = "xlsx"\n{extra}' for who in people)
    return (
        f'[allow]\ndomains = ["example.com"]\n[retry]\nattempts = {attempts}\nseconds = 7\n'
        f'[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nsender = "d@example.com"\n{listed}\n'
    )


class Post:
    """A sender with the worked example, its access file, a ledger of its own, and the pauses it made."""

    def __init__(self, held: Marts, folder: Path) -> None:
        self.folder, self.pauses = folder, []  # type: Path, list[float]
        (folder / "access.toml").write_text(ACCESS)
        self.settings = Settings("unused", folder / "access.toml")
        self.operator: Reader = reader(
            held, scope=Scope.unrestricted("command line"), ledger=Ledger(str(folder / "ledger.db"))
        )

    def send(self, text: str, channels: tuple[str, ...] = CHANNELS, **link: str) -> list[Outcome]:
        path = self.folder / "recipients.toml"
        path.write_text(text)
        operator = reader(self.operator.marts, scope=self.operator.scope, ledger=self.operator.ledger, **link)
        return deliver("weekly", operator, self.settings, recipients(path), channels, self.pauses.append)

    def log(self) -> list[tuple[str, str, int]]:
        return [(entry.recipient, entry.status, entry.attempt) for entry in reversed(deliveries(self.operator))]


@pytest.fixture
def post(small: Marts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Post:
    """A sender whose weekly pack is two questions long: how it travels doesn't hang on its length."""
    short = (Section("review.summary"), Section("value.deciles"))
    monkeypatch.setitem(PACKS, "weekly", (PACKS["weekly"][0], short))
    return Post(small, tmp_path)


# --- mail ------------------------------------------------------------------------------------------------------------


def test_each_recipient_gets_what_he_may_see_and_nobody_else_gets_anything(post: Post, small: Marts) -> None:
    with running(Sink([])) as sink:
        people = ("north@example.com", "all@example.com", "stranger@example.com")
        outcomes = post.send(mail_file(sink.port, *people))
    assert [outcome.status for outcome in outcomes] == ["sent", "sent", "refused"]
    assert [letter["To"] for letter in sink.kept] == list(people[:2])
    whales = []
    for letter, regions in zip(sink.kept, (("NORTH",), None), strict=True):
        mine = reader(small, scope=Scope("x", regions, frozenset({"export"})))
        headline = ask("value.deciles", mine).headline
        assert headline in letter.get_body().get_content()
        file = next(letter.iter_attachments())
        assert file.get_filename() == "weekly-2026-11-12.xlsx"
        book = openpyxl.load_workbook(io.BytesIO(file.get_content()))
        assert headline in [sheet["A1"].value for sheet in book.worksheets]
        whales.append([sheet["A1"].value for sheet in book.worksheets])
    assert whales[0] != whales[1]
    assert post.log() == [(people[0], "sent", 1), (people[1], "sent", 1), (people[2], "refused", 1)]
    assert str(outcomes[2]) == f"refused: stranger@example.com by mail: {NO_ACCESS}"


def test_who_may_not_export_gets_the_headlines_without_the_file(post: Post) -> None:
    with running(Sink([])) as sink:
        post.send(mail_file(sink.port, "looks@example.com"))
    assert not list(sink.kept[0].iter_attachments())
    assert "you may look, but not export" in sink.kept[0].get_body().get_content()


def test_a_recipients_own_filters_and_language_hold_over_the_senders(post: Post, small: Marts) -> None:
    with running(Sink([])) as sink:
        extra = 'language = "zh"\nfilters = { grade = "A" }\n'
        post.send(mail_file(sink.port, "all@example.com", extra=extra), period="13w")
    own = ask("value.deciles", reader(small, "zh", grade="A", period="13w"))
    body = sink.kept[0].get_body().get_content()
    assert own.headline in body
    assert own.words in body


def test_a_trouble_that_passes_is_tried_again_after_longer_and_longer_pauses(post: Post) -> None:
    with running(Sink(["451 busy", "451 busy"])) as sink:
        outcomes = post.send(mail_file(sink.port, "all@example.com"))
    assert (outcomes[0].status, outcomes[0].attempts, len(sink.kept)) == ("sent", 3, 1)
    assert post.pauses == [7, 14]
    assert post.log() == [("all@example.com", "failed", n) for n in (1, 2)] + [("all@example.com", "sent", 3)]


def test_what_no_other_try_mends_is_tried_once_and_others_still_get_theirs(post: Post) -> None:
    with running(Sink(["550 no such user"])) as sink:
        outcomes = post.send(mail_file(sink.port, "north@example.com", "all@example.com"))
    assert [outcome.status for outcome in outcomes] == ["failed", "sent"]
    assert outcomes[0].error == "the mail server said 550 no such user"
    assert post.pauses == []


def test_a_server_that_is_not_there_fails_after_the_last_attempt(post: Post) -> None:
    with running(Sink([])) as sink:
        port = sink.port
    outcomes = post.send(mail_file(port, "all@example.com", attempts=2))
    assert (outcomes[0].status, outcomes[0].attempts) == ("failed", 2)
    assert "refused" in outcomes[0].error


def test_everybody_reads_of_the_packs_about_his_regions(post: Post, small: Marts) -> None:
    people = ("all@example.com", "north@example.com", "stranger@example.com", "looks@example.com")
    with running(Sink([])) as sink:
        post.send(mail_file(sink.port, *people))
    log = ask("data.deliveries", post.operator)
    assert log.numbers == {"attempts": 4, "failed": 1}
    assert list(log.table["recipient"]) == list(people)[::-1]
    for regions, seen in {
        ("NORTH",): ["north@example.com"],
        ("CN",): ["looks@example.com", "north@example.com"],  # China holds both
        ("BJ",): [],  # sees a part of the north alone
    }.items():
        some = reader(small, scope=Scope("x", regions, frozenset()), ledger=post.operator.ledger)
        assert list(ask("data.deliveries", some).table.get("recipient", ())) == seen


# --- chats -----------------------------------------------------------------------------------------------------------


def hook_file(channel: str, extra: str = "") -> str:
    return f'{HOOKS}[[recipient]]\nemail = "north@example.com"\nchannel = "{channel}"\nurl_variable = "HOOK"\n{extra}'


@pytest.mark.parametrize("channel", WEBHOOKS)
def test_a_chat_gets_the_headlines_of_its_recipients_rights_in_its_own_form(
    post: Post, small: Marts, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(Chat([])) as chat:
        monkeypatch.setenv("HOOK", chat.url)
        outcomes = post.send(hook_file(channel))
    assert [outcome.status for outcome in outcomes] == ["sent"]
    body = chat.kept[0][1]
    told = {
        "wecom": lambda: body["markdown"]["content"] if body["msgtype"] == "markdown" else "",
        "dingtalk": lambda: body["markdown"]["text"] if body["markdown"]["title"] else "",
        "feishu": lambda: "\n".join(row[0]["text"] for row in body["content"]["post"]["zh_cn"]["content"]),
        "slack": lambda: body["text"],
    }[channel]()
    mine = ask("review.summary", reader(small, scope=Scope("x", ("NORTH",), frozenset())))
    assert mine.headline in told


@pytest.mark.parametrize("channel", ["dingtalk", "feishu"])
def test_a_signed_chat_can_check_who_wrote(post: Post, channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGN", "SECabc")
    with running(Chat([])) as chat:
        monkeypatch.setenv("HOOK", chat.url)
        post.send(hook_file(channel, 'secret_variable = "SIGN"\n'))
    path, body = chat.kept[0]
    said = {k: v[0] for k, v in parse_qs(urlsplit(path).query).items()} if channel == "dingtalk" else body
    text = f"{said['timestamp']}\nSECabc".encode()
    key, content = (b"SECabc", text) if channel == "dingtalk" else (text, b"")
    assert base64.b64decode(said["sign"]) == hmac.new(key, content, hashlib.sha256).digest()


def test_a_chat_that_is_busy_is_tried_again_and_one_that_refuses_is_not(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = [(503, "later"), (200, json.dumps({"errcode": 45009, "errmsg": "too often"}))]
    with running(Chat(busy)) as chat:
        monkeypatch.setenv("HOOK", chat.url)
        assert post.send(hook_file("wecom"))[0].attempts == 3
    with running(Chat([(200, json.dumps({"errcode": 93000, "errmsg": "invalid webhook url"}))])) as chat:
        monkeypatch.setenv("HOOK", chat.url)
        (outcome,) = post.send(hook_file("wecom"))
    assert (outcome.status, outcome.attempts) == ("failed", 1)
    assert "93000 invalid webhook url" in outcome.error
    assert "s3cret" not in str(post.operator.ledger and [entry.error for entry in deliveries(post.operator)])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://chat.example.com/hook", "begins with https://"),
        ("https://evil.example.net/hook", "is not in [allow] hosts: 127.0.0.1"),
        ("", "HOOK is not set"),
    ],
)
def test_nothing_leaves_for_a_host_that_is_not_allowed(
    post: Post, url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", url)
    (outcome,) = post.send(hook_file("slack"))
    assert outcome.status == "failed"
    assert said in outcome.error


@pytest.mark.parametrize("channel", WEBHOOKS)
def test_a_long_message_is_cut_between_lines_and_keeps_its_link(channel: str) -> None:
    message = Message(
        "利润", tuple(f"客户{n} <@everyone> [x](http://y)" * 20 for n in range(200)), "https://d.example.com/?a=b"
    )
    told = _markdown(message, channel)
    assert len(told.encode()) <= LONGEST[channel]
    assert told.endswith("https://d.example.com/?a=b")
    assert "<@" not in told


# --- the file --------------------------------------------------------------------------------------------------------

GOOD = mail_file(25, "all@example.com")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('domains = ["example.com"]', 'domains = ["example.org"]', "the domain of all@example.com is not in"),
        ("[allow]", "[alow]", "unknown key 'alow'; did you mean 'allow'?"),
        ('channel = "mail"', 'channel = "mial"', "got 'mial'; did you mean 'mail'?"),
        ('format = "xlsx"', 'format = "doc"', "'format' is one of pdf, pptx, xlsx"),
        ('email = "all@example.com"', 'email = "a@example.com, b@example.com"', "needs one address"),
        ('email = "all@example.com"', 'email = "a\\nBcc:b@example.com"', "needs one address"),
        ('format = "xlsx"', 'filters = { regoin = "CN" }', "unknown key 'regoin'; did you mean 'region'?"),
        ('format = "xlsx"', 'filters = { grade = "Z" }', "filters: grade: 'Z' is not known"),
        ('host = "127.0.0.1"', 'host = "mail.example.com"', "take starttls or tls"),
        ('host = "127.0.0.1"', 'host = "127.0.0.1"\nuser = "x"', "'user' and 'password_variable' belong together"),
        ("attempts = 3", "attempts = 0", "'attempts' needs a number of 1 or more"),
    ],
)
def test_a_fault_in_the_file_is_named_with_its_mend(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(GOOD)
    assert recipients(path).recipients[0].email == "all@example.com"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(DashboardError) as caught:
        recipients(path)
    assert said in str(caught.value)


def test_the_example_is_valid() -> None:
    found = recipients(ROOT / "data" / "delivery" / "recipients.toml")
    assert {each.channel for each in found.recipients} == {"mail", "wecom", "dingtalk"}


def test_the_command_ends_with_2_and_a_line_for_each_who_got_nothing(small_file: Path, tmp_path: Path) -> None:
    (tmp_path / "access.toml").write_text(ACCESS)
    with running(Sink([])) as sink:
        (tmp_path / "r.toml").write_text(mail_file(sink.port, "all@example.com", "stranger@example.com"))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "dashboard.cli", "report", "weekly", "--mail"),
                *("--recipients", str(tmp_path / "r.toml"), "--warehouse", str(small_file)),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "DASHBOARD_ACCESS": str(tmp_path / "access.toml"),
                "DASHBOARD_LEDGER": str(tmp_path / "l.db"),
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 2, done.stderr
    assert done.stdout == "sent: all@example.com by mail\n"
    first, last = done.stderr.splitlines()
    assert first == f"refused: stranger@example.com by mail: {NO_ACCESS}"
    assert last == "dashboard: 1 of 2 recipient(s) got nothing: see the lines above"
    assert len(sink.kept) == 1


# --- the tenet -------------------------------------------------------------------------------------------------------


@given(FILTERS)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_screen_link_export_and_mail_say_the_same(
    post: Post, small: Marts, small_file: Path, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str]
) -> None:
    """The page with these filters, the page that its address restores, the button's file, and the mail."""
    monkeypatch.setitem(PACKS, "weekly", (PACKS["weekly"][0], WEEKLY))
    monkeypatch.setenv(WAREHOUSE_VARIABLE, str(small_file))
    monkeypatch.delenv(ACCESS_VARIABLE, raising=False)
    screen = opened("review", **chosen)
    assert headlines(opened("review", **screen.query_params)) == headlines(screen)
    asking = reader(small, scope=Scope("all@example.com", None, frozenset({"export"})), **chosen)
    exported = book_texts(report("weekly", asking, "xlsx")[1])
    said = {section.key: texts[0] for section, texts in zip(sections("weekly"), exported[1:], strict=False)}
    shown = [key for key in said if key.startswith("review.") and not ask(key, asking).missing]
    assert len(shown) > 5 and {said[key] for key in shown} <= set(headlines(screen))
    with running(Sink([])) as sink:
        post.send(mail_file(sink.port, "all@example.com", extra=f'language = "{chosen["lang"]}"\n'), **chosen)
    assert book_texts(next(sink.kept[0].iter_attachments()).get_content()) == exported


def book_texts(file: bytes) -> list[list[object]]:
    """Every cell of every sheet."""
    book = openpyxl.load_workbook(io.BytesIO(file))
    return [[cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None] for sheet in book]


def test_who_takes_the_pack_from_a_page_is_in_the_ledger_and_needs_the_permission(post: Post, small: Marts) -> None:
    ann = reader(small, scope=Scope("ann", None, frozenset({"export"})), ledger=post.operator.ledger, grade="A")
    assert made(ann, "weekly", "xlsx")[:2] == b"PK"
    (entry,) = trail(ann)
    assert (entry.author, entry.what, entry.subject, entry.filters) == ("ann", "export", "weekly.xlsx", "grade=A")
    with pytest.raises(RefusedError):
        made(replace(ann, scope=Scope("bob", None, frozenset())), "weekly", "xlsx")
