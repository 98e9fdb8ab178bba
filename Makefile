PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
INSTALLED := $(VENV)/installed
WITH_TESTS := $(VENV)/installed-tests
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro test test-lowest lint install lock audit

repro: $(INSTALLED)
	python -m dah mend
	dvc repro
	python -m dah results

test: $(WITH_TESTS)
	pytest

# With the lowest versions that pyproject.toml allows, whose own warnings are no failures.
test-lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(PYTHON) .ci/lowest.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/pip install --quiet --constraint $(LOWEST)/constraints.txt --editable '.[test]'
	$(LOWEST)/bin/pytest -W default

lint: $(WITH_TESTS)
	ruff check .
	ruff format --check .

install: $(WITH_TESTS)

# Needs uv, and the package index; UPGRADE=--upgrade takes the newest versions.
lock:
	$(PYTHON) .ci/lock.py $(UPGRADE)

# What is known to be vulnerable among what is installed and allowed, by the advisories in a folder.
audit: $(WITH_TESTS)
	python .ci/audit.py $(ADVISORIES)

# The files of one section of constraints.txt, each with a hash that stands there and no others.
hashed = sed -n '/^\#\# $(1)$$/,/^\#\# /p' constraints.txt > $(VENV)/$(1).txt && $(VENV)/bin/pip install \
	--quiet --no-deps --no-build-isolation --require-hashes --requirement $(VENV)/$(1).txt

# torch without CUDA, where pip finds that file or one was installed by hand, needs no part of CUDA.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(call hashed,build)
	$(call hashed,pipeline)
	($(call hashed,torch-cpu)) 2> $(VENV)/torch-cpu.log || true
	$(call hashed,torch)
	if $(VENV)/bin/python .ci/cuda.py; then $(call hashed,cuda); fi
	$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(WITH_TESTS): $(INSTALLED)
	$(call hashed,tests)
	touch $@
