.DEFAULT_GOAL := help
.PHONY: help serve test check check-style check-types check-wheel bench constraints clean

# The first of these that is 3.11 or newer makes .venv; `make serve PYTHON=/path/to/python` names another.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
# What pytest is to run instead of everything: `make test ARGS="tests/core -k config"`.
ARGS ?=
# Everything is run by several processes; for a few tests their start would take longer than they save.
IN_PARALLEL := --numprocesses auto --dist worksteal

# Installed in strict mode, which pyright can follow, a file that is new is not seen before the next installation;
# so each stamp is named after the list of files, and after where the checkout lies.
FILES := $(shell { pwd; find core plugins protocol -type f ! -name '*.pyc' ! -name '.*'; } | LC_ALL=C sort | cksum | cut -d ' ' -f 1)
STAMP := .venv/installed-$(FILES)
PIP := .venv/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
INSTALL := PYTHONWARNINGS=ignore $(PIP) --no-build-isolation --config-settings editable_mode=strict --editable .
WSCAT := tests/end_to_end/wscat

# Strict mode keeps its links in build/: without them what is installed does not work.
ifeq ($(wildcard build/__editable__.*),)
$(shell rm -f .venv/installed-*)
endif

help:
	@echo 'make serve   start the server with config.yaml, on port 8000'
	@echo 'make test    run all tests; ARGS="tests/core -k config" runs some'
	@echo 'make check   ruff, pyright, and a test of the built wheel'
	@echo 'make bench   compare with other servers; see benchmarks/README.md'
	@echo 'make clean   remove what these commands have made'
	@echo
	@echo 'Each makes .venv and installs into it what it needs.'

serve: $(STAMP)
	@exec .venv/bin/hubbub serve

test: $(STAMP)-test $(WSCAT)/node_modules
	.venv/bin/python -m pytest $(or $(ARGS),$(IN_PARALLEL) -m 'not alone')
	$(if $(ARGS),,.venv/bin/python -m pytest -m alone)

check: check-style check-types check-wheel

check-style: $(STAMP)-check
	.venv/bin/ruff check
	.venv/bin/ruff format --check

check-types: $(STAMP)-check
	.venv/bin/pyright --project pyproject.toml

check-wheel: $(STAMP)-check
	.venv/bin/python -m pytest tests/end_to_end/test_wheel.py

bench: $(STAMP)
	.venv/bin/python -m benchmarks $(ARGS)

# The newest versions that pyproject.toml allows, as a fresh environment gets them.
constraints: | .venv/bin/python
	.venv/bin/python scripts/make_venv.py build/constraints
	build/constraints/bin/python -m pip install --quiet --upgrade setuptools --group check --editable .
	{ echo '# The versions that the tests run with, and that make installs. Made by `make constraints`.'; \
	  build/constraints/bin/python -m pip freeze --all --exclude-editable --exclude pip; } > constraints.txt
	rm -rf build/constraints

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis $(WSCAT)/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@for python in $(PYTHON); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making .venv with $$($$python --version); this happens once and takes a minute or two."; \
	    exec $$python scripts/make_venv.py .venv; \
	  fi; \
	done; \
	echo "Hubbub needs Python 3.11 or newer, and none of these is one: $(PYTHON)." >&2; \
	echo "Install it (Debian 12, Ubuntu 24.04 or newer: apt-get install python3)," >&2; \
	echo "or say where it is: make serve PYTHON=/path/to/python3.12" >&2; \
	exit 1

$(STAMP): pyproject.toml constraints.txt | .venv/bin/python
	@echo 'Installing Hubbub into .venv.'
	@rm -f .venv/installed-*
	@$(PIP) setuptools
	@$(INSTALL)
	@touch $@

$(STAMP)-test $(STAMP)-check: $(STAMP)-%: $(STAMP)
	@echo 'Installing what the command `make $*` needs into .venv.'
	@$(INSTALL) --group $*
	@touch $@

# A test plays a session with wscat; without npm it is skipped.
$(WSCAT)/node_modules: $(WSCAT)/package-lock.json
	@if ! command -v npm > /dev/null; then echo 'Without npm, the test with wscat is skipped.'; \
	else cd $(WSCAT) && npm ci --silent --no-audit --no-fund && touch node_modules; fi
