# The commands of this repository. `make` without a target lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export UV_SYSTEM_CERTS := 1

BIN := .venv/bin
PYTHON := $(BIN)/python
OWN_PROJECTS := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
# The sources include folders, so that the protos are generated again after a file was deleted. Deleting a file changes
# the modification time of its folder.
PROTO_SOURCES := protos/pyproject.toml protos/hatch_build.py $(shell find protos/proctorium)
WEB_SOURCES := $(shell find services/portal/web -name node_modules -prune -o -name gen -prune -o -name .built -prune -o -type f -print 2>/dev/null)

##@ Use
.PHONY: up demo doctor reset
up: ready ## Start everything on this machine; Ctrl-C stops it
	@$(PYTHON) -m proctorium_devstack up

demo: ready ## Play a proctored session and print each step, with crashes in the middle
	@PYTHONPATH=tests $(PYTHON) -m e2e.demo

doctor: env protos ## Find problems of this machine, and their remedies
	@$(PYTHON) -m proctorium_devstack doctor

reset: ## Delete the databases, messages, mails and traces of `make up`
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m proctorium_devstack reset; else echo "Nothing to delete: make up has not run here."; fi

##@ Check
.PHONY: test lint topology reference authorisation charts bench bench-check bench-console attacks pictures gallery chaos fuzz containers
test: ready ## Run all tests, three files at a time (FLAGS='-m "not long"': more options of pytest)
	@$(BIN)/pytest --numprocesses 3 --max-worker-restart 0 --no-loadscope-reorder $(FLAGS)

lint: env protos ## Check format, rules, types, protos, imports and topology
	@$(PYTHON) -m tools.lint $(only)

topology: env protos ## Generate the topology of calls and events, the README's diagram and the charts' copy, from the code
	@$(PYTHON) -m tools.topology
	@$(PYTHON) -m tools.charts --update

reference: env protos ## Generate the API reference in docs/api from the protos
	@$(PYTHON) -m tools.api_reference

authorisation: ready ## Generate the tables of permitted calls and resources, for review and commit
	@PYTHONPATH=tests $(PYTHON) -m authorisation.matrix
	@PYTHONPATH=tests $(PYTHON) -m authorisation.ownership

charts: env protos ## Generate, render and check the Helm charts; the complete charts are then in build/charts
	@$(PYTHON) -m tools.charts

bench: ready ## Measure performance, relative to the limits of this machine (6 to 8 minutes)
	@PYTHONPATH=tests $(PYTHON) -m e2e.bench

bench-check: ready ## Test that each measurement of `make bench` still runs, with the smallest parameters (2 to 4 minutes)
	@$(BIN)/pytest tests/e2e/bench/check.py $(FLAGS)

bench-console: ready ## Measure the proctor's console in Chromium, with 300 learners and 20 changes a second (1 minute)
	@PYTHONPATH=tests $(PYTHON) -m e2e.bench.console

attacks: ready ## Attack the edge while learners save answers, 30 s for each attack (SECONDS=60: another duration)
	@PROCTORIUM_ATTACK_SECONDS=$(or $(SECONDS),30) $(BIN)/pytest tests/e2e/test_attacks.py $(FLAGS)

pictures: ready ## Take the pictures of the README in Chromium
	@PYTHONPATH=tests $(PYTHON) -m e2e.pictures

gallery: ready ## Take pictures of each page and state in four widths and both themes (FLAGS='-k roster': some of them)
	@PYTHONPATH=tests $(PYTHON) -m e2e.gallery $(FLAGS)

chaos: ready ## Kill each process at random moments of an exam, 50 rounds (ROUNDS=12: another number)
	@PYTHONPATH=tests $(PYTHON) -m e2e.chaos --rounds $(or $(ROUNDS),50)

fuzz: ready ## Call every RPC with valid and invalid messages from its descriptor (MINUTES=10 SEED=7: another duration and seed)
	@PYTHONPATH=tests $(PYTHON) -m fuzz.run --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

containers: ready ## Play the session of `make demo` in containers, with Docker, after `make images`
	@PYTHONPATH=tests $(PYTHON) -m e2e.containers

##@ Build
.PHONY: env protos protos-baseline portal ready images format lock help
env: .venv/.packages ## Create or update .venv (the other targets do so as needed)

protos: .venv/.protos ## Generate the package proctorium from protos/ if they changed

protos-baseline: protos ## Set the current protos as the baseline for breaking changes
	@$(PYTHON) -m tools.baseline

portal: $(patsubst %/package.json,%/.built,$(wildcard services/portal/web/package.json)) ## Build the web pages

ready: env protos portal

images: ## Build the container images, with Docker (only="enrollment portal": some of them)
	@deploy/images.sh $(only)

format: env ## Format the code and apply the linter's fixes
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@$(PYTHON) -m tools.web format

lock: env ## Pin the dependencies of all pyproject.toml in requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 $(foreach project,$(OWN_PROJECTS) protos/pyproject.toml,--no-emit-package \
		$(shell sed -n 's/^name = "\(.*\)"/\1/p' $(project))) --output-file requirements.lock \
		--group pyproject.toml:dev protos/pyproject.toml $(OWN_PROJECTS)
	@echo "requirements.lock is up to date; commit it with the pyproject.toml that changed."

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

.venv/.packages: requirements.lock $(OWN_PROJECTS) tools/environment.py
	@python=$$(tools/find-python) && $$python tools/environment.py packages
	@touch $@

.venv/.protos: .venv/.packages $(PROTO_SOURCES)
	@$(PYTHON) tools/environment.py protos
	@touch $@

services/portal/web/.built: .venv/.protos $(WEB_SOURCES)
	@$(PYTHON) -m tools.web build
	@touch $@
