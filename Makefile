# Everything a developer or a visitor runs. Needs Python 3.11 or newer with pip; the browser tests also need Chromium.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
# Installed once for each state of pyproject.toml.
READY := $(VENV)/.installed
READY_DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help demo test check format prove bench widget clean browser

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Shopbell (once; about a minute)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(READY_DEV): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@

demo: $(READY)  ## the demo shop on http://127.0.0.1:8000/ (PORT=… changes the port)
	@$(BIN)/shopbell serve --shop examples/demo-shop --data .cache/demo --port $(PORT) --demo

browser:  # Chromium for the browser tests: the machine's own, else Debian's package
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { echo "Installing Chromium for the browser tests…"; \
	       apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; }

test: $(READY_DEV) browser  ## everything the tests need, then all tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile  # three on two cores: they wait a third of the time, for servers and browsers

check: $(READY_DEV)  ## format, lint, types, import contracts, and that the built widget equals its source
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@if command -v npm >/dev/null; then \
	   cd widget && npm ci --silent --no-audit --no-fund && node build.mjs --check; \
	 else echo "no npm here: the built widget was not compared with its source (CI does)"; fi

format: $(READY_DEV)  ## format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

prove: $(READY_DEV) browser  ## the promise tests at their full counts (docs/promises.md)
	@SHOPBELL_PROVE=1 $(BIN)/python -m pytest tests/promises --timeout 3600

bench: $(READY_DEV) browser  ## what PROMISES asks to be measured
	@$(BIN)/python -m bench

widget:  ## build widget/dist from widget/src (needs Node)
	@cd widget && npm ci --silent --no-audit --no-fund && node build.mjs

clean:  ## remove what was installed and cached here
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
