# What people do with a clone. `make` alone prints this list.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
# What pip is asked for first. The package index answers with the build for NVIDIA GPUs, or with the CPU build where pip
# is set up for that. Another: make install TORCH=torch==2.13.0 TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
# The versions that were tested together; CONSTRAINTS= for the newest that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
# Passed on to the benchmark, the demo or pytest: make bench-swap ARGS="--promotions 5"
ARGS ?=

BIN := .venv/bin
export PYTHON
PIP := -m pip --quiet --disable-pip-version-check --no-input install
PYTHON_CHECK := $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: \
  make PYTHON=python3.11 ...")'

.PHONY: help
help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z%-]+:.*## / {sub("%", "NAME", $$1); printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/installed ## Label Studio (TOOL=argilla: Argilla) and labelwheel over 412 messages (SIMULATE=1: and an annotator)
	@$(MAKE) --no-print-directory .venv-$(or $(TOOL),label-studio)/installed
	@if [ "$(TOOL)" = argilla ]; then .ci/system argilla; fi
	@$(BIN)/python -m demo --tool $(or $(TOOL),label-studio) $(if $(filter-out 0 no false,$(SIMULATE)),--simulate) $(ARGS)

# Whole files side by side, in the order of tests/conftest.py: left to itself, xdist ends with the files of a single test,
# which take longest. Tests with real servers mostly wait, for each other too: three at a time, each with servers of its
# own, where there are 12 GB for these, else two. 5 says that ARGS chose none.
BY_FILE := --dist loadfile --no-loadscope-reorder
SIDE_BY_SIDE := --numprocesses logical --maxprocesses 4 $(BY_FILE)
AT_A_TIME = $(or $(shell awk '/^MemTotal/ {print ($$2 > 12e6 ? 3 : 2)}' /proc/meminfo 2>/dev/null),2)
BESIDE_SERVERS = --numprocesses $(AT_A_TIME) $(BY_FILE)

# Two at a time, as each uses a core or the network, and the linter as soon as it is there. What failed beside others is
# tried again alone, and says so then.
ENVIRONMENTS := .venv/installed .venv-label-studio/installed .venv-stand-ins/installed .venv-argilla/installed \
  .venv-pipelines/installed
# The tests are run even if the linter complains: one comma must not hide a broken feature, nor the other way round.
.PHONY: test
test: system ## install what is missing and run everything: linter, types, all tests
	@lint=0; $(MAKE) --no-print-directory --keep-going --jobs 2 $(ENVIRONMENTS) lint || lint=$$?; \
	$(MAKE) --no-print-directory $(ENVIRONMENTS); \
	unit=0; $(BIN)/python -m pytest $(SIDE_BY_SIDE) --durations=10 -m "not server" $(ARGS) || unit=$$?; \
	server=0; $(BIN)/python -m pytest $(BESIDE_SERVERS) --durations=10 -m server $(ARGS) || server=$$?; \
	if [ $$lint != 0 ]; then echo "the linter or mypy failed: see above, before the tests" >&2; fi; \
	if [ $$unit != 0 ] && [ $$unit != 5 ]; then echo "unit tests failed: see above, before those with servers" >&2; fi; \
	if [ $$unit = 5 ] && [ $$server != 5 ]; then unit=0; elif [ $$server = 5 ]; then server=0; fi; \
	exit $$(( unit ? unit : server ? server : lint ))

.PHONY: unit
unit: install .venv-pipelines/installed ## the tests that need no server, browser or engine
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not server" $(ARGS)

.PHONY: lint
lint: .venv/installed ## ruff and mypy
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format" >&2; exit 1; }
	@mkdir -p .packages && ln -sfn .. .packages/labelwheel
	@$(BIN)/mypy --no-error-summary

.PHONY: format
format: install ## bring the code into shape
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

.PHONY: docs
docs: install ## write the table of settings into docs/settings.md
	@$(BIN)/python docs/settings.py

.PHONY: pipeline
pipeline: .venv-pipelines/installed ## compile the pipeline anew into backend/pipelines/labelwheel.yaml
	@mkdir -p .packages && ln -sfn .. .packages/labelwheel
	@PYTHONPATH=.packages .venv-pipelines/bin/python -m labelwheel.backend.pipelines

.PHONY: constraints
constraints: install ## write the versions of .venv into constraints.txt
	@$(BIN)/python .ci/constraints.py > constraints.new && mv constraints.new constraints.txt

bench-%: install always ## a measurement that docs/figures.md quotes: names, learning, spans, loop, swap …
	@$(BIN)/python -m benchmarks.$(subst -,_,$*) $(ARGS)

.PHONY: gpu-bundle
gpu-bundle: install ## what benchmarks/gpu/check.py needs on a bare machine with a GPU, in .gpu (LABELWHEEL_DATA: the public sets)
	@$(BIN)/python -m benchmarks.gpu.bundle .gpu $(ARGS)

.PHONY: compose-check
compose-check: ## build the images and bring docker-compose.yml up for real (needs a Docker engine)
	@docker/check/run.sh

# The SDK's container backend wants the engine's package, which nothing else here does.
.PHONY: nodes-check
nodes-check: install ## build the image and train in two containers of it, by Kubeflow's container backend (needs a Docker engine)
	@docker build --tag labelwheel:nodes-check .
	@$(BIN)/python $(PIP) --no-deps --target .venv/docker docker
	@PYTHONPATH=.packages:.:.venv/docker LABELWHEEL_TEST_IMAGE=labelwheel:nodes-check $(BIN)/python -m pytest -m containers $(ARGS)

.PHONY: rollout-check
rollout-check: ## the pods of deploy/kubernetes by podman, as root: IMAGE=NAME:TAG, built with EXTRAS="postgresql s3"
	@PYTHONPATH=.packages:. $(BIN)/python docker/check/rollout.py "$(IMAGE)"

.PHONY: env
env: ## write .env with fresh secrets for docker-compose, unless there is one
	@docker/write-env.sh

.PHONY: install
install: .venv/installed .venv-label-studio/installed ## the two virtual environments
	@true

# Each stamp lies inside what it vouches for, so that deleting the folder is enough to start over. The locks are for two
# makes at once in one clone: the second waits, finds the stamp of the first and has nothing to do.
.venv/installed: pyproject.toml constraints.txt
	@exec 9>.venv.lock; flock 9; [ $@ -nt pyproject.toml ] && [ $@ -nt constraints.txt ] && exit; \
	.ci/system python; $(PYTHON_CHECK); \
	echo "labelwheel and its tools into .venv: some minutes, the first time"; \
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv; \
	$(BIN)/python $(PIP) $(if $(TORCH_INDEX),--extra-index-url "$(TORCH_INDEX)") "$(TORCH)"; \
	$(BIN)/python $(PIP) $(CONSTRAINTS:%=--constraint %) --editable ".[dev,postgresql,shapley,s3,gcs,azure,mlflow]"; \
	.ci/kubectl $(BIN)/python $(BIN); \
	touch $@

.venv-label-studio/installed: requirements-label-studio.txt
	@exec 9>.venv-label-studio.lock; flock 9; [ $@ -nt $< ] && exit; \
	.ci/system python; $(PYTHON_CHECK); \
	echo "Label Studio into .venv-label-studio: some minutes, the first time"; \
	[ -x .venv-label-studio/bin/python ] || $(PYTHON) -m venv .venv-label-studio; \
	.venv-label-studio/bin/python $(PIP) --requirement $<; \
	touch $@

.venv-argilla/installed: requirements-argilla.txt
	@exec 9>.venv-argilla.lock; flock 9; [ $@ -nt $< ] && exit; \
	.ci/system python; $(PYTHON_CHECK); \
	echo "Argilla into .venv-argilla: a minute or two, the first time"; \
	[ -x .venv-argilla/bin/python ] || $(PYTHON) -m venv .venv-argilla; \
	.venv-argilla/bin/python $(PIP) --requirement $<; \
	touch $@

.venv-pipelines/installed: requirements-pipelines.txt
	@exec 9>.venv-pipelines.lock; flock 9; [ $@ -nt $< ] && exit; \
	.ci/system python; $(PYTHON_CHECK); \
	echo "Kubeflow Pipelines into .venv-pipelines: half a minute, the first time"; \
	[ -x .venv-pipelines/bin/python ] || $(PYTHON) -m venv .venv-pipelines; \
	.venv-pipelines/bin/python $(PIP) --requirement $<; \
	touch $@

# azurite is an npm package; Node.js for it is among the requirements.
AZURITE := azurite@3.37.0
.venv-stand-ins/installed: requirements-stand-ins.txt
	@exec 9>.venv-stand-ins.lock; flock 9; [ $@ -nt $< ] && exit; \
	.ci/system python; $(PYTHON_CHECK); \
	echo "stand-ins for clouds into .venv-stand-ins: a minute, the first time"; \
	[ -x .venv-stand-ins/bin/python ] || $(PYTHON) -m venv .venv-stand-ins; \
	.venv-stand-ins/bin/python $(PIP) --requirement $<; \
	PATH="$$PWD/.venv-stand-ins/bin:$$PATH" npm install --no-audit --no-fund --loglevel=error \
	  --prefix .venv-stand-ins/azurite $(AZURITE) >/dev/null; \
	touch $@

.PHONY: system
system: ## Debian packages that the tests need: a browser, PostgreSQL, Redis
	@.ci/system

.PHONY: clean
clean: ## remove what is made here, the environments and the demo's data included
	@rm -rf .venv .venv-label-studio .venv-argilla .venv-stand-ins .venv-pipelines .venv.lock \
	  .venv-label-studio.lock .venv-argilla.lock .venv-stand-ins.lock .venv-pipelines.lock \
	  .packages build dist ./*.egg-info .demo .labelwheel .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	@find backend plugins training testkit demo tests benchmarks docs -name __pycache__ -prune -exec rm -rf {} +

.PHONY: always
always:
