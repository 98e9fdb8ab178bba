PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
INSTALLED := $(VENV)/installed
WITH_TESTS := $(VENV)/installed-tests
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro test test-lowest lint install

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

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(WITH_TESTS): $(INSTALLED)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@
