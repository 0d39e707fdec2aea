# Every habit of this repository.  `make help` lists them; a target without a `##` is not a habit.
#
# A fresh machine needs Python 3.11 or later, git and make.  `report` and `test` set up the rest: a
# virtual environment in .venv, filled from the hashed lock.  Nothing has to be activated, and no
# recipe line may fail unseen: each runs under `sh -eu`, none has a pipe.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/lock.txt
BENCH_VENV := build/bench-venv
BENCH_LOCK := requirements/bench.txt
EXPLORERS_VENV := build/explorers-venv
EXPLORERS_LOCK := requirements/explorers.txt

MAKEFLAGS += --no-print-directory --warn-undefined-variables
.SHELLFLAGS := -euc
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# What is installed is named by its content: a stamp per digest.  Time stamps would reinstall after
# each `git checkout`, and would not notice another PYTHON.
digest = $(shell { $(PYTHON) -VV; cat $(1); } | git hash-object --stdin)
LOCKED := $(VENV)/.locked-$(call digest,$(LOCK))
INSTALLED := $(VENV)/.installed-$(call digest,$(LOCK) pyproject.toml)
BENCH_LOCKED := $(BENCH_VENV)/.locked-$(call digest,$(BENCH_LOCK))
EXPLORERS_LOCKED := $(EXPLORERS_VENV)/.locked-$(call digest,$(EXPLORERS_LOCK))

# PIP_CONFIG_FILE and friends stay the user's own: an index, a proxy or a certificate is theirs to set.
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install -qq

.PHONY: help setup report deep sabotage test red soak check fmt bench lock clean

help: ## list the habits of this repository
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/  make \1\t\2/p' Makefile

setup: $(INSTALLED) ## make .venv from the lock (quick when nothing changed)
	@:

report: setup ## run the whole chain of evidence and write reports/
	@$(BIN)/jurat audit $(AUDIT_FLAGS)
	@$(BIN)/python -m benchmarks --tables

deep: setup ## run the deep campaign (large budgets) and write reports/deep/
	@$(BIN)/jurat audit --profile deep $(AUDIT_FLAGS)

sabotage: setup ## plant a fault for each link in a copy, and see each go red by name
	@$(BIN)/python -m jurat_audit.sabotage

test: setup ## run every test
	@$(BIN)/python -m pytest

soak: setup ## a million tasks on real threads, with everything at once (SOAK=200000: fewer)
	@JURAT_SOAK=$(SOAK) $(BIN)/python -m pytest tests/worker/test_robustness.py --durations=0 -o faulthandler_timeout=1200

red: setup ## see the test of each behaviour fail under its patch, and write docs/behaviours.md (four minutes)
	@$(BIN)/python -m tests.worker.red

check: setup ## lint, format, types, import boundaries, the public interface
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/python -m jurat_audit.api

fmt: setup ## format the code, and fix what the linter can fix
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

bench: setup $(BENCH_LOCKED) $(EXPLORERS_LOCKED) ## measure and write docs/measured.json and .md, about seven minutes (QUICK=1: a smoke run)
	@$(BIN)/python -m benchmarks --others $(BENCH_VENV)/bin/python \
		--explorers $(EXPLORERS_VENV)/bin/python $(if $(QUICK),--quick)

lock: ## resolve pyproject.toml anew into the hashed locks (UPGRADE=1: newest of everything)
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip --disable-pip-version-check install -qq 'uv>=0.13,<0.14'
	@$(COMPILE) --extra dev --output-file $(LOCK)
	@$(COMPILE) --extra bench --output-file $(BENCH_LOCK)
	@$(COMPILE) --extra explorers --output-file $(EXPLORERS_LOCK)
	@echo '$(LOCK), $(BENCH_LOCK) and $(EXPLORERS_LOCK) are up to date'

clean: ## remove everything that a target here has made, except the committed report
	rm -rf $(VENV) build dist examples/settlement/out reports/run.json reports/junit.xml
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

UPGRADE ?=
COMPILE = build/lock/bin/uv pip compile pyproject.toml --quiet --system-certs --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)
SOAK ?= 1000000
# QUICK=1 makes `make bench` a smoke run, whose figures mean nothing and go to build/bench/.
QUICK ?=
# Such as AUDIT_FLAGS=--no-cache, which asks TLC everything again.
AUDIT_FLAGS ?=

$(LOCKED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'jurat needs Python 3.11 or later; name one with: make PYTHON=python3.11 ...' >&2; exit 2; }
	@echo 'setup: filling $(VENV) from $(LOCK); this takes about a minute, once'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(INSTALL) --require-hashes -r $(LOCK)
	@touch $@

# The build backend comes from the lock too, so that this step reaches for nothing.
$(INSTALLED): $(LOCKED)
	@rm -f $(VENV)/.installed-*
	@$(INSTALL) --no-build-isolation --no-deps --no-index -e .
	@touch $@

# What the worker and the bench are compared with, apart from what they are tested with.  Before CPython 3.12
# there is nothing to compare the bench with, and the table says so.
$(BENCH_LOCKED): FROM := $(BENCH_LOCK)
$(EXPLORERS_LOCKED): FROM := $(EXPLORERS_LOCK)
$(BENCH_LOCKED) $(EXPLORERS_LOCKED): $(LOCKED)
	@echo 'bench: filling $(@D) from $(FROM)'
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check install -qq --require-hashes -r $(FROM)
	@touch $@
