# Every target sets up what it needs: `make book` on a fresh clone is enough.

PYTHON ?= python3
PORT ?= 8000
JOBS ?=
PAGES ?=
UV_VERSION := 0.13.8

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export UV_HTTP_TIMEOUT ?= 300
# Containers often forbid Python to keep its bytecode; dozens of processes would then compile PyTorch and pandas anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# The installation is redone when the lock, the package's metadata, the interpreter or the folder changes; the package
# is installed in editable mode, so its code may change freely.
KEY := $(shell { cat requirements.lock pyproject.toml; $(PYTHON) -V; echo $(CURDIR); } 2>/dev/null | cksum | tr ' ' '-')
STAMP := .venv/installed-$(KEY)
# Pages whose paper scale needs no dataset that its owner alone may give.
ON_GPU := s3-distilled-pruning s4-stability s4-1-loss-landscape s4-2-hessian s7-mask-structure b-controls

.PHONY: help setup book test check gpu serve lint format cluster lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create .venv with the exact packages of requirements.lock

book: $(STAMP) ## Train for s3, s4 and s7 (PAGES=all: for all pages), execute the notebooks, render _build/html/index.html
	@$(BIN)/distilled-pruning book $(PAGES) $(if $(JOBS),--jobs $(JOBS))

test: lint ## Lint, check types and run the tests (slow ones excepted)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

check: $(STAMP) ## Train what the claims need, then judge them: exit 1 when one no longer holds
	@$(BIN)/distilled-pruning run $(if $(JOBS),--jobs $(JOBS))
	@$(BIN)/distilled-pruning check

gpu: $(STAMP) ## On a machine with a CUDA GPU: test every path that differs there, then say what the paper scale takes
	@$(BIN)/python -c 'from distilled_pruning.training import resolve; resolve("cuda")' 2> /dev/null || { \
	  echo "make gpu: there is no CUDA GPU here that PyTorch can use" >&2; exit 2; }
	@$(BIN)/python -m pytest -m cuda
	@$(BIN)/distilled-pruning plan $(or $(PAGES),$(ON_GPU)) -f paper --device cuda

serve: $(STAMP) ## Open the book at 127.0.0.1 (PORT=8000)
	@test -f _build/html/index.html || $(MAKE) book
	@echo "The book is at http://127.0.0.1:$(PORT)/ (Ctrl+C stops)"
	@exec $(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

lint: $(STAMP) ## Check style, format and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(STAMP) ## Put the code into the house format
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

cluster: .venv/cluster ## Add Snakemake and its SLURM executor, the extra [cluster], to .venv

clean: ## Remove the built book and caches (trained results in .store stay)
	rm -rf _build .pytest_cache .ruff_cache .mypy_cache .hypothesis

lock: $(STAMP) ## Choose the newest versions anew and write requirements.lock and requirements-cluster.lock
	@$(call find_uv); \
	{ echo "# Exact versions with hashes for Python 3.11 and later: written by 'make lock', installed by 'make setup'."; \
	  $(call compile,--extra test pyproject.toml); } > requirements.lock.new; \
	mv requirements.lock.new requirements.lock; \
	{ echo "# What the extra [cluster] adds, in agreement with requirements.lock: written by 'make lock', installed by 'make cluster'."; \
	  $(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["cluster"], sep="\n")' \
	    | $(call compile,--constraint requirements.lock -); } > requirements-cluster.lock.new; \
	mv requirements-cluster.lock.new requirements-cluster.lock

compile = "$$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-header $(1)

# The shell variable `uv` becomes the path of a working uv: the one on PATH, else a private copy in .uv.
define find_uv
if uv --version > /dev/null 2>&1; then uv=uv; else uv=$(CURDIR)/.uv/bin/uv; \
  test -x "$$uv" || { echo "setup: fetching uv $(UV_VERSION)"; \
    $(PYTHON) -m venv --clear .uv && .uv/bin/python -m pip install --quiet uv==$(UV_VERSION); }; fi
endef

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed and '$(PYTHON)' is not: name another one, as in 'make book PYTHON=python3.12'." >&2; \
	  exit 2; }
	@$(call find_uv); started=$$SECONDS; \
	echo "setup: installing $$(grep -c '^[a-z0-9]' requirements.lock) locked packages into .venv (6 GB with PyTorch; one to three minutes)"; \
	.venv/bin/python -c 'import sys, pathlib; sys.exit(pathlib.Path(sys.prefix) != pathlib.Path("$(CURDIR)/.venv"))' 2> /dev/null \
	  || "$$uv" venv --quiet --clear --no-python-downloads --python "$$(command -v $(PYTHON))" .venv; \
	export VIRTUAL_ENV=$(CURDIR)/.venv; \
	"$$uv" pip sync --quiet --require-hashes requirements.lock; \
	"$$uv" pip install --quiet --no-deps --no-build-isolation --editable .; \
	rm -f .venv/installed-*; touch $@; \
	echo "setup: done in $$((SECONDS - started)) s"

# `make setup` brings .venv back to requirements.lock, and so removes this again.
.venv/cluster: $(STAMP) requirements-cluster.lock
	@$(call find_uv); echo "cluster: adding Snakemake to .venv"; \
	VIRTUAL_ENV=$(CURDIR)/.venv "$$uv" pip install --quiet --require-hashes --requirements requirements-cluster.lock; \
	touch $@
