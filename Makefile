PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/installed
WITH_TESTS := $(VENV)/installed-tests
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro test lint install

repro: $(INSTALLED)
	python -m dah mend
	dvc repro
	python -m dah results

test: $(WITH_TESTS)
	pytest

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
