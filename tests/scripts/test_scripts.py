"""What each script of the pages does: the file of its name in these rooms tries it, where there is Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NODE = shutil.which("node")
SCRIPTS = sorted(file for file in (ROOT / "static").rglob("*.js") if "vendor" not in file.parts)


def _tests_of(script: Path) -> Path:
    return HERE / script.relative_to(ROOT / "static").with_suffix(".test.js")


@pytest.mark.skipif(not NODE, reason="Node is not installed: the scripts were not tried.")
@pytest.mark.skipif(
    not (ROOT / "node_modules" / "jsdom").exists(), reason="jsdom is not installed: `npm ci` brings it."
)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_does_what_it_is_for(script: Path) -> None:
    command = [NODE or "node", "--test-reporter=spec", str(_tests_of(script))]

    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_script_is_tried_and_has_its_types_checked() -> None:
    assert {_tests_of(script) for script in SCRIPTS} == set(HERE.rglob("*.test.js"))
    unchecked = [script.name for script in SCRIPTS if not script.read_text().startswith("// @ts-check\n")]
    assert unchecked == []
