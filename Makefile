# make demo and make test are all a newcomer needs; each sets up .venv first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := src scripts tests

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow lint format typecheck benchmark clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# uv resolves torch and torchvision as a matching pair; bytecode is compiled here because some machines set
# PYTHONDONTWRITEBYTECODE, and every process would then compile Lightning anew for 10 s and more.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e ".[dev]"
	touch $(STAMP)

setup: $(STAMP)  ## make .venv and install into it

demo: $(STAMP)  ## train six variants on real digits, compare them, name the report to open
	$(BIN)/python scripts/train.py -m experiment=demo

test: $(STAMP)  ## the whole suite, less than 8 minutes on 2 cores
	$(BIN)/python -m pytest -m "not slow and not gpu"

test-slow: $(STAMP)  ## the long checks, and those that need a GPU where there is one
	$(BIN)/python -m pytest -m "slow or gpu"

lint: $(STAMP)  ## ruff: style and format
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

format: $(STAMP)  ## let ruff mend what it can
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

typecheck: $(STAMP)  ## mypy
	$(BIN)/mypy

benchmark: $(STAMP)  ## time against the bare loop and the usual way; table and outputs/benchmark.json
	$(BIN)/python scripts/benchmark.py

clean:  ## remove .venv and caches; outputs stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
