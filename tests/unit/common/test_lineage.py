from __future__ import annotations

import pytest

from workplace_provider.common.lineage import TaskLineage, dataset_of


@pytest.mark.parametrize(
    ("url", "dataset"),
    [
        ("https://wiki.example.com/pages/view?pageId=7", ("https://wiki.example.com", "pages/view?pageId=7")),
        ("https://bot:secret@bi.example.com:8443/#/site/a/views/W/S", ("https://bi.example.com:8443", "#/site/a/views/W/S")),
        ("https://jira.example.com/issues/?jql=project%20%3D%20A", ("https://jira.example.com", "issues/?jql=project = A")),
        ("https://wiki.example.com", ("https://wiki.example.com", "/")),
    ],
)
def test_a_dataset_has_the_site_as_its_namespace_and_no_login(url: str, dataset: tuple[str, str]) -> None:
    assert dataset_of(url) == dataset


def test_each_url_is_recorded_once_per_task() -> None:
    first, second = TaskLineage(), TaskLineage()
    for _ in range(2):
        first.record_input("https://a.example.com/1")
    assert first._inputs == ("https://a.example.com/1",)
    assert second._inputs == ()
