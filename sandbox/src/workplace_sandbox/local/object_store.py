"""moto's S3 server as a program, with a switch for times in which it is unavailable.

    python -m workplace_sandbox.local.object_store 9000 analytics logs

creates the buckets ``analytics`` and ``logs``. ``POST /_sandbox/unavailable?60`` lets it answer 503 for a minute.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import run_simple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SWITCH = "/_sandbox/unavailable"
REGION = "us-east-1"
_ACCOUNT = "123456789012"  # that of requests without a role, in moto
_BUSY = b"<?xml version='1.0'?><Error><Code>ServiceUnavailable</Code><Message>Reduce your request rate.</Message></Error>"


class Switch:
    """A WSGI application before another one, which answers 503 while the store is switched off."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._until = 0.0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if environ["PATH_INFO"] == SWITCH:
            self._until = time.monotonic() + float(environ["QUERY_STRING"])
            start_response("204 No Content", [])
            return []
        if time.monotonic() < self._until:
            # An unread body would be taken for the next request of the connection.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(_BUSY)))]
            start_response("503 Service Unavailable", headers)
            return [_BUSY]
        return self._application(environ, start_response)


def main(arguments: Sequence[str]) -> None:
    """Serve until the program is ended; the arguments are the port and the buckets."""
    port, *buckets = arguments
    for bucket in buckets:
        s3_backends[_ACCOUNT]["aws"].create_bucket(bucket, REGION)
    run_simple("127.0.0.1", int(port), Switch(create_backend_app("s3")), threaded=True)


if __name__ == "__main__":
    main(sys.argv[1:])
