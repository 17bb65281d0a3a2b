"""The definition of an account sync with the member service, as a file of ``include/identity`` has it."""

from __future__ import annotations

from typing import Any

DEFINITION: dict[str, Any] = {
    "name": "상담 시스템",
    "target": {"type": "rest", "conn_id": "member_service", "service": "member_service.yaml"},
    "scope": {"domains": ["example.com"], "protect": ["root"]},
    "mapping": {
        "userName": {"source": "email|lower|localpart", "on": "create", "required": True},
        "emails.value": "email",
        "displayName": "{{ display_name }}",
        "password": {"source": "derived:pepper", "secret": True},
    },
    "policy": {"max_disable": 2, "rate": None},
    "secrets": {"pepper": "pepper"},
}
