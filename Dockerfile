# Astro Runtime 3.3 is Airflow 3.3. Its ONBUILD steps run first: they install packages.txt and requirements.txt, and then
# copy this directory (without the files of .dockerignore) to /usr/local/airflow.
#
# For a reproducible build, name the digest of the base image, and install the versions and hashes of
# requirements.lock (docs/operations.md):
#   docker build --build-arg DIGEST=@sha256:… --build-arg LOCKED=1 .
ARG DIGEST=""
FROM astrocrpublic.azurecr.io/runtime:3.3-8${DIGEST}

ARG LOCKED=""
USER root
RUN if [ -n "$LOCKED" ]; then uv pip install --system --no-cache-dir --compile-bytecode --require-hashes -r /usr/local/airflow/requirements.lock; fi
# The provider cannot be in requirements.txt, which is installed before the project is copied. The constraints are the
# image's own, so that its Airflow stays unchanged. With the lock file, all dependencies are already installed.
RUN uv pip install --system --no-cache-dir --compile-bytecode ${LOCKED:+--no-deps} -c /etc/pip-constraints.txt /usr/local/airflow
USER astro
