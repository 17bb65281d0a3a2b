"""The provider's metadata for Airflow: connection types with their forms, operators, hooks, links.

Metadata that does not match Airflow's schema breaks the discovery of all providers, so a test validates it against both
schemas.
"""

from __future__ import annotations

from typing import Any

CONFLUENCE = "Confluence"
GITHUB = "GitHub"
JIRA = "Jira"
NOTICES = "Notice boards"
SCIM = "SCIM"
SLACK = "Slack"
TABLEAU = "Tableau"


def provider_info() -> dict[str, Any]:
    """Return the metadata in the format of Airflow's ``provider_info.schema.json``."""
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
                "integration-name": GITHUB,
                "external-doc-url": "https://docs.github.com/en/graphql",
                "tags": ["service"],
            },
            {
                "integration-name": JIRA,
                "external-doc-url": "https://developer.atlassian.com/server/jira/platform/rest-apis/",
                "tags": ["service"],
            },
            {
                "integration-name": NOTICES,
                "external-doc-url": "https://www.rfc-editor.org/rfc/rfc4287",
                "tags": ["protocol"],
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
            {
                "integration-name": TABLEAU,
                "external-doc-url": "https://help.tableau.com/current/api/rest_api/en-us/REST/rest_api.htm",
                "tags": ["service"],
            },
        ],
        "hooks": [
            {"integration-name": CONFLUENCE, "python-modules": ["workplace_provider.confluence.hooks.confluence"]},
            {"integration-name": SCIM, "python-modules": ["workplace_provider.identity.hooks"]},
            {
                "integration-name": SLACK,
                "python-modules": [
                    "workplace_provider.slack.hooks.directory",
                    "workplace_provider.slack.hooks.socket",
                    "workplace_provider.slack.hooks.webhook",
                ],
            },
            {"integration-name": TABLEAU, "python-modules": ["workplace_provider.tableau.hooks"]},
        ],
        "operators": [
            {"integration-name": CONFLUENCE, "python-modules": ["workplace_provider.confluence.operators"]},
            {"integration-name": GITHUB, "python-modules": ["workplace_provider.github.operators"]},
            {"integration-name": JIRA, "python-modules": ["workplace_provider.jira.operators"]},
            {"integration-name": CONFLUENCE, "python-modules": ["workplace_provider.confluence.operators.review"]},
            {"integration-name": CONFLUENCE, "python-modules": ["workplace_provider.reports.operators"]},
            {"integration-name": NOTICES, "python-modules": ["workplace_provider.notices.operators.notices"]},
            {
                "integration-name": SLACK,
                "python-modules": [
                    "workplace_provider.identity.operators",
                    "workplace_provider.slack.operators.base",
                    "workplace_provider.slack.operators.bot",
                    "workplace_provider.slack.operators.events",
                    "workplace_provider.slack.operators.post",
                    "workplace_provider.slack.operators.reactions",
                    "workplace_provider.slack.operators.report",
                    "workplace_provider.slack.operators.review",
                    "workplace_provider.slack.operators.schedule",
                    "workplace_provider.slack.operators.webhook",
                ],
            },
            {"integration-name": TABLEAU, "python-modules": ["workplace_provider.tableau.operators"]},
        ],
        "sensors": [
            {"integration-name": CONFLUENCE, "python-modules": ["workplace_provider.confluence.sensors"]},
            {"integration-name": JIRA, "python-modules": ["workplace_provider.jira.sensors"]},
            {"integration-name": TABLEAU, "python-modules": ["workplace_provider.tableau.sensors"]},
        ],
        "triggers": [
            {"integration-name": CONFLUENCE, "python-modules": ["workplace_provider.confluence.triggers"]},
            {"integration-name": SLACK, "python-modules": ["workplace_provider.slack.triggers.socket"]},
        ],
        # The schema describes objects, but Airflow reads names of classes.
        "queues": ["workplace_provider.slack.queues.SlackMessageQueueProvider"],
        "notifications": [
            "workplace_provider.slack.notifications.alarm.SlackAlarmNotifier",
            "workplace_provider.slack.notifications.post.SlackPostNotifier",
        ],
        "extra-links": [
            "workplace_provider.confluence.operators.page_result.PageLink",
            "workplace_provider.slack.operators.post.SlackMessageLink",
            "workplace_provider.tableau.operators.base.TableauViewLink",
        ],
        "connection-types": [_confluence(), _scim(), _slack_app(), _tableau()],
        "config": {"workplace": {"description": "Settings of the Workplace provider.", "options": _options()}},
    }


def _confluence() -> dict[str, Any]:
    return {
        "connection-type": "confluence",
        "hook-class-name": "workplace_provider.confluence.hooks.confluence.ConfluenceHook",
        "hook-name": CONFLUENCE,
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "port"],
            "relabeling": {
                "host": "Site URL",
                "login": "User, e-mail or client id",
                "password": "Token, password or secret",
            },
            "placeholders": {
                "host": "https://wiki.example.com/confluence or https://your-team.atlassian.net",
                "login": "empty for a personal access token; on Cloud the e-mail address or the app's client id",
                "password": "personal access token, API token, the user's password, or the app's client secret",
            },
        },
        "conn-fields": {
            "deployment": _choice("Deployment", ["auto", "datacenter", "cloud"], "Confluence edition at the URL"),
            "auth": _choice(
                "Credential on Cloud",
                ["token", "scoped", "oauth", "service_account"],
                "API token, API token with scopes, OAuth app that a person consented to, or service account",
            ),
            "cloud_id": _text("Cloud id", "Id of the site. Needed only if the credential is for several sites"),
            "token_variable": _text(
                "Token Variable", "Variable with the tokens of oauth. Leave empty for <conn_id>_oauth_token"
            ),
            "api_url": _text("API URL", "URL of Atlassian's gateway. Leave empty for https://api.atlassian.com"),
            "auth_url": _text("Sign-in URL", "URL that issues tokens. Leave empty for https://auth.atlassian.com"),
            "space_key": _text("Space key", "Space that the connection test reads"),
            "context_path": _text("Context path", "Path such as /confluence, if the URL does not contain it"),
            "site_url": _text("Site URL", "Base URL of links for people, if the URL above is an internal address"),
            **_requests(read_timeout=60),
        },
    }


def _scim() -> dict[str, Any]:
    return {
        "connection-type": "scim",
        "hook-class-name": "workplace_provider.identity.hooks.ScimHook",
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
            "name": _text("Name", "Name of the service in reports and messages"),
            "read": _choice("Reading", ["list", "lookup"], "lookup for a service that does not list all of its users"),
            "bulk": _choice("Bulk requests", ["auto", "never"], "auto uses them if the service supports them"),
            "patch_style": _choice("Changes", ["rfc", "entra", "put"], "put for a service without PATCH"),
            **_requests(read_timeout=60),
        },
    }


def _slack_app() -> dict[str, Any]:
    return {
        "connection-type": "slack_app",
        "hook-class-name": "workplace_provider.slack.hooks.socket.SlackSocketModeHook",
        "hook-name": "Slack app (Socket Mode)",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "port", "host", "login"],
            "relabeling": {"password": "App-level token"},
            "placeholders": {"password": "xapp-…, with the scope connections:write"},
        },
        "conn-fields": {
            "slack_conn_id": _text(
                "Bot connection", "Connection of type slack with the app's bot token. Leave empty for slack_api_default"
            ),
            "base_url": _text("Base URL", "URL of the Web API, ending with /api/. Leave empty for Slack's own"),
            **_requests(read_timeout=20),
        },
    }


def _tableau() -> dict[str, Any]:
    return {
        "connection-type": "tableau_rest",
        "hook-class-name": "workplace_provider.tableau.hooks.TableauRestHook",
        "hook-name": "Tableau REST",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "port"],
            "relabeling": {"host": "Server or pod URL", "login": "Token name or user", "password": "Secret"},
            "placeholders": {
                "host": "https://prod-apnortheast-a.online.tableau.com",
                "login": "name of a personal access token, or Tableau user",
                "password": "secret of the token or connected app, password, or JWT",
            },
        },
        "conn-fields": {
            "auth": _choice(
                "Sign-in",
                ["pat", "password", "connected_app", "jwt"],
                "Kind of credential in login and password: personal access token, password, connected app or JWT",
            ),
            "site": _text("Site", "Name of the site in URLs. Leave empty for the default site of a server"),
            "pats": _secret(
                "More tokens", 'More personal access tokens for parallel tasks, as JSON: [{"name": "…", "secret": "…"}]'
            ),
            "client_id": _text("Client id", "Client id of the connected app"),
            "secret_id": _text("Secret id", "Id of the connected app's secret"),
            "scopes": _text("Scopes", "Scopes of the connected app's tokens. Leave empty for the scopes that exports need"),
            "api_version": _text(
                "REST API version", "Such as 3.19. Leave empty for the newest version that server and client support"
            ),
            "context_path": _text(
                "Context path",
                "Path before the REST API, such as /tableau. Leave empty if the URL contains it or there is none",
            ),
            **_requests(read_timeout=330),
        },
    }


def _requests(*, read_timeout: int) -> dict[str, Any]:
    """Return the fields of :func:`workplace_provider.common.connection_settings.http_settings`."""
    return {
        "ca_bundle": _text("CA bundle", "File on the worker with the certificate authorities to trust"),
        "client_cert": _text("Client certificate", "PEM file on the worker. Its key is in it, or in the next field"),
        "client_key": _text("Client key", "PEM file on the worker"),
        "legacy_tls": _flag("Legacy TLS", "For a server without secure renegotiation", default=False),
        "verify": _flag("Check certificates", "Keep it on. For a company's own authority, use CA bundle", default=True),
        "proxy": _text("Proxy", "URL of a proxy. Leave empty for the proxy of the environment"),
        "connect_timeout": _seconds("Connect time-out", "Seconds to wait for a connection", 10),
        "read_timeout": _seconds("Read time-out", "Seconds to wait between two bytes of a response", read_timeout),
        "max_retry_wait": _seconds("Longest wait", "Seconds. With a longer Retry-After, the request fails instead", 60),
        "total_timeout": _seconds("Total time-out", "Seconds for a whole response. Leave empty for 5 read time-outs", None),
        "download_timeout": _seconds("Download time-out", "Seconds for a whole file", 3600),
        "max_response_bytes": _count("Largest response", "Bytes, decompressed. 32 MiB by default", 32 * 1024 * 1024),
        "max_download_bytes": _count("Largest file", "Bytes, decompressed. 2 GiB by default", 2 * 1024 * 1024 * 1024),
        "max_redirects": _count("Most redirects", "Maximum redirects of a request", 5),
    }


def _options() -> dict[str, Any]:
    return {
        "artifacts_path": {
            "description": "Folder or object-storage URL for the files that tasks create; empty for AIRFLOW_HOME/artifacts. "
            "It must not be below the path of the object-storage XCom backend, which deletes files in its path.",
            "version_added": "0.1.0",
            "type": "string",
            "example": "s3://aws_default@analytics/artifacts",
            "default": "",
        },
        "artifacts_retention": {
            "description": "How long the DAG artifact_retention keeps the files of runs, such as 400d; empty to keep them. "
            "The definition of a report may set another time.",
            "version_added": "0.1.0",
            "type": "string",
            "example": "400d",
            "default": "",
        },
        "identity_events": {
            "description": "Whether the DAG identity_people syncs a person as soon as Slack reports a new, changed or "
            "deactivated member. It needs a connection of type slack_app.",
            "version_added": "0.1.0",
            "type": "boolean",
            "example": "true",
            "default": "false",
        },
        "identity_retention_days": {
            "description": "Number of days for which directories, plans, reports and journals of identity syncs are kept. "
            "They contain names and addresses of people; every run of the DAG removes older ones. 0 keeps all.",
            "version_added": "0.1.0",
            "type": "integer",
            "example": "30",
            "default": "90",
        },
    }


def _text(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], "default": None}}


def _secret(label: str, description: str) -> dict[str, Any]:
    schema = {"type": ["string", "null"], "default": None, "format": "password"}
    return {"label": label, "description": description, "schema": schema}


def _choice(label: str, values: list[str], description: str) -> dict[str, Any]:
    schema = {"type": "string", "enum": values, "default": values[0]}
    return {"label": label, "description": description, "schema": schema}


def _flag(label: str, description: str, *, default: bool) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": "boolean", "default": default}}


def _seconds(label: str, description: str, default: int | None) -> dict[str, Any]:
    schema = {"type": ["number", "null"], "default": default, "minimum": 1}
    return {"label": label, "description": description, "schema": schema}


def _count(label: str, description: str, default: int) -> dict[str, Any]:
    schema = {"type": ["integer", "null"], "default": default, "minimum": 0}
    return {"label": label, "description": description, "schema": schema}
