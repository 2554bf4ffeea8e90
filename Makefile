# Two commands: `make run` opens the dashboard, `make test` checks it. Both set up what they need.

PYTHON ?= python3
PORT ?= 8501
VENV := .venv
READY := $(VENV)/.ready

.PHONY: run test setup bench lint shots

run: setup
	@PORT=$(PORT) $(VENV)/bin/dashboard serve

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies: one to five minutes, the first time only …"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

lint: setup
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy

test: setup lint
	@$(VENV)/bin/python -m pytest

bench: setup
	@$(VENV)/bin/python -m tests.bench

shots: setup
	@$(VENV)/bin/python -m tests.browser.shots
