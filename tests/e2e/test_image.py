"""The image cannot rot although no Docker engine is available: its steps, run in a clean virtual environment.

The order is that of Astro Runtime's ONBUILD steps: the base image has Airflow; requirements.txt is installed before the
project is copied; then the project without the files of .dockerignore; then the steps of the Dockerfile.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

from workplace_sandbox.local.environment import install

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).parents[2]
IMAGE_PROJECT = "/usr/local/airflow"
IMAGE_CONSTRAINTS = "/etc/pip-constraints.txt"

# Run with the environment's interpreter: every DAG file, and the plugins with them.
READ_DAGS = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow import plugins_manager
plugins_manager.ensure_plugins_loaded()
bag = DagBag(sys.argv[1])
from importlib.metadata import distribution
import workplace_provider
print(json.dumps({
    "dags": sorted(bag.dags),
    "files": sorted({dag.fileloc for dag in bag.dags.values()}),
    "errors": bag.import_errors,
    "plugin_errors": plugins_manager.get_import_errors(),
    "provider": workplace_provider.__file__,
    "source": json.loads(distribution("airflow-provider-workplace").read_text("direct_url.json"))["url"],
}))
"""


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Return the Dockerfile as (instruction, argument), without comments, continued lines joined."""
    text = "\n".join(line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    joined = text.replace("\\\n", " ")
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word]


def ignored(path: PurePosixPath, patterns: list[str]) -> bool:
    """Return whether .dockerignore leaves a path out: the rules that our file uses (names, `*`, a leading `**/`)."""
    candidates = [PurePosixPath(*path.parts[: n + 1]) for n in range(len(path.parts))]
    for pattern in patterns:
        if pattern.startswith("**/"):
            if any(fnmatch(candidate.name, pattern[3:]) for candidate in candidates):
                return True
        elif any(str(candidate) == pattern for candidate in candidates):
            return True
    return False


def ignore_patterns() -> list[str]:
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    unknown = [p for p in patterns if p.startswith("!") or "*" in p.removeprefix("**/").removeprefix("*")]
    assert not unknown, f"teach this test the rules of {unknown}"
    return patterns


def copy_context(to: Path) -> None:
    """Copy the build context: the project less .dockerignore."""
    patterns = ignore_patterns()
    for folder, folders, files in os.walk(PROJECT):
        relative = Path(folder).relative_to(PROJECT)
        folders[:] = [name for name in folders if not ignored(PurePosixPath(relative / name), patterns)]
        (to / relative).mkdir(parents=True, exist_ok=True)
        for name in files:
            if not ignored(PurePosixPath(relative / name), patterns):
                shutil.copy2(Path(folder) / name, to / relative / name)


def packages_of(command: str, context: Path) -> list[str]:
    """Return the packages that a `uv pip install` of the Dockerfile installs, with the image's paths replaced.

    Options about the way of the installation are left out; an unknown one fails the test instead of being passed over.
    """
    words = shlex.split(command)
    assert words[:3] == ["uv", "pip", "install"], f"teach this test how to do {command!r}"
    rest = words[3:]
    packages = []
    while rest:
        word = rest.pop(0)
        if word == "${LOCKED:+--no-deps}":
            continue
        if word in {"-c", "--constraint"}:
            assert rest.pop(0) == IMAGE_CONSTRAINTS  # the image's pins; ours replace them
        elif word.startswith("-"):
            assert word in {"--system", "--no-cache-dir", "--compile-bytecode"}, f"teach this test {word}"
        else:
            packages.append(str(context) if word == IMAGE_PROJECT else word)
    return packages


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build context as the image gets it."""
    copied = tmp_path_factory.mktemp("image") / "airflow"
    copy_context(copied)
    return copied


@pytest.fixture(scope="module")
def image(context: Path, clean_environment: Path) -> Path:
    """Return the interpreter of an environment that went through the image's steps.

    It had the provider's wheel before, for the tests of that: neither the extras that the DAGs use, nor this context.
    """
    python = clean_environment
    constraints = PROJECT / "constraints.txt"
    install(python, ["apache-airflow"], constraints, byte_compile=False)  # the base image
    install(python, ["-r", str(context / "requirements.txt")], constraints, byte_compile=False)  # ONBUILD
    for instruction, argument in instructions((PROJECT / "Dockerfile").read_text(encoding="utf-8")):
        if instruction == "RUN":
            if argument.startswith('if [ -n "$LOCKED" ]'):
                continue  # off by default; tests/unit/sandbox/local/test_project_files.py compares the lock file
            for command in argument.split("&&"):
                install(python, packages_of(command, context), constraints, byte_compile=False)
    return python


def test_the_base_is_astro_runtime_for_this_airflow() -> None:
    found = instructions((PROJECT / "Dockerfile").read_text(encoding="utf-8"))
    steps = ["ARG", "FROM", "ARG", "USER", "RUN", "RUN", "USER"]
    assert [word for word, _ in found] == steps, "teach this test the new steps"
    assert {argument for word, argument in found if word == "ARG"} == {'DIGEST=""', 'LOCKED=""'}
    release = re.fullmatch(r"astrocrpublic\.azurecr\.io/runtime:(\d+\.\d+)-\d+\$\{DIGEST\}", found[1][1])
    assert release
    pinned = re.search(r"^apache-airflow==(\d+\.\d+)\.", (PROJECT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned
    assert release[1] == pinned[1]
    assert found[-1] == ("USER", "astro"), "tasks do not run as root"


def test_the_context_is_lean(context: Path) -> None:
    assert {path.name for path in context.iterdir()} <= {
        *("dags", "include", "plugins", "LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md", "pyproject.toml"),
        *("requirements.txt", "requirements.lock", "constraints.txt", "packages.txt", "Dockerfile", ".dockerignore"),
    }
    assert not list(context.rglob("__pycache__"))


def test_every_dag_imports_in_the_image(image: Path, context: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PYTHONPATH"))}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(context / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path / 'airflow.db'}",
    }
    script = tmp_path / "read_dags.py"
    script.write_text(READ_DAGS)
    ran = subprocess.run(
        [image, script, context / "dags"], cwd=context, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])

    assert found["errors"] == {}
    assert found["plugin_errors"] == {}
    files = {str(path) for path in (context / "dags").glob("*.py")}
    assert set(found["files"]) == files
    assert found["dags"]
    assert Path(found["provider"]).is_relative_to(image.parents[1]), "the DAGs use the installed provider"
    assert found["source"] == context.as_uri(), "it is the one of this context"


def test_what_is_installed_fits_together(image: Path) -> None:
    ran = subprocess.run([image, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
