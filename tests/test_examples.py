"""What `examples/` shows is what works."""

import io
import re
import subprocess
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from governance.models import ActionType, PolicyVersion, Team

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.django_db
@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("policies/*.yaml")), ids=lambda file: file.name)
def test_an_example_policy_can_be_put_in_force(file):
    Team.objects.get_or_create(slug="finance", defaults={"name": "Finance"})
    said = io.StringIO()

    call_command("apply_policy", str(file), stdout=said)

    version = PolicyVersion.objects.active().get()
    assert said.getvalue().splitlines()[-1] == version.digest
    assert version.text == file.read_text()


@pytest.mark.django_db
def test_example_action_types_can_be_registered():
    files = sorted(EXAMPLES.glob("action_types/*.json"))

    for file in files:
        call_command("apply_action_types", str(file), stdout=io.StringIO())

    assert set(ActionType.objects.current().values_list("name", flat=True)) == {
        "refund_payment",
        "send_money",
        "cancel_subscription",
    }


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.sh")), ids=lambda file: file.name)
def test_an_example_script_has_no_mistake_that_the_shell_would_see(script):
    assert subprocess.run(["/bin/sh", "-n", str(script)], check=False).returncode == 0


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_an_example_program_compiles(script):
    compile(script.read_text(), script.name, "exec")


# --- The command that applies a policy ------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("version: 2", ["/version"]),
        ("version: [1", ["not YAML", "line 1"]),
        ("version: 1\ndefaults: {team: nobody}", ["No such team: nobody"]),
        (
            "version: 1\nrules:\n"
            + "".join(f"  - {{name: r{n}, when: 'args.', then: {{verdict: block}}}}\n" for n in (1, 2)),
            ["/rules/0/when r1", "/rules/1/when r2"],
        ),
    ],
)
def test_a_policy_that_is_wrong_is_refused_with_a_line_for_each_mistake(text, problems, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(text)

    with pytest.raises(CommandError) as refused:
        call_command("apply_policy", str(file), stdout=io.StringIO())

    for problem in problems:
        assert any(problem in line for line in str(refused.value).splitlines())
    assert not PolicyVersion.objects.exists()


@pytest.mark.django_db
def test_a_policy_file_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(CommandError, match=r"none\.yaml cannot be read"):
        call_command("apply_policy", str(tmp_path / "none.yaml"), stdout=io.StringIO())


def test_readme_and_docs_name_files_that_exist():
    root = EXAMPLES.parent
    for page in [root / "README.md", root / "CONTRIBUTING.md", *root.glob("docs/**/*.md")]:
        links = [part.partition(")")[0] for part in page.read_text().split("](")[1:]]
        for link in links:
            name = link.partition("#")[0]
            if name and "://" not in name and not name.endswith("screenshot.png"):
                assert (page.parent / name).exists(), f"{page.name} names {name}"


def test_every_setting_from_the_environment_is_explained():
    root = EXAMPLES.parent
    readme = (root / "README.md").read_text()
    asked = re.compile(r"\benv\.(?:str|bool|int|list|db)\(\s*\"(\w+)\"")
    named = set(asked.findall((root / "reviewapp" / "settings.py").read_text()))
    set_by_ourselves = {"STATIC_UNHASHED", "PROCESS_NAME", "DATABASE_POOL", "DATABASE_MAX_AGE"}

    assert {"SECRET_KEY", "RATE_LIMIT", "PUBLIC_URL"} <= named
    assert {name for name in named if f"`{name}`" not in readme} <= set_by_ourselves
