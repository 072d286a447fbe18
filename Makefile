# `make` alone prints the verbs. Nothing is needed but Python 3.11 or later and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
# One more than processors: tests wait for their children much of the time.
WORKERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types bench fuzz format clean

help: ## Print this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/run ## Install into .venv, draw sample photos, convert and verify them
	@$(BIN)/python -m scripts.samples.photos $(DEMO)/photos
	@$(BIN)/ffprep convert $(DEMO)/photos -o $(DEMO)/1280x720 --size 1280x720 --quiet
	@$(BIN)/ffprep check $(DEMO)/1280x720 --size 1280x720
	@$(BIN)/ffprep info $(DEMO)/photos $(DEMO)/1280x720
	@echo "The pictures are in $(DEMO)/1280x720: each was decoded again, whole, and is 1280x720."

test: $(VENV)/dev ## Install into .venv and run the tests
	@$(BIN)/pytest -q -n $(WORKERS)

check: lint types test ## Lint, types and tests

lint: $(VENV)/dev ## ruff, and the floors of the house (import-linter)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

types: $(VENV)/dev ## mypy, strict
	@$(BIN)/mypy

bench: $(VENV)/dev ## Measure against the peers that are installed (BENCH= options of scripts/bench/__main__.py)
	@$(BIN)/pip install --quiet --disable-pip-version-check 'pyvips[binary]'
	@$(BIN)/python -m scripts.bench $(BENCH)

fuzz: $(VENV)/dev ## Convert broken files of every format (FUZZ= options of scripts/fuzz/__main__.py)
	@$(BIN)/python -m scripts.fuzz $(FUZZ)

format: $(VENV)/dev ## Let ruff format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## Remove .venv and what was made
	rm -rf $(VENV) $(DEMO) dist build

# Two stamps: what running needs, and what developing needs besides.
$(VENV)/run: pyproject.toml
	@echo "Installing ffprep into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ffprep needs Python 3.11 or later; say which: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/dev: $(VENV)/run
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
