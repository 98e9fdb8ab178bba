PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
INSTALLED := $(VENV)/installed
WITH_TESTS := $(VENV)/installed-tests
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro test test-lowest lint types coverage mutants docs notebooks dist install lock audit

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

types: $(WITH_TESTS)
	mypy

# Lines and branches that the fast tests pass; COVERED="" is all of them.
COVERED ?= -m "not slow"
coverage: $(WITH_TESTS)
	coverage erase
	coverage run -m pytest $(COVERED)
	coverage combine --quiet
	coverage report --sort=cover

# About an hour of one core; MODULES=dah/deep/losses.py is minutes. Needs cosmic-ray.
mutants: $(WITH_TESTS)
	python .ci/mutants.py $(MODULES)

docs: $(WITH_TESTS)
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

notebooks: $(WITH_TESTS)
	python .ci/notebooks.py

# The wheel and the source distribution, in dist/.
dist: $(WITH_TESTS)
	rm -rf dist build
	python -m build --no-isolation --outdir dist

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
