# Every target works on a fresh Debian as root or with sudo, and asks nothing.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench lock clean

BIN := .venv/bin
comma := ,
space := $(subst ,, )
# Where the rules live, every branch is tested.
RULES := \
  geo/crossings.py \
  geo/fence_lint.py \
  geo/phone_trials.py \
  geo/tracking.py \
  geo/wall_clock.py \
  offers/audience.py \
  offers/caps.py \
  offers/consent.py \
  offers/crowds.py \
  offers/diagnosis.py \
  offers/disclosure.py \
  offers/effective_caps.py \
  offers/eligibility.py \
  offers/holdouts.py \
  offers/hours.py \
  offers/lapsing.py \
  offers/lift.py \
  offers/local_periods.py \
  offers/menus/allergens.py \
  offers/menus/card.py \
  offers/menus/currencies.py \
  offers/menus/diets.py \
  offers/menus/judging.py \
  offers/menus/opening.py \
  offers/menus/reading.py \
  offers/menus/speaking.py \
  offers/minors.py \
  offers/next_time.py \
  offers/quiet_hours.py \
  offers/ranking.py \
  offers/schedule.py \
  offers/symbols.py \
  offers/visits.py

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing: .venv, PostgreSQL, PostGIS
	@bin/setup

demo: setup ## a simulated hour of a real city (DEMO_ARGS="--phones 50 --exit")
	@$(BIN)/alentour demo $(DEMO_ARGS)

# A worker for each core, at most four; on one core the tests run without. Each has a PostgreSQL of its own.
WORKERS ?= $(shell cores=$$(nproc); echo $$((cores < 2 ? 0 : cores > 4 ? 4 : cores)))

# Servers start by the hundred: what they import is compiled once, whatever the caller's Python does.
test: export PYTHONDONTWRITEBYTECODE :=
test: setup ## all tests (TEST_ARGS="tests/geo -k circle"), coverage of the rules enforced
ifdef TEST_ARGS
	@$(BIN)/pytest $(TEST_ARGS)
else
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-config=tests/rules.coveragerc --cov-report=
	@$(BIN)/coverage report --rcfile=tests/rules.coveragerc --include=$(subst $(space),$(comma),$(strip $(RULES))) --fail-under=100
endif

check: setup ## format, lint, types, import contracts, known vulnerabilities
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@bin/lint-time
	@$(BIN)/python bin/audit.py

bench: setup ## measure against an empty and a naive handler (BENCH_ARGS="--quick --json FILE")
	@bin/setup --bench
	@$(BIN)/alentour db run --fresh $(BIN)/python -m loadtests.bench $(BENCH_ARGS)

lock: ## write requirements.lock anew after a change of dependencies
	@$(BIN)/uv lock -q
	@$(BIN)/uv export -q --format requirements.txt --all-groups --no-emit-project -o requirements.lock

clean: ## remove what was made here (not the database)
	rm -rf .venv build dist out .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
