# Every target sets up what it needs: `make book` on a fresh clone is enough.

PYTHON ?= python3
PORT ?= 8000
JOBS ?=
UV_VERSION := 0.13.8

SHELL := /bin/bash
# -p: without functions, CDPATH and BASH_ENV of the shell that calls. No recipe and no variable holds the folder's path:
# the shell would read its blanks, quotes and dollars.
.SHELLFLAGS := -peuo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export UV_HTTP_TIMEOUT ?= 300
# Containers often forbid Python to keep its bytecode; dozens of processes would then compile PyTorch and pandas anew.
unexport PYTHONDONTWRITEBYTECODE
# What else a shell may say of Python, pip and uv is meant for another environment, and would change or break this one.
# Indexes, proxies, certificates and caches are not among it.
unexport PYTHONHOME PYTHONPATH PYTHONUSERBASE PYTHONINSPECT PYTHONOPTIMIZE PYTHONWARNINGS PYTHONSAFEPATH
unexport VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV
unexport PIP_BREAK_SYSTEM_PACKAGES PIP_CONSTRAINT PIP_PREFIX PIP_PYTHON PIP_REQUIRE_HASHES PIP_ROOT PIP_TARGET PIP_USER
unexport UV_BREAK_SYSTEM_PACKAGES UV_CONSTRAINT UV_EXCLUDE_NEWER UV_MANAGED_PYTHON UV_NO_BUILD UV_NO_MANAGED_PYTHON
unexport UV_TORCH_BACKEND UV_OVERRIDE UV_PROJECT UV_PROJECT_ENVIRONMENT UV_PYTHON UV_PYTHON_PREFERENCE UV_REQUIRE_HASHES UV_SYSTEM_PYTHON
unexport UV_WORKING_DIR UV_WORKING_DIRECTORY

BIN := .venv/bin
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
python := '$(subst ','\'',$(PYTHON:~/%=$(HOME)/%))'
# Which build of PyTorch: the lock's, which on Linux brings CUDA along, or with TORCH=cpu (or another backend of uv's) the
# same version from PyTorch's own index, without CUDA's libraries and with hashes that the lock does not know. Remembered.
TORCH ?= $(shell cat .venv/torch 2> /dev/null)
# The installation is redone when the lock, the package's metadata, the interpreter or the folder changes; the package
# is installed in editable mode, so its code may change freely.
KEY := $(shell { cat requirements.lock pyproject.toml; $(python) -V || true; pwd -P; } 2>/dev/null | cksum | tr ' ' '-')$(TORCH:%=-%)
STAMP := .venv/installed-$(KEY)
# Pages whose paper scale needs no dataset that its owner alone may give.
ON_GPU := s3-distilled-pruning s4-stability s4-1-loss-landscape s4-2-hessian s7-mask-structure b-controls

.PHONY: help setup book pdf test thorough check gpu serve lint format cluster lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create .venv with the exact packages of requirements.lock (TORCH=cpu: without CUDA's libraries)

book: $(STAMP) ## Render _build/html/index.html at once, then train page by page and render it again as pages fill
	@$(BIN)/distilled-pruning book $(if $(JOBS),--jobs $(JOBS))

pdf: $(STAMP) ## Print the book as _build/book.pdf (needs a Chromium)
	@test -f _build/stage/_toc.yml || $(MAKE) book
	@$(BIN)/python -m distilled_pruning.study.book.pdf

test: lint ## Lint, check types and run the tests that are quick
	@$(PYTEST)

thorough: $(STAMP) ## Run the tests that take seconds each or need a book
	@$(PYTEST) -m 'thorough and not slow'

check: $(STAMP) ## Train what the claims need, then judge them: fails when one no longer holds
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

lock: $(STAMP) ## Choose the newest versions anew and write both files requirements*.lock, and constraints.txt
	@$(call find_uv); \
	{ echo "# Exact versions with hashes for Python 3.11 and later: written by 'make lock', installed by 'make setup'."; \
	  $(call compile,--extra test pyproject.toml); } > requirements.lock.new; \
	mv requirements.lock.new requirements.lock; \
	{ echo "# The versions of requirements.lock without hashes, for environment.yml: written by 'make lock'."; \
	  sed -n 's/^\([a-z0-9].*[^ ]\) *\\$$/\1/p' requirements.lock; } > constraints.txt; \
	{ echo "# What the extra [cluster] adds, in agreement with requirements.lock: written by 'make lock', installed by 'make cluster'."; \
	  $(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["cluster"], sep="\n")' \
	    | $(call compile,--constraint requirements.lock -); } > requirements-cluster.lock.new; \
	mv requirements-cluster.lock.new requirements-cluster.lock

compile = "$$uv" pip compile --quiet --python $(BIN)/python --upgrade --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-header $(1)

# The shell variable `uv` becomes the path of a working uv: the one on PATH, else a private copy in .uv.
define find_uv
if uv --version > /dev/null 2>&1; then uv=uv; else uv=.uv/bin/uv; \
  if ! test -x $$uv; then echo "setup: fetching uv $(UV_VERSION)"; \
    $(python) -m venv --clear .uv; .uv/bin/python -m pip install --quiet --no-user uv==$(UV_VERSION); fi; fi
endef

# All but PyTorch and CUDA's libraries as locked, then PyTorch of the locked version in another build.
define sync_apart
awk '/^[a-z0-9]/ { apart = /^(torch|torchvision|triton)==|^(cuda|nvidia)-/ } !apart' requirements.lock > .venv/apart.txt; \
"$$uv" pip sync --quiet --python $(BIN)/python --require-hashes .venv/apart.txt; \
"$$uv" pip install --quiet --python $(BIN)/python --no-deps --torch-backend $(TORCH) \
  $$(sed -n -E 's/^(torch|torchvision)(==[^ ]+).*/\1\2/p' requirements.lock)
endef

# Two that set up one folder at once would clear each other's .venv: the second waits, then finds all done.
alone = exec 9< Makefile; ! command -v flock > /dev/null || flock 9

$(STAMP):
	@case '$(TORCH)' in *[!a-z0-9]*) \
	  echo "TORCH names a build of PyTorch, as in 'make setup TORCH=cpu'; empty, it is the lock's." >&2; exit 2;; esac
	@case "$$PWD" in *[:{}]*) \
	  echo "Python's own tools do not work in a folder whose path holds a colon or a brace: rename $$PWD or move it." >&2; \
	  exit 2;; esac
	@$(python) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed and '"$(python)"' is not: name another one, as in 'make book PYTHON=python3.12'." >&2; \
	  exit 2; }
	@$(alone); if test -e $@; then exit 0; fi; \
	$(call find_uv); started=$$SECONDS; \
	echo "setup: installing $$(grep -c '^[a-z0-9]' requirements.lock) locked packages into .venv ($(if $(TORCH),PyTorch for $(TORCH),6 GB with PyTorch); one to three minutes)"; \
	$(BIN)/python -c 'import sys, pathlib; sys.exit(pathlib.Path(sys.prefix) != pathlib.Path.cwd() / ".venv")' 2> /dev/null \
	  || "$$uv" venv --quiet --clear --no-python-downloads --python "$$(command -v $(python))" .venv; \
	$(if $(TORCH),$(sync_apart),"$$uv" pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock); \
	printf '%s' '$(TORCH)' > .venv/torch; \
	"$$uv" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	rm -f .venv/installed-*; touch $@; \
	echo "setup: done in $$((SECONDS - started)) s"

# `make setup` brings .venv back to requirements.lock, and so removes this again.
.venv/cluster: $(STAMP) requirements-cluster.lock
	@$(alone); $(call find_uv); echo "cluster: adding Snakemake to .venv"; \
	"$$uv" pip install --quiet --python $(BIN)/python --require-hashes --requirements requirements-cluster.lock; \
	touch $@
