"""The rules of the house that a machine can check."""

from __future__ import annotations

import re
import subprocess
import sys
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


def test_every_model_has_its_migration(db: None) -> None:
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())


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
