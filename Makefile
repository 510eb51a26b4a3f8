.DEFAULT_GOAL := help
.PHONY: help setup env demo up test chaos bench requirements clean
PYTHON ?= python3
BIN := .venv/bin
# Of two values the one that is already set wins.
ENV := eval "$$($(BIN)/python include/demo/environment.py)"

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-14s %s\n", $$1, $$2}'

.venv/.installed: requirements.txt pyproject.toml
	@test -x $(BIN)/pip || bash include/demo/venv.sh $(PYTHON)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

setup: .venv/.installed ## Build .venv, the Airflow home and the ledger's schema
	@$(ENV) && bash include/demo/setup.sh $(BIN)

env: .venv/.installed ## Print export lines for running airflow by hand: eval "$(make -s env)"
	@$(BIN)/python include/demo/environment.py

demo: .venv/.installed ## Run everything once, check every row, stop
	@$(BIN)/python -m demo

up: .venv/.installed ## The same, left running with the UI
	@$(BIN)/python -m demo --keep-running

test: .venv/.installed ## Lint, types, and all tests with coverage
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy include plugins
	@$(BIN)/python -m pytest -q -n auto -m "not e2e and not alone" --cov --cov-report= $(ARGS)
	@$(BIN)/python -m pytest -q -m "e2e or alone" --cov --cov-append --cov-report=term:skip-covered $(ARGS)

chaos: .venv/.installed ## Prove exactly once under crashes and faults
	@$(BIN)/python -m tests.chaos $(ARGS)

bench: .venv/.installed ## Measure, beside the alternatives (ARGS=--full: all of it)
	@$(BIN)/python -m tests.benchmarks $(ARGS)

requirements: .venv/.installed ## Compile requirements.txt from pyproject.toml
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --all-extras --upgrade pyproject.toml -o requirements.txt \
		--custom-compile-command "make requirements" --no-annotate

clean: ## Remove what make built; what was sent stays known (else: rm .airflow/ledger.db*)
	@rm -rf .venv
	@test ! -d .airflow || find .airflow -mindepth 1 -maxdepth 1 ! -name 'ledger.db*' -exec rm -rf {} +
	@test ! -d .airflow || rmdir .airflow 2>/dev/null || \
		echo "kept: .airflow/ledger.db, which knows what was sent; to forget that for good: rm .airflow/ledger.db*"
