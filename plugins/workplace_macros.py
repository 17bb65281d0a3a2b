from airflow.plugins_manager import AirflowPlugin

from workplace_provider.common.report_date import report_date, report_title


class WorkplaceMacros(AirflowPlugin):
    """``{{ macros.workplace.report_date() }}`` and ``{{ macros.workplace.report_title(pattern) }}`` in every template."""

    name = "workplace"
    macros = [report_date, report_title]  # noqa: RUF012 - Airflow's plugin manager reads a plain list
