"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from io import StringIO
from pathlib import Path

from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent


def test_imports_run_one_way() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


FLOORS = ("audit", "governance", "suggestions", "execution", "approvals", "insights")
AT_THE_ROOT = {"__init__.py", "admin.py", "apps.py", "models.py", "tasks.py", "urls.py"}
MOST_FILES = 15


def test_a_floor_has_rooms_that_one_can_look_through() -> None:
    for floor in FLOORS:
        assert {file.name for file in (ROOT / floor).glob("*.py")} <= AT_THE_ROOT, floor
    full = {
        folder.relative_to(ROOT).as_posix(): count
        for floor in (*FLOORS, "reviewapp")
        for folder in (ROOT / floor).rglob("*")
        if folder.is_dir() and folder.name != "migrations"
        if (count := len([file for file in folder.glob("*.py") if file.name != "__init__.py"])) > MOST_FILES
    }
    assert full == {}


def test_every_room_stands_in_the_contracts_and_on_the_page_about_them() -> None:
    contracts = (ROOT / "pyproject.toml").read_text()
    _, _, page = (ROOT / "docs" / "architecture.md").read_text().partition("## The rooms of a floor")
    for floor in (*FLOORS, "reviewapp"):
        inside = [folder.name for folder in (ROOT / floor).iterdir() if (folder / "__init__.py").exists()]
        rooms = set(inside) - {"management", "migrations"}
        layers = re.search(rf'containers = \["{floor}"\]\nlayers = \[(.*)\]', contracts)
        assert layers is not None, floor
        assert rooms <= set(re.findall(r'"(\w+)"', layers[1])), floor
        line = next(line for line in page.splitlines() if line.startswith(f"| `{floor}` |"))
        assert rooms - {"models"} <= set(re.findall(r"`(\w+)`", line)), floor


def test_words_with_several_meanings_stay_retired() -> None:
    page = (ROOT / "docs" / "words.md").read_text()
    retired = set(re.findall(r"`(\w+)`", page[page.index("are retired") :]))
    assert len(retired) > 5
    back = [
        f"{file.relative_to(ROOT)}: {node.name}"
        for floor in (*FLOORS, "reviewapp")
        for file in (ROOT / floor).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in retired
    ]
    assert back == []


LONGEST_LINE = 120


def test_the_lines_of_templates_can_be_compared() -> None:
    long = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in (ROOT / "templates").rglob("*.*")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LONGEST_LINE
    ]
    assert long == []


def test_what_is_drawn_to_the_letter_ends_without_a_line_end() -> None:
    """An editor that adds one would put a space after every value: "( 3 )"."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    drawn_to_the_letter = tools["djangofmt"]["extend-exclude"]
    assert len(drawn_to_the_letter) > 3
    assert [name for name in drawn_to_the_letter if (ROOT / name).read_text().endswith("\n")] == []


def test_every_model_has_its_migration(db: None) -> None:
    said = StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=said)
    assert said.getvalue() == "No changes detected\n"


def test_no_file_names_an_index_to_install_from() -> None:
    for file in ("requirements.txt", "requirements-dev.txt", "requirements.in", "requirements-dev.in"):
        text = (ROOT / file).read_text()
        assert "://" not in text
        assert "index-url" not in text


def test_every_pinned_requirement_has_its_hashes() -> None:
    for file in ("requirements.txt", "requirements-dev.txt"):
        blocks = (ROOT / file).read_text().replace("\\\n", " ").splitlines()
        pinned = [line for line in blocks if "==" in line and not line.lstrip().startswith("#")]
        assert pinned
        assert all("--hash=sha256:" in line for line in pinned)
