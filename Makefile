.DEFAULT_GOAL := help
.SILENT:

VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT
# Python keeps what it compiled, also where a machine says otherwise: tests are collected in half the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show what can be made
	grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(VENV)/.installed ## Make the environment in .venv, and nothing else

.PHONY: setup-dev
setup-dev: $(VENV)/.installed-dev

.PHONY: demo
demo: setup ## Serve the demonstration town on http://HOST:PORT (127.0.0.1:8000); keeps what was done
	exec $(BIN)/grants demo serve --host "$(HOST)" --port "$(PORT)"

.PHONY: demo-data
demo-data: setup ## Load the demonstration town without serving it
	$(BIN)/grants demo load

.PHONY: demo-reset
demo-reset: setup ## Start the demonstration town over
	$(BIN)/grants demo reset

.PHONY: test
test: $(VENV)/.installed-dev ## Run all tests, with a browser and a PostgreSQL of their own
	.ci/browser
	.ci/postgres
	.ci/printer
	.ci/hledger
	$(BIN)/python -m pytest -n 2

.PHONY: lint
lint: $(VENV)/.installed-dev ## Check format, lint, types and imports, without the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: check
check: lint test ## Check format, lint, types and imports, then run the tests

.PHONY: pictures
pictures: $(VENV)/.installed-dev ## Take the pictures that the README shows
	.ci/browser
	$(BIN)/python docs/pictures/take.py

# Installed again only when pyproject.toml has changed.
$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	echo "Installing Seedbed into $(VENV) (a minute the first time)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	echo "Installing Seedbed and its test tools into $(VENV) (a minute or two the first time)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(VENV)/.installed $@

$(VENV)/bin/python:
	python="$${PYTHON:-$$(.ci/python)}" && "$$python" -m venv $(VENV)
