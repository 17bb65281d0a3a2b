# All targets work in a fresh clone: each creates its environment first. `make help` lists the targets.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CLUSTER_INSTALLED := $(VENV)/.cluster-installed
SETUP := sandbox/src/workplace_sandbox/local/environment.py

.DEFAULT_GOAL := help
.PHONY: docs docs-serve help demo up pictures cluster test test-all test-cluster test-unit bench proof-clients proof-identity lint lock wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamp is newer than the files that decide the contents, so that a second `make` installs nothing.
$(INSTALLED): pyproject.toml sandbox/pyproject.toml constraints.txt $(SETUP)
	@$(PYTHON) $(SETUP) $(VENV) --constraints constraints.txt --editable '.[dev]' --editable './sandbox[demo]'
	@touch $@

$(CLUSTER_INSTALLED): $(INSTALLED)
	@$(PYTHON) $(SETUP) $(VENV) --constraints constraints.txt --editable './sandbox[cluster]'
	@touch $@

demo: $(INSTALLED) ## run the DAGs in a real Airflow on the sandbox, show the results, stop everything (PAGE=file.xhtml)
	@$(BIN)/python -m workplace_sandbox.local demo $(if $(PAGE),--page '$(PAGE)')

up: $(INSTALLED) ## run the demo and stay up until Ctrl-C (PAGE=file.xhtml)
	@$(BIN)/python -m workplace_sandbox.local up $(if $(PAGE),--page '$(PAGE)')

pictures: $(INSTALLED) ## run the demo and take the README's screenshots into docs/pictures (needs chromium)
	@$(BIN)/python -m workplace_sandbox.local pictures

cluster: $(CLUSTER_INSTALLED) ## run an Airflow on Celery, PostgreSQL, Redis and S3 until Ctrl-C: two schedulers, triggerers and workers
	@$(BIN)/python -m workplace_sandbox.local cluster

test: $(INSTALLED) ## run all tests except the large ones, with the duration of each part (ARGS are pytest's)
	$(BIN)/python tests/run.py $(ARGS)

test-all: $(INSTALLED) ## run all tests, with the large ones: much data, every fault at every write, and those of the cluster
	$(BIN)/python tests/run.py --all $(ARGS)
	$(MAKE) test-cluster

test-cluster: $(CLUSTER_INSTALLED) ## run the DAGs on a cluster, and kill its processes meanwhile (needs PostgreSQL and Redis)
	$(BIN)/python -m pytest tests/e2e/cluster -m cluster $(ARGS)

test-unit: $(INSTALLED) ## run the unit tests, two at a time: no Airflow process, no browser, no clean environment
	$(BIN)/python -m pytest tests/unit -n 2 $(ARGS)

docs: $(INSTALLED) ## build the documentation site into site, strictly: a dead link is an error
	@$(BIN)/python -c 'import mkdocs, mkdocstrings' 2>/dev/null || $(PYTHON) $(SETUP) $(VENV) --constraints constraints.txt --editable '.[dev,docs]'
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet && echo "site/index.html"

docs-serve: docs ## show the documentation site while you write it
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

bench: $(INSTALLED) ## edit and compare pathological pages, each within a second
	$(BIN)/python benchmarks/limits.py

proof-clients: $(INSTALLED) ## publish and export through clients of other projects, on the sandbox (needs node and npm; ARGS)
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet uv
	$(BIN)/python benchmarks/proof_clients.py $(ARGS)

proof-identity: $(INSTALLED) ## sync accounts with four third-party SCIM servers, through 1,500 faults (needs npm; ARGS)
	$(BIN)/python benchmarks/proof_identity.py $(ARGS)

lint: $(INSTALLED) ## check style, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: $(INSTALLED) ## update constraints.txt to the newest matching versions, and requirements.lock with their hashes
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m uv pip compile pyproject.toml sandbox/pyproject.toml --extra dev --extra docs --extra celery --extra demo --extra cluster --universal --python-version 3.11 --upgrade \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet --output-file constraints.txt
	$(BIN)/python -m uv pip compile pyproject.toml --extra bot --extra jira --extra notices --extra reports --extra s3 --extra tableau --universal --python-version 3.11 \
	  --constraint constraints.txt --generate-hashes \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock

wheel: $(INSTALLED) ## build both wheels into dist/: the provider and its sandbox
	$(BIN)/python -m pip wheel . ./sandbox --no-deps --wheel-dir dist

clean: ## remove the environment, the demo's files and all caches
	rm -rf $(VENV) .demo .cluster build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
