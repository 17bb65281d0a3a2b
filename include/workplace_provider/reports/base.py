"""Base class of the operators of a report."""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.fields import Field, option, template
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.reports.texts import period_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.periods import Period, PeriodRule
    from workplace_provider.reports.checks import SourceContent
    from workplace_provider.reports.definition import ReportDefinition
    from workplace_provider.reports.manifest import Manifest, ManifestStore


class ReportOperator(WorkplaceOperator):
    """Base class of the operators of a report.

    ::

        class CountOperator(ReportOperator):
            def execute(self, context):
                return len(self._contents())

    :param definition: the report
    :param sources: outputs of the source tasks, by the names of the sources
    """

    ui_color = "#deebff"

    definition: Field[ReportDefinition] = option()
    sources: Field[Mapping[str, Any]] = template(default=None)

    manifest_base = ""
    """Folder or URL of the manifests; by default that of all artifacts."""

    @cached_property
    def _rule(self) -> PeriodRule:
        from workplace_provider.reports.reading import period_rule

        return period_rule(self.definition)

    @cached_property
    def _manifests(self) -> ManifestStore:
        from workplace_provider.reports.manifest import manifests_of

        return manifests_of(self.definition, ArtifactStore(self.manifest_base or None))

    def _period(self, context: Context) -> Period:
        return period_of(context, self._rule)

    def _contents(self, absent: Container[str] = ()) -> dict[str, SourceContent]:
        """Return the outputs of the sources.

        :param absent: the sources that have no output in this run
        :raises ValueError: with the name of the source whose output cannot be used
        """
        from workplace_provider.reports.contents import source_content
        from workplace_provider.reports.reading import sources_with_rows

        contents = {}
        with_rows = sources_with_rows(self.definition)
        for name, source in self.definition.sources.items():
            if name in absent:
                continue
            try:
                contents[name] = source_content(source, (self.sources or {}).get(name), has_rows=name in with_rows)
            except (ValueError, FileNotFoundError) as error:
                raise ValueError(f"source {name}: {error}") from error
        return contents

    def _previous(self, period: Period) -> Manifest | None:
        """Return the manifest of the period before; ``None`` if there is none, or its report is withdrawn."""
        manifest = self._manifests.read(period.shift(-1).label)
        return manifest if manifest is None or manifest.withdrawal is None else None
