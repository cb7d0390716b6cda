# Every target sets itself up. Wanted beforehand: Python 3.11 or later with pip and venv, and make. `make help` lists them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

# A stamp says what was installed; a changed pyproject.toml makes it stale.
RUNS := $(VENV)/.keepwarm-runs
DEVELOPS := $(VENV)/.keepwarm-develops
MEASURES := $(VENV)/.keepwarm-measures

PYTEST := $(BIN)/python -m pytest
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup demo test check bench docs clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNS) ## the whole flow on sandboxes: no credentials, nothing leaves this machine
	@$(BIN)/keepwarm demo $(ARGS)

test: $(DEVELOPS) ## all tests; ARGS="tests/rules -k consent" chooses
	@$(PYTEST) $(ARGS)

check: $(DEVELOPS) ## format, lint, types, imports, tests; stops at the first that fails
	@echo "== format: ruff format --check" && $(BIN)/ruff format --check .
	@echo "== lint: ruff check" && $(BIN)/ruff check .
	@echo "== types: mypy" && $(BIN)/mypy
	@echo "== imports: lint-imports" && $(BIN)/lint-imports
	@echo "== tests: pytest" && $(PYTEST)

bench: $(MEASURES) ## the measured promises, on this machine
	@$(BIN)/python -m bench $(ARGS)

docs: $(DEVELOPS) ## write the generated parts of the documentation anew
	@$(BIN)/python docs/generate.py

setup: $(DEVELOPS) ## only install

clean: ## remove what was installed or cached; never the database
	@rm -rf $(VENV) build dist keepwarm.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	@find connector adapters tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +

# pip is made last, so that a venv that broke half-way is made again
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Keepwarm needs Python 3.11 or later, and $(PYTHON) is none; choose one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: its ensurepip is missing." >&2; \
	  echo "Debian, Ubuntu: apt install python3-venv (or python3.11-venv, as your version is). Then make again." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(RUNS): pyproject.toml | $(BIN)/pip
	@echo "Installing Keepwarm into $(VENV) (once)"
	@$(PIP) install --quiet --editable .
	@touch $@

$(DEVELOPS): pyproject.toml | $(BIN)/pip
	@echo "Installing Keepwarm and its tools into $(VENV) (once)"
	@$(PIP) install --quiet --editable '.[dev]'
	@touch $(RUNS) $@

# without the other engines the bench says so and measures the rest
$(MEASURES): $(DEVELOPS)
	@echo "Installing the engines that Keepwarm is measured beside into $(VENV) (once)"
	@$(PIP) install --quiet --editable '.[dev,bench]' || \
	  echo "Not all of them can be installed here; the bench leaves out what is missing." >&2
	@touch $@
