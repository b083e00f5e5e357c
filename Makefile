# make demo and make test are all a newcomer needs; each sets up .venv first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := src scripts tests

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-slurm test-ray test-peers lint format typecheck benchmark benchmark-peers clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

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
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not gpu"

test-slow: $(STAMP)  ## the long checks, some 10 minutes on 2 cores, and those that need a GPU where there is one
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "(slow or gpu) and not slurm and not ray"

test-slurm: $(STAMP)  ## on a real SLURM; as root one of this machine is started, where SLURM is installed
	sh tests/support/one_machine_slurm.sh
	$(BIN)/python -m pytest -rs -m slurm tests/end_to_end/test_slurm_cluster.py

test-ray: $(STAMP)  ## sweeps on Ray: a cluster of two nodes on this machine
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e ".[ray]"
	$(BIN)/python -m pytest -rs -m ray tests/end_to_end/test_ray.py

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

# pythae and PyOD get an environment of their own, so that nothing of theirs reaches ours.
PEERS := .venv-peers
$(PEERS)/.installed: $(STAMP)
	$(PYTHON) -m venv $(PEERS)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(PEERS)/bin/python -e . pythae pyod
	touch $(PEERS)/.installed

# The suites that hold our numbers against other people's code; SAELens brings half of Hugging Face with it.
$(PEERS)/.tested: $(PEERS)/.installed
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(PEERS)/bin/python pytest scikit-image vector-quantize-pytorch sae-lens
	touch $(PEERS)/.tested

test-peers: $(PEERS)/.tested  ## the same numbers as pythae, vector-quantize-pytorch and SAELens, in .venv-peers
	$(PEERS)/bin/python -m pytest -rs -W ignore tests/models/test_equal_to_others.py tests/models/test_equal_to_saelens.py

benchmark-peers: $(PEERS)/.installed  ## training, sweeps and anomaly detection beside pythae and PyOD, in .venv-peers
	$(PEERS)/bin/python scripts/benchmark.py training sweeps anomaly

clean:  ## remove environments and caches; outputs stay
	rm -rf $(VENV) $(PEERS) .pytest_cache .mypy_cache .ruff_cache
