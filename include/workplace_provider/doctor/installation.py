"""Checks of the installation: versions, plugins, components of Airflow, the artifact store."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata
from typing import Any, Final

from packaging.version import Version

from workplace_provider import __version__
from workplace_provider.doctor.findings import Finding, ok, problem, warning

OLDEST_AIRFLOW: Final = Version("3.3")
NEXT_AIRFLOW: Final = Version("4")
BROKEN_CELERY: Final = Version("5.7")
DISTRIBUTION: Final = "airflow-provider-workplace"
PLUGIN: Final = "workplace"
PROBE: Final = "doctor.txt"


def versions() -> Iterator[Finding]:
    """Check the versions of Airflow and of the packages that this provider needs."""
    airflow = Version(metadata.version("apache-airflow-core"))
    text = f"Workplace {__version__}, Airflow {airflow}, Python {platform.python_version()}"
    if not OLDEST_AIRFLOW <= airflow < NEXT_AIRFLOW:
        yield problem("versions", text, f"Install Airflow {OLDEST_AIRFLOW} or newer, before {NEXT_AIRFLOW}")
    else:
        yield ok("versions", text)
    if "Celery" in _executor() and (celery := _version("celery")) and celery >= BROKEN_CELERY:
        yield problem(
            "versions",
            f"Celery {celery} does not start with Airflow's CeleryExecutor",
            f"Install it with this provider: pip install '{DISTRIBUTION}[celery]'",
        )


def plugins() -> Iterator[Finding]:
    """Check that Airflow has found the provider and its plugin, once each."""
    from airflow import plugins_manager
    from airflow.providers_manager import ProvidersManager

    if DISTRIBUTION not in ProvidersManager().providers:  # type: ignore[no-untyped-call]
        yield problem(
            "plugins",
            "Airflow does not find the provider: its connection types are missing from the UI",
            f"Install the wheel where Airflow runs: pip install {DISTRIBUTION}",
        )
    for source, error in plugins_manager.get_import_errors().items():
        yield problem("plugins", f"the plugin {source} cannot be imported: {error}", "Fix or remove it")
    number = sum(plugin.name == PLUGIN for plugin in plugins_manager._get_plugins()[0])
    if number == 0:
        yield problem(
            "plugins",
            "the plugin is not registered, so macros.workplace is undefined in templates",
            f"Install the wheel; a copied folder has no entry point: pip install {DISTRIBUTION}",
        )
    elif number > 1:
        yield warning(
            "plugins",
            f"the plugin is registered {number} times, so the UI shows its pages more than once",
            "Remove the copies from the plugins folder; the wheel registers it",
        )
    else:
        yield ok("plugins", "macros.workplace and the pages of the provider are registered")


def components() -> Iterator[Finding]:
    """Check that the scheduler, the DAG processor and the triggerer are alive."""
    from airflow.jobs.job import most_recent_job
    from sqlalchemy.exc import SQLAlchemyError

    needs = {
        "SchedulerJob": ("scheduler", "no run is started"),
        "DagProcessorJob": ("DAG processor", "changed DAGs and definitions are not read"),
        "TriggererJob": ("triggerer", "sensors that wait, reviews by Slack and the bot do not continue"),
    }
    for job_type, (name, effect) in needs.items():
        try:
            job = most_recent_job(job_type)
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error)
            yield problem(
                "airflow",
                f"Airflow's database cannot be read: {cause}",
                "Set AIRFLOW__DATABASE__SQL_ALCHEMY_CONN as for the scheduler, and run airflow db migrate",
            )
            return
        if job is None or not job.is_alive():
            yield problem(
                "airflow", f"the {name} does not run: {effect}", f"Start it: airflow {name.lower().replace(' ', '-')}"
            )
        else:
            yield ok("airflow", f"the {name} runs on {job.hostname}")


def artifacts() -> Iterator[Finding]:
    """Check that files can be written to the artifact store, and read by tasks on other machines."""
    from workplace_provider.common.artifact_store import ArtifactStore

    advice = "Set [workplace] artifacts_path to a folder or URL that every worker may write to"
    try:
        store = ArtifactStore()
        _write_and_read(store)
    except Exception as error:  # whatever the file system of a store raises
        yield problem("artifacts", f"the artifact store cannot be used: {type(error).__name__}: {error}", advice)
        return
    yield ok("artifacts", f"files can be written to {store.base}")
    if store.path(store.base).protocol in ("", "file", "local") and "Local" not in _executor():
        yield warning(
            "artifacts",
            f"{store.base} is on this machine, and {_executor()} runs tasks on several",
            "Set [workplace] artifacts_path to object storage, such as s3://CONN_ID@BUCKET/artifacts, or to a shared disk",
        )


def _write_and_read(store: Any) -> None:
    folder = f"{store.base}/doctor"
    with store.publish(folder, PROBE, "text/plain") as sink:
        sink.write(b"doctor")
    path = store.path(folder) / PROBE
    if path.read_bytes() != b"doctor":
        raise OSError(f"{path} has other content than was written")
    path.unlink()


def _executor() -> str:
    from airflow.configuration import conf

    return str(conf.get("core", "executor", fallback="LocalExecutor"))


def _version(distribution: str) -> Version | None:
    try:
        return Version(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return None
