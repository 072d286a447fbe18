# `make` alone prints the commands. You need Python 3.11 or later and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SYNC := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --quiet --frozen --inexact
DEMO := demo
# The tests of the packages that use the dependencies most.
LOWEST := $(addprefix tests/,config image library options storage submit)
# One worker more than processors, since tests often wait for other processes.
WORKERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick check lint types bench fuzz docs pictures format clean
.PHONY: test-lowest dist sbom release-check release-notes

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

demo: $(VENV)/run ## Install into .venv, then draw, convert and verify sample photos
	@$(BIN)/python -m scripts.samples.photos $(DEMO)/photos
	@$(BIN)/ffprep convert $(DEMO)/photos -o $(DEMO)/1280x720 --size 1280x720 --dry-run
	@$(BIN)/ffprep convert $(DEMO)/photos -o $(DEMO)/1280x720 --size 1280x720 --quiet
	@$(BIN)/ffprep check $(DEMO)/1280x720 --size 1280x720
	@$(BIN)/ffprep info $(DEMO)/photos $(DEMO)/1280x720
	@echo "The pictures are in $(DEMO)/1280x720: each was decoded again completely and is 1280x720."

test: $(VENV)/dev ## Run all tests
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal

test-lowest: $(VENV)/dev ## Run a part of the tests with the lowest versions that are allowed
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/lowest
	@$(BIN)/uv pip install --quiet --python build/lowest --resolution lowest-direct \
	  --editable '.[all]' --group test
	@build/lowest/bin/python -m pytest -q -n $(WORKERS) -m 'not slow' $(LOWEST)

test-quick: $(VENV)/dev ## Run the fast tests
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m 'not slow'

check: lint types test ## Run lint, types and test

lint: $(VENV)/dev ## Check code with ruff, imports with import-linter, workflows with zizmor
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/zizmor --offline --strict-collection --quiet .

types: $(VENV)/dev ## Check the types with mypy
	@$(BIN)/mypy

bench: $(VENV)/dev ## Compare speed with other tools (BENCH="--help" lists options)
	@$(BIN)/pip install --quiet --disable-pip-version-check 'pyvips[binary]'
	@$(BIN)/python -m scripts.bench $(BENCH)

fuzz: $(VENV)/dev ## Convert thousands of broken files (FUZZ="--help" lists options)
	@$(BIN)/python -m scripts.fuzz $(FUZZ)

docs: $(VENV)/dev ## Build the web page of the project into build/web/site
	@$(BIN)/python -m scripts.pages.site

dist: $(VENV)/dev ## Build sdist and wheel into dist/, twice, and compare them
	@$(BIN)/python -m scripts.release.build

sbom: dist ## Write the list of components (SBOM) into build/release
	@$(BIN)/python -m scripts.release.sbom

release-check: $(VENV)/dev ## Build, install and check a release
	@$(BIN)/python -m scripts.release

release-notes: $(VENV)/run ## Print what the changelog says about the version (TAG=v1.2.3)
	@$(BIN)/python -m scripts.release.notes $(TAG)

pictures: $(VENV)/dev ## Make the pictures of the pages again
	@$(BIN)/pip install --quiet --disable-pip-version-check termtosvg-ng
	@$(BIN)/python -m scripts.pages.pictures

format: $(VENV)/dev ## Format the code with ruff
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## Remove .venv and all generated files
	rm -rf $(VENV) $(DEMO) dist build

# Stamps: ffprep with its dependencies, and the tools of developers; both with the versions of
# uv.lock.
$(VENV)/run: pyproject.toml uv.lock
	@echo "Installing ffprep into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ffprep needs Python 3.11 or later; choose one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(SYNC) --no-dev
	@touch $@

$(VENV)/dev: $(VENV)/run
	@$(SYNC)
	@touch $@
