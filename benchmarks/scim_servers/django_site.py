"""A site with django-scim2 on SQLite, in the folder where it is started: ``python django_site.py PORT TOKEN``."""

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpResponse
from django.urls import include, path

PORT, TOKEN = sys.argv[1:]
urlpatterns = []


def signed_in(get_response):
    """Accept requests with the token, as a signed-in user."""

    def respond(request):
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return HttpResponse(status=401)
        request.user = SignedIn()
        return get_response(request)

    return respond


class SignedIn:
    """The user of the token."""

    is_authenticated = True


class Server(ThreadingMixIn, WSGIServer):
    """Handles several requests at a time."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_message(self, *_):
        """Log nothing."""


if __name__ == "__main__":
    settings.configure(
        SECRET_KEY="only-for-this-process",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=sys.modules[__name__],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        AUTH_USER_MODEL="directory.User",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_scim", "directory"],
        MIDDLEWARE=[f"{__name__}.signed_in", "django_scim.middleware.SCIMAuthCheckMiddleware"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "users.sqlite3", "OPTIONS": {"timeout": 20}}},
        LOGGING_CONFIG=None,
        SCIM_SERVICE_PROVIDER={
            "SCHEME": "http",
            "NETLOC": f"127.0.0.1:{PORT}",
            "AUTHENTICATION_SCHEMES": [{"type": "oauthbearertoken", "name": "token", "description": "a token"}],
            "GROUP_MODEL": "directory.models.Group",
            "USER_FILTER_PARSER": "directory.filters.Filter",
        },
    )
    django.setup()
    from django.core.wsgi import get_wsgi_application

    urlpatterns.append(path("v2/", include("django_scim.urls")))
    call_command("migrate", run_syncdb=True, verbosity=0)
    make_server("127.0.0.1", int(PORT), get_wsgi_application(), Server, Quiet).serve_forever()
