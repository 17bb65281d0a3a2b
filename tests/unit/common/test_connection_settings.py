from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from workplace_provider.common.connection_settings import http_settings
from workplace_provider.http.client import HttpSettings


def test_limits_are_extras_of_a_connection() -> None:
    extra = {
        "total_timeout": "7.5",
        "download_timeout": 90,
        "max_response_bytes": "1000",
        "max_download_bytes": 2000,
        "max_redirects": 0,
    }
    assert http_settings("wiki", extra) == replace(
        HttpSettings(),
        total_timeout=7.5,
        download_timeout=90.0,
        max_response_bytes=1000,
        max_download_bytes=2000,
        max_redirects=0,
    )
    assert http_settings("wiki", dict.fromkeys(extra, "")) == HttpSettings()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("total_timeout", 0),
        ("total_timeout", "inf"),
        ("total_timeout", "nan"),
        ("download_timeout", "soon"),
        ("max_response_bytes", 0),
        ("max_download_bytes", "2 GB"),
        ("max_redirects", -1),
    ],
)
def test_limits_that_are_no_limits_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"connection wiki: {key} is "):
        http_settings("wiki", {key: value})
