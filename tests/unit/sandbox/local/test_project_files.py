"""The files of the set-up agree with each other and name no machine."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = Path(__file__).parents[4]
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SANDBOX = tomllib.loads((PROJECT / "sandbox" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Their providers have two hundred dependencies, some older than those that the project is tested with.
UNPINNED = {"azure", "gcs"}
REQUIREMENTS = [
    text
    for project in (METADATA, SANDBOX)
    for texts in (
        project["dependencies"],
        *(texts for extra, texts in project["optional-dependencies"].items() if extra not in UNPINNED),
    )
    for text in texts
]


def lines(name: str) -> list[str]:
    """The file's lines that say something."""
    text = (PROJECT / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pins() -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for line in lines("constraints.txt"):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def test_constraints_are_exact_versions_and_nothing_else() -> None:
    for line in lines("constraints.txt"):
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+( ; .+)?", line), line
        assert "/" not in line
        assert "@" not in line


@pytest.mark.parametrize("text", REQUIREMENTS)
def test_constraints_pin_what_the_project_asks_for(text: str) -> None:
    wanted = Requirement(text)
    if wanted.name in {METADATA["name"], SANDBOX["name"]}:
        return
    pinned = [pin for pin in pins().get(canonicalize_name(wanted.name), []) if not pin.marker or pin.marker.evaluate()]
    assert pinned, f"{wanted.name} is not in constraints.txt; `make lock` remakes it"
    (version,) = (specifier.version for specifier in pinned[0].specifier)
    assert wanted.specifier.contains(Version(version)), f"{pinned[0]} does not fit {text}; `make lock` remakes it"


def test_the_extra_celery_has_a_version_that_starts() -> None:
    (celery,) = [
        wanted for text in METADATA["optional-dependencies"]["celery"] if (wanted := Requirement(text)).name == "celery"
    ]
    assert not celery.specifier.contains("5.7.0")
    assert celery.specifier.contains("5.6.3")


def test_one_version_of_each_package_for_this_python() -> None:
    for name, pinned in pins().items():
        assert len([pin for pin in pinned if not pin.marker or pin.marker.evaluate()]) <= 1, name


def test_the_image_gets_the_providers_dependencies_but_not_its_own_airflow() -> None:
    wanted = {text for text in METADATA["dependencies"] if Requirement(text).name != "apache-airflow"}
    # The weekly report reads Jira, the notice watch reads notice boards, reports move on holidays, workers on several
    # machines share a bucket, and PDFs of several views are merged.
    names = ("bot", "jira", "notices", "reports", "s3", "tableau")
    extras = {text for extra in names for text in METADATA["optional-dependencies"][extra]}
    assert set(lines("requirements.txt")) == wanted | extras


def locked() -> dict[Requirement, list[str]]:
    """The requirements of the lock file, each with its hashes."""
    text = (PROJECT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", "")
    entries = [line.split(" --hash=") for line in text.splitlines() if line]
    return {Requirement(entry[0].strip()): [digest.strip() for digest in entry[1:]] for entry in entries}


def test_every_package_of_the_lock_file_has_hashes() -> None:
    for requirement, digests in locked().items():
        assert digests, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in digests), requirement


def test_the_lock_file_has_the_versions_of_the_constraints() -> None:
    pinned = {(canonicalize_name(pin.name), str(pin.specifier)) for each in pins().values() for pin in each}
    for requirement in locked():
        assert (canonicalize_name(requirement.name), str(requirement.specifier)) in pinned, f"{requirement}: run `make lock`"


def test_the_lock_file_has_what_the_image_installs() -> None:
    names = {canonicalize_name(requirement.name): requirement for requirement in locked()}
    for wanted in map(Requirement, [*lines("requirements.txt"), "apache-airflow"]):
        requirement = names[canonicalize_name(wanted.name)]
        (version,) = (specifier.version for specifier in requirement.specifier)
        assert wanted.specifier.contains(Version(version)), f"{requirement} does not fit {wanted}; run `make lock`"
    others = {METADATA["name"], SANDBOX["name"], "pytest", "ruff", "playwright"}
    assert not others & set(names), "what only development needs is not in the image"


def test_the_image_can_be_built_from_the_lock_file_and_a_digest() -> None:
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^FROM \S+:\S+\$\{DIGEST\}$", text, re.MULTILINE)
    assert "--require-hashes -r /usr/local/airflow/requirements.lock" in text
    described = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    for word in ("DIGEST", "LOCKED", "requirements.lock"):
        assert word in described


def test_system_packages_are_plain_names() -> None:
    for line in lines("packages.txt"):
        assert re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", line), line


@pytest.mark.parametrize(
    "name",
    [
        "Makefile",
        "requirements.txt",
        "constraints.txt",
        "requirements.lock",
        "packages.txt",
        "Dockerfile",
        ".dockerignore",
        ".gitignore",
        "airflow_settings.yaml",
        ".ci/run",
        "pyproject.toml",
        "sandbox/pyproject.toml",
        "docs/operations.md",
    ],
)
def test_no_package_index_and_no_path_of_a_machine_is_named(name: str) -> None:
    text = (PROJECT / name).read_text(encoding="utf-8")
    # The options that keep such a thing out of constraints.txt are the one place where it is spoken of.
    text = re.sub(r"--no-emit-\S+", "", text)
    assert not re.search(r"index-url|find-links|trusted-host|pypi|file://", text, re.IGNORECASE)
    assert not re.search(r"/(home|root|Users|work)/", text)


def test_the_settings_hold_nothing_but_the_addresses_of_the_sandbox_and_the_local_airflow() -> None:
    text = (PROJECT / "airflow_settings.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[a-z0-9.:-]+[a-z0-9]", text)) == {"http://localhost:8765", "http://localhost:8080"}
    assert set(re.findall(r"conn_password: (?!http)(\S+)", text)) <= {
        "placeholder",
        "sandbox-token",
        "sandbox-pat-secret",
        "xapp-sandbox",
        "xoxb-sandbox",
    }


def make(*arguments: str) -> str:
    """What make prints; a make that may be running these tests has no say in it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True).stdout


def test_make_lists_its_targets() -> None:
    listed = make()
    targets = re.findall(r"^  make ([a-z-]+)", listed, re.MULTILINE)
    assert targets == [
        "help",
        "demo",
        "up",
        "pictures",
        "cluster",
        "test",
        "test-all",
        "test-cluster",
        "test-unit",
        "docs",
        "docs-serve",
        "bench",
        "proof-clients",
        "proof-identity",
        "lint",
        "lock",
        "wheel",
        "clean",
    ]


def test_make_hands_the_page_on(tmp_path: Path) -> None:
    stamp = tmp_path / ".installed"
    stamp.touch()
    shown = make("-n", "demo", "PAGE=a page.xhtml", f"VENV={tmp_path}", "SETUP=Makefile")
    assert shown.splitlines()[-1] == f"{tmp_path}/bin/python -m workplace_sandbox.local demo --page 'a page.xhtml'"


def test_ci_is_a_shell_script_that_runs_lint_and_every_test() -> None:
    script = PROJECT / ".ci" / "run"
    subprocess.run(["bash", "-n", script], check=True)
    assert script.stat().st_mode & 0o111
    text = script.read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    assert "export CI=true" in text
    assert {"make lint", "make test"} <= set(text.splitlines())
