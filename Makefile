# Everything that is done with this repository. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export UV_SYSTEM_CERTS := 1

BIN := .venv/bin
PYTHON := $(BIN)/python
OWN_PROJECTS := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
# Folders are in the list too: their times change when a file is taken away.
PROTO_SOURCES := protos/pyproject.toml protos/hatch_build.py $(shell find protos/proctorium)
WEB_SOURCES := $(shell find services/portal/web -name node_modules -prune -o -name gen -prune -o -name .built -prune -o -type f -print 2>/dev/null)

##@ Use
.PHONY: up demo doctor reset
up: ready ## Start everything on this machine; Ctrl-C ends it
	@$(PYTHON) -m proctorium_devstack up

demo: ready ## Tell one proctored session line by line, with a crash in the middle
	@PYTHONPATH=tests $(PYTHON) -m e2e.demo

doctor: env protos ## What is wrong with this machine, and the remedy
	@$(PYTHON) -m proctorium_devstack doctor

reset: ## Delete the databases and messages of `make up`
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m proctorium_devstack reset; fi

##@ Check
.PHONY: test lint topology authorisation bench chaos fuzz containers
test: ready ## All tests, three files at a time (FLAGS='-m "not long"': what else pytest is to know)
	@$(BIN)/pytest --numprocesses 3 --max-worker-restart 0 --no-loadscope-reorder $(FLAGS)

lint: env protos ## Format, rules, types, protos, imports, who-calls-whom
	@$(PYTHON) -m tools.lint $(only)

topology: env protos ## Generate who calls whom and consumes whose events, and the README's picture, from the code
	@$(PYTHON) -m tools.topology

authorisation: ready ## Renew the tables of who may call what and use whose resources, to be reviewed and committed
	@PYTHONPATH=tests $(PYTHON) -m authorisation.matrix
	@PYTHONPATH=tests $(PYTHON) -m authorisation.ownership

bench: ready ## Measure, each figure beside the bare limit of this machine (6 to 8 minutes)
	@PYTHONPATH=tests $(PYTHON) -m e2e.bench

chaos: ready ## Kill each process at random moments of an exam, 50 rounds (ROUNDS=12: that many)
	@PYTHONPATH=tests $(PYTHON) -m e2e.chaos --rounds $(or $(ROUNDS),50)

fuzz: ready ## Call every RPC with valid and invalid messages from its descriptor (MINUTES=10 SEED=7: so long, from there)
	@PYTHONPATH=tests $(PYTHON) -m fuzz.run --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

containers: ready ## Tell the story of `make demo` in containers, with Docker, after `make images`
	@PYTHONPATH=tests $(PYTHON) -m e2e.containers

##@ Build
.PHONY: env protos protos-baseline portal ready images format lock help
env: .venv/.packages ## Make or renew .venv (the other targets do it by themselves)

protos: .venv/.protos ## Generate the package proctorium from protos/ where they changed

protos-baseline: protos ## Make the present protos the state that later changes must not break
	@$(PYTHON) -m tools.baseline

portal: $(patsubst %/package.json,%/.built,$(wildcard services/portal/web/package.json)) ## Build the web pages

ready: env protos portal

images: ## Build the container images, with Docker (only="enrollment portal": some of them)
	@deploy/images.sh $(only)

format: env ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@$(PYTHON) -m tools.web format

lock: env ## Pin the dependencies of all pyproject.toml in requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 $(foreach project,$(OWN_PROJECTS) protos/pyproject.toml,--no-emit-package \
		$(shell sed -n 's/^name = "\(.*\)"/\1/p' $(project))) --output-file requirements.lock \
		--group pyproject.toml:dev protos/pyproject.toml $(OWN_PROJECTS)
	@echo "requirements.lock is up to date; commit it with the pyproject.toml that changed."

help: ## This list
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
