"""The servers under measurement: the dashboard and the bare app, each a process of its own."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dashboard.settings import ROOT
from dashboard.warehouse.refresh import current_version, put_back, versions
from tests.bench import bare

COMMAND = (sys.executable, "-m", "dashboard.cli")
START_WITHIN = 120.0


@contextmanager
def dashboard(warehouse: Path) -> Iterator[str]:
    """The dashboard on a warehouse; yields its address."""
    port = _free_port()
    command = [*COMMAND, "serve", "--warehouse", str(warehouse), "--port", str(port)]
    with _process(command, ROOT, port, warehouse.with_suffix(".serve.log")) as address:
        yield address


@contextmanager
def bare_app(folder: Path) -> Iterator[str]:
    """The bare app, written to a folder; yields its address."""
    script = bare.write(folder, ROOT)
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", script.name, f"--server.port={port}"]
    with _process([*command, "--server.address=localhost"], folder, port, folder / "serve.log") as address:
        yield address


def build(warehouse: Path, customers: int) -> None:
    """The demo warehouse and its marts."""
    subprocess.run(
        [*COMMAND, "demo", "--warehouse", str(warehouse), "--customers", str(customers)], cwd=ROOT, check=True
    )


class Versions:
    """Puts versions of the marts in force that nobody has asked anything yet, all of the same data.

    A version's file is a link to the first one: the dashboard takes it for new, as after a refresh, and
    none of its answers is in a cache.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        first = current_version(folder)
        assert first is not None, f"no marts in {folder}"
        self._first = first
        self._numbers = itertools.count(len(versions(folder)))
        self._made: list[Path] = []

    def fresh(self) -> str:
        """Put a version in force that is new to the server."""
        when, _, form = self._first.rpartition("-")
        name = f"{when}-{next(self._numbers):04d}-{form}"
        link = self.folder / f"marts-{name}.duckdb"
        os.link(self.folder / f"marts-{self._first}.duckdb", link)
        self._made.append(link)
        put_back(self.folder, name)
        return name

    def clear(self) -> None:
        """Back to the first version; the links go."""
        put_back(self.folder, self._first)
        for link in self._made:
            link.unlink(missing_ok=True)


def memory(address: str) -> float:
    """Resident memory of the server that listens on an address, in bytes; nan where it can't be told."""
    port = int(address.rsplit(":", 1)[1])
    process = _listening.get(port)
    try:
        text = Path(f"/proc/{process.pid}/status").read_text("utf-8") if process else ""
    except OSError:
        return float("nan")
    resident = [line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:")]
    return float(resident[0]) * 1024 if resident else float("nan")


_listening: dict[int, subprocess.Popen] = {}


@contextmanager
def _process(command: Sequence[str], folder: Path, port: int, log: Path) -> Iterator[str]:
    address = f"http://localhost:{port}"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        _listening[port] = process
        try:
            _wait(process, address, log)
            yield address
        finally:
            del _listening[port]
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen, address: str, log: Path) -> None:
    """Until the server answers; raises RuntimeError with its log when it does not."""
    until = time.monotonic() + START_WITHIN
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"no server at {address}:\n{log.read_text('utf-8')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]
