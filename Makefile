# `make` lists what can be done. Needs Python 3.11, 3.12 or 3.13 and nothing else; PYTHON= names one.

.DEFAULT_GOAL := help
.PHONY: help run test thorough cover faults lint lint-scripts format bench lock clean erase
SHELL := /bin/sh

# A test run starts Python some hundred times: what was compiled once is kept, whatever the machine's habit.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
BIN := .venv/bin
NODE_BIN := node_modules/.bin
STYLES := 'static/**/*.css'
# The files name everything, so nothing is resolved. What is imported is compiled then: a third of it all.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps --no-compile
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

help: ## List what can be done
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

run: export DEMO := $(or $(DEMO),1)
run: .venv/installed ## Start everything on this machine; DEMO=0 without demo, PORT=8000
	@exec $(BIN)/python manage.py up

test: .venv/installed-dev node_modules/.installed ## Run the whole test suite, browsers included; ARGS="-k slower" runs some
	@exec $(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist loadfile --no-loadscope-reorder)

thorough: .venv/installed-dev ## Search longer for counter-examples, and attack with every hostile text by itself
	@THOROUGH=1 exec $(BIN)/python -m pytest -n 2 -m thorough

cover: .venv/installed-dev node_modules/.installed ## Run the whole test suite once more, and list the code that it runs least
	@exec $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov

lint: .venv/installed-dev lint-scripts ## Check style, templates, types, imports, migrations, the API's document, what is unused
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/djangofmt --check templates
	@$(BIN)/djangofmt check templates
	@$(BIN)/python -m tests.unused
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

lint-scripts: node_modules/.installed # scripts and styles, where there is npm
	@[ ! -e $< ] || { $(NODE_BIN)/eslint . && $(NODE_BIN)/tsc && $(NODE_BIN)/stylelint $(STYLES); }

format: .venv/installed-dev node_modules/.installed ## Put the code and the templates into shape
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .
	@$(BIN)/djangofmt check --fix templates
	@$(BIN)/djangofmt templates
	@[ ! -e node_modules/.installed ] || { $(NODE_BIN)/eslint --fix . && $(NODE_BIN)/stylelint --fix $(STYLES); }

bench: .venv/installed-dev ## Measure against the limits; ONLY=a,d some of them, QUICK=1 for a look
	@exec $(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

faults: .venv/installed-dev ## Kill, freeze and cut everything and count what is lost; CYCLES=20 SEED=7 BROKER=rabbitmq, or MUTANT=all
	@exec $(BIN)/python -m tests.faults $(if $(MUTANT),--mutant $(MUTANT)) $(if $(SEED),--seed $(SEED)) \
		$(if $(CYCLES),--cycles $(CYCLES)) $(if $(ACTIONS),--actions $(ACTIONS)) $(if $(ONLY),--only '$(ONLY)') \
		$(if $(PATIENCE),--patience $(PATIENCE)) $(if $(KEEP),--keep $(KEEP)) \
		$(if $(BROKER),--broker $(BROKER))

lock: ## Pin requirements anew (needs uv)
	@command -v uv >/dev/null || { echo "uv is not installed: see https://docs.astral.sh/uv/" >&2; exit 1; }
	$(LOCK) requirements.in --output-file requirements.txt
	$(LOCK) requirements-dev.in --output-file requirements-dev.txt

clean: ## Remove the environment and caches, keep the data
	@rm -rf .venv node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

erase: .venv/installed ## Remove the data of the embedded services, for good
	@exec $(BIN)/python -m reviewapp.embedded erase

# --- The environment ------------------------------------------------------------------------

.venv/installed: requirements.txt .venv/made
	@echo "Installing what is needed; this takes a minute the first time."
	@$(PIP) -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "Installing what the checks need."
	@$(PIP) -r requirements.txt -r requirements-dev.txt
	@touch $@

.venv/made:
	@for python in "$(PYTHON)" python3.13 python3.12 python3.11 none; do \
		"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && break; \
	done; \
	if [ "$$python" = none ]; then \
		echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$("$(PYTHON)" -V 2>/dev/null || echo missing). Name one: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$("$$python" -V) can make no virtual environment: install its venv package (Debian, Ubuntu: apt install python3-venv)." >&2; \
		exit 1; \
	fi; \
	"$$python" -m venv .venv
	@touch $@

# It is not there where npm or the packages are not, and asked for again the next time.
node_modules/.installed: package-lock.json .npmrc
	@if ! command -v npm >/dev/null; then \
		echo "npm is not installed: scripts and styles are neither checked nor tried."; \
	elif npm ci --silent --no-audit --no-fund --prefer-offline --fetch-retries=1; then \
		touch $@; \
	else \
		echo "What checks and tries scripts and styles can't be had from the package registry: that is left out."; \
	fi
