# Needs python3 (3.11 or newer) with venv, and a package registry that pip can reach. Everything else is set up here,
# inside the project folder, from the hash-locked lists in requirements/ and layers/vendor/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# An active virtual environment or a PYTHONPATH must change nothing. Without PYTHONDONTWRITEBYTECODE, modules are compiled once and not
# by every process.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
export UV_SYSTEM_CERTS := 1
export SAM_CLI_TELEMETRY := 0

PYTHON ?= python3
# uv reads neither pip's index nor its certificate: hand both on where pip has them.
pip_setting = $(shell .venv/bin/python -m pip config list | sed -n "s/^global\.$(1)='\(.*\)'$$/\1/p")
WITH_UV = env $(addprefix UV_DEFAULT_INDEX=,$(or $(PIP_INDEX_URL),$(call pip_setting,index-url))) \
	$(addprefix SSL_CERT_FILE=,$(or $(PIP_CERT),$(call pip_setting,cert)))
UV = $(WITH_UV) .venv/bin/uv
LOCK = pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --custom-compile-command "make lock"

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.PHONY: run
run: .venv/ready .sam/ready .ministack/ready ## deploy onto a local AWS and play the twelve stories, printing how every order ends
	@$(WITH_UV) .venv/bin/python -m local run

LIVE ?= on
STORIES ?=
.PHONY: stories
stories: .venv/ready .sam/ready .ministack/ready ## play every story (STORIES="33 34": only these; LIVE=off: simulators that answer only as documented)
	@NUMBERDESK_LIVE=$(LIVE) $(WITH_UV) .venv/bin/python -m local stories $(STORIES)

.PHONY: up
up: .venv/ready .sam/ready .ministack/ready ## deploy onto a local AWS, leave it running, print how to use it
	@$(WITH_UV) .venv/bin/python -m local up

.PHONY: down
down: .venv/ready ## stop the run that `make up` started
	@.venv/bin/python -m local down

# Side by side: setting up waits for the network, and the tests for the local AWS and the browser.
.PHONY: test pytest
test: .venv/bin/uv ## lint, validate the template, run all tests
	@$(MAKE) --no-print-directory --jobs 3 pytest lint-python lint-template

pytest: .venv/ready .sam/ready .ministack/ready
	@$(WITH_UV) .venv/bin/pytest -n 2 --dist loadgroup

.PHONY: test-console
test-console: .venv/ready ## test the console in a real browser; fails where there is no Chromium
	@NUMBERDESK_CONSOLE=required .venv/bin/pytest -q -n 2 --dist loadgroup tests/console

.PHONY: screenshots
screenshots: .venv/ready ## make the screenshots of docs/console.md, with a stopped clock (needs a Chromium)
	@PYTHONPATH=layers/core:. .venv/bin/python -m docs.screenshots

.PHONY: unit
unit: .venv/ready ## run only the tests of the domain, the services and the API
	@.venv/bin/pytest -n 2 --dist loadgroup tests/unit/domain tests/unit/services tests/unit/api

EXAMPLES ?= 1000
.PHONY: properties
properties: .venv/ready ## run the unit tests with many examples of each property (EXAMPLES=5000: more)
	NUMBERDESK_EXAMPLES=$(EXAMPLES) .venv/bin/pytest -q -n 2 --dist loadgroup tests/unit

.PHONY: format
format: .venv/ready ## format the code
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

.PHONY: lint
lint: .venv/bin/uv ## ruff, mypy, sam validate
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint-python lint-template

.PHONY: lint-python lint-template
lint-python: .venv/ready
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

lint-template: .sam/ready
	AWS_DEFAULT_REGION=eu-central-1 .sam/bin/sam validate --lint
	AWS_DEFAULT_REGION=eu-central-1 .sam/bin/cfn-lint

.PHONY: bench
bench: .venv/ready .bench/ready ## count the cost of every function beside what others would write instead
	@PYTHONPATH=layers/core:. .venv/bin/python -m bench

.PHONY: lists
lists: .venv/ready .ministack/ready ## load 100,000 orders into a local table, count the cost of every list's pages
	@.venv/bin/python -m bench.lists

.PHONY: pages
pages: .venv/ready .ministack/ready ## load 100,000 orders into a local table, count the cost of every page of the console, write docs/pages.md
	@PYTHONPATH=layers/core .venv/bin/python -m bench.pages

.PHONY: flood
flood: .venv/ready .sam/ready .ministack/ready ## deploy onto a local AWS, send 2,000 forged webhooks among 200 genuine ones, lose no genuine one
	@$(WITH_UV) .venv/bin/python -m bench.flood

.PHONY: kills
kills: .venv/ready .sam/ready .ministack/ready ## deploy onto a local AWS, kill functions at random while 100 orders and 2,000 webhooks come
	@$(WITH_UV) .venv/bin/python -m bench.kills

.PHONY: sizes
sizes: .venv/ready ## count the cost of orders of 3, 250, 2,500 and 10,000 numbers, step by step
	@.venv/bin/python -m bench.sizes

.PHONY: cost
cost: .venv/ready ## say what the desk costs at AWS, from counted calls, and write docs/cost.md; fails above the goals
	@PYTHONPATH=layers/core:. .venv/bin/python -m bench.cost --write

.PHONY: backlog
backlog: .venv/ready ## send 10,000 orders at once to an account with one call per second, count messages and calls
	@PYTHONPATH=layers/core .venv/bin/python -m bench.backlog

.PHONY: ages
ages: .venv/ready ## play each failure until its alarm goes off and recovers, write docs/ages.md
	@PYTHONPATH=layers/core .venv/bin/python -m bench.ages

RUNS ?= 1000
FROM ?= 0
.PHONY: simulate
simulate: .venv/ready ## play seeded histories (RUNS=5000 FROM=0), or one as a timeline (SEED=17)
	@PYTHONPATH=layers/core:. .venv/bin/python -m tests.simulation --runs $(RUNS) --from $(FROM) $(if $(PROFILE),--profile) \
		$(if $(SEED),--seed $(SEED)) $(if $(ORDERS),--orders $(ORDERS)) $(if $(STEPS),--steps $(STEPS)) $(if $(WITHOUT),--without $(WITHOUT))

HOURS ?= 1
.PHONY: soak
soak: .venv/ready ## play histories for HOURS=1, from where the last soak ended, and write docs/soak.md
	@PYTHONPATH=layers/core:. .venv/bin/python -m tests.simulation --soak-hours $(HOURS)

.PHONY: api-check
api-check: .venv/ready ## send the API arbitrary requests: no 5xx, and no answer that docs/openapi.json does not describe
	NUMBERDESK_API_EXAMPLES=50 .venv/bin/pytest -q -n 2 --dist load tests/api_check

.PHONY: mutants
mutants: .venv/ready ## break the project, one fault at a time: a test must notice each (ONLY=name, CHANGED=1: in files that differ), write docs/mutants.md
	@PYTHONPATH=layers/core:. $(foreach each,ONLY CHANGED BASE NEW,$(each)="$($(each))") .venv/bin/python -m tests.mutants

POINT ?=
.PHONY: crashes
crashes: .venv/ready ## let every outside call go wrong in every way, write docs/crashes.md (POINT=id: play one call, and print how it ends)
	@PYTHONPATH=layers/core:. .venv/bin/python -m tests.crashes $(POINT)

.PHONY: mutation
mutation: .venv/ready ## let mutmut change every line of MODULE=domain/gate.py, write docs/mutation.md; without MODULE: print the stored results
	@$(if $(MODULE),$(MAKE) --no-print-directory .mutation/ready)
	@PYTHONPATH=layers/core:. MODULE="$(MODULE)" .venv/bin/python -m tests.mutation

.PHONY: audit
audit: .venv/ready .audit/ready ## audit with checkov, cfn-lint, bandit and pip-audit
	@.venv/bin/python -m audit

SHARE ?= 1
.PHONY: fuzz
fuzz: .venv/ready ## fuzz everything that others' bytes reach: more than a million inputs (SHARE=0.1: fewer)
	@$(MAKE) --no-print-directory .fuzz/ready || echo "atheris could not be installed"
	@PYTHONPATH=layers/core:. .venv/bin/python -m tests.fuzz --share $(SHARE)

.PHONY: record
record: .venv/ready ## record what a release writes to its table and queues, for later ones to read (VERSION=0.2.0)
	PYTHONPATH=layers/core:. .venv/bin/python -m tests.recorded $(VERSION)

.PHONY: docs
docs: .venv/ready ## generate the pages of docs/ that come from the code
	@PYTHONPATH=layers/core .venv/bin/python -m docs.generate

.PHONY: deploy
deploy: .venv/ready .sam/ready ## check, build and deploy into your own AWS account (settings: samconfig.toml)
	@.venv/bin/python -m preflight
	find functions -name __pycache__ -prune -exec rm -r {} + # SAM packs a function folder as it is
	@$(WITH_UV) .sam/bin/sam build
	.sam/bin/sam deploy

.PHONY: lock
lock: .venv/ready ## update the locked versions
	@$(UV) $(LOCK) --group runtime -o layers/vendor/requirements.txt
	@$(UV) $(LOCK) --group test -c layers/vendor/requirements.txt -o requirements/test.txt
	@$(UV) $(LOCK) --group uv -c requirements/test.txt -o requirements/uv.txt
	@$(UV) $(LOCK) --group sam -o requirements/sam.txt
	@$(UV) $(LOCK) --group ministack -o requirements/ministack.txt
	@$(UV) $(LOCK) --group audit -o requirements/audit.txt
	@$(UV) $(LOCK) --group fuzz -c layers/vendor/requirements.txt -c requirements/test.txt -o requirements/fuzz.txt
	@$(UV) $(LOCK) --group bench -c layers/vendor/requirements.txt -c requirements/test.txt -o requirements/bench.txt
	@$(UV) $(LOCK) --group mutation -c layers/vendor/requirements.txt -c requirements/test.txt -o requirements/mutation.txt

.PHONY: clean
clean: ## remove everything that make and the local runs created
	rm -rf .venv .sam .ministack .audit .bench .fuzz .mutation .local .aws-sam

# Each environment has one stamp file. It is updated only when its lock has changed.
.venv/bin/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "numberdesk needs Python 3.11 or newer")'
	@echo "setting up .venv"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/ready: requirements/test.txt | .venv/bin/uv
	@$(UV) pip install --quiet --require-hashes --python .venv -r $<
	@printf '#!/bin/sh\nPYTHONPATH="%s:%s" exec "%s" -m numberdesk_cli "$$@"\n' \
		"$(CURDIR)" "$(CURDIR)/layers/core" "$(CURDIR)/.venv/bin/python" > .venv/bin/numberdesk
	@chmod +x .venv/bin/numberdesk
	@touch $@

.sam/ready .ministack/ready .audit/ready .bench/ready .fuzz/ready .mutation/ready: .%/ready: requirements/%.txt | .venv/ready
	@echo "setting up .$*"
	@$(UV) venv --quiet --clear --python .venv/bin/python .$*
	@$(UV) pip install --quiet --require-hashes --python .$* -r $<
	@touch $@
