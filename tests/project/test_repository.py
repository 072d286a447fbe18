"""What the repository's host runs and shows: workflows, forms, the changelog."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ffprep.version import __version__
from scripts.release.notes import notes
from tests.support.pages import ROOT

WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text()) for path in ROOT.glob(".github/workflows/*")
}
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
# Programs of a runner, other than make.
PROGRAMS = {"sudo", "brew", "gh", "echo"}


def steps(workflow: str) -> list[dict[str, Any]]:
    """Return the steps of all jobs of a workflow."""
    return [step for job in WORKFLOWS[workflow]["jobs"].values() for step in job.get("steps", ())]


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_runs_targets_of_make_and_uses_pinned_actions(workflow: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])
            continue
        for line in step["run"].replace("\\\n", " ").splitlines():
            program, *words = line.split()
            if program == "make":
                assert {word for word in words if "=" not in word} <= targets, line
            else:
                assert program in PROGRAMS, line


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_job_has_a_limit_of_time_and_names_its_permissions(workflow: str) -> None:
    assert WORKFLOWS[workflow]["permissions"] == {}
    for job in WORKFLOWS[workflow]["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert job["permissions"]


def test_the_tests_run_on_each_python_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = re.findall(r"Python :: (3\.\d+)'", str(project["classifiers"]))
    assert WORKFLOWS["tests"]["jobs"]["linux"]["strategy"]["matrix"]["python"] == named
    assert len(named) > 3


def test_the_tests_have_the_tools_that_ci_installs() -> None:
    (listed,) = re.findall(r"install -y -qq ([^>]+)", (ROOT / ".ci/run").read_text())
    tools = set(listed.replace("\\\n", " ").split())
    (installed,) = [step["run"] for step in steps("tests") if "apt-get install" in str(step)]
    # These are on the runner, or have another name on Ubuntu.
    there = {"make", "gcc", "libc6-dev", "systemd", "python3-venv", "chromium", "libturbojpeg0"}
    assert tools - there <= set(installed.split())


def test_the_release_publishes_what_one_job_built_without_a_token() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text()
    jobs = WORKFLOWS["release"]["jobs"]
    assert "secrets." not in text
    assert [name for name, job in jobs.items() if "make" in str(job["steps"])] == ["build"]
    assert jobs["pypi"]["permissions"] == {"id-token": "write"}


def test_the_notes_of_a_release_are_the_section_of_its_version() -> None:
    made = notes(CHANGELOG, f"v{__version__}")
    assert made.startswith("The first release" if __version__ == "1.0.0" else "###")
    assert f"](https://github.com/ffprep/ffprep/blob/v{__version__}/" in made
    assert not re.search(r"^## |^\[", made, re.MULTILINE)


@pytest.mark.parametrize(
    ("changelog", "tag", "message"),
    [
        (CHANGELOG, "v0.9.0", "is not v1.2.3"),
        ("## [1.2.2] - 2026-01-01\n\n- New.\n", "v1.2.3", "no section"),
        ("## [1.2.3]\n\n- New.\n", "v1.2.3", "needs a date"),
        ("## [1.2.3] - 2026-01-01\n\n[1.2.3]: https://example.org\n", "v1.2.3", "and a text"),
    ],
)
def test_a_release_without_notes_is_refused(changelog: str, tag: str, message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        notes(changelog, tag, "1.2.3")


def test_a_version_of_the_changelog_fits_on_a_screen_and_has_a_link() -> None:
    parts = re.split(r"^## \[(.+?)\]", CHANGELOG, flags=re.MULTILINE)[1:]
    for version, text in zip(parts[::2], parts[1::2], strict=True):
        section, _, _ = text.partition("\n[Unreleased]: ")
        assert len(section.splitlines()) <= 65, version
        assert f"\n[{version}]: https://github.com/ffprep/ffprep/" in CHANGELOG


@pytest.mark.parametrize("form", ["bug", "photo", "feature"])
def test_a_form_asks_with_labels(form: str) -> None:
    body = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{form}.yml").read_text())["body"]
    asked = [part for part in body if part["type"] != "markdown"]
    assert len({part["id"] for part in asked}) == len(asked) > 2
    assert all(part["attributes"]["label"] for part in asked)


def test_the_commands_of_the_hooks_are_installed_by_make() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    makefile = (ROOT / "Makefile").read_text()
    for hook in hooks:
        program = Path(hook["entry"].split()[0]).name
        assert f"@$(BIN)/{program}" in makefile
