"""What each script of the pages does: the file of its name in these rooms tries it, where there is Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NODE = shutil.which("node")
SCRIPTS = sorted(file for file in (ROOT / "static").rglob("*.js") if "vendor" not in file.parts)


def _tests_of(script: Path) -> Path:
    return HERE / script.relative_to(ROOT / "static").with_suffix(".test.js")


@dataclass(frozen=True)
class Told:
    lines: list[dict[str, str]]
    status: int
    besides: str

    def of(self, file: Path) -> list[dict[str, str]]:
        return [line for line in self.lines if Path(line["file"]) == file]


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What one Node says of the tests of every script that this run asks for."""
    mine: list[Any] = [item for item in request.session.items if item.path == Path(__file__)]
    asked = [item.callspec.params["script"] for item in mine if hasattr(item, "callspec")]
    told = tmp_path_factory.mktemp("scripts") / "told.jsonl"
    reporter = [f"--test-reporter={HERE / 'told.js'}", f"--test-reporter-destination={told}"]
    command = [NODE or "node", *reporter, str(HERE / "together.js"), *map(str, map(_tests_of, asked))]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    return Told(lines, result.returncode, result.stdout + result.stderr)


@pytest.mark.timeout(400)
@pytest.mark.skipif(not NODE, reason="Node is not installed: the scripts were not tried.")
@pytest.mark.skipif(
    not (ROOT / "node_modules" / "jsdom").exists(), reason="jsdom is not installed: `npm ci` brings it."
)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_does_what_it_is_for(script: Path, told: Told) -> None:
    tried = told.of(_tests_of(script))

    assert tried, told.besides
    assert [f"{line['name']}: {line['wrong']}" for line in tried if line["wrong"]] == []
    # One that fails of another file fails there; what ended Node otherwise is everybody's.
    assert told.status == 0 or any(line["wrong"] for line in told.lines), told.besides


def test_every_script_is_tried_and_has_its_types_checked() -> None:
    assert {_tests_of(script) for script in SCRIPTS} == set(HERE.rglob("*.test.js"))
    unchecked = [script.name for script in SCRIPTS if not script.read_text().startswith("// @ts-check\n")]
    assert unchecked == []
