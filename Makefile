# Two commands: `make up` runs Mumetal, `make test` tests it. Both set up their own virtual environment first.
.DEFAULT_GOAL := help
VENV ?= .venv
PY ?= python3
BIN := $(VENV)/bin
UV ?= $(shell command -v uv 2>/dev/null)
UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export UV_FIND_LINKS
FOR ?=
ARGS ?=
NAME ?= loop
JOBS ?= 2

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

define venv
	@echo "setting up $(VENV) with the '$(1)' part (a minute or two the first time, seconds after)"
	@test -x $(BIN)/python || $(if $(UV),$(UV) venv --quiet --python $(PY) $(VENV),$(PY) -m venv $(VENV))
	@$(if $(UV),VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet $(2),$(BIN)/python -m pip install --quiet --upgrade pip && $(BIN)/python -m pip install --quiet $(2))
	@touch $@
endef

$(VENV)/.server: pyproject.toml
	$(call venv,server,-e '.[server]')

$(VENV)/.dev: pyproject.toml
	$(call venv,development,-e '.[server]' --group dev)

up: $(VENV)/.server ## Set up (1 to 3 minutes the first time) and run on a real calibration background; Ctrl-C ends it; FOR=90s ends it by itself
	@$(BIN)/mumetal up $(if $(FOR),--for $(FOR)) $(ARGS)

test: $(VENV)/.dev ## Set up and run the tests; no root, no system package needed (see system-deps)
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

test-full: $(VENV)/.dev ## Run the tests that take minutes, or an environment of their own (which pip fetches)
	$(BIN)/python -m pytest -n $(JOBS) -m full $(ARGS)

check: $(VENV)/.dev ## Lint, types, layers, docs; no other test (those are in test and test-full)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/unit/test_docs.py

bench: $(VENV)/.dev ## Measure the bars of the watch loop and print a table; NAME=watch ARGS='--data DIR' for another bench
	$(BIN)/mumetal bench $(NAME) $(ARGS)

lock: ## Write the locked dependencies of both installs anew (needs uv): each at one version, by its hashes
	@for part in core server; do \
	  $(UV) pip compile pyproject.toml $$(test $$part = core || echo --extra $$part) --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements/$$part.txt; \
	done

system-deps: ## Install the Debian packages that some tests need (root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends curl rsyslog rsyslog-gnutls chromium chromium-driver swtpm tpm2-tools softhsm2

.PHONY: help lock up test test-full check bench system-deps
