"""Where things are: the warehouse, the marts and the ledger beside it, and who may see what."""

from __future__ import annotations

import hashlib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.errors import DashboardError, nearest
from dashboard.scope import PERMISSIONS, Scope

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("DASHBOARD_HOME", ROOT / "var"))
"""Where the demo and what people write are kept."""
DEMO = HOME / "demo.duckdb"

WAREHOUSE_VARIABLE = "DASHBOARD_WAREHOUSE"
ACCESS_VARIABLE = "DASHBOARD_ACCESS"
LEDGER_VARIABLE = "DASHBOARD_LEDGER"
SECRETS = Path(".streamlit") / "secrets.toml"
"""Where Streamlit looks for the identity provider, in the program's folder and in the home of who runs it."""
SIGN_IN = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")


@dataclass(frozen=True)
class Settings:
    """The warehouse, by path or URL, the access file when readers must sign in, and the ledger, by path or URL,
    when it isn't where it is by default."""

    warehouse: str
    access: Path | None = None
    ledger_at: str | None = None

    @classmethod
    def read(cls, warehouse: str | None = None) -> Settings:
        """Settings from the argument, else the environment, else the embedded demo."""
        where = warehouse or os.environ.get(WAREHOUSE_VARIABLE) or str(DEMO)
        access = os.environ.get(ACCESS_VARIABLE)
        return cls(where, Path(access) if access else None, os.environ.get(LEDGER_VARIABLE) or None)

    @property
    def is_file(self) -> bool:
        return "://" not in self.warehouse

    @property
    def is_demo(self) -> bool:
        """Whether it is the embedded demo, which is there when nothing else is configured."""
        return self.is_file and Path(self.warehouse).resolve() == DEMO.resolve()

    @property
    def marts(self) -> Path:
        """The folder of mart versions: beside a warehouse file, else under HOME by the URL's hash."""
        if self.is_file:
            path = Path(self.warehouse).resolve()
            return path.parent / f"{path.stem}.marts"
        return HOME / f"{hashlib.sha256(self.warehouse.encode()).hexdigest()[:12]}.marts"

    @property
    def ledger(self) -> str:
        """Where people's entries are kept: a SQLite file beside the marts, unless said otherwise."""
        if self.ledger_at is None:
            return str(self.marts.with_suffix(".ledger.db"))
        return self.ledger_at if "://" in self.ledger_at else str(Path(self.ledger_at).resolve())

    def check_sign_in(self) -> None:
        """Raise DashboardError when readers must sign in and nothing says where; Streamlit would show a crash page."""
        if self.access is None:
            return
        _access(self.access)
        places = [Path.home() / SECRETS, ROOT / SECRETS]
        given: dict[str, Any] = {}
        for place in places:
            if place.exists():
                given |= _toml(place, "secrets").get("auth", {})
        provider = given.get("default", {})
        lacking = [name for name in SIGN_IN if not (given.get(name) or provider.get(name))]
        if lacking:
            raise DashboardError(
                f"{ACCESS_VARIABLE} asks readers to sign in, but nothing says where: put {', '.join(lacking)} "
                f"of your identity provider into the table [auth] of {places[-1]}, or unset {ACCESS_VARIABLE}"
            )

    def scope_of(self, email: str | None) -> Scope | None:
        """What a reader may see; without an access file everybody is the local, unrestricted reader."""
        if self.access is None:
            return Scope.unrestricted(email or "local")
        people = _access(self.access)
        rights = people.get((email or "").lower())
        if rights is None:
            return None
        regions = rights.get("regions")
        return Scope(
            str(email).lower(),
            None if regions is None else tuple(regions),
            frozenset(rights.get("permissions", [])),
        )


def _access(path: Path) -> dict[str, dict[str, Any]]:
    """The access file: a TOML table `[people."mail@company"]` with `regions` and `permissions`."""
    people = _toml(path, "access").get("people", {})
    for email, rights in people.items():
        for key in rights:
            if key not in ("regions", "permissions"):
                raise DashboardError(
                    f"access file {path}: unknown key {key!r} for {email}{nearest(key, ('regions', 'permissions'))}"
                )
        for permission in rights.get("permissions", []):
            if permission not in PERMISSIONS:
                raise DashboardError(
                    f"access file {path}: unknown permission {permission!r} for {email}"
                    f"{nearest(permission, PERMISSIONS)}"
                )
    return {email.lower(): rights for email, rights in people.items()}


def _toml(path: Path, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DashboardError(f"{what} file {path}: {error}") from error
