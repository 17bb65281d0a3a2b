"""The provider's entry in Airflow's registry: connection types with their forms, operators, hooks, links.

An entry that breaks Airflow's schema stops the discovery of all providers, so a test holds this against both schemas.
"""

from __future__ import annotations

from typing import Any

CONFLUENCE = "Confluence"
JIRA = "Jira"
SCIM = "SCIM"
SLACK = "Slack"


def provider_info() -> dict[str, Any]:
    """The provider's metadata in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-workplace",
        "name": "Workplace",
        "description": "Routine work around Confluence, Tableau and Slack: reports, documents, notices, accounts.",
        "integrations": [
            {
                "integration-name": CONFLUENCE,
                "external-doc-url": "https://developer.atlassian.com/server/confluence/confluence-server-rest-api/",
                "tags": ["service"],
            },
            {
                "integration-name": JIRA,
                "external-doc-url": "https://developer.atlassian.com/server/jira/platform/rest-apis/",
                "tags": ["service"],
            },
            {
                "integration-name": SCIM,
                "external-doc-url": "https://www.rfc-editor.org/rfc/rfc7644",
                "tags": ["protocol"],
            },
            {
                "integration-name": SLACK,
                "external-doc-url": "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/",
                "tags": ["service"],
            },
        ],
        "hooks": [
            {"integration-name": CONFLUENCE, "python-modules": ["workplace_provider.hooks.confluence"]},
            {"integration-name": SCIM, "python-modules": ["workplace_provider.hooks.scim"]},
            {"integration-name": SLACK, "python-modules": ["workplace_provider.hooks.slack_webhook"]},
        ],
        "operators": [
            {"integration-name": CONFLUENCE, "python-modules": ["workplace_provider.operators.confluence"]},
            {"integration-name": JIRA, "python-modules": ["workplace_provider.operators.jira"]},
            {"integration-name": SLACK, "python-modules": ["workplace_provider.operators.slack_webhook"]},
        ],
        "notifications": ["workplace_provider.notifications.slack_alarm.SlackAlarmNotifier"],
        "extra-links": ["workplace_provider.operators.page_result.PageLink"],
        "connection-types": [_confluence(), _scim()],
    }


def _confluence() -> dict[str, Any]:
    return {
        "connection-type": "confluence",
        "hook-class-name": "workplace_provider.hooks.confluence.ConfluenceHook",
        "hook-name": CONFLUENCE,
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "port"],
            "relabeling": {"host": "Site URL", "login": "User (not for a token)", "password": "Token or password"},
            "placeholders": {
                "host": "https://wiki.example.com/confluence",
                "login": "empty with a personal access token",
                "password": "personal access token, or the user's password",
            },
        },
        "conn-fields": {
            "deployment": _choice("Deployment", ["auto", "datacenter"], "What answers at the URL"),
            "space_key": _text("Space key", "A space that the connection test looks into"),
            "context_path": _text("Context path", "Where the URL does not contain it, such as /confluence"),
            **_http_fields(),
        },
    }


def _scim() -> dict[str, Any]:
    return {
        "connection-type": "scim",
        "hook-class-name": "workplace_provider.hooks.scim.ScimHook",
        "hook-name": SCIM,
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "port"],
            "relabeling": {"host": "Base URL", "login": "User (not for a token)", "password": "Token or password"},
            "placeholders": {
                "host": "https://app.example.com/scim/v2",
                "login": "empty with a bearer token",
                "password": "bearer token, or the user's password",
            },
        },
        "conn-fields": {
            "name": _text("Name", "The service's name in reports and messages"),
            "read": _choice("Reading", ["list", "lookup"], "lookup for a service that does not list all of its users"),
            "bulk": _choice("Bulk requests", ["auto", "never"], "auto uses them where the service offers them"),
            "patch_style": _choice("Changes", ["rfc", "entra", "put"], "put for a service that has no PATCH"),
            **_http_fields(),
        },
    }


def _http_fields() -> dict[str, Any]:
    """The extras of :mod:`workplace_provider.hooks.settings`."""
    return {
        "ca_bundle": _text("CA bundle", "File with the certificate authorities to trust, on the worker"),
        "client_cert": _text("Client certificate", "PEM file on the worker, with the key in it or in the next field"),
        "client_key": _text("Client key", "PEM file on the worker"),
        "legacy_tls": _flag("Legacy TLS", "For a server without secure renegotiation", default=False),
        "verify": _flag("Check certificates", "Leave it on; a company's own authority goes into CA bundle", default=True),
        "proxy": _text("Proxy", "URL of a proxy; by default the one of the environment"),
        "connect_timeout": _seconds("Connect time-out", "Seconds to wait for a connection", 10),
        "read_timeout": _seconds("Read time-out", "Seconds to wait between two bytes of an answer", 60),
        "max_retry_wait": _seconds("Longest wait", "Seconds; a longer Retry-After fails the request instead", 60),
    }


def _text(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], "default": None}}


def _choice(label: str, values: list[str], description: str) -> dict[str, Any]:
    schema = {"type": "string", "enum": values, "default": values[0]}
    return {"label": label, "description": description, "schema": schema}


def _flag(label: str, description: str, *, default: bool) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": "boolean", "default": default}}


def _seconds(label: str, description: str, default: int) -> dict[str, Any]:
    schema = {"type": ["number", "null"], "default": default, "minimum": 1}
    return {"label": label, "description": description, "schema": schema}
