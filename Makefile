# Every command of the project. Needs Python 3.11 or newer and make; `setup` alone uses the network.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup run test soak check bench notebooks profile health prices tracking lock clean

BIN := .venv/bin
# The first of these that is new enough; any other is named with make PYTHON=...
PYTHON ?= $(shell for one in python3 python3.11 python3.12 python3.13; do \
	$$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$one && break; done)

# No usage reports, no look for newer versions. Each name is one that the library reads; Feast of today reports nothing.
export BENTOML_DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true
export FEAST_USAGE := False
export MARIMO_SKIP_UPDATE_CHECK := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

DOUBLES := tests/doubles/node_modules/.installed

setup: .venv/.installed $(DOUBLES) ## install what requirements.lock pins into .venv, and the doubles for tests where Node is

# The lock is complete, so pip need not resolve; modules are compiled afterwards because that uses every core.
# It is pip, not uv, because uv would not read the indexes and certificates that a company sets in pip.conf.
.venv/.installed: pyproject.toml requirements.lock
	@[[ -n "$(PYTHON)" ]] || { echo "Assay needs Python 3.11 or newer: install it, or name one with make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "setup: installing the pinned packages into .venv (a few minutes the first time)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --no-compile -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-compile -e .
	@$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true # templates inside packages need not compile
	@touch $@

# Doubles of PayPal and of an EVM node, for tests alone: nothing of it is served. Without Node their tests are skipped.
$(DOUBLES): tests/doubles/package.json tests/doubles/package-lock.json
	@if command -v npm >/dev/null; then \
		echo "setup: installing the doubles for tests into tests/doubles/node_modules" && \
		npm install --no-save --prefix tests/doubles --no-audit --no-fund --loglevel=error && touch $@ || \
		echo "setup: npm could not install them, so their tests will be skipped; the service needs none of them"; \
	else echo "setup: no Node here, so the tests against doubles of PayPal and of an EVM node will be skipped"; fi

run: .venv/.installed ## from nothing to a trained, serving system on 127.0.0.1:3000; DATA=folder for your own data, PORT=number
	$(BIN)/assay up $(if $(DATA),--data "$(DATA)") $(if $(PORT),--port $(PORT))

# Each file is tested by one process, which makes its fixtures once.
WORKERS ?= 0

test: setup ## the whole test suite; ARGS='-k ledger' for a part of it; WORKERS=2 for two processes
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

soak: setup ## what takes hours: a million histories, every kill, every byte; some are days of a processor
	ASSAY_SOAK=1 $(BIN)/python -m pytest tests/chaos tests/serving/ledger/proof/test_tampering.py \
		tests/serving/ledger/test_model_life.py --timeout 86400 $(ARGS)

check: setup ## format, lint, types, import layers, house rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/house --durations=0

# Those that need no more than a seed; `assay bench` lists them all.
BENCHES := serving features graph model

bench: setup ## every benchmark: a table, and one JSON object as its last line; DATA=folder for your own data
	@for name in $(BENCHES); do $(BIN)/assay bench $$name $(if $(DATA),--data "$(DATA)") || exit 1; done

notebooks: setup ## open the reviewers' notebook in a browser, on this machine only
	$(BIN)/marimo run notebooks/cases.py --host 127.0.0.1

profile: setup ## open the profile of a feature in a browser, on this machine only
	$(BIN)/marimo run notebooks/profiles.py --host 127.0.0.1

health: setup ## open a home's health in a browser, on this machine only, with the profiles that it links to
	$(BIN)/marimo run notebooks/health.py notebooks/profiles.py --host 127.0.0.1

prices: setup ## open a home's prices in a browser, on this machine only
	$(BIN)/marimo run notebooks/prices.py --host 127.0.0.1

tracking: setup ## MLflow's pages on 127.0.0.1:5000: runs, versions, the alias that serves
	MLFLOW_BACKEND_STORE_URI=sqlite:///$${ASSAY_HOME:-var}/mlflow/mlflow.db \
		$(BIN)/mlflow --env-file mlflow/server.env server --host 127.0.0.1 --port 5000

lock: setup ## resolve pyproject.toml again into requirements.lock, keeping the pins that still fit
	echo hatchling | $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --extra notebooks --extra postgres --extra scale --extra dev \
		pyproject.toml - -o requirements.lock

clean: ## remove var/ (data, models, records!) and caches; .venv stays
	@echo "clean: removing var/ and caches; .venv stays"
	@rm -rf var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name .venv -prune -o -type d \( -name __pycache__ -o -name __marimo__ \) -print0 | xargs -0 rm -rf
