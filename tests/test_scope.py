"""Who may see what: a restricted reader sees his regions, and nothing he sees depends on anything outside them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from dashboard.errors import DashboardError
from dashboard.insight import QUESTIONS
from dashboard.scope import Scope
from dashboard.settings import ACCESS_VARIABLE, SECRETS, SIGN_IN, Settings
from dashboard.warehouse.check import check
from dashboard.warehouse.connect import Warehouse
from dashboard.warehouse.read import Marts
from dashboard.warehouse.refresh import refresh
from queries import customers, schema
from tests.small import EVERYBODY, asked, reader

EAST_AND_JAPAN = Scope("east", ("CN-E", "JP"), frozenset())
NORTH = Scope("north", ("NORTH",), frozenset())


# --- rights ------------------------------------------------------------------------------------------


def test_the_unrestricted_reader_may_everything() -> None:
    assert EVERYBODY.regions is None
    assert EVERYBODY.may("profile")
    assert EVERYBODY.may("export")
    assert not NORTH.may("export")


def test_fingerprint_is_shared_by_those_who_may_see_the_same() -> None:
    one = Scope("a", ("X", "Y"), frozenset({"export", "profile"}))
    assert one.fingerprint == Scope("b", ("Y", "X"), frozenset({"profile", "export"})).fingerprint
    others = [
        Scope("a", ("X",), one.permissions),
        Scope("a", (), one.permissions),
        Scope("a", None, one.permissions),
        Scope("a", ("X", "Y"), frozenset({"export"})),
        Scope("a", ("X,Y",), one.permissions),
    ]
    assert len({s.fingerprint for s in [one, *others]}) == len(others) + 1


# --- rows --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("regions", "codes"),
    [
        (None, "C01 C02 C03 C04 C05 C06 C07 C08 C09 C10"),
        (("CN",), "C01 C02 C03 C04 C05 C06 C07 C10"),
        (("NORTH",), "C01 C02 C03 C04 C10"),
        (("SOUTH",), "C05 C06 C07"),
        (("GZ",), "C05 C06"),
        (("GZ", "DE"), "C05 C06 C08"),
        (("NORTH", "BJ"), "C01 C02 C03 C04 C10"),
        (("nowhere",), ""),
        ((), ""),
    ],
)
def test_a_reader_sees_his_regions_with_everything_below(
    small: Marts, regions: tuple[str, ...] | None, codes: str
) -> None:
    """Customers without a region (C09) are seen by the unrestricted only."""
    table = asked(small, "customers.list", scope=Scope("x", regions, frozenset())).table
    assert sorted(table.get("code", [])) == codes.split()


def test_a_filter_never_widens_the_scope(small: Marts) -> None:
    for region, codes in (("CN", "C01 C02 C03 C04 C10"), ("BJ", "C01 C02 C10"), ("SOUTH", ""), ("SOUTH,TJ", "C03 C04")):
        table = asked(small, "customers.list", scope=NORTH, region=region).table
        assert sorted(table.get("code", [])) == codes.split(), region


@pytest.mark.parametrize("key", [key for key in sorted(QUESTIONS) if key.startswith("customer.")])
def test_a_customer_outside_the_scope_is_as_if_he_did_not_exist(small: Marts, key: str) -> None:
    outside = asked(small, key, scope=NORTH, customer="C08")
    unknown = asked(small, key, scope=NORTH, customer="no such code")
    assert outside.headline == unknown.headline
    assert (outside.numbers, outside.n, len(outside.table)) == (unknown.numbers, unknown.n, len(unknown.table))


def test_search_finds_nobody_outside_the_scope(small: Marts) -> None:
    def found(scope: Scope, text: str) -> list[str]:
        asking = reader(small, scope=scope)
        return asking.rows(customers.found(asking.view, text, 20))["code"].tolist()

    assert found(EVERYBODY, "C0") == [f"C0{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9)]
    assert found(NORTH, "C0") == ["C01", "C02", "C03", "C04"]
    assert found(NORTH, "Müller") == []
    assert found(EVERYBODY, "müller") == ["C08"]


@pytest.fixture(scope="module")
def region_only(demo: Marts, demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """The demo as if the company had no customer outside the scope."""
    path = tmp_path_factory.mktemp("region") / "only.duckdb"
    shutil.copy(demo_file, path)
    inside = asked(demo, "customers.list", scope=EAST_AND_JAPAN, period="all")
    assert inside.n == len(inside.table) > 100
    codes = inside.table["code"].tolist()
    with duckdb.connect(str(path)) as connection:
        for table in schema.metadata.sorted_tables[::-1]:
            if table.name != "customer" and "customer_key" in table.c:
                connection.execute(
                    f"DELETE FROM {table.name} WHERE customer_key NOT IN "
                    "(SELECT customer_key FROM customer WHERE list_contains($1, code))",
                    [codes],
                )
        connection.execute("DELETE FROM customer WHERE NOT list_contains($1, code)", [codes])
    # Models of value to come and measured grades are the company's: what they said of these customers is kept.
    version = refresh(Warehouse(str(path)), folder := path.with_suffix(".marts"))
    whole = shutil.copy(demo_file.with_suffix(".marts") / f"marts-{demo.version}.duckdb", path.parent / "whole")
    with duckdb.connect(str(folder / f"marts-{version}.duckdb")) as connection:
        connection.execute(f"ATTACH '{whole}' AS whole (READ_ONLY)")
        connection.execute("DELETE FROM model")
        connection.execute("INSERT INTO model FROM whole.model")
        graded = connection.execute("SELECT value FROM whole.info WHERE name = 'grading'").fetchone()
        connection.execute("UPDATE info SET value = $1 WHERE name = 'grading'", graded)
        for table in ("customer_value", "measured_grade", "measured_history"):
            connection.execute(f"DELETE FROM {table}")
            connection.execute(
                f"INSERT INTO {table} FROM whole.{table} WHERE customer_key IN (SELECT customer_key FROM customer)"
            )
    marts = Marts(folder, version)
    assert (marts.calendar.first_week, marts.calendar.last_day) == (demo.calendar.first_week, demo.calendar.last_day)
    return marts


@pytest.mark.parametrize("key", [key for key in sorted(QUESTIONS) if not key.startswith("data.")])
def test_a_restricted_answer_is_the_answer_of_a_company_without_the_rest(
    demo: Marts, region_only: Marts, key: str
) -> None:
    """Nothing leaks: not a row, not a rank, not a share of a total that holds others.

    Forecasts of a customer come from models that the whole company's customers were fitted to, and his measured
    grade from where he stands among all of them; given those, nothing in an answer depends on anybody outside.
    """
    views: list[dict[str, str]] = [{}, {"period": "13w", "as_of": "2026-06-01", "group": "loss_makers"}]
    if key.startswith("customer."):
        first = asked(region_only, "customers.list").table["code"].iloc[0]
        views = [{"customer": first}]
    for chosen in views:
        answers = []
        for marts in (demo, region_only):
            answer = json.loads(asked(marts, key, scope=EAST_AND_JAPAN, **chosen).to_json())
            answers.append(rounded(answer | {"version": ""}))
        assert answers[0] == answers[1]


def rounded(value: object) -> object:
    """Numbers to nine digits: the order of additions may differ."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def test_rows_of_customers_lie_inside_the_scope_for_every_question(demo: Marts) -> None:
    inside = set(asked(demo, "customers.list", scope=EAST_AND_JAPAN, period="all").table["code"])
    listing = [k for k in QUESTIONS if k in ("customers.list", "cost.customers", "cost.loss_makers")]
    for key in [*listing, "value.top", "value.bottom"]:
        assert set(asked(demo, key, scope=EAST_AND_JAPAN).table["code"]) <= inside


def test_what_belongs_to_the_whole_company_is_not_shown_to_a_part(small: Marts) -> None:
    """Capacity and the company's targets are for those who see all of it."""
    capacity = asked(small, "cost.activities", scope=NORTH).table["capacity"]
    assert capacity.isna().all()
    goals = asked(small, "value.summary", scope=NORTH).table["target"]
    assert goals.isna().all()


def test_a_target_of_a_wider_region_is_not_compared_with_a_part_of_it(small: Marts) -> None:
    goals = asked(small, "value.summary", scope=NORTH, region="CN").table["target"]
    assert goals.isna().all()


# --- the access file ---------------------------------------------------------------------------------

ACCESS = """
[people."Ann@Example.com"]
permissions = ["profile", "export"]

[people."bob@example.com"]
regions = ["NORTH"]
"""


def settings(tmp_path: Path, text: str = ACCESS) -> Settings:
    path = tmp_path / "access.toml"
    path.write_text(text)
    return Settings("w.duckdb", path)


def test_without_an_access_file_everybody_is_the_local_reader() -> None:
    assert Settings("w.duckdb").scope_of(None) == Scope.unrestricted("local")


def test_the_access_file_gives_regions_and_permissions(tmp_path: Path) -> None:
    given = settings(tmp_path)
    assert given.scope_of("ann@example.COM") == Scope("ann@example.com", None, frozenset({"profile", "export"}))
    assert given.scope_of("bob@example.com") == Scope("bob@example.com", ("NORTH",), frozenset())


@pytest.mark.parametrize("email", [None, "", "eve@example.com", "bob@example.com.evil.org"])
def test_whoever_is_not_in_the_access_file_sees_nothing(tmp_path: Path, email: str | None) -> None:
    assert settings(tmp_path).scope_of(email) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[people."a@b"]\nregion = ["X"]', "unknown key 'region' for a@b; did you mean 'regions'?"),
        ('[people."a@b"]\npermissions = ["exports"]', "unknown permission 'exports' for a@b; did you mean 'export'?"),
        ("[people", "access.toml"),
    ],
)
def test_a_mistake_in_the_access_file_is_refused_not_ignored(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DashboardError) as error:
        settings(tmp_path, text).scope_of("a@b")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_access_file_opens_nothing(tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match="access file"):
        Settings("w.duckdb", tmp_path / "absent.toml").scope_of("a@b")


# --- signing in --------------------------------------------------------------------------------------


def provider(home: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Settings:
    """An access file, and a home whose secrets say this of signing in."""
    (home / ".streamlit").mkdir()
    (home / SECRETS).write_text(text, "utf-8")
    monkeypatch.setenv("HOME", str(home))
    return settings(home)


@pytest.mark.parametrize("table", ["auth", "auth.default"])
def test_with_an_identity_provider_readers_can_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    own = "\n".join(f'{name} = "x"' for name in SIGN_IN[2:])
    text = (
        f'[auth]\nredirect_uri = "x"\ncookie_secret = "x"\n[{table}]\n{own}'
        if "." in table
        else (f'[auth]\nredirect_uri = "x"\ncookie_secret = "x"\n{own}')
    )
    provider(tmp_path, monkeypatch, text).check_sign_in()


def test_an_access_file_without_a_way_to_sign_in_is_refused_with_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = provider(tmp_path, monkeypatch, '[auth]\nredirect_uri = "x"\n')
    with pytest.raises(DashboardError) as error:
        given.check_sign_in()
    for part in (*SIGN_IN[1:], "[auth]", "secrets.toml", ACCESS_VARIABLE):
        assert part in str(error.value)
    assert "redirect_uri" not in str(error.value) and "\n" not in str(error.value)
    assert str(error.value) in [finding.what for finding in check(given) if finding.level == "error"]


def test_without_an_access_file_nobody_needs_to_sign_in() -> None:
    Settings("w.duckdb").check_sign_in()
