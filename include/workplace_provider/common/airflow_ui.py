"""Addresses in Airflow's UI."""

from __future__ import annotations

from urllib.parse import quote


def ui_base() -> str:
    """Return ``[api] base_url`` without a slash at its end; empty if it is not set."""
    from airflow.configuration import conf

    return str(conf.get("api", "base_url", fallback="") or "").rstrip("/")


def run_url(dag_id: str, run_id: str) -> str:
    """Return the URL of a run; only its path if ``[api] base_url`` is not set."""
    return f"{ui_base()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
