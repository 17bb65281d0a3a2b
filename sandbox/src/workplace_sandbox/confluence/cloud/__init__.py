"""A stand-in for Confluence Cloud: REST v2 and the rest of v1, at the site and at the gateway; and Atlassian's OAuth.

It shows the same wiki as the Data Center stand-in does.
"""

SITE_PATH = "/cloud"
"""The site, as ``https://your-team.atlassian.net`` is; Confluence is at ``/wiki`` below it."""
WIKI_PATH = f"{SITE_PATH}/wiki"
GATEWAY_PATH = f"{SITE_PATH}/gateway"
"""Where OAuth tokens and scoped API tokens are taken, as ``https://api.atlassian.com`` is."""
AUTH_PATH = f"{SITE_PATH}/auth"
"""Where tokens come from, as ``https://auth.atlassian.com`` is."""
MEDIA_PATH = f"{SITE_PATH}/media"
"""Where the bytes of attachments are, as ``https://api.media.atlassian.com`` is; another host name than the site's."""
CLOUD_ID = "7c0e1f52-6a1b-4d0c-9f57-3b2a5d8c4e10"
