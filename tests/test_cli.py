"""The command line as a program sees it: answers on standard output, exit status 0, or 2 with one clear line.

Run as processes of their own, as a shell runs them.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openpyxl
import pytest

from dashboard.cli import main
from dashboard.insight import QUESTIONS
from dashboard.warehouse.read import Marts
from tests.conftest import Cluster
from tests.small import asked, company, line

ROOT = Path(__file__).parents[1]
SCRIPT = Path(sys.executable).with_name("dashboard")


def run(*arguments: str | Path, script: bool = False, **environment: str) -> subprocess.CompletedProcess[str]:
    program = [str(SCRIPT)] if script else [sys.executable, "-m", "dashboard.cli"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DASHBOARD_")}
    return subprocess.run(
        [*program, *map(str, arguments)],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("dashboard: ")
    return done.stderr.removeprefix("dashboard: ").strip()


# --- answers -----------------------------------------------------------------------------------------


def test_ask_prints_the_insight_as_json(small: Marts, small_file: Path) -> None:
    done = run("ask", "value.summary", "--warehouse", small_file, "--grade", "A", script=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads(asked(small, "value.summary", grade="A").to_json())


def test_ask_speaks_chinese_whatever_the_terminal_speaks(small: Marts, small_file: Path) -> None:
    done = run("ask", "value.by_region", "--warehouse", small_file, "--lang", "zh", LC_ALL="POSIX", LANG="C")
    assert done.returncode == 0, done.stderr
    assert "中国" in done.stdout


def test_ask_prints_the_table_as_csv_without_formulas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    b = company()
    b.rows["customer"][0]["name"] = b.rows["customer"][0]["name_en"] = '=HYPERLINK("http://evil.example","x")'
    path = b.file(tmp_path / "w.duckdb")
    assert main(["ask", "value.bottom", "--warehouse", str(path), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 10
    assert rows[0]["code"] == "C08"
    assert float(rows[0]["profit"]) == -150
    assert rows[-1]["name"] == '\'=HYPERLINK("http://evil.example","x")'


def test_ask_list_names_every_question_in_either_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--list"]) == 0
    english = capsys.readouterr().out
    assert [line.split()[0] for line in english.splitlines()] == sorted(QUESTIONS)
    assert "The best customers" in english
    assert main(["ask", "--list", "--lang", "zh"]) == 0
    chinese = capsys.readouterr().out
    assert [line.split()[0] for line in chinese.splitlines()] == sorted(QUESTIONS)
    assert "The best customers" not in chinese


def test_the_first_question_publishes_the_marts(tmp_path: Path) -> None:
    path = line().file(tmp_path / "w.duckdb")
    done = run("ask", "value.summary", DASHBOARD_WAREHOUSE=str(path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["numbers"]["revenue"] == 100
    assert list((tmp_path / "w.marts").glob("marts-*.duckdb"))


def test_of_several_first_questions_at_once_one_publishes_and_all_are_answered(tmp_path: Path) -> None:
    path = line().file(tmp_path / "w.duckdb")
    with ThreadPoolExecutor() as people:
        asked = [people.submit(run, "ask", "value.summary", "--warehouse", path) for _ in range(3)]
    assert [each.result().returncode for each in asked] == [0, 0, 0], [each.result().stderr for each in asked]
    assert len(list((tmp_path / "w.marts").glob("marts-*.duckdb"))) == 1


def test_demo_refresh_versions_and_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new folder" / "demo.duckdb"

    def printed(*words: str) -> str:
        assert main([*words, "--warehouse", str(path)]) == 0
        return capsys.readouterr().out

    printed("demo", "--customers", "50", "--seed", "3")
    assert printed("refresh").startswith("published ")
    old, new = sorted(printed("refresh", "--versions").splitlines())
    assert new.endswith("  in force")
    assert printed("refresh", "--put-back", old) == f"version {old} is in force\n"
    assert not [line for line in printed("check").splitlines() if line.startswith("error")]


def test_a_pipe_that_closes_early_is_no_error(small: Marts, small_file: Path) -> None:
    ask = f"{sys.executable} -m dashboard.cli ask data.definitions --warehouse {small_file}"
    done = subprocess.run(f"{ask} | head -1", shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_a_refresh_judges_the_alerts_and_a_fault_in_their_rules_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = company().file(tmp_path / "w.duckdb")
    rules = tmp_path / "alerts.toml"
    rules.write_text(
        'version = "1"\n[[rule]]\nname = "m"\nkind = "metric"\nmetric = "margin"\nbelow = 9\nseverity = "red"\n'
    )
    monkeypatch.setenv("DASHBOARD_ALERTS", str(rules))
    monkeypatch.setenv("DASHBOARD_LEDGER", str(tmp_path / "l.db"))
    assert main(["refresh", "--warehouse", str(path)]) == 0
    capsys.readouterr()
    assert main(["ask", "alerts.history", "--warehouse", str(path)]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["table"]
    assert (entry["alert"], entry["state"], entry["author"]) == ("Profit margin · all customers", "Raised", "refresh")
    broken = tmp_path / "broken.toml"
    broken.write_text("version = 1")
    monkeypatch.setenv("DASHBOARD_ALERTS", str(broken))
    assert main(["refresh", "--warehouse", str(path)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("published ")
    assert f"dashboard: alerts were not judged: alert rules {broken}" in told.err


@pytest.mark.parametrize("command", ["", "serve", "demo", "load", "refresh", "ask", "check"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([*command.split(), "--help"])
    assert done.value.code == 0
    assert capsys.readouterr().out.startswith("usage: dashboard")


# --- refusals ----------------------------------------------------------------------------------------

WRONG = {
    "ask value.sumary": "no question 'value.sumary'; did you mean 'value.summary'?; see 'dashboard ask --list'",
    "ask": "ask: name a question; 'dashboard ask --list' has them all",
    "ask value.summary --region BI": "no region 'BI'; did you mean 'BJ'?",
    "ask value.summary --industry rental": "no industry 'rental'; did you mean 'retail'?",
    "ask value.summary --grade E": "grade: 'E' is not known; one of A, B, C, D",
    "ask value.summary --group winners": "group: 'winners' names no group of customers",
    "ask value.summary --as-of yesterday": "as_of: 'yesterday' is not a date like 2026-11-16 or a week like 2026-W47",
    "ask value.summary --as-of 2020-01-01": "as_of: 2019-12-30 lies outside the data, 2024-11-18 to 2026-11-09",
    "ask value.summary --format pdf": "(see 'dashboard ask --help')",
    "ask value.summary --period 1y": "(see 'dashboard ask --help')",
    "ask value.summary --nonsense": "unrecognized arguments: --nonsense",
    "aks value.summary": "(see 'dashboard --help')",
    "": "COMMAND",
    "demo --customers 10": "--customers: 10 is too few for a demo; take 50 or more",
    "demo --customers many": "(see 'dashboard demo --help')",
    "refresh --put-back 2020": "no version '2020' in",
    "load": "--mapping",
    "ledger --backup none/copy.db": "there is no ledger at",
}


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The same without a process of its own."""
    status = main([*map(str, arguments)])
    return refused(subprocess.CompletedProcess(arguments, status, *capsys.readouterr()))


@pytest.mark.parametrize("command", WRONG)
def test_what_is_wrong_is_said_in_one_line_with_the_mend(
    small: Marts, small_file: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = command.split()
    said = refusal(capsys, *words, *(["--warehouse", small_file] if words else []))
    assert WRONG[command] in said


def test_a_refusal_as_a_process(tmp_path: Path) -> None:
    """The status and the single line survive the shell; nothing is built before the question is understood."""
    path = line().file(tmp_path / "w.duckdb")
    said = refused(run("ask", "value.sumary", "--warehouse", path, script=True))
    assert "did you mean 'value.summary'?" in said
    assert not (tmp_path / "w.marts").exists()


def test_a_warehouse_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "ask", "value.summary", "--warehouse", tmp_path / "none.duckdb")
    assert said.endswith("none.duckdb: make one with 'dashboard demo' or 'dashboard load'")


def test_a_warehouse_that_breaks_the_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = line().file(tmp_path / "w.duckdb", ("customer",))
    said = refusal(capsys, "ask", "value.summary", "--warehouse", path)
    assert "has no table 'sales_line', which is required" in said


def test_a_file_where_a_folder_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = line().file(tmp_path / "w.duckdb")
    (tmp_path / "w.marts").write_text("in the way")
    assert "w.marts" in refusal(capsys, "refresh", "--warehouse", path)


def test_the_ledger_is_told_copied_and_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo = tmp_path / "demo.duckdb"
    assert main(["demo", "--customers", "60", "--warehouse", str(demo)]) == 0
    capsys.readouterr()
    assert main(["ledger", "--warehouse", str(demo)]) == 0
    name, *counts = capsys.readouterr().out.splitlines()
    assert name == str(tmp_path / "demo.ledger.db")
    assert {kind: int(count) for count, kind in map(str.split, counts)}["plan"] == 2
    assert main(["ledger", "--export", "-", "--warehouse", str(demo)]) == 0
    exported = capsys.readouterr().out
    assert [json.loads(row)["number"] for row in exported.splitlines() if '"table": "plan"' in row] == [1, 2]
    assert main(["ledger", "--export", str(tmp_path / "all.jsonl"), "--warehouse", str(demo)]) == 0
    assert (tmp_path / "all.jsonl").read_text("utf-8") == exported
    copy = tmp_path / "copy.ledger.db"
    assert main(["ledger", "--backup", str(copy), "--warehouse", str(demo)]) == 0
    demo.rename(tmp_path / "copy.duckdb")
    capsys.readouterr()
    assert main(["ledger", "--export", "-", "--warehouse", str(tmp_path / "copy.duckdb")]) == 0
    assert capsys.readouterr().out == exported


def test_check_prints_its_findings_and_fails_when_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    b = line()
    b.rows["sales_line"][0]["customer_key"] = 99
    assert main(["check", "--warehouse", str(b.file(tmp_path / "w.duckdb"))]) == 2
    out, err = capsys.readouterr()
    assert "error Order lines whose customer is not there: 1 rows, 100%" in out
    assert err == "dashboard: 1 error(s) found: see the lines above\n"


@pytest.mark.parametrize("command", ["ask value.summary", "refresh", "check", "demo", "load --mapping x.toml"])
def test_a_password_is_never_printed(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    url = "postgresql+psycopg://reader:s3cret@127.0.0.1:1/none"
    assert main([*command.split(), "--warehouse", url]) == 2
    out, err = capsys.readouterr()
    assert "s3cret" not in out + err
    assert err.count("\n") == 1


def test_ask_a_postgresql_warehouse(postgres: Cluster, small_postgres: str, small: Marts, tmp_path: Path) -> None:
    done = run("ask", "value.whale", "--warehouse", small_postgres, DASHBOARD_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["numbers"] == json.loads(asked(small, "value.whale").to_json())["numbers"]
    assert len(list(tmp_path.glob("*.marts/marts-*.duckdb"))) == 1


# --- policies ----------------------------------------------------------------------------------------


def test_a_policy_goes_to_a_workbook_and_back_and_is_in_force_only_with_a_reason(
    small_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DASHBOARD_LEDGER", str(tmp_path / "ledger.db"))
    file = tmp_path / "policy.xlsx"

    def policy(*arguments: str | Path) -> str:
        assert main(["policy", *map(str, arguments), "--warehouse", str(small_file)]) == 0
        return capsys.readouterr().out

    before = policy()
    policy("--out", file)
    assert "nothing differs" in policy("--from", file)
    book = openpyxl.load_workbook(file)
    book["Levels"]["D2"] = 20
    book.save(file)
    assert policy("--from", file).splitlines()[0].startswith("levels.strategic.includes.visit: ")
    assert policy() == before
    assert "is in force for everybody" in policy("--from", file, "--why", "agreed")
    assert "visit = 20" in policy()
    grades, text = tmp_path / "grading.xlsx", tmp_path / "grading.toml"
    policy("grading", "--out", grades)
    book = openpyxl.load_workbook(grades)
    book.worksheets[0]["B13"] = 0.03
    book.save(grades)
    assert policy("grading", "--from", grades, "--out", text).startswith("stability.band: 0.02 → 0.03\n")
    assert "band = 0.03\n" in text.read_text("utf-8")
    book.worksheets[0]["B13"] = "wide"
    book.save(grades)
    assert main(["policy", "grading", "--from", str(grades)]) == 2
    assert "grading.xlsx: sheet “Grading policy”, cell B13: 'wide' is not a number" in capsys.readouterr().err
