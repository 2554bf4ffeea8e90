"""The command line: a face of its own over the same insights.

    dashboard serve | demo | load | refresh | ask | report | policy | ledger | check

Answers go to standard output, progress and errors to standard error. Exit status 0, or 2 with one clear
line.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from dashboard.errors import DashboardError
from dashboard.settings import ACCESS_VARIABLE, LEDGER_VARIABLE, ROOT, WAREHOUSE_VARIABLE, Settings

if TYPE_CHECKING:
    from dashboard.insight import Reader

FORMATS = ("json", "csv", "xlsx", "png")
PACK_FORMATS = ("pptx", "xlsx", "pdf")
PACK_NAMES = ("weekly",)
DEMO_CUSTOMERS, DEMO_SEED = 20_000, 1
PLAIN_LINES = 10
"""Seconds between lines of progress where there is no terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit status."""
    try:
        options = _parser().parse_args(arguments)
        options.run(options)
    except DashboardError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("dashboard: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
    except OSError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return 2
    return 0


# --- commands ----------------------------------------------------------------------------------------


def _serve(options: argparse.Namespace) -> None:
    settings = Settings.read(options.warehouse)
    settings.check_sign_in()
    _refuse_taken_port(options.host, options.port)
    _ensure_marts(settings)
    address = f"http://{options.host if options.host != '0.0.0.0' else 'localhost'}:{options.port}"  # noqa: S104
    print(f"Customer value dashboard at {address}  (stop with Ctrl-C)", flush=True)
    # Streamlit reads its settings from the folder it runs in.
    os.environ[WAREHOUSE_VARIABLE] = str(Path(settings.warehouse).resolve()) if settings.is_file else settings.warehouse
    os.environ[LEDGER_VARIABLE] = settings.ledger
    if settings.access:
        os.environ[ACCESS_VARIABLE] = str(settings.access.resolve())
    os.chdir(ROOT)
    settings = Settings.read()
    from streamlit.web import bootstrap

    from dashboard import warm

    warm.start(settings)
    flags = {"server.port": options.port, "server.address": options.host, "server.headless": True}
    flags["logger.hideWelcomeMessage"] = True  # it would say the address once more
    bootstrap.load_config_options({name.replace(".", "_"): value for name, value in flags.items()})
    bootstrap.run_asgi_app(str(ROOT / "dashboard" / "app.py"), "dashboard.server:app", [], flags)
    # Nothing is left to be done; an ordinary exit prints pages of leak reports from DuckDB's bindings.
    sys.stdout.flush()
    os._exit(0)


def _demo(options: argparse.Namespace) -> None:
    if options.customers < 50:
        raise DashboardError(f"--customers: {options.customers} is too few for a demo; take 50 or more")
    settings = Settings.read(options.warehouse)
    path = _file_of(settings, "demo")
    path.parent.mkdir(parents=True, exist_ok=True)
    _build_demo(path, options.customers, options.seed)
    _refresh_marts(settings)
    _seed_ledger(settings)
    _judge(settings)


def _load(options: argparse.Namespace) -> None:
    if options.suggest:
        _suggest(options)
        return
    if not options.mapping:
        raise DashboardError("load: name the mapping (--mapping FILE), or let one be suggested (--suggest FILES)")
    from dashboard.warehouse.load import load

    settings = Settings.read(options.warehouse)
    if settings.is_demo:
        raise DashboardError("load: name the warehouse to make, such as --warehouse shop.duckdb; the demo is kept")
    path = _file_of(settings, "load")
    path.parent.mkdir(parents=True, exist_ok=True)
    source = Path(options.source) if options.source else None
    with _progress("load") as progress:
        report = load(Path(options.mapping), path, source=source, add=options.add, progress=progress)
    print("\n".join(report.lines()))
    if report.tables:
        _refresh_marts(settings)
        _judge(settings)
    else:
        _ensure_marts(settings)
    print(f"look at it: dashboard serve --warehouse {shlex.quote(str(path))}")


def _suggest(options: argparse.Namespace) -> None:
    """Write a mapping for files, to the file that --mapping names or to standard output; no file is replaced."""
    from dashboard.warehouse.suggest import suggest

    target = Path(options.mapping) if options.mapping else None
    if target and target.exists():
        raise DashboardError(f"--mapping: {target} exists already; name another file for the suggestion")
    found = suggest([Path(name) for name in options.suggest], target.absolute().parent if target else Path.cwd())
    if target:
        target.write_text(found.text, "utf-8")
        warehouse = shlex.quote(f"{target.stem}.duckdb")
        print(f"{target} is written; read it, then run")
        print(f"  dashboard load --mapping {shlex.quote(str(target))} --warehouse {warehouse}")
    else:
        print(found.text, end="")
    for text in found.unsure:
        print(f"unsure: {text}", file=sys.stderr)


def _refresh(options: argparse.Namespace) -> None:
    settings = Settings.read(options.warehouse)
    if options.versions:
        from dashboard.warehouse.refresh import current_version, versions

        now = current_version(settings.marts)
        for version in versions(settings.marts):
            print(f"{version}{'  in force' if version == now else ''}")
    elif options.put_back:
        from dashboard.warehouse.refresh import put_back

        put_back(settings.marts, options.put_back)
        print(f"version {options.put_back} is in force")
    else:
        print(f"published {_refresh_marts(settings)}")
        _judge(settings)


def _ask(options: argparse.Namespace) -> None:
    import dashboard.insights  # noqa: F401 - registers the questions
    from dashboard.export import csv_of
    from dashboard.insight import QUESTIONS, ask, find, whole
    from dashboard.language import language

    if options.list:
        speech = language(options.lang)
        width = max(len(key) for key in QUESTIONS)
        for key, question in sorted(QUESTIONS.items()):
            print(f"{key:<{width}}  {speech.t(question.title)}")
        return
    if not options.question:
        raise DashboardError("ask: name a question; 'dashboard ask --list' has them all")
    find(options.question)
    if options.format in ("xlsx") and not options.out and sys.stdout.isatty():
        raise DashboardError(f"a {options.format} file is not for a terminal: name one with --out FILE")
    reader = _reader(options)
    insight = ask(options.question, reader)
    if options.format in ("json", "csv"):
        body = [insight.to_json() + "\n"] if options.format == "json" else csv_of(whole(insight, reader))
        if options.out:
            with Path(options.out).open("w", encoding="utf-8") as file:
                file.writelines(body)
        else:
            sys.stdout.writelines(body)
        return
    if options.format == "png":
        from dashboard.reports import image

        _hand_out(image.of(insight, reader), options.out)
        return
    from dashboard.reports import workbook
    from dashboard.reports.pack import single

    _hand_out(workbook.write(single(insight, reader)), options.out)


def _report(options: argparse.Namespace) -> None:
    if options.pack == "alerts":
        _alerts(options)
    elif options.mail or options.webhook:
        _deliver(options)
    else:
        from dashboard.reports.files import report
        from dashboard.reports.pack import file_name

        if options.recipients:
            raise DashboardError("report: --recipients goes with --mail, --webhook or both")
        reader = _reader(options)
        with _progress("report") as progress:
            _, file = report(options.pack, reader, options.format, progress)
        out = options.out or file_name(options.pack, reader, options.format)
        _hand_out(file, out)
        print(out)


def _deliver(options: argparse.Namespace) -> None:
    """To everybody of the recipients file; a line for each, and an error when one of them got nothing."""
    from dashboard.reports.deliver import deliver
    from dashboard.reports.recipients import WEBHOOKS, recipients

    if not options.recipients:
        raise DashboardError("report: name the recipients with --recipients FILE (see data/delivery/recipients.toml)")
    wanted = [*(["mail"] if options.mail else []), *(WEBHOOKS if options.webhook else [])]
    delivery = recipients(Path(options.recipients))
    if not any(each.channel in wanted for each in delivery.recipients):
        raise DashboardError(f"report: {options.recipients} names nobody for {' or '.join(wanted)}")
    outcomes = deliver(options.pack, _reader(options), Settings.read(options.warehouse), delivery, wanted)
    for outcome in outcomes:
        print(outcome, file=sys.stdout if outcome.status == "sent" else sys.stderr)
    if missed := sum(outcome.status != "sent" for outcome in outcomes):
        raise DashboardError(f"{missed} of {len(outcomes)} recipient(s) got nothing: see the lines above")


def _alerts(options: argparse.Namespace) -> None:
    """The alerts that stand, after the ledger was brought in line with them."""
    from dashboard.alerts import rules
    from dashboard.insights.alerts import judge

    alerts, new, ended = judge(_reader(options), rules())
    for alert in alerts:
        print(f"{alert.rule.severity:<5} {alert.said}")
    print(f"{len(alerts)} alert(s), {new} of them new; {ended} ended")


def _reader(options: argparse.Namespace) -> Reader:
    """Who asks on the command line: everything, of the marts in force, with the filters given."""
    from dashboard.filters import Filters
    from dashboard.insight import Reader
    from dashboard.language import language
    from dashboard.ledger import open_ledger
    from dashboard.scope import Scope
    from dashboard.warehouse.read import open_marts

    filters = Filters.parse({name: value for name in _filter_names() if (value := getattr(options, name, None))})
    settings = Settings.read(options.warehouse)
    _ensure_marts(settings)
    marts = open_marts(settings.marts)
    everything = Scope.unrestricted("command line")
    return Reader(filters.checked(marts), everything, marts, language(options.lang), open_ledger(settings))


def _hand_out(file: bytes, out: str | None) -> None:
    """To a file, whole or not at all, or to standard output."""
    if out is None:
        sys.stdout.buffer.write(file)
        sys.stdout.buffer.flush()
        return
    path = Path(out)
    building = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        building.write_bytes(file)
        os.replace(building, path)
    finally:
        building.unlink(missing_ok=True)


def _ledger(options: argparse.Namespace) -> None:
    from dashboard.ledger import open_ledger

    ledger = open_ledger(Settings.read(options.warehouse))
    if options.backup:
        ledger.backup(Path(options.backup))
        print(f"copied {ledger.name} to {options.backup}")
    elif options.export == "-":
        ledger.export(sys.stdout)
    elif options.export:
        with Path(options.export).open("w", encoding="utf-8") as target:
            print(f"{ledger.export(target)} lines in {options.export}")
    else:
        print(ledger.name)
        for kind, count in ledger.counts().items():
            print(f"{count:>8}  {kind}")


def _policy(options: argparse.Namespace) -> None:
    """Hand a policy out as text or workbook, or tell what a file would change; in force is only what has a reason."""
    from dataclasses import replace
    from functools import partial

    from dashboard import grading, policy, policy_book
    from dashboard.insights.cost import code_name
    from dashboard.language import language
    from dashboard.ledger import policies

    service = options.which == "service"
    reader = _reader(options) if service else None
    toml = policies.text_in_force(reader) if reader else grading.FILE.read_text("utf-8")
    if options.changes is None:
        if options.why:
            raise DashboardError("policy: --why goes with --from, the file whose values it puts in force")
        if options.out and Path(options.out).suffix.lower() == ".xlsx":
            speech = language(options.lang)
            if reader:
                book = policy_book.write(toml, speech, partial(code_name, replace(reader, language=speech)))
            else:
                book = policy_book.write_grading(toml, speech)
            _hand_out(book, options.out)
        else:
            _hand_out(toml.encode(), options.out)
        return
    if options.why and reader is None:
        raise DashboardError("policy: --why is for the service policy; write the grading policy with --out and refresh")
    parsed, read = (policy.parsed, policy_book.read) if service else (grading.parsed, policy_book.read_grading)
    file = Path(options.changes)
    try:
        found = read(file.read_bytes(), toml, lambda text: parsed(text, "the policy"))
    except DashboardError as error:
        raise DashboardError(f"{file.name}: {error}") from error
    for place, old, new in found.changes:
        print(f"{place}: {policy_book.told(old)} → {policy_book.told(new)}")
    for name in found.left_out:
        print(f"{file.name}: sheet “{name}” is none of the policy's and was left out", file=sys.stderr)
    if not found.changes:
        print(f"{file.name} says what the policy in force says; nothing differs")
        return
    version = policies.next_version(str(parsed(toml, "the policy").version))
    text = policy.versioned(found.text, version)
    if options.out:
        _hand_out(text.encode(), options.out)
        print(f"{options.out}: the {options.which} policy with these values, as version {version}")
    if options.why and reader is not None:
        saved = policies.put_in_force(reader, text, options.why, seen=policies.in_force(reader).version)
        print(f"version {saved.version} is in force for everybody")
    elif not options.out:
        mend = "--why REASON puts them in force" if service else "write them with --out data/grading.toml and refresh"
        print(f"nothing is in force yet: {mend}")


def _check(options: argparse.Namespace) -> None:
    from dashboard.warehouse.check import check

    settings = Settings.read(options.warehouse)
    findings = check(settings)
    for finding in findings:
        print(f"{finding.level:<5} {finding.what}{f' – {finding.mend}' if finding.mend else ''}")
    broken = sum(finding.level == "error" for finding in findings)
    if broken:
        raise DashboardError(f"{broken} error(s) found: see the lines above")


# --- helpers -----------------------------------------------------------------------------------------


def _refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else "ports end at 65535"
            raise DashboardError(f"can't listen on {host}:{port} ({why}): take another --port") from error


def _file_of(settings: Settings, command: str) -> Path:
    if not settings.is_file:
        raise DashboardError(f"{command} writes a DuckDB file; the warehouse given is a URL: name a path instead")
    if settings.warehouse.endswith(".toml"):
        raise DashboardError(f"{command} writes a DuckDB file; {settings.warehouse} is a mapping: name another path")
    return Path(settings.warehouse)


def _refresh_marts(settings: Settings) -> str:
    from dashboard.ledger import open_ledger
    from dashboard.ledger.policies import of_ledger
    from dashboard.warehouse.connect import Warehouse
    from dashboard.warehouse.refresh import refresh

    rules = of_ledger(open_ledger(settings))
    with _progress("refresh") as progress:
        return refresh(Warehouse(settings.warehouse), settings.marts, progress, rules=rules)


def _ensure_marts(settings: Settings) -> None:
    """The first use of a warehouse publishes its marts; the demo is built when nothing else is configured."""
    from dashboard.warehouse.refresh import current_version

    if current_version(settings.marts) is not None:
        return
    missing = settings.is_file and not Path(settings.warehouse).exists()
    if missing and not settings.is_demo:
        what = "make one with 'dashboard demo' or 'dashboard load'"
        raise DashboardError(f"no warehouse at {settings.warehouse}: {what}")
    with _first(settings.marts):
        if current_version(settings.marts) is not None:
            return
        if missing:
            _build_demo(Path(settings.warehouse), DEMO_CUSTOMERS, DEMO_SEED)
        _refresh_marts(settings)
        if missing:
            _seed_ledger(settings)
        _judge(settings)


@contextlib.contextmanager
def _first(marts: Path) -> Iterator[None]:
    """Of several who start with a new warehouse at once one builds its marts, and the others wait for them."""
    try:
        marts.mkdir(parents=True, exist_ok=True)
        lock = (marts / ".first").open("w")
    except OSError as error:
        raise DashboardError(f"{marts}: can't be written there: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another start is building the marts; waiting for them …", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _judge(settings: Settings) -> None:
    """Raise and end alerts by the new figures. The data are published: a fault here is said, and stops nothing."""
    import dashboard.insights  # noqa: F401 - registers the questions
    from dashboard.alerts import rules
    from dashboard.filters import Filters
    from dashboard.insight import Reader
    from dashboard.insights.alerts import judge
    from dashboard.language import language
    from dashboard.ledger import open_ledger
    from dashboard.scope import Scope
    from dashboard.warehouse.read import open_marts

    rights, marts = Scope.unrestricted("refresh"), open_marts(settings.marts)
    try:
        judge(Reader(Filters(), rights, marts, language("en"), open_ledger(settings)), rules())
    except DashboardError as error:
        print(f"dashboard: alerts were not judged: {error}", file=sys.stderr)


def _build_demo(path: Path, customers: int, seed: int) -> None:
    """A demo takes the place of the one before only when it is whole."""
    from data import demo

    building = path.with_name(f".{path.stem}.building-{os.getpid()}.duckdb")
    try:
        with _progress("demo") as progress:
            demo.build(building, customers, seed, progress)
        os.replace(building.with_suffix(".truth.json"), path.with_suffix(".truth.json"))
        os.replace(building, path)
    finally:
        for leftover in (building, building.with_suffix(".truth.json")):
            leftover.unlink(missing_ok=True)


def _seed_ledger(settings: Settings) -> None:
    """The demo's past goes into its own ledger, beside it, while that one is empty; never into one named elsewhere."""
    from dashboard.filters import Filters
    from dashboard.insight import Reader
    from dashboard.language import language
    from dashboard.ledger import open_ledger
    from dashboard.scope import Scope
    from dashboard.warehouse.read import open_marts
    from data.demo import ledger

    if settings.ledger_at is not None:
        return
    rights, marts = Scope.unrestricted("demo"), open_marts(settings.marts)
    ledger.seed(Reader(Filters(), rights, marts, language("en"), open_ledger(settings)))


@contextlib.contextmanager
def _progress(what: str) -> Iterator:
    """Progress on standard error: a line that moves on a terminal, plain lines now and then elsewhere."""
    started, live = time.monotonic(), sys.stderr.isatty()
    told = started

    def tell(step: str, done: float) -> None:
        nonlocal told
        if not live and time.monotonic() - told >= PLAIN_LINES:
            told = time.monotonic()
            print(f"{what}: {done:.0%} {step}", file=sys.stderr, flush=True)
        if live:
            filled = round(24 * min(done, 1.0))
            line = f"{what} [{'█' * filled}{'·' * (24 - filled)}] {step}"
            fits = line[: shutil.get_terminal_size().columns - 1]  # a line that wraps can't be taken back
            print(f"\r\033[K{fits}", end="", file=sys.stderr, flush=True)

    yield tell
    print(f"{chr(13) + chr(27) + '[K' if live else ''}{what}: {time.monotonic() - started:.1f} s", file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise DashboardError(f"{message} (see '{self.prog} --help')")


def _filter_names() -> list[str]:
    from dataclasses import fields

    from dashboard.filters import Filters

    return [f.name for f in fields(Filters)]


def _parser() -> argparse.ArgumentParser:
    from dashboard.filters import CHOICES, WHAT_IFS
    from dashboard.periods import COMPARISONS, PERIODS

    parser = _Parser(prog="dashboard", description="Who gets which level of service.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument(
            "--warehouse",
            metavar="PATH_OR_URL",
            help=f"DuckDB file, SQLAlchemy URL or mapping of views (default: ${WAREHOUSE_VARIABLE}, else the demo)",
        )
        added.set_defaults(run=run)
        return added

    def filtered(added: argparse.ArgumentParser) -> None:
        added.add_argument("--period", choices=PERIODS)
        added.add_argument("--compare", choices=COMPARISONS)
        added.add_argument("--as-of", metavar="DATE", help="any day of the last week to look at, like 2026-11-15")
        for name in CHOICES:
            added.add_argument(f"--{name}", metavar="CODE[,CODE…]")
        added.add_argument("--group", metavar="GROUP", help="the customers behind a number: loss_makers, decile-1 …")
        added.add_argument("--customer", metavar="CODE")
        for name, (least, most) in WHAT_IFS.items():
            told = f"what if the plan had this share: {least:g} to {most:g}"
            added.add_argument(f"--{name}", metavar="SHARE", help=told)

    serve = command("serve", _serve, "serve the dashboard; the embedded demo when nothing is configured")
    serve.add_argument("--port", type=int, default=os.environ.get("PORT", "8501"))
    serve.add_argument("--host", default="localhost", help="address to listen on (default: this machine only)")

    demo = command("demo", _demo, "build a demo warehouse, the same for the same seed")
    demo.add_argument("--customers", type=int, default=DEMO_CUSTOMERS, metavar="N")
    demo.add_argument("--seed", type=int, default=DEMO_SEED, metavar="S")

    load = command("load", _load, "load real data by a mapping file")
    load.add_argument("--mapping", metavar="FILE")
    load.add_argument("--suggest", nargs="+", metavar="FILE", help="write a mapping for these files instead of loading")
    load.add_argument("--source", metavar="FOLDER", help="where the mapping's files lie, when not where it says")

    load.add_argument("--add", action="store_true", help="keep what files brought that are no longer there")

    refresh = command("refresh", _refresh, "build and publish the marts as a new version")
    refresh.add_argument("--versions", action="store_true", help="list the versions that can be put back")
    refresh.add_argument("--put-back", metavar="VERSION", help="put an older version back in force")

    ask = command("ask", _ask, "answer a question as the pages do")
    ask.add_argument("question", nargs="?", metavar="QUESTION")
    ask.add_argument("--list", action="store_true", help="list every question")
    ask.add_argument("--format", choices=FORMATS, default="json")
    ask.add_argument("--lang", choices=("zh", "en"), default="en")
    ask.add_argument("--out", metavar="FILE", help="write to a file instead of standard output")
    filtered(ask)

    report = command("report", _report, "write the weekly pack: the pages' answers as slides, a workbook or a document")
    told = "weekly: the pack; alerts: judge their rules"
    report.add_argument("pack", choices=(*PACK_NAMES, "alerts"), metavar="WHAT", help=told)
    report.add_argument("--format", choices=PACK_FORMATS, default="pptx")
    report.add_argument("--lang", choices=("zh", "en"), default="en")
    report.add_argument("--out", metavar="FILE", help="where to write it (default: its name and day, here)")
    report.add_argument("--mail", action="store_true", help="send it to the recipients who get mail")
    report.add_argument("--webhook", action="store_true", help="post it to the recipients' chats")
    report.add_argument("--recipients", metavar="FILE", help="who gets it, as in data/delivery/recipients.toml")
    filtered(report)

    rules = command("policy", _policy, "hand out a policy as text or workbook, or take its values from a workbook")
    rules.add_argument("which", nargs="?", choices=("service", "grading"), default="service", metavar="service|grading")
    rules.add_argument("--from", dest="changes", metavar="FILE.xlsx", help="tell what this workbook would change")
    rules.add_argument("--why", metavar="REASON", help="put what --from says in force as a new version")
    rules.add_argument("--out", metavar="FILE", help="write to FILE.xlsx or FILE.toml instead of standard output")
    rules.add_argument("--lang", choices=("zh", "en"), default="en")

    ledger = command("ledger", _ledger, "what people wrote: how much of it, a copy, all of it as JSON lines")
    ledger.add_argument("--backup", metavar="FILE", help="copy a SQLite ledger while others use it")
    ledger.add_argument("--export", metavar="FILE", help="every entry as a line of JSON ('-': standard output)")

    command("check", _check, "say what is wrong with warehouse, marts, ledger and settings, and the mend")
    return parser


if __name__ == "__main__":
    sys.exit(main())
