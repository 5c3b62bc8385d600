# make run    a real cluster here, with its data in chatnet-data
# make test   everything that must hold before a change lands
# make bench  the table of benchmarks/README.md
# make simulate  SEEDS simulated clusters from FIRST on, each with users and faults of its own
# make mutants   how soon a simulated cluster finds each bug that is planted in it
# make chaos  KILLS of real processes, and what users see of it
# make lint   formatting, lint and types alone

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= chatnet-data
KILLS ?= 200
SEEDS ?= 1000
FIRST ?= 0

.PHONY: run test simulate mutants bench chaos lint clean

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# An editable install: the tree that you read is the program that runs.
$(VENV)/installed: setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "chatnet needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

# What the tests and benchmarks need besides.
$(VENV)/developed: $(VENV)/installed
	$(PIP) --editable '.[dev]'
	@touch $@

run: $(VENV)/installed
	$(BIN)/twistd -n chat-master --data $(DATA)

lint: $(VENV)/developed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest

simulate: $(VENV)/developed
	$(BIN)/python -m chatnet.testing.simulation --seeds $(SEEDS) --first $(FIRST)

bench: $(VENV)/developed
	$(BIN)/python -m benchmarks

mutants: $(VENV)/developed
	PYTHONPATH=tests/simulation $(BIN)/python -m mutants

chaos: $(VENV)/installed
	$(BIN)/python -m chatnet.testing.chaos --kills $(KILLS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
