from airflow.plugins_manager import AirflowPlugin

from workplace_provider.confluence.auth.consent import NAME, PREFIX, ConsentPages


class ConfluenceConsent(AirflowPlugin):
    """*Admin -> Connect Confluence*: a person lets a Confluence connection act for them, by OAuth."""

    name = "confluence_consent"
    fastapi_apps = [{"app": ConsentPages(), "url_prefix": PREFIX, "name": NAME}]  # noqa: RUF012 - a plain list is read
    # Without a "url_route" the page opens by itself. In a frame of the UI it could not send anybody to Atlassian.
    external_views = [  # noqa: RUF012
        {"name": NAME, "href": f"{PREFIX.lstrip('/')}/", "category": "admin", "destination": "nav"}
    ]
