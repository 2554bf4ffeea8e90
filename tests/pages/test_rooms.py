"""The rooms keep apart: only pages and dashboard/ui know Streamlit, and every page is in the README."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.language import language
from dashboard.settings import ROOT
from tests.pages.app import PAGES

WITHOUT_STREAMLIT = ("dashboard.analysis", "dashboard.charts", "dashboard.insights", "dashboard.warehouse", "queries")
READMES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}


def modules(package: str) -> list[str]:
    folder = ROOT.joinpath(*package.split("."))
    files = [path for path in sorted(folder.rglob("*.py")) if path.stem != "__init__"]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]


def imports(path: Path) -> set[str]:
    """Every module that a file names in an import, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_the_answers_are_made_without_streamlit() -> None:
    """Importing every one of these modules in a fresh process does not bring Streamlit in."""
    names = [name for package in WITHOUT_STREAMLIT for name in modules(package)]
    assert len(names) > 20
    program = f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\n"
    program += "assert 'streamlit' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_an_outline(page: str) -> None:
    """It arranges cards: no Streamlit, no SQL, no numbers of its own, and no more than a screenful."""
    path = ROOT / "pages" / f"{page}.py"
    outer = {name.split(".")[0] for name in imports(path)}
    assert outer <= {"dashboard"}
    assert {name for name in imports(path) if name.startswith("dashboard.")} <= {
        "dashboard.language", "dashboard.ui", f"dashboard.ui.{page}",
    }  # fmt: skip
    assert len(path.read_text("utf-8").splitlines()) <= 60


@pytest.mark.parametrize("page", PAGES)
def test_a_page_begins_with_its_guard(page: str) -> None:
    """Nothing but imports and text stands before `open_page`, which ends the run of those who may see nothing."""
    body = ast.parse((ROOT / "pages" / f"{page}.py").read_text("utf-8")).body
    first = next(node for node in body if not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr))
    assert isinstance(first, ast.Assign) and isinstance(first.value, ast.Call)
    assert getattr(first.value.func, "id", "") == "open_page"
    assert not [node for node in body[: body.index(first)] if isinstance(node, ast.Expr) and not docstring(node)]


def docstring(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def navigation() -> dict[str, str]:
    """The title of each page in the navigation."""
    tree = ast.parse((ROOT / "dashboard" / "app.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PAGES":
            assert isinstance(node.value, ast.Tuple)
            return {row.elts[0].value: row.elts[1].args[0].value for row in node.value.elts}
    raise AssertionError("dashboard/app.py names no pages")


def test_every_page_is_in_the_navigation() -> None:
    assert set(navigation()) == set(PAGES)


@pytest.mark.parametrize("lang", READMES)
def test_every_page_is_documented_in_the_readme(lang: str) -> None:
    text = READMES[lang].read_text("utf-8")
    missing = [page for page, title in navigation().items() if language(lang).t(title) not in text]
    assert not missing
