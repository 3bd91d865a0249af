# `make up` brings up a real cluster on this machine, `make test` runs every test. Everything else is optional.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
MIRROR ?=
export PATH := $(abspath $(BIN)):$(PATH)
# Without cached bytecode, each of about a thousand runs of Python would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up down check types fast test bench lock clean

up: $(VENV)/ready
	provisioner lab up $(if $(MIRROR),--mirror $(MIRROR))

down: $(VENV)/ready
	provisioner lab down

# Types and tests in parallel, and three tests at a time, because some only wait: about a minute on two cores.
check: $(VENV)/dev
	ruff format --check .
	ruff check .
	$(MAKE) --no-print-directory --jobs 2 --output-sync=target types fast

types: $(VENV)/dev
	mypy

fast: $(VENV)/dev
	pytest -q -n 3 --dist worksteal -m "not e2e" tests

# All crash points and hostile inputs (`check` tries a part of them), then the tests on real machines: two labs at a
# time, with different machines; tests that need the same lab stay together (tests/conftest.py).
test: check
	pytest -q -n 2 --dist worksteal -m sweep tests/scenarios
	pytest -q -n 2 --dist worksteal -m fuzz tests
	pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations 30 -m e2e tests/contract tests/docs tests/e2e

bench: $(VENV)/dev
	python -m tests.bench

# The packages for users, with the tools that build provisioner itself, and the packages for developers. `make lock
# UPGRADE=--upgrade` takes the newest versions; without it, only changes in pyproject.toml have an effect.
COMPILE := pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url \
  --no-emit-find-links --no-emit-trusted-host

lock: $(VENV)/dev
	python -m pip --quiet install 'pip-tools>=7.4,<8'
	$(COMPILE) $(UPGRADE) --extra dev --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) $(UPGRADE) --build-deps-for editable --constraint requirements-dev.lock \
	  --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build dist

# An environment with the packages for users, then also with those for developers; updated when they change.
$(VENV)/ready: pyproject.toml requirements.lock scripts/make-venv
	PYTHON=$(PYTHON) ./scripts/make-venv $(VENV)
	touch $@

# The tests compare our results with those of gpg and OpenSSH.
$(VENV)/dev: $(VENV)/ready requirements-dev.lock
	$(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes --requirement requirements-dev.lock
	if ! (command -v gpg && command -v gpgv && command -v ssh && command -v ssh-keygen) >/dev/null; then \
	  ./scripts/install-system gnupg gpgv openssh-client; fi
	touch $@
