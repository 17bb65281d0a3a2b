# Astro Runtime 3.3 is Airflow 3.3. Its ONBUILD steps run first: they install packages.txt and requirements.txt, and then
# copy this directory (less .dockerignore) to /usr/local/airflow.
FROM astrocrpublic.azurecr.io/runtime:3.3-8

# The provider cannot stand in requirements.txt: when that is installed, the project is not copied yet. The constraints
# are the image's own, so that its Airflow stays as it is.
USER root
RUN uv pip install --system --no-cache-dir --compile-bytecode -c /etc/pip-constraints.txt /usr/local/airflow
USER astro
