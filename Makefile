# make demo and make test are all a newcomer needs; each sets up .venv first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := src scripts tests docs

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-slurm test-ray test-peers test-gpu test-oldest lint format typecheck docs gallery benchmark benchmark-peers benchmark-gpu clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# Every step is one that may be repeated, so that an interrupted set-up goes on where it was: what is there already is kept, a torch
# for CPUs only, too (docs/guides/install.md). uv resolves torch and torchvision as a matching pair; bytecode is compiled here because some machines set
# PYTHONDONTWRITEBYTECODE, and every process would then compile Lightning anew for 10 s and more.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e ".[dev]"
	touch $(STAMP)

setup: $(STAMP)  ## make .venv and install into it

demo: $(STAMP)  ## train six variants on real digits, compare them, name the report to open
	$(BIN)/python scripts/train.py -m experiment=demo

test: $(STAMP)  ## all but the long checks, 10 to 17 minutes on 2 cores
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not gpu"

# Kills, deadlines and bounds of memory are tried with real processes, which other work on the machine can upset: what fails is
# tried once more, alone. What fails twice fails.
SLOW := (slow or gpu) and not slurm and not ray
test-slow: $(STAMP)  ## the long checks, half an hour on 2 cores, and those that need a GPU where there is one
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "$(SLOW)" || $(BIN)/python -m pytest --last-failed --last-failed-no-failures none -m "$(SLOW)"

test-slurm: $(STAMP)  ## on a real SLURM; as root one of this machine is started, where SLURM is installed
	sh tests/support/one_machine_slurm.sh
	$(BIN)/python -m pytest -rs -m slurm tests/end_to_end/test_slurm_cluster.py

# The oldest dependencies that pyproject.toml allows, in an environment of its own; the newest are in .venv.
OLDEST := .venv-oldest
$(OLDEST)/.installed: pyproject.toml $(STAMP)
	$(PYTHON) -m venv $(OLDEST)
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --extra dev pyproject.toml -o $(OLDEST)/oldest.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(OLDEST)/bin/python -r $(OLDEST)/oldest.txt
	$(BIN)/uv pip install --quiet --no-deps --python $(OLDEST)/bin/python -e .
	touch $(OLDEST)/.installed

test-oldest: $(OLDEST)/.installed  ## the suite on the oldest dependencies that pyproject.toml allows
	$(OLDEST)/bin/python -m pytest -n 2 --dist loadfile -m "not slow and not gpu"

test-ray: $(STAMP)  ## sweeps on Ray: a cluster of two nodes on this machine
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e ".[ray]"
	$(BIN)/python -m pytest -rs -m ray tests/end_to_end/test_ray.py

test-gpu: $(STAMP)  ## the tests that need a GPU; says so and fails where there is none
	@$(BIN)/python -c "import sys, torch; torch.cuda.is_available() or sys.exit('make test-gpu: this machine has no GPU that PyTorch can use; make test passes without one')"
	$(BIN)/python -m pytest -rs -m gpu

lint: $(STAMP)  ## ruff: style and format
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

format: $(STAMP)  ## let ruff mend what it can
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

typecheck: $(STAMP)  ## mypy
	$(BIN)/mypy

docs: $(STAMP)  ## the site, into site/, without a network; every link must lead somewhere
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

gallery: $(STAMP)  ## run the examples of docs/gallery anew and write their pages, some ten minutes on 2 cores
	$(BIN)/python docs/build_gallery.py

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

benchmark-gpu: $(STAMP)  ## all that a GPU is asked, some 10 minutes; docs/gpu.json and docs/gpu.md
	$(BIN)/python -m aelab.benchmarks.gpu

clean:  ## remove environments and caches; outputs stay
	rm -rf $(VENV) $(PEERS) $(OLDEST) site .pytest_cache .mypy_cache .ruff_cache
