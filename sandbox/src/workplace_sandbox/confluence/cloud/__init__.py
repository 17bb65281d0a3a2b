"""A stand-in for Confluence Cloud: REST v2 and the rest of v1, at the site and at the gateway; and Atlassian's OAuth.

It shows the same wiki as the Data Center stand-in does.
"""

SITE_PATH = "/cloud"
"""The site, like ``https://your-team.atlassian.net``; Confluence is at ``/wiki`` below it."""
WIKI_PATH = f"{SITE_PATH}/wiki"
GATEWAY_PATH = f"{SITE_PATH}/gateway"
"""The gateway for OAuth tokens and scoped API tokens, like ``https://api.atlassian.com``."""
AUTH_PATH = f"{SITE_PATH}/auth"
"""The source of OAuth tokens, like ``https://auth.atlassian.com``."""
MEDIA_PATH = f"{SITE_PATH}/media"
"""The host of the attachments' bytes, like ``https://api.media.atlassian.com``; another host name than the site's."""
CLOUD_ID = "7c0e1f52-6a1b-4d0c-9f57-3b2a5d8c4e10"
