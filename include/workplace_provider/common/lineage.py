"""Datasets that a task reads and writes, for Airflow's OpenLineage provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage


class TaskLineage:
    """Records the URLs of what an operator reads and writes; a mixin of :class:`WorkplaceOperator`.

    A dataset's namespace is the site, such as ``https://wiki.example.com``; its name is the rest of the URL::

        self.record_input(view.url)
        self.record_output(page.url)
    """

    _inputs: tuple[str, ...] = ()
    _outputs: tuple[str, ...] = ()

    def record_input(self, url: str) -> None:
        """Record the URL of what the task has read."""
        self._inputs = tuple(dict.fromkeys((*self._inputs, url)))

    def record_output(self, url: str) -> None:
        """Record the URL of what the task has written."""
        self._outputs = tuple(dict.fromkeys((*self._outputs, url)))

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Return the datasets; Airflow's OpenLineage provider calls this method after the task."""
        from airflow.providers.common.compat.openlineage.facet import Dataset
        from airflow.providers.openlineage.extractors import OperatorLineage

        def datasets(urls: tuple[str, ...]) -> list[Dataset]:
            return [Dataset(namespace=namespace, name=name) for namespace, name in map(dataset_of, urls)]

        return OperatorLineage(inputs=datasets(self._inputs), outputs=datasets(self._outputs))


def dataset_of(url: str) -> tuple[str, str]:
    """Return namespace and name of the dataset with a URL: scheme and host without a login, and the readable rest."""
    parts = urlsplit(url)
    namespace = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    rest = url.split(parts.netloc, 1)[1] if parts.netloc else url
    return namespace, unquote(rest.strip("/")) or "/"
