"""What `examples/` shows is what works."""

import io
import re
import subprocess
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from governance.models import ActionType, PolicyVersion
from tests.conftest import make_person

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("policies/*.yaml")), ids=lambda file: file.name)
def test_an_example_policy_can_be_put_in_force(file, ana, cyd, olga):
    make_person("otto", "operator")

    said = apply_policy(file, author="olga", approve=True, activate=True, second="otto")

    version = PolicyVersion.objects.active().get()
    assert said[-1] == version.digest
    assert version.text == file.read_text()


@pytest.mark.django_db
def test_example_action_types_can_be_registered():
    files = sorted(EXAMPLES.glob("action_types/*.json"))

    for file in files:
        call_command("apply_action_types", str(file), stdout=io.StringIO(), stderr=io.StringIO())

    assert set(ActionType.objects.current().values_list("name", flat=True)) == {
        "refund_payment",
        "send_money",
        "cancel_subscription",
        "book_appointment",
    }


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.sh")), ids=lambda file: file.name)
def test_an_example_script_has_no_mistake_that_the_shell_would_see(script):
    assert subprocess.run(["/bin/sh", "-n", str(script)], check=False).returncode == 0


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_an_example_program_compiles(script):
    assert compile(script.read_text(), script.name, "exec").co_code


# --- The command that applies a policy ------------------------------------------------------


def apply_policy(file, **options):
    said = io.StringIO()
    call_command("apply_policy", str(file), stdout=said, **options)
    return said.getvalue().splitlines()


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\ndefaults: {priority: 60}\n")
    return file


def test_a_policy_goes_its_way_step_by_step_and_no_step_is_made_twice(file, ana, olga):
    make_person("otto", "operator")
    for _ in range(2):
        assert "somebody but its author approves it" in apply_policy(file, author="olga", note="First.")[-2]
    for _ in range(2):
        assert "Next: --activate" in apply_policy(file, approve=True, second="otto")[-2]
    for _ in range(2):
        assert apply_policy(file, activate=True, second="olga")[-2] == "It is in force."
    kinds = [e.type for e in Event.objects.filter(type__startswith="policy.").order_by("pk")]
    assert kinds == ["policy.drafted", "policy.validated", "policy.approved", "policy.activated"]
    assert PolicyVersion.objects.get().note == "First."


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "--author NAME"),
        ({"author": "nobody"}, "no active user nobody"),
        ({"author": "ana"}, "role does not allow"),
        ({"author": "olga", "approve": True}, "--as NAME"),
        ({"author": "olga", "approve": True, "activate": True, "second": "olga"}, "other than its author"),
        ({"author": "olga", "approve": True, "second": "ana"}, "role does not allow"),
        ({"author": "olga", "activate": True, "second": "olga"}, "has to be approved or retired"),
    ],
)
def test_one_person_or_the_wrong_one_does_not_put_a_policy_in_force(options, said, file, ana, olga):
    with pytest.raises(CommandError, match=said):
        apply_policy(file, **options)
    assert not PolicyVersion.objects.filter(status__in=["approved", "active"]).exists()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("version: 2", ["policy.yaml:1:10: It has to be 1."]),
        ("version: [1", ["policy.yaml:1:12: This is not YAML"]),
        ("version: 1\ndefaults: {team: nobody}", ["No such team: nobody"]),
        (
            "version: 1\nrules:\n"
            + "".join(f"  - {{name: r{n}, when: 'args.', then: {{verdict: block}}}}\n" for n in (1, 2)),
            ["policy.yaml:3:28: ", "policy.yaml:4:28: "],
        ),
    ],
)
def test_a_policy_that_is_wrong_is_refused_with_a_line_for_each_mistake(text, problems, file, ana):
    file.write_text(text)

    with pytest.raises(CommandError) as refused:
        apply_policy(file, check=True)

    for problem in problems:
        assert any(problem in line for line in str(refused.value).splitlines())
    assert not PolicyVersion.objects.exists()


@pytest.mark.django_db
def test_a_policy_file_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(CommandError, match=r"none\.yaml cannot be read"):
        apply_policy(tmp_path / "none.yaml", check=True)


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
    set_by_ourselves = {"STATIC_UNHASHED", "PROCESS_NAME", "DATABASE_MAX_AGE"}

    assert {"SECRET_KEY", "RATE_LIMIT", "PUBLIC_URL"} <= named
    assert {name for name in named if f"`{name}`" not in readme} <= set_by_ourselves
